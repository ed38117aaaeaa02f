/** Instruction vectors, ours and bpf_conformance's, through the translator, unchecked and checked. */
import { describe, expect, it } from 'vitest';
import type { TestVector } from '../src/asm/index.ts';
import { NotSupportedError, VerifierError } from '../src/base/index.ts';
import { Engine } from '../src/engine/index.ts';
import type { HelperSignature } from '../src/jit/index.ts';
import { runJit } from './support/jit.ts';
import { RUN_MODES } from './support/modes.ts';
import { conformanceVectors, engineBpf, isPacketVector, KernelRunner, NO_CONFORMANCE, ownVectors } from './support/vectors.ts';

/** What vectors call: 5 is ktime_get_ns in the kernel, and any number does. */
const SIGNATURE: HelperSignature = { params: [], result: 'i64' };
const HELPERS = { 5: () => 12345n };

for (const checked of [false, true]) {
  describe(checked ? 'checked' : 'unchecked', () => {
    describe('own vectors', () => {
      it.each(ownVectors.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => check(vector, checked));
    });
    describe('bpf_conformance', () => {
      if (conformanceVectors === undefined) it.skip(NO_CONFORMANCE);
      else it.each(conformanceVectors.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => check(vector, checked));
    });
  });
}

/** In the engine a vector is a subprogram of a verified program; what the verifier refuses is not run. */
describe.each(RUN_MODES)('own vectors in the engine, %s', (_mode, options) => {
  it.each(ownVectors.filter(({ error }) => error === undefined).map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    using engine = new Engine({ cpus: 1, ...options });
    let got: bigint;
    try {
      got = new KernelRunner(engineBpf(engine)).run(vector).r0;
    } catch (error) {
      if (error instanceof VerifierError || error instanceof NotSupportedError) return;
      throw error;
    }
    expect(hex(got)).toBe(hex(isPacketVector(vector) ? BigInt.asUintN(32, vector.result ?? 0n) : vector.result));
  });
});

function check(vector: TestVector, checked: boolean): void {
  const { program, memory, result, error } = vector;
  const { r0, fault } = runJit(program, {
    memory,
    checked,
    helper: (id) => (id === 5 ? SIGNATURE : undefined),
    helpers: HELPERS,
    ...(isPacketVector(vector) ? { packet: packetReader(memory) } : {}),
  });
  if (error === undefined) expect({ r0: hex(r0), fault }).toEqual({ r0: hex(result), fault: undefined });
  else expect(fault).toBeDefined();
}

/** Network byte order; -1 outside of the packet. */
function packetReader(packet: Uint8Array): (offset: number, size: number) => number {
  return (offset, size) => {
    if (offset < 0 || offset + size > packet.length) return -1;
    return packet.subarray(offset, offset + size).reduce((value, byte) => value * 256 + byte, 0);
  };
}

function hex(value: bigint | undefined): string | undefined {
  return value === undefined ? undefined : `0x${value.toString(16)}`;
}
