/** Values kept in 32 bits: edges where a wrong high half would show, as rows through interpreter and translator. */
import { describe, expect, it } from 'vitest';
import { runJit } from '../../tests/support/jit.ts';
import { assemble } from '../asm/index.ts';
import { HELPER_BY_ID } from '../helpers/index.ts';
import { runBytecode } from '../interp/index.ts';
import { helperSignature } from './index.ts';

const ROWS: [string, string][] = [
  ['a carry out of 32 bits is kept', 'r1 = 0xffffffff ll\nr1 += 1\nr0 = r1\nexit'],
  ['a constant that looks like a pointer carries', 'r0 = 0xffff8880fffffff0 ll\nr0 += 32\nexit'],
  ['joined zero and sign extension', 'r0 = -1\nif r2 == 0 goto +1\nw0 = -1\nr0 += 0\nexit'],
  ['sign-extended compared without sign', 'r1 = -5\nr2 = 7\nr0 = 1\nif r1 > r2 goto +1\nr0 = 0\nexit'],
  ['sign-extended compared with zero-extended', 'r1 = -5\nw2 = -5\nr0 = 1\nif r1 == r2 goto +1\nr0 = 0\nexit'],
  ['zero-extended compared with sign', 'w1 = -5\nr2 = 7\nr0 = 1\nif r1 s< r2 goto +1\nr0 = 0\nexit'],
  ['zero-extended against a negative constant', 'w1 = -5\nr0 = 1\nif r1 == -5 goto +1\nr0 = 0\nexit'],
  ['bits of the upper half against a sign-extended constant', 'r1 = -1\nr0 = 1\nif r1 & 0x80000000 goto +1\nr0 = 0\nexit'],
  ['shift by 32', 'w1 = -1\nr1 <<= 32\nr0 = r1\nr0 >>= 33\nexit'],
  ['left shift of which the low half is read', 'r1 = 3\nr2 = 33\nr1 <<= r2\nw0 = w1\nexit'],
  ['right shift of a sign-extended value', 'r1 = -2\nr1 >>= 1\nr0 = r1\nexit'],
  ['arithmetic shift of a zero-extended value', 'w1 = -2\nr1 s>>= 1\nr0 = r1\nexit'],
  ['division of zero-extended values', 'w1 = -2\nr2 = 3\nr1 /= r2\nr0 = r1\nexit'],
  ['division by a sign-extended value', 'w1 = -2\nr2 = -1\nr1 /= r2\nr0 = r1\nexit'],
  ['only the low half of a sum is read', 'r1 = -1\nr2 = 0x1ffffffff ll\nr1 += r2\n*(u32 *)(r10 - 8) = r1\nr0 = *(u32 *)(r10 - 8)\nexit'],
  ['a loop that grows beyond 32 bits', 'r0 = 1\nr1 = 40\nr0 <<= 1\nr1 += -1\nif r1 != 0 goto -3\nexit'],
  [
    'arguments of which a function reads the low half',
    'r1 = 0x100000005 ll\nr2 = 0x100000005 ll\ncall f\nexit\nf: w0 = w1\nr0 += r2\nexit',
  ],
];

describe('the same as the interpreter', () => {
  it.each(ROWS)('%s', (_, text) => {
    const bytes = assemble(text);
    const expected = runBytecode(bytes);
    expect(expected.fault).toBeUndefined();
    for (const checked of [false, true]) expect(runJit(bytes, { checked }).r0).toBe(expected.r0);
  });
});

describe('helperSignature', () => {
  it.each([
    [1, { params: ['i32', 'i32'], result: 'pointer' }],
    [2, { params: ['i32', 'i32', 'i32', 'split'], result: 's32' }],
    [5, { params: [], result: 'cell' }],
    [8, { params: [], result: 'u32' }],
    [181, { params: ['split', 'split', 'i32', 'split'], result: 's32', callsBack: true }],
  ])('of helper %i', (id, expected) => {
    const proto = HELPER_BY_ID.get(id);
    expect(proto).toBeDefined();
    if (proto !== undefined) expect(helperSignature(proto)).toEqual(expected);
  });
});
