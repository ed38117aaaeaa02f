/** Hand-written programs loaded with few capabilities: verify() answers as the live kernel does, down to the counters. */
import { describe, expect, it } from 'vitest';
import { CAPABILITIES, type Capability, errnoName, SyscallError } from '../../src/base/index.ts';
import { VerifierHost } from '../../src/checker/index.ts';
import { createEngine } from '../../src/tools/node-engine.ts';
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

/** A right map of every type that needs nothing else. */
const MAPS = [
  [1, 4, 8],
  [2, 4, 8],
  [3, 4, 4],
  [4, 4, 4],
  [5, 4, 8],
  [6, 4, 8],
  [7, 4, 1016],
  [8, 4, 4],
  [9, 4, 8],
  [10, 4, 8],
  [11, 8, 8, 1],
  [14, 4, 4],
  [15, 4, 4],
  [16, 4, 4],
  [17, 4, 4],
  [18, 4, 4],
  [20, 4, 8],
  [22, 0, 8],
  [23, 0, 8],
  [25, 4, 4],
  [27, 0, 0],
  [30, 0, 8],
  [31, 0, 0],
  // Wrong ones: most types look at their attributes before it is asked who makes them, some after.
  [1, 0, 8],
  [2, 8, 8],
  [3, 4, 8],
  [4, 8, 4],
  [5, 0, 8],
  [6, 8, 8],
  [7, 8, 8],
  [7, 4, 7],
  [8, 4, 8],
  [9, 0, 8],
  [10, 0, 8],
  [11, 0, 8, 1],
  [14, 8, 4],
  [15, 8, 4],
  [16, 8, 4],
  [17, 8, 4],
  [18, 0, 4],
  [19, 4, 8],
  [20, 8, 8],
  [21, 4, 8],
  [22, 4, 8],
  [23, 4, 8],
  [24, 8, 8, 1],
  [25, 8, 4],
  [27, 4, 0],
  [28, 8, 8, 1],
  [29, 8, 8, 1],
  [30, 4, 8],
  [31, 4, 0],
  [32, 8, 8, 1],
  [33, 4, 0],
  [99, 4, 4],
].map(([type = 0, keySize = 0, valueSize = 0, flags = 0]) => ({ type, keySize, valueSize, maxEntries: 4096, flags }));

function capabilities(set: readonly CapabilityName[]): Capability[] {
  return CAPABILITIES.filter((name) => set.some((short) => name === `CAP_${short.toUpperCase()}`));
}

async function askAll(): Promise<{ readonly result: ReturnType<typeof askWith>[] } | { readonly reason: string }> {
  return bpf === undefined ? { reason } : whileUnprivileged(() => SETS.map((set) => askWith(set, { programs: ROWS, maps: MAPS })));
}

const asked = await askAll();

if (bpf === undefined || 'reason' in asked) {
  describe('capabilities', () => it.skip(`skipped: ${'reason' in asked ? asked.reason : ''}`));
} else {
  const pair = new Pair(bpf);
  describe.each(SETS.map((set, i) => [set.join(', ') || 'no capability', set, asked.result[i] ?? { programs: [], maps: [] }] as const))(
    '%s',
    (_, set, answers) => {
      // A row whose maps this loader may not make has no answer, nor has one whose log does not fit.
      const rows = ROWS.flatMap((row, i) => {
        const theirs = answers.programs[i];
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
      it.each(['engine', 'verifier'])('the same maps may be made: %s', (kind) => {
        const loader = { capabilities: capabilities(set) };
        using engine = createEngine({ loader });
        const host = kind === 'engine' ? engine : new VerifierHost({ loader });
        const ours = MAPS.map((attr) => {
          try {
            host.close(host.mapCreate(attr));
            return null;
          } catch (error) {
            // The engine does not have all types.
            return error instanceof SyscallError ? errnoName(error.errno) : undefined;
          }
        });
        const known = MAPS.flatMap(({ type }, i) => (ours[i] === undefined ? [] : [{ type, ours: ours[i], theirs: answers.maps[i] }]));
        expect(known.length).toBeGreaterThan(8);
        expect(known.map(({ type, ours: errno }) => [type, errno])).toEqual(known.map(({ type, theirs }) => [type, theirs]));
      });
    },
  );
}
