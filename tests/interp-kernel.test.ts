/**
 * Generated programs on the interpreter, compiled, in the engine in each of its ways (verified, with the verifier's facts), and on the live kernel: r0,
 * all 64 bits, and the memory they leave must be the same. FUZZ_RUNS: how many, 300.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble, disassemble, type TestVector } from '../src/asm/index.ts';
import { Engine } from '../src/engine/index.ts';
import { runBytecode } from '../src/interp/index.ts';
import { encode, INSN_TABLE, type Instruction, type NamedRow } from '../src/isa/index.ts';
import { runJit } from './support/jit.ts';
import { kernel } from './support/kernel.ts';
import { RUN_MODES } from './support/modes.ts';
import { engineBpf, KernelRunner } from './support/vectors.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 300);
/** Bytes of memory at r1: the first 64 give r2..r9 their values, all of it may be changed. */
const MEMORY = 128;
const FIRST = 2;
const LAST = 9;

const word = fc.oneof(
  fc.constantFrom(0n, 1n, 0xffffffffn, 0x80000000n, 0x7fffffffn, 1n << 63n, (1n << 63n) - 1n, 0xffffffffffffffffn, 0xffffffff80000000n),
  fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }),
);
const register = fc.integer({ min: FIRST, max: LAST });
const immediate = fc.oneof(
  fc.constantFrom(0, 1, -1, 31, 32, 63, 0x7fffffff, -0x80000000),
  fc.integer({ min: -0x80000000, max: 0x7fffffff }),
);

/** Rows whose result is a matter of the instruction alone. */
const ROWS = INSN_TABLE.filter((row) =>
  ['alu_imm', 'alu_reg', 'neg', 'end', 'jmp_imm', 'jmp_reg', 'ldx', 'st', 'stx', 'atomic', 'ld_imm64'].includes(row.form),
);

interface Choice {
  readonly row: NamedRow;
  readonly dst: number;
  readonly src: number;
  readonly imm: number;
  readonly wide: bigint;
  /** 0..15: which 8 bytes of memory, or how many instructions to jump over. */
  readonly place: number;
}

const choices = fc.record({
  row: fc.constantFrom(...ROWS),
  dst: register,
  src: register,
  imm: immediate,
  wide: word,
  place: fc.integer({ min: 0, max: 15 }),
});

/** The instruction of a choice, kept inside what the kernel's verifier accepts: memory at r1 only, constants in range. */
function toInsn({ row, dst, src, imm, wide, place }: Choice): Instruction {
  switch (row.form) {
    case 'alu_imm':
      return { kind: 'alu', op: row.op, width: row.width, dst, src: { imm: inRange(row.op, row.width, imm) } };
    case 'alu_reg':
      return { kind: 'alu', op: row.op, width: row.width, dst, src: { reg: src } };
    case 'neg':
      return { kind: 'neg', width: row.width, dst };
    case 'end':
      return { kind: 'end', op: row.op, bits: row.bits, dst };
    case 'jmp_imm':
      return { kind: 'jmp', op: row.op, width: row.width, dst, src: { imm }, off: place % 4 };
    case 'jmp_reg':
      return { kind: 'jmp', op: row.op, width: row.width, dst, src: { reg: src }, off: place % 4 };
    case 'ldx':
      return { kind: 'ldx', size: row.size, signed: row.signed, dst, src: 1, off: place * 8 + (imm & (8 - row.size)) };
    case 'st':
      return { kind: 'st', size: row.size, dst: 1, off: place * 8 + (imm & (8 - row.size)), imm };
    case 'stx':
      return { kind: 'stx', size: row.size, dst: 1, src, off: place * 8 + (imm & (8 - row.size)) };
    case 'atomic': {
      const pointer = { off: place * 8 + (imm & (8 - row.size)), size: row.size, fetch: row.fetch };
      if (row.op === 'load_acquire') return { kind: 'atomic', op: row.op, dst, src: 1, ...pointer };
      return { kind: 'atomic', op: row.op, dst: 1, src, ...pointer };
    }
    default:
      return { kind: 'ld_imm64', dst, pseudo: 0, imm: wide };
  }
}

function inRange(op: string, width: number, imm: number): number {
  if (op === 'lsh' || op === 'rsh' || op === 'arsh') return imm & (width - 1);
  return imm === 0 && /div|mod/.test(op) ? 1 : imm;
}

/** Loads r0 and r2..r9, runs the body with its jumps kept inside it and off second slots, and folds the registers into r0. */
function program(body: readonly Choice[]): Uint8Array {
  const registers = Array.from({ length: LAST - FIRST + 1 }, (_, i) => i + FIRST);
  const insns = body.map(toInsn).map((insn, i, all) => {
    if (insn.kind !== 'jmp') return insn;
    const over = all.slice(i + 1, i + 1 + insn.off);
    return { ...insn, off: over.length + over.filter(({ kind }) => kind === 'ld_imm64').length };
  });
  const parts = [
    assemble(`r0 = *(u64 *)(r1 + 8)\n${registers.map((n) => `r${n} = *(u64 *)(r1 + ${(n - FIRST) * 8})`).join('\n')}`),
    encode(insns),
    assemble(`${registers.map((n) => `r0 *= 31\nr0 ^= r${n}`).join('\n')}\nexit`),
  ];
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const { bpf, reason } = kernel;

describe('generated programs', () => {
  if (bpf === undefined) {
    it.skip(`skipped: ${reason}`);
    return;
  }
  it('give the same on the interpreter, compiled, in the engine and on the kernel', { timeout: 120_000 }, () => {
    const runner = new KernelRunner(bpf);
    const engines = RUN_MODES.map(([, options]) => new KernelRunner(engineBpf(new Engine({ cpus: 1, ...options }))));
    const words = fc.array(word, { minLength: MEMORY / 8, maxLength: MEMORY / 8 });
    fc.assert(
      fc.property(fc.array(choices, { minLength: 1, maxLength: 40 }), words, (body, values) => {
        const memory = new Uint8Array(new BigUint64Array(values).buffer);
        const vector: TestVector = { name: 'generated', program: program(body), memory };
        const expected = runner.run(vector);
        const { r0, fault, memory: left } = runBytecode(vector.program, { memory });
        const context = disassemble(vector.program);
        expect(fault?.reason, context).toBeUndefined();
        expect(r0, context).toBe(expected.r0);
        expect(left, context).toEqual(expected.memory);
        for (const checked of [false, true]) {
          const compiled = runJit(vector.program, { memory, checked });
          expect(compiled.r0, context).toBe(expected.r0);
          expect(compiled.memory, context).toEqual(expected.memory);
        }
        for (const engine of engines) expect(engine.run(vector), context).toEqual(expected);
      }),
      { numRuns: RUNS },
    );
  });
});
