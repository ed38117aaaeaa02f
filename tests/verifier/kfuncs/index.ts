/** Programs that call kernel functions: one of each rule that is kept, and one that breaks it. What the answer is the live kernel says. */
import type { Case } from '../cases.ts';
import { ITERATOR_CASES } from './iterators.ts';
import { REGION_CASES } from './regions.ts';

export const KFUNC_CASES: readonly Case[] = [...ITERATOR_CASES, ...REGION_CASES];
