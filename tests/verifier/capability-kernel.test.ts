/** Hand-written programs loaded with few capabilities: verify() answers as the live kernel does, down to the counters. */
import { describe, expect, it } from 'vitest';
import { CAPABILITIES, type Capability } from '../../src/base/index.ts';
import { askWith, type CapabilityName, whileUnprivileged } from '../support/capable.ts';
import { kernel } from '../support/kernel.ts';
import { Pair } from '../support/verifier.ts';
import { CASES } from './cases.ts';
import { generate } from './generate/index.ts';
import { UNPRIVILEGED_CASES } from './unprivileged-cases.ts';

const { bpf, reason } = kernel;

const SETS: readonly (readonly CapabilityName[])[] = [
  [],
  ['bpf'],
  ['perfmon'],
  ['net_admin'],
  ['bpf', 'perfmon'],
  ['bpf', 'net_admin'],
  ['bpf', 'perfmon', 'net_admin'],
  ['sys_admin'],
];
/** Some random programs: what is on speculative paths nobody writes by hand. */
const GENERATED = Array.from({ length: 120 }, (_, n) => generate(20260102, n))
  .filter((program) => program.functions === undefined)
  .map(({ text }, n) => ({ name: `generated ${n}`, text }));
const ROWS = [...CASES, ...UNPRIVILEGED_CASES, ...GENERATED];

function capabilities(set: readonly CapabilityName[]): Capability[] {
  return CAPABILITIES.filter((name) => set.some((short) => name === `CAP_${short.toUpperCase()}`));
}

async function askAll(): Promise<{ readonly result: ReturnType<typeof askWith>[] } | { readonly reason: string }> {
  return bpf === undefined ? { reason } : whileUnprivileged(() => SETS.map((set) => askWith(set, ROWS)));
}

const asked = await askAll();

if (bpf === undefined || 'reason' in asked) {
  describe('capabilities', () => it.skip(`skipped: ${'reason' in asked ? asked.reason : ''}`));
} else {
  const pair = new Pair(bpf);
  describe.each(SETS.map((set, i) => [set.join(', ') || 'no capability', set, asked.result[i] ?? []] as const))('%s', (_, set, answers) => {
    // A row whose maps this loader may not make has no answer, nor has one whose log does not fit.
    const rows = ROWS.flatMap((row, i) => {
      const theirs = answers[i];
      return theirs === undefined || theirs === null || theirs.errno === 'ENOSPC' ? [] : [[row.name, row, theirs] as const];
    });
    it.each(rows)('%s', (_name, row, theirs) => {
      const ours = pair.ours(row, { capabilities: capabilities(set) });
      expect({ errno: ours.errno, message: ours.message, counters: ours.counters }).toEqual({
        errno: theirs.errno,
        message: theirs.message,
        counters: theirs.counters,
      });
    });
  });
}
