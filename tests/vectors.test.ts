/** Instruction vectors: every row of the table occurs in our own, and ours and bpf_conformance's run through the interpreter. */
import { describe, expect, it } from 'vitest';
import { assemble, disassemble, type TestVector } from '../src/asm/index.ts';
import { runBytecode } from '../src/interp/index.ts';
import { decodeAt, INSN_TABLE, opNameOf, slotsOf } from '../src/isa/index.ts';
import { conformanceVectors, isPacketVector, NO_CONFORMANCE, ownVectors } from './support/vectors.ts';

/** What vectors call: 5 is ktime_get_ns in the kernel, and any number does. */
const FUNCTIONS = new Map([[5, () => 12345n]]);

describe('own vectors', () => {
  it('contain every row of the instruction table', () => {
    const seen = new Set<string>();
    for (const { program } of ownVectors) {
      for (let index = 0; index * 8 < program.length; ) {
        const insn = decodeAt(program, index);
        if (insn.kind !== 'invalid') seen.add(opNameOf(insn));
        index += slotsOf(insn);
      }
    }
    expect(INSN_TABLE.map((row) => row.name).filter((name) => !seen.has(name))).toEqual([]);
  });

  it.each(ownVectors.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => check(vector));
});

describe('bpf_conformance', () => {
  if (conformanceVectors === undefined) it.skip(NO_CONFORMANCE);
  else it.each(conformanceVectors.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => check(vector));
});

function check(vector: TestVector): void {
  const { program, memory, raw, result, error } = vector;
  if (raw !== undefined) expect(program).toEqual(raw);
  expect(assemble(disassemble(program))).toEqual(program);
  const env = isPacketVector(vector) ? { packet: packetReader(memory) } : {};
  const { r0, fault } = runBytecode(program, { memory, env, functions: FUNCTIONS });
  if (error === undefined) expect({ r0: hex(r0), fault: fault?.reason }).toEqual({ r0: hex(result), fault: undefined });
  else expect(fault?.reason).toBeDefined();
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
