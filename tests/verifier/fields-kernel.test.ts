/** Programs that use special fields: verify() answers as the live kernel does, down to the counters. */
import { describe, expect, it } from 'vitest';
import { kernel } from '../support/kernel.ts';
import { Pair } from '../support/verifier.ts';
import { DYNPTR_CASES } from './dynptr-cases.ts';
import { FIELD_CASES } from './field-cases.ts';
import { FIELD_MAPS } from './field-maps.ts';
import { OBJECT_CASES } from './object-cases.ts';

const { bpf, reason } = kernel;

if (bpf === undefined) {
  describe('special fields against the kernel', () => it.skip(`skipped: ${reason}`));
} else {
  const pair = new Pair(bpf, FIELD_MAPS);
  describe('verify() and the live kernel', () => {
    it.each([...FIELD_CASES, ...OBJECT_CASES, ...DYNPTR_CASES].map((row) => [row.name, row] as const))('%s', (_, row) => {
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
