/** Programs whose functions BTF describes: callbacks, global functions, tail calls in subprograms. */
import { describeFunctions, type TestFunction } from '../support/functions.ts';
import type { Case } from './cases.ts';

const row = (name: string, text: string, functions: readonly TestFunction[], type = 1): Case => ({
  name,
  text,
  type,
  functions: describeFunctions([{ insn: 0, linkage: 'global', params: ['ctx'] }, ...functions]),
});
const callback = (insn: number): TestFunction => ({ insn, linkage: 'static', params: ['int', 'int'] });
const LOOP = (body: string, n = 4): string =>
  `*(u64 *)(r10 - 8) = 0\nr1 = ${n}\nr2 = subprog[+7]\nr3 = r10\nr3 += -8\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\n${body}`;
const EACH = (body: string): string =>
  `r1 = map[fd:$array]\nr2 = subprog[+6]\nr3 = 0\nr4 = 0\ncall bpf_for_each_map_elem\nr0 = 0\nexit\n${body}`;

export const FUNCTION_CASES: readonly Case[] = [
  row('loop', LOOP('r0 = 0\nexit'), [callback(10)]),
  row('loop sums', LOOP('r3 = *(u64 *)(r2 + 0)\nr3 += r1\n*(u64 *)(r2 + 0) = r3\nr0 = 0\nexit'), [callback(10)]),
  row('loop returns 2', LOOP('r0 = 2\nexit'), [callback(10)]),
  row('loop returns unknown', LOOP('r0 = r1\nexit'), [callback(10)]),
  row('loop returns masked', LOOP('r0 = r1\nr0 &= 1\nexit'), [callback(10)]),
  row('loop reads beyond', LOOP('r3 = *(u64 *)(r2 + 8)\nr0 = 0\nexit'), [callback(10)]),
  row('loop uninitialised', LOOP('r0 = r3\nexit'), [callback(10)]),
  row('loop once', LOOP('r0 = 0\nexit', 1), [callback(10)]),
  row('loop an address times', LOOP('r0 = 0\nexit').replace('r1 = 4', 'r1 = r10'), [callback(10)]),
  row('loop never', LOOP('r0 = r7\nexit', 0), [callback(10)]),
  row('loop counts down', LOOP('r3 = *(u64 *)(r2 + 0)\nr3 += 1\nif r3 > 2 goto +1\n*(u64 *)(r2 + 0) = r3\nr0 = 0\nexit', 100), [
    callback(10),
  ]),
  row('for each', EACH('r0 = *(u64 *)(r3 + 40)\nr0 = 0\nexit'), [callback(9)]),
  row('for each key', EACH('r0 = *(u32 *)(r2 + 0)\nr0 = 0\nexit'), [callback(9)]),
  row('for each beyond', EACH('r0 = *(u64 *)(r3 + 48)\nr0 = 0\nexit'), [callback(9)]),
  row('for each key beyond', EACH('r0 = *(u64 *)(r2 + 0)\nr0 = 0\nexit'), [callback(9)]),
  row('for each key write', EACH('*(u32 *)(r2 + 0) = 1\nr0 = 0\nexit'), [callback(9)]),
  row(
    'for each wrong map',
    'r1 = map[fd:$ring]\nr2 = subprog[+6]\nr3 = 0\nr4 = 0\ncall bpf_for_each_map_elem\nr0 = 0\nexit\nr0 = 0\nexit',
    [callback(9)],
  ),
  row('global callback', LOOP('r0 = 0\nexit'), [{ ...callback(10), linkage: 'global' }]),
  row('global scalar', 'r1 = 5\ncall pc+2\nr0 = 0\nexit\nr0 = r1\nr0 += 1\nexit', [{ insn: 4, linkage: 'global', params: ['int'] }]),
  row('global scalar given pointer', 'r1 = r10\ncall pc+2\nr0 = 0\nexit\nr0 = r1\nexit', [{ insn: 4, linkage: 'global', params: ['int'] }]),
  row('global result is unknown', 'r1 = 5\ncall pc+3\nr1 = r10\nr1 += r0\nexit\nr0 = 1\nexit', [
    { insn: 5, linkage: 'global', params: ['int'] },
  ]),
  row('global ctx', 'call pc+2\nr0 = 0\nexit\nr0 = *(u32 *)(r1 + 0)\nexit', [{ insn: 3, linkage: 'global', params: ['ctx'] }]),
  row('global ctx given scalar', 'r1 = 0\ncall pc+2\nr0 = 0\nexit\nr0 = *(u32 *)(r1 + 0)\nexit', [
    { insn: 4, linkage: 'global', params: ['ctx'] },
  ]),
  row(
    'global memory',
    '*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\ncall pc+2\nr0 = 0\nexit\nif r1 == 0 goto +1\nr0 = *(u32 *)(r1 + 0)\nr0 = 0\nexit',
    [{ insn: 6, linkage: 'global', params: ['int *'] }],
  ),
  row('global memory unchecked', '*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\ncall pc+2\nr0 = 0\nexit\nr0 = *(u32 *)(r1 + 0)\nexit', [
    { insn: 6, linkage: 'global', params: ['int *'] },
  ]),
  row('global memory beyond', 'r1 = 0\ncall pc+2\nr0 = 0\nexit\nif r1 == 0 goto +1\nr0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit', [
    { insn: 4, linkage: 'global', params: ['int *'] },
  ]),
  row('global memory given too little', 'r1 = r10\nr1 += -2\ncall pc+2\nr0 = 0\nexit\nr0 = 0\nexit', [
    { insn: 5, linkage: 'global', params: ['int *'] },
  ]),
  row('global bad inside', 'r1 = 5\ncall pc+2\nr0 = 0\nexit\nr0 = r3\nexit', [{ insn: 4, linkage: 'global', params: ['int'] }]),
  row('global never called', 'r0 = 0\nif r0 != 0 goto +1\nexit\nr1 = 5\ncall pc+1\nexit\nr0 = r3\nexit', [
    { insn: 6, linkage: 'global', params: ['int'] },
  ]),
  row('tail call in subprogram', 'call pc+2\nr0 = 0\nexit\nr2 = map[fd:$progs]\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit', [
    { insn: 3, linkage: 'static', params: ['ctx'] },
  ]),
  row('ld_abs in subprogram', 'call pc+2\nr0 = 0\nexit\nr6 = r1\nr0 = *(u8 *)skb[0]\nr0 = 5\nexit', [
    { insn: 3, linkage: 'static', params: ['ctx'] },
  ]),
  row(
    'ld_abs result in caller',
    'call pc+4\nif r0 == 5 goto +1\nr0 = *(u64 *)(r7 + 0)\nr0 = 0\nexit\nr6 = r1\nr0 = *(u8 *)skb[0]\nr0 = 5\nexit',
    [{ insn: 5, linkage: 'static', params: ['ctx'] }],
  ),
  row(
    'tail call below too much stack',
    '*(u64 *)(r10 - 256) = 0\ncall pc+2\nr0 = 0\nexit\nr2 = map[fd:$progs]\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit',
    [{ insn: 4, linkage: 'static', params: ['ctx'] }],
  ),
];
