/** Differential: random arithmetic, branches, stack accesses and atomics run in the kernel and here; both 32-bit halves of r0 must agree. Also: every row of the table is implemented. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kernel } from '../../tests/support/kernel.ts';
import { VerifierError } from '../base/index.ts';
import { encode, INSN_TABLE, type Instruction, type NamedRow, type Operand } from '../isa/index.ts';
import { explain } from './explain.ts';
import { prepare } from './image.ts';
import { runBytecode } from './index.ts';
import { OP } from './ops.ts';

/** A plain instruction of a row, with the given registers and numbers. */
function make(row: NamedRow, dst: number, src: number, off: number, imm: number): Instruction | undefined {
  switch (row.form) {
    case 'alu_imm': {
      const shift = row.op === 'lsh' || row.op === 'rsh' || row.op === 'arsh';
      const division = row.op === 'div' || row.op === 'mod' || row.op === 'sdiv' || row.op === 'smod';
      const value = shift ? imm & (row.width - 1) : division && imm === 0 ? 3 : imm;
      return { kind: 'alu', width: row.width, op: row.op, dst, src: { imm: value } };
    }
    case 'alu_reg':
      return { kind: 'alu', width: row.width, op: row.op, dst, src: { reg: src } };
    case 'neg':
      return { kind: 'neg', width: row.width, dst };
    case 'end':
      return { kind: 'end', op: row.op, bits: row.bits, dst };
    case 'jmp_imm':
    case 'jmp_reg': {
      const operand: Operand = row.form === 'jmp_imm' ? { imm } : { reg: src };
      return { kind: 'jmp', width: row.width, op: row.op, dst, src: operand, off: 1 };
    }
    case 'ldx':
      return { kind: 'ldx', size: row.size, signed: row.signed, dst, src: 10, off: -off * row.size };
    case 'st':
      return { kind: 'st', size: row.size, dst: 10, off: -off * row.size, imm };
    case 'stx':
      return { kind: 'stx', size: row.size, dst: 10, src, off: -off * row.size };
    case 'atomic': {
      const at = -off * row.size;
      if (row.op === 'load_acquire') return { kind: 'atomic', size: row.size, op: row.op, fetch: false, dst, src: 10, off: at };
      return { kind: 'atomic', size: row.size, op: row.op, fetch: row.fetch, dst: 10, src, off: at };
    }
    default:
      return undefined;
  }
}

const rows = INSN_TABLE.filter((row) => make(row, 0, 0, 1, 1) !== undefined);
const EDGE = [
  0n,
  1n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x1_00000000n,
  0x7fffffff_ffffffffn,
  0x80000000_00000000n,
  0xffffffff_ffffffffn,
];
const value = fc.oneof(fc.constantFrom(...EDGE), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
const imm = fc.oneof(fc.constantFrom(0, 1, -1, 0x7fffffff, -0x80000000), fc.integer());
const insn = fc
  .tuple(fc.constantFrom(...rows), fc.nat(9), fc.nat(9), fc.integer({ min: 1, max: 2 }), imm)
  .map(([row, dst, src, off, number]) => make(row, dst, src, off, number))
  .filter((one) => one !== undefined);

/** The program whose 32-bit result is a half of the sum over all registers and the stack that `body` leaves. */
function program(values: readonly bigint[], body: readonly Instruction[], half: 'low' | 'high'): Uint8Array {
  const alu = (op: 'add' | 'xor' | 'rsh' | 'mul', dst: number, src: Operand): Instruction => ({ kind: 'alu', width: 64, op, dst, src });
  const fold = (reg: number): Instruction[] => [alu('mul', 0, { imm: 31 }), alu('add', 0, { reg })];
  return encode([
    ...values.map((number, dst): Instruction => ({ kind: 'ld_imm64', dst, pseudo: 0, imm: number })),
    ...[1, 2].map((n): Instruction => ({ kind: 'stx', size: 8, dst: 10, src: n, off: -8 * n })),
    ...body,
    // A branch may skip one instruction, so the last is followed by one that it may skip.
    { kind: 'alu', width: 64, op: 'mov', dst: 9, src: { reg: 9 } },
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap(fold),
    ...[1, 2].flatMap((n): Instruction[] => [{ kind: 'ldx', size: 8, signed: false, dst: 1, src: 10, off: -8 * n }, ...fold(1)]),
    ...(half === 'high' ? [alu('rsh', 0, { imm: 32 })] : []),
    { kind: 'exit' },
  ]);
}

describe('the table', () => {
  it('every row is an operation, but for kernel functions and arenas', () => {
    const missing = INSN_TABLE.filter((row) => {
      const bytes = new Uint8Array(24);
      const view = new DataView(bytes.buffer);
      view.setUint8(0, row.code);
      view.setUint8(1, (row.src ?? 0) << 4);
      view.setInt16(2, row.off ?? 0, true);
      view.setInt32(4, row.imm ?? 0, true);
      return ((prepare(bytes).code[0] ?? 0) & 0xff) === OP.invalid;
    });
    expect(missing.map((row) => row.name)).toEqual(['addr_space_cast', 'call_kfunc']);
    expect(explain(prepare(Uint8Array.of(0xbf, 0, 1, 0, 1, 0, 0, 0)), 0)).toBe('addr_space_cast needs an arena, but the program has none');
    expect(explain(prepare(Uint8Array.of(0x85, 0x20, 0, 0, 9, 0, 0, 0)), 0)).toBe('kernel function #9 is not available');
  });
});

const { bpf, reason } = kernel;
if (bpf === undefined) {
  describe('the running kernel', () => it.skip(`skipped: ${reason}`));
} else {
  describe('the running kernel', () => {
    it('gives the same r0 for random programs', () => {
      const seen = { run: 0, refused: 0 };
      fc.assert(
        fc.property(fc.array(value, { minLength: 10, maxLength: 10 }), fc.array(insn, { maxLength: 12 }), (values, body) => {
          const halves: number[] = [];
          for (const half of ['low', 'high'] as const) {
            const bytes = program(values, body, half);
            let fd: number;
            try {
              fd = bpf.progLoad({ type: 1, insns: bytes, logLevel: 0 }).fd;
            } catch (error) {
              if (!(error instanceof VerifierError)) throw error;
              seen.refused++;
              return;
            }
            try {
              const theirs = bpf.progTestRun(fd, { data: new Uint8Array(64) }).retval;
              const { r0, fault } = runBytecode(bytes);
              expect(fault).toBeUndefined();
              halves.push(theirs);
              expect(Number(BigInt.asUintN(32, r0 ?? -1n))).toBe(theirs);
            } finally {
              bpf.close(fd);
            }
          }
          seen.run++;
        }),
        { numRuns: 1000 },
      );
      expect(seen.run).toBeGreaterThan(500);
    });
  });
}
