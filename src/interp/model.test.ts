/** Property: one arithmetic or jump instruction on random operands gives what a small BigInt model says. The model shares no code with the interpreter. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AluOp, encode, type Instruction, type JmpOp, type Width } from '../isa/index.ts';
import { runBytecode } from './index.ts';

const u = (bits: number, x: bigint): bigint => BigInt.asUintN(bits, x);
const s = (bits: number, x: bigint): bigint => BigInt.asIntN(bits, x);

function aluModel(op: AluOp, w: Width, dst: bigint, src: bigint): bigint {
  const x = u(w, dst);
  const y = u(w, src);
  const sx = s(w, dst);
  const sy = s(w, src);
  const count = y % BigInt(w);
  const result: Record<AluOp, () => bigint> = {
    add: () => x + y,
    sub: () => x - y,
    mul: () => x * y,
    div: () => (y === 0n ? 0n : x / y),
    sdiv: () => (y === 0n ? 0n : sx / sy),
    mod: () => (y === 0n ? x : x % y),
    smod: () => (y === 0n ? x : sx % sy),
    or: () => x | y,
    and: () => x & y,
    xor: () => x ^ y,
    lsh: () => x << count,
    rsh: () => x >> count,
    arsh: () => sx >> count,
    mov: () => y,
    movsx8: () => s(8, y),
    movsx16: () => s(16, y),
    movsx32: () => s(32, y),
  };
  return u(w, result[op]());
}

function jmpModel(op: JmpOp, w: Width, dst: bigint, src: bigint): boolean {
  const x = u(w, dst);
  const y = u(w, src);
  const sx = s(w, dst);
  const sy = s(w, src);
  const result: Record<JmpOp, boolean> = {
    jeq: x === y,
    jne: x !== y,
    jgt: x > y,
    jge: x >= y,
    jlt: x < y,
    jle: x <= y,
    jset: (x & y) !== 0n,
    jsgt: sx > sy,
    jsge: sx >= sy,
    jslt: sx < sy,
    jsle: sx <= sy,
  };
  return result[op];
}

const EDGES = [0n, 1n, 2n, 7n, 0x1fn, 0x20n, 0x3fn, 0x40n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x1_00000000n, 0x1fffff_ffffffffn];
const SIGNED_EDGES = [0x20_0000_0000_0000n, 0x7fffffff_ffffffffn, 0x80000000_00000000n, 0xffffffff_80000000n, 0xffffffff_ffffffffn];
const value = fc.oneof(
  fc.constantFrom(...EDGES, ...SIGNED_EDGES),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 0n, max: 2n ** 33n }),
);
const imm = fc.oneof(fc.constantFrom(0, 1, -1, 31, 32, 63, 0x7fffffff, -0x80000000), fc.integer());
const width = fc.constantFrom<Width>(32, 64);
const ALU_OPS: AluOp[] = ['add', 'sub', 'mul', 'div', 'sdiv', 'mod', 'smod', 'or', 'and', 'xor', 'lsh', 'rsh', 'arsh', 'mov'];
const MOVSX: AluOp[] = ['movsx8', 'movsx16', 'movsx32'];
const JMP_OPS: JmpOp[] = ['jeq', 'jne', 'jgt', 'jge', 'jlt', 'jle', 'jset', 'jsgt', 'jsge', 'jslt', 'jsle'];

/** r3 = x, r4 = y, then the instructions. */
function run(x: bigint, y: bigint, insns: readonly Instruction[]): bigint | string | undefined {
  const { r0, fault } = runBytecode(
    encode([{ kind: 'ld_imm64', dst: 3, pseudo: 0, imm: x }, { kind: 'ld_imm64', dst: 4, pseudo: 0, imm: y }, ...insns]),
  );
  return fault?.reason ?? r0;
}

const mov = (dst: number, src: number): Instruction => ({ kind: 'alu', width: 64, op: 'mov', dst, src: { reg: src } });
const EXIT: Instruction = { kind: 'exit' };
const RUNS = { numRuns: 4000 };

describe('arithmetic', () => {
  it('register form', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ALU_OPS, ...MOVSX), width, value, value, fc.boolean(), (op, anyWidth, x, y, same) => {
        const w = op === 'movsx32' ? 64 : anyWidth;
        const src = same ? 3 : 4;
        const got = run(x, y, [{ kind: 'alu', width: w, op, dst: 3, src: { reg: src } }, mov(0, 3), EXIT]);
        expect(got).toBe(aluModel(op, w, x, same ? x : y));
      }),
      RUNS,
    );
  });

  it('immediate form', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ALU_OPS), width, value, imm, (op, w, x, y) => {
        const got = run(x, 0n, [{ kind: 'alu', width: w, op, dst: 3, src: { imm: y } }, mov(0, 3), EXIT]);
        expect(got).toBe(aluModel(op, w, x, BigInt(y)));
      }),
      RUNS,
    );
  });

  it('negation and byte order', () => {
    const swap = (bits: number, x: bigint): bigint => {
      let out = 0n;
      for (let i = 0; i < bits; i += 8) out = (out << 8n) | ((x >> BigInt(i)) & 0xffn);
      return out;
    };
    fc.assert(
      fc.property(value, width, fc.constantFrom(16 as const, 32 as const, 64 as const), (x, w, bits) => {
        expect(run(x, 0n, [{ kind: 'neg', width: w, dst: 3 }, mov(0, 3), EXIT])).toBe(u(w, -x));
        expect(run(x, 0n, [{ kind: 'end', op: 'le', bits, dst: 3 }, mov(0, 3), EXIT])).toBe(u(bits, x));
        expect(run(x, 0n, [{ kind: 'end', op: 'be', bits, dst: 3 }, mov(0, 3), EXIT])).toBe(swap(bits, x));
        expect(run(x, 0n, [{ kind: 'end', op: 'bswap', bits, dst: 3 }, mov(0, 3), EXIT])).toBe(swap(bits, x));
      }),
      { numRuns: 500 },
    );
  });
});

describe('conditional jumps', () => {
  const taken = (jump: Instruction): Instruction[] => [
    { kind: 'alu', width: 64, op: 'mov', dst: 0, src: { imm: 1 } },
    jump,
    { kind: 'alu', width: 64, op: 'mov', dst: 0, src: { imm: 0 } },
    EXIT,
  ];

  it('register form', () => {
    fc.assert(
      fc.property(fc.constantFrom(...JMP_OPS), width, value, fc.option(value), (op, w, x, other) => {
        const y = other ?? x;
        const got = run(x, y, taken({ kind: 'jmp', width: w, op, dst: 3, src: { reg: 4 }, off: 1 }));
        expect(got).toBe(jmpModel(op, w, x, y) ? 1n : 0n);
      }),
      RUNS,
    );
  });

  it('immediate form', () => {
    fc.assert(
      fc.property(fc.constantFrom(...JMP_OPS), width, value, imm, (op, w, x, y) => {
        const got = run(x, 0n, taken({ kind: 'jmp', width: w, op, dst: 3, src: { imm: y }, off: 1 }));
        expect(got).toBe(jmpModel(op, w, x, BigInt(y)) ? 1n : 0n);
      }),
      RUNS,
    );
  });
});
