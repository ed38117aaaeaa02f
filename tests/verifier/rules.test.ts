/** Every message of the rows' programs is about a rule, and what its help says makes sense. No kernel is asked. */
import { expect, it } from 'vitest';
import type { RawBpf } from '../../src/sys/bpf.ts';
import { Pair, type Question } from '../support/verifier.ts';
import { btfCases } from './btf-cases.ts';
import { CASES } from './cases.ts';
import { DYNPTR_CASES } from './dynptr-cases.ts';
import { FIELD_CASES } from './field-cases.ts';
import { FIELD_MAPS } from './field-maps.ts';
import { FUNCTION_CASES } from './function-cases.ts';
import { generate } from './generate/index.ts';
import { KFUNC_CASES } from './kfuncs/index.ts';
import { OBJECT_CASES } from './object-cases.ts';
import { PROTOTYPE_CASES } from './prototype-cases.ts';
import { SOCKET_MAP_CASES } from './socket-map-cases.ts';
import { UNPRIVILEGED_CASES } from './unprivileged-cases.ts';

let fd = 2;
/** Gives numbers for maps and BTF; programs are not loaded. */
const numbers = { mapCreate: () => ++fd, btfLoad: () => ++fd, close: () => undefined, mapUpdate: () => undefined } as unknown as RawBpf;

it('no message falls through', () => {
  const pair = new Pair(numbers, FIELD_MAPS);
  const generated = Array.from({ length: 200 }, (_, n) => generate(20260104, n));
  const questions: Question[] = [
    ...CASES,
    ...FUNCTION_CASES,
    ...SOCKET_MAP_CASES,
    ...FIELD_CASES,
    ...DYNPTR_CASES,
    ...OBJECT_CASES,
    ...PROTOTYPE_CASES,
    ...KFUNC_CASES,
    ...btfCases(),
    ...generated,
  ];
  const unknown = new Set<string>();
  const seen = new Map<string, string>();
  const ask = (question: Question, capabilities: boolean): void => {
    const { verdict, message, diagnostics } = pair.verify(question, capabilities ? {} : { capabilities: [] });
    if (verdict === 'accepted') return;
    const [found] = diagnostics;
    seen.set(`${found?.code}: ${message.replace(/\d+/g, 'N')}`, found?.help ?? '');
    if (found === undefined || found.code === 'rejected') unknown.add(message);
  };
  for (const question of questions) ask(question, true);
  for (const question of [...UNPRIVILEGED_CASES, ...CASES]) ask(question, false);
  if (process.env.RULES_SHOWN !== undefined)
    console.log(
      [...seen]
        .map(([a, b]) => `${a}  =>  ${b}`)
        .sort()
        .join('\n'),
    );
  expect([...unknown]).toEqual([]);
  expect(seen.size).toBeGreaterThan(400);
}, 120_000);
