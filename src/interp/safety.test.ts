/** Property: whatever the bytes are, a run ends within its budget, throws nothing, and writes nothing outside of the regions it was given. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encode, FORM_FIELDS, INSN_TABLE, type Instruction } from '../isa/index.ts';
import type { Region } from '../maps/types.ts';
import { Mem, toPointer } from '../mem/index.ts';
import { FRAME_SIZE, FRAME_STRIDE, Interpreter, prepare, STACK_BYTES } from './index.ts';

const SIZE = 1 << 18;
const STACK = 0x10000;
const CTX = 0x20000;
const CTX_SIZE = 64;
const VALUES: Region = { base: 0x28000, count: 4, stride: 48, size: 40, writable: true };
const READ_ONLY: Region = { base: 0x2a000, count: 1, stride: 0, size: 100, writable: false };
const BUDGET = 3000;

const mem = Mem.create({ initial: SIZE, maximum: SIZE });
const canary = new Uint8Array(SIZE);
for (let i = 0; i < SIZE; i++) canary[i] = (i * 31 + (i >> 8)) & 0xff;

/** Bytes that a program may write. */
const allowed = new Uint8Array(SIZE);
for (let frame = 0; frame * FRAME_STRIDE < STACK_BYTES; frame++) {
  const top = STACK + STACK_BYTES - frame * FRAME_STRIDE;
  allowed.fill(1, top - FRAME_SIZE, top);
}
for (let i = 0; i < VALUES.count; i++) allowed.fill(1, VALUES.base + i * VALUES.stride, VALUES.base + i * VALUES.stride + VALUES.size);

const interpreter = new Interpreter({
  mem,
  stack: { base: STACK, size: STACK_BYTES },
  budget: BUDGET,
  env: { region: (offset) => (offset >= READ_ONLY.base && offset < READ_ONLY.base + 100 ? READ_ONLY : undefined) },
});

/** Runs and compares the memory; returns how the run ended. */
function check(bytes: Uint8Array): 'exited' | 'faulted' {
  mem.u8.set(canary);
  const exited = interpreter.run(prepare(bytes), { ctx: CTX, ctxSize: CTX_SIZE, regions: [VALUES], r2: CTX_SIZE });
  expect(interpreter.executed).toBeLessThanOrEqual(BUDGET);
  expect(exited).toBe(interpreter.fault === undefined);
  for (let i = 0; i < SIZE; i++) {
    if (mem.u8[i] !== canary[i] && allowed[i] !== 1) throw new Error(`byte at 0x${i.toString(16)} was written`);
  }
  return exited ? 'exited' : 'faulted';
}

const slot = fc
  .tuple(
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...INSN_TABLE) }, { weight: 1, arbitrary: fc.constant(undefined) }),
    fc.nat(255),
    fc.nat(10),
    fc.nat(10),
    fc.oneof(fc.integer({ min: -16, max: 16 }), fc.integer({ min: -0x8000, max: 0x7fff })),
    fc.oneof(fc.integer({ min: -8, max: 64 }), fc.integer()),
  )
  .map(([row, code, dst, src, off, imm]) => {
    // Mostly well-formed: a field that the form does not use is zero.
    const used = row === undefined ? { dst: true, src: true, off: true, imm: true } : FORM_FIELDS[row.form];
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, row?.code ?? code);
    view.setUint8(1, ((row?.src ?? (used.src ? src : 0)) << 4) | (used.dst ? dst : 0));
    view.setInt16(2, row?.off ?? (used.off ? off : 0), true);
    view.setInt32(4, row?.imm ?? (used.imm ? imm : 0), true);
    return bytes;
  });

/** Pointers in r3..r9, so that random accesses often hit something. */
const PRELUDE: Instruction[] = [
  { kind: 'ld_imm64', dst: 3, pseudo: 1, imm: toPointer(VALUES.base) },
  { kind: 'ld_imm64', dst: 4, pseudo: 2, imm: toPointer(VALUES.base + VALUES.stride * 3 + 8) },
  { kind: 'ld_imm64', dst: 5, pseudo: 0, imm: toPointer(READ_ONLY.base) },
  { kind: 'ld_imm64', dst: 6, pseudo: 0, imm: toPointer(SIZE - 4) },
  { kind: 'ld_imm64', dst: 7, pseudo: 0, imm: toPointer(0) },
  { kind: 'ld_imm64', dst: 8, pseudo: 4, imm: 2n },
];

describe('memory safety', () => {
  it('random instructions', () => {
    const seen = { exited: 0, faulted: 0 };
    fc.assert(
      fc.property(fc.array(slot, { minLength: 1, maxLength: 12 }), (slots) => {
        const bytes = new Uint8Array(slots.length * 8);
        slots.forEach((one, i) => {
          bytes.set(one, i * 8);
        });
        const prelude = encode(PRELUDE);
        const whole = new Uint8Array(prelude.length + bytes.length);
        whole.set(prelude);
        whole.set(bytes, prelude.length);
        seen[check(whole)]++;
      }),
      { numRuns: 1500 },
    );
    expect(seen.exited).toBeGreaterThan(0);
  });

  it('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        check(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it('one store anywhere around every region', () => {
    const edges = [
      CTX,
      CTX + CTX_SIZE,
      VALUES.base,
      VALUES.base + VALUES.size,
      VALUES.base + VALUES.stride,
      VALUES.base + VALUES.stride * VALUES.count,
      READ_ONLY.base,
      READ_ONLY.base + 100,
      STACK,
      STACK + STACK_BYTES,
      STACK + STACK_BYTES - FRAME_SIZE,
      0,
      SIZE,
    ];
    for (const edge of edges) {
      for (let delta = -9; delta <= 9; delta++) {
        for (const size of [1, 2, 4, 8] as const) {
          const at = edge + delta;
          const bytes = encode([
            { kind: 'ld_imm64', dst: 3, pseudo: 0, imm: BigInt.asUintN(64, toPointer(at) - 5n) },
            { kind: 'st', size, dst: 3, off: 5, imm: -1 },
            { kind: 'exit' },
          ]);
          const inside = at >= 0 && at + size <= SIZE && allowed.subarray(at, at + size).every((b) => b === 1);
          const live = at >= STACK && at < STACK + STACK_BYTES ? at >= STACK + STACK_BYTES - FRAME_SIZE : true;
          expect([at.toString(16), size, check(bytes)]).toEqual([at.toString(16), size, inside && live ? 'exited' : 'faulted']);
        }
      }
    }
  });
});
