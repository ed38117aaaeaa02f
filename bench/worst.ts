/** The worst shapes of legal programs for the verifier: each drives one of its costs to what the limits allow. */
import { describeFunctions } from '../tests/support/functions.ts';

/** A program to verify. */
export interface Program {
  readonly name: string;
  readonly text: string;
  readonly type?: number;
  /** prog_flags. */
  readonly flags?: number;
  /** Log level; default 0. */
  readonly level?: number;
  readonly functions?: { readonly btf: Uint8Array; readonly records: Uint8Array };
}

/** R8 points into a map's value of 48 bytes. */
export const LOOKUP =
  '*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$array]\ncall bpf_map_lookup_elem\nif r0 != 0 goto +2\nr0 = 0\nexit\nr8 = r0\n';
export const END = 'r0 = 0\nexit\n';
export const repeat = (count: number, line: (i: number) => string): string => Array.from({ length: count }, (_, i) => line(i)).join('\n');

/** A counted loop around a body. */
export const loop = (rounds: number, body: string): string => `r6 = 0\nloop:\n${body}\nr6 += 1\nif r6 < ${rounds} goto loop\n`;

/** Bodies of loops. */
export const BODIES = {
  arithmetic: 'r7 += r6\nr7 *= 3\nw7 ^= 5',
  memory:
    'r1 = *(u64 *)(r8 + 0)\nr1 &= 15\nr2 = r8\nr2 += r1\nr3 = *(u8 *)(r2 + 8)\n*(u64 *)(r10 - 16) = r3\nr4 = *(u64 *)(r10 - 16)\n*(u32 *)(r8 + 8) = r4',
  branches: 'r1 = *(u32 *)(r8 + 4)\nif r1 > 7 goto +2\nr1 += 1\ngoto +1\nr1 = 3\nr7 ^= r1',
};

/** Unknown scalars, each with a range of its own, in the slots from fp-24 down. */
const fill = (slots: number): string =>
  repeat(slots, (i) => `r1 = *(u32 *)(r8 + ${4 * (i % 12)})\nr1 &= ${(2 << (i % 30)) - 1}\n*(u64 *)(r10 - ${24 + i * 8}) = r1`);

/** Reads the slots again, so that they count when states are compared. */
const drain = (slots: number): string => repeat(slots, (i) => `r1 = *(u64 *)(r10 - ${24 + i * 8})`);

/** Two ways that meet again. */
const diamonds = (count: number): string => repeat(count, (i) => `r1 = *(u32 *)(r8 + ${4 * (i % 12)})\nif r1 > ${i} goto +1\nr7 = ${i}`);

/** Paths that differ in a value that matters in the end. */
const apart = (bits: number): string => repeat(bits, (i) => `r1 = *(u32 *)(r8 + ${(i % 12) * 4})\nif r1 > 7 goto +1\nr7 += ${1 << i}`);
const precise = 'r9 = r7\nr9 &= 31\nr2 = r8\nr2 += r9\nr0 = *(u8 *)(r2 + 0)';

/** Subprograms that call the next, each with its own stack. */
function nested(depth: number, slots: number, inner: string): string {
  const bodies = Array.from({ length: depth }, (_, i) => {
    const saves = repeat(slots, (n) => `r3 = *(u32 *)(r1 + ${4 * (n % 12)})\n*(u64 *)(r10 - ${8 + n * 8}) = r3`);
    const loads = repeat(slots, (n) => `r3 = *(u64 *)(r10 - ${8 + n * 8})`);
    const call = i === depth - 1 ? inner : `r6 = r1\ncall f${i + 1}`;
    return `f${i}:\n${saves}\n${call}\n${loads}\nr0 = 0\nexit`;
  });
  return bodies.join('\n');
}

const callback = (inner: string): string =>
  `r6 = r2\nr7 = *(u64 *)(r2 + 0)\nr7 += 1\nif r7 > 5000 goto +1\n*(u64 *)(r2 + 0) = r7\n${inner}r0 = 0\nexit`;

/** Counts in the slot at fp-512, in a way that the count matters: states differ in the last thing that is compared. */
const count = (limit: number): string => `r7 = *(u64 *)(r10 - 512)\nr7 += 1\n*(u64 *)(r10 - 512) = r7\nif r7 > ${limit} goto done`;

const iterate = (body: string, slots: number): string =>
  `${LOOKUP}${fill(slots)}\nr7 = 0\nr1 = r10\nr1 += -16\nr2 = 0\nr3 = 1000000\ncall kfunc bpf_iter_num_new\nnext:\nr1 = r10\nr1 += -16\ncall kfunc bpf_iter_num_next\nif r0 == 0 goto done\n${body}\ngoto next\ndone:\nr1 = r10\nr1 += -16\ncall kfunc bpf_iter_num_destroy\n${drain(slots)}\n${END}`;

/** Worst shapes: what the limits allow. */
export const WORST: readonly Program[] = [
  { name: 'a loop to the limit', text: `r7 = 0\n${loop(1_000_000, BODIES.arithmetic)}${END}` },
  { name: 'a loop over memory to the limit', text: `${LOOKUP}${loop(1_000_000, BODIES.memory)}${END}` },
  { name: 'paths that stay apart to the limit', text: `${LOOKUP}r7 = 0\n${apart(24)}\nif r7 == 77 goto +0\n${precise}\n${END}` },
  {
    name: '8192 paths put off',
    text: `${LOOKUP}${loop(100_000, 'r1 = *(u32 *)(r8 + 0)\nif r1 > 7 goto +0\nif r1 == r6 goto out')}out:\n${END}`,
  },
  {
    name: 'full stacks in a loop, paths put off',
    text: `${LOOKUP}${repeat(62, (i) => `*(u64 *)(r10 - ${16 + i * 8}) = ${i}`)}\n${loop(100_000, `${repeat(20, (i) => `r1 = *(u32 *)(r8 + ${4 * (i % 12)})\nif r1 > ${i} goto +0\n*(u64 *)(r10 - ${16 + i * 8}) = r6`)}`)}${END}`,
  },
  {
    name: 'full stacks of saved scalars in a loop',
    text: `${LOOKUP}${fill(60)}\n${loop(100_000, `${repeat(40, (i) => `r1 = *(u64 *)(r10 - ${24 + i * 8})\nr1 += r6\n*(u64 *)(r10 - ${24 + i * 8}) = r1`)}\nif r6 == 500001 goto +0`)}${drain(60)}\n${END}`,
  },
  { name: 'full stacks and paths that stay apart', text: `${LOOKUP}${fill(60)}\nr7 = 0\n${apart(24)}\n${drain(60)}\n${precise}\n${END}` },
  {
    name: 'full stacks and diamonds in a loop',
    text: `${LOOKUP}${fill(60)}\nr7 = 0\n${loop(100_000, `${diamonds(6)}\n${precise}`)}${drain(60)}\n${END}`,
  },
  {
    name: 'eight frames with full stacks',
    text: `${LOOKUP}${loop(100_000, 'r1 = r8\ncall f0')}${END}${nested(7, 7, `r6 = r1\n${repeat(14, (i) => `r3 = *(u32 *)(r6 + ${4 * (i % 12)})\nif r3 > ${i} goto +0`)}`)}`,
  },
  {
    name: 'eight frames, paths that stay apart',
    text: `${LOOKUP}r1 = r8\ncall f0\n${END}${nested(7, 7, `r8 = r1\nr7 = 0\n${apart(24)}\n${precise}`)}`,
  },
  {
    name: 'callbacks in callbacks',
    text: `*(u64 *)(r10 - 8) = 0\nr1 = 1000000\nr2 = subprog[+7]\nr3 = r10\nr3 += -8\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\n${callback('r1 = 1000000\nr2 = subprog[+6]\nr3 = r6\nr4 = 0\ncall bpf_loop\n')}\n${callback('')}`,
    functions: describeFunctions([
      { insn: 0, linkage: 'global', params: ['ctx'] },
      { insn: 10, linkage: 'static', params: ['int', 'int'] },
      { insn: 23, linkage: 'static', params: ['int', 'int'] },
    ]),
  },
  {
    name: 'an iterator with a full stack',
    text: iterate(
      `${diamonds(10)}\n${repeat(10, (i) => `r1 = *(u64 *)(r10 - ${24 + i * 8})\nr1 += r7\n*(u64 *)(r10 - ${24 + i * 8}) = r1`)}`,
      58,
    ),
  },
  {
    name: 'an iterator over paths that stay apart',
    text: iterate(
      `${repeat(20, (i) => `r1 = *(u32 *)(r8 + ${(i % 12) * 4})\nif r1 > 7 goto +1\nr7 += ${1 << i}`)}\nr9 = r7\nr9 &= 31\nr2 = r8\nr2 += r9\nr0 = *(u8 *)(r2 + 0)`,
      58,
    ),
  },
  {
    name: 'an iterator whose states differ in the last slot',
    text: iterate(count(1_000_000), 60).replace('r7 = 0\n', '*(u64 *)(r10 - 512) = 0\n'),
  },
  {
    name: 'an iterator with saved pointers, states differ in the last slot',
    text: iterate(count(1_000_000), 60).replace(
      'r7 = 0\n',
      `*(u64 *)(r10 - 512) = 0\n${repeat(60, (i) => `r1 = r8\n r1 += ${i % 40}\n*(u64 *)(r10 - ${24 + i * 8}) = r1`)}\n`,
    ),
  },
  {
    name: 'an iterator with scalars that share ids, states differ in the last slot',
    text: iterate(count(1_000_000), 60)
      .replace(
        'r7 = 0\n',
        `*(u64 *)(r10 - 512) = 0\n${repeat(60, (i) => `r1 = *(u32 *)(r8 + ${4 * (i % 12)})\nr2 = r1\nif r1 > ${i + 70} goto done\n*(u64 *)(r10 - ${24 + i * 8}) = r1`)}\n`,
      )
      .replace(/r10 - 496/, 'r10 - 488'),
  },
  {
    name: 'a loop of which every state is kept',
    flags: 8,
    text: `${LOOKUP}${fill(60)}\n*(u64 *)(r10 - 512) = 0\nloop:\n${count(1_000_000)}\ngoto loop\ndone:\n${drain(60)}\n${END}`,
  },
  {
    name: 'may_goto whose states differ in the last slot',
    text: `${LOOKUP}${fill(60)}\n*(u64 *)(r10 - 512) = 0\nloop:\nmay_goto done\n${count(1_000_000)}\ngoto loop\ndone:\n${drain(60)}\n${END}`,
  },
  {
    name: 'many references',
    text: `${LOOKUP}${repeat(60, (i) => `r1 = map[fd:$ring]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto drop${i}\n*(u64 *)(r10 - ${16 + i * 8}) = r0`)}\nr7 = 0\n${apart(20)}\n${precise}\n${repeat(60, (i) => `r1 = *(u64 *)(r10 - ${16 + (59 - i) * 8})\nr2 = 0\ncall bpf_ringbuf_discard\ndrop${59 - i}:`)}\n${END}`,
  },
  {
    name: 'a long way back for every branch',
    text: `${LOOKUP}r7 = *(u32 *)(r8 + 0)\n${loop(1_000_000, `${repeat(30, () => 'r7 += 1')}\nr7 &= 1023\nif r7 == 2000 goto out`)}out:\n${END}`,
  },
  {
    name: 'a long way back without branches',
    text: `${LOOKUP}r7 = *(u32 *)(r8 + 0)\nr7 &= 7\n${repeat(400, () => `${repeat(250, () => 'r7 ^= 1')}\nr9 = r7\nr9 &= 7\nr2 = r8\nr2 += r9\nr0 = *(u8 *)(r2 + 0)`)}\n${END}`,
  },
  { name: 'level 2 of a loop to the limit', level: 2, text: `r7 = 0\n${loop(1_000_000, BODIES.arithmetic)}${END}` },
  {
    name: 'level 2 of full stacks and paths that stay apart',
    level: 2,
    text: `${LOOKUP}${fill(60)}\nr7 = 0\n${apart(24)}\n${drain(60)}\n${precise}\n${END}`,
  },
  {
    name: 'level 2 of eight frames',
    level: 2,
    text: `${LOOKUP}r1 = r8\ncall f0\n${END}${nested(7, 7, `r8 = r1\nr7 = 0\n${apart(24)}\n${precise}`)}`,
  },
];
