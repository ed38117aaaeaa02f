/** Programs that call kernel functions: one of each rule that is kept, and one that breaks it. What the answer is the live kernel says. */
import type { Case } from '../cases.ts';
import { CALL_CASES, CALLEE_CASES } from './calls.ts';
import { CONTROL_CASES } from './control.ts';
import { DYNPTR_CASES } from './dynptrs.ts';
import { ITERATOR_CASES } from './iterators.ts';
import { REGION_CASES } from './regions.ts';

export const KFUNC_CASES: readonly Case[] = [
  ...CALL_CASES,
  ...CALLEE_CASES,
  ...CONTROL_CASES,
  ...DYNPTR_CASES,
  ...ITERATOR_CASES,
  ...REGION_CASES,
];
