/** Hand-written programs: verify() answers as the live kernel does, down to the counters. */
import { describe, expect, it } from 'vitest';
import { kernel } from '../support/kernel.ts';
import { Pair } from '../support/verifier.ts';
import { CASES } from './cases.ts';
import { FUNCTION_CASES } from './function-cases.ts';
import { KFUNC_CASES } from './kfuncs/index.ts';
import { SOCKET_MAP_CASES } from './socket-map-cases.ts';

const { bpf, reason } = kernel;

if (bpf === undefined) {
  describe('verifier against the kernel', () => it.skip(`skipped: ${reason}`));
} else {
  const pair = new Pair(bpf);
  describe('verify() and the live kernel', () => {
    it.each([...CASES, ...FUNCTION_CASES, ...SOCKET_MAP_CASES, ...KFUNC_CASES].map((row) => [row.name, row] as const))('%s', (_, row) => {
      const theirs = pair.kernel(row);
      const ours = pair.ours(row);
      expect({ errno: ours.errno, message: ours.message, counters: ours.counters }).toEqual({
        errno: theirs.errno,
        message: theirs.message,
        counters: theirs.counters,
      });
    });
  });
}
