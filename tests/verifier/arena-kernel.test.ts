/** Pointers into arenas: what programs may do with them, as the live kernel has it. */
import { describe, expect, it } from 'vitest';
import { kernel } from '../support/kernel.ts';
import { Pair } from '../support/verifier.ts';

const { bpf, reason } = kernel;
/** r2 is a pointer into the arena. */
const CAST = 'r1 = map[fd:$arena]\nr2 = 0x1000\nr2 = addr_space_cast(r2, 0, 1)\n';
const END = '\nr0 = 0\nexit';

const ROWS: readonly [name: string, text: string][] = [
  ['loads', `${CAST}r0 = *(u64 *)(r2 + 1)${END}`],
  ['loads that extend the sign', `${CAST}r0 = *(s8 *)(r2 + 0)${END}`],
  ['stores of pointers', `${CAST}*(u64 *)(r2 + 8) = r10${END}`],
  ['stores of constants', `${CAST}*(u8 *)(r2 - 8) = 1${END}`],
  ['any arithmetic', `${CAST}r2 += 5\nr2 *= 7\nr2 -= r10\nw2 <<= 3\nr0 = *(u8 *)(r2 + 0)${END}`],
  ['added to a number', `${CAST}r3 = 4\nr3 += r2\nr0 = *(u8 *)(r3 + 0)${END}`],
  ['subtracted from a pointer', `${CAST}r3 = r10\nr3 -= r2\nr0 = *(u8 *)(r3 + 0)${END}`],
  ['negated: a number', `${CAST}r2 = -r2\nr0 = *(u8 *)(r2 + 0)${END}`],
  ['its half: a number', `${CAST}w2 = w2\nr0 = *(u8 *)(r2 + 0)${END}`],
  ['saved and restored', `${CAST}*(u64 *)(r10 - 8) = r2\nr3 = *(u64 *)(r10 - 8)\nr0 = *(u8 *)(r3 + 0)${END}`],
  ['saved in part', `${CAST}*(u32 *)(r10 - 8) = r2${END}`],
  ['cast back: a number', `${CAST}r2 = addr_space_cast(r2, 1, 0)\nr0 = *(u8 *)(r2 + 0)${END}`],
  ['compared', `${CAST}if r2 == 0 goto +1\nr0 = *(u8 *)(r2 + 0)${END}`],
  ['returned', `${CAST}r0 = r2\nexit`],
  ['no memory of helpers', `${CAST}r1 = r2\nr2 = 8\ncall trace_printk${END}`],
  ['atomic addition', `${CAST}r3 = 1\nlock *(u64 *)(r2 + 0) += r3${END}`],
  ['atomic fetch and add', `${CAST}r3 = 1\nr3 = atomic_fetch_add((u64 *)(r2 + 0), r3)${END}`],
  ['no atomic fetch and or', `${CAST}r3 = 1\nr3 = atomic_fetch_or((u64 *)(r2 + 0), r3)${END}`],
  ['load acquire', `${CAST}r3 = load_acquire((u64 *)(r2 + 0))${END}`],
  ['no cast without an arena', `r2 = 0\nr2 = addr_space_cast(r2, 0, 1)${END}`],
  ['a place in the arena is a number', `r1 = map[fd:$arena][0]+8\nr0 = *(u8 *)(r1 + 0)${END}`],
  ['its end', `r1 = map[fd:$arena][0]+40960${END}`],
  ['beyond its end', `r1 = map[fd:$arena][0]+40961${END}`],
  [
    'one instruction for both kinds of pointers',
    `${CAST}r6 = r2\ncall get_prandom_u32\nif r0 > 5 goto +1\nr6 = r10\nr0 = *(u8 *)(r6 - 8)${END}`,
  ],
  ['any pointer covers another', `${CAST}r6 = r2\ncall get_prandom_u32\nif r0 > 5 goto +1\nr6 += 9\nr0 = *(u8 *)(r6 + 0)${END}`],
];

if (bpf === undefined) {
  describe('arenas', () => it.skip(`skipped: ${reason}`));
} else {
  const pair = new Pair(bpf);
  it.each(ROWS)('%s', (_, text) => {
    const { errno, message, counters } = pair.ours({ text, type: 3 });
    const theirs = pair.kernel({ text, type: 3 });
    expect({ errno, message, counters }).toEqual({ errno: theirs.errno, message: theirs.message, counters: theirs.counters });
  });
}
