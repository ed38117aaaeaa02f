/** Instruction vectors on the live kernel: the vector is a subprogram, whose 64-bit r0 a wrapper stores in a map (test runs return 32 bits). */
import { describe, expect, it } from 'vitest';
import { VerifierError } from '../src/base/index.ts';
import { kernel } from './support/kernel.ts';
import { conformanceVectors, KernelRunner, ownVectors } from './support/vectors.ts';

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
  const runner = new KernelRunner(bpf);

  describe('own vectors on the kernel', () => {
    it.each(ownVectors.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
      if (vector.error !== undefined) return expect(logOf(() => runner.run(vector).r0)).toContain(vector.error);
      expect(hex(runner.run(vector).r0)).toBe(hex(vector.result));
    });
  });

  // Without bpf_conformance tests/vectors.test.ts counts the skip, once for both.
  if (conformance !== undefined) {
    const names = conformance.map((vector) => vector.name);
    describe('bpf_conformance on the kernel', () => {
      it.each(conformance.map((vector) => [vector.name, vector] as const))('%s', (name, vector) => {
        const refused = REFUSED[name];
        if (refused !== undefined) return expect(logOf(() => runner.run(vector).r0)).toMatch(refused);
        expect(hex(runner.run(vector).r0)).toBe(hex(vector.result));
      });

      it('has all vectors that are known to be refused', () => {
        expect(Object.keys(REFUSED).filter((name) => !names.includes(name))).toEqual([]);
      });
    });
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
