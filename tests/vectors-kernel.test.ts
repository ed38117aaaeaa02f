/** Instruction vectors on the live kernel: the vector is a subprogram, whose 64-bit r0 a wrapper stores in a map (test runs return 32 bits). */
import { describe, expect, it } from 'vitest';
import type { TestVector } from '../src/asm/index.ts';
import { VerifierError } from '../src/base/index.ts';
import type { RawBpf } from '../src/sys/bpf.ts';
import { kernel } from './support/kernel.ts';
import { conformanceVectors, isPacketVector, ownVectors, wrapVector } from './support/vectors.ts';

const SCHED_CLS = 3;
const ARRAY = 2;
/** Shortest packet of a test run (ETH_HLEN). */
const PACKET = new Uint8Array(14);
const KEY = new Uint8Array(4);

/** bpf_conformance's vectors that this kernel refuses, and what its log says. */
const SHIFT = /^invalid shift -?\d+$/m;
const REFUSED: Readonly<Record<string, RegExp>> = {
  'arsh32-imm-high.data': SHIFT,
  'arsh32-imm-neg.data': SHIFT,
  'arsh64-imm-high.data': SHIFT,
  'arsh64-imm-neg.data': SHIFT,
  'lsh32-imm-high.data': SHIFT,
  'lsh32-imm-neg.data': SHIFT,
  'lsh64-imm-high.data': SHIFT,
  'lsh64-imm-neg.data': SHIFT,
  'rsh32-imm-high.data': SHIFT,
  'rsh32-imm-neg.data': SHIFT,
  'rsh64-imm-high.data': SHIFT,
  'rsh64-imm-neg.data': SHIFT,
  'callx.data': /unknown opcode 8d/,
};

const { bpf, reason } = kernel;
const conformance = conformanceVectors;

if (bpf === undefined) {
  describe('vectors on the kernel', () => it.skip(`skipped: ${reason}`));
} else {
  describe('own vectors on the kernel', () => {
    it.each(ownVectors.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
      if (vector.error !== undefined) return expect(logOf(() => run(bpf, vector))).toContain(vector.error);
      expect(hex(run(bpf, vector))).toBe(hex(vector.result));
    });
  });

  // Without bpf_conformance tests/vectors.test.ts counts the skip, once for both.
  if (conformance !== undefined) {
    const names = conformance.map((vector) => vector.name);
    describe('bpf_conformance on the kernel', () => {
      it.each(conformance.map((vector) => [vector.name, vector] as const))('%s', (name, vector) => {
        const refused = REFUSED[name];
        if (refused !== undefined) return expect(logOf(() => run(bpf, vector))).toMatch(refused);
        expect(hex(run(bpf, vector))).toBe(hex(vector.result));
      });

      it('has all vectors that are known to be refused', () => {
        expect(Object.keys(REFUSED).filter((name) => !names.includes(name))).toEqual([]);
      });
    });
  }
}

/** r0 of a vector. VerifierError when the kernel refuses it. */
function run(raw: RawBpf, vector: TestVector): bigint {
  if (isPacketVector(vector)) {
    const { fd } = raw.progLoad({ type: SCHED_CLS, insns: vector.program });
    try {
      return BigInt(raw.progTestRun(fd, { data: vector.memory }).retval);
    } finally {
      raw.close(fd);
    }
  }
  const map = raw.mapCreate({ type: ARRAY, keySize: 4, valueSize: 8 + vector.memory.length, maxEntries: 1 });
  try {
    const value = new Uint8Array(8 + vector.memory.length);
    value.set(vector.memory, 8);
    raw.mapUpdate(map, KEY, value);
    const { fd } = raw.progLoad({ type: SCHED_CLS, insns: wrapVector(vector, map) });
    try {
      raw.progTestRun(fd, { data: PACKET });
    } finally {
      raw.close(fd);
    }
    const result = raw.mapLookup(map, KEY, value.length);
    if (result === undefined) throw new Error('the map has no element 0');
    return new DataView(result.buffer).getBigUint64(0, true);
  } finally {
    raw.close(map);
  }
}

function logOf(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    if (error instanceof VerifierError) return error.log;
    throw error;
  }
  return 'accepted';
}

function hex(value: bigint | undefined): string | undefined {
  return value === undefined ? undefined : `0x${value.toString(16)}`;
}
