/**
 * Generated programs through the interpreter and through the translator, on equal memories: same r0, same bytes, and in checked code the same
 * fault at the same instruction. Jumps go anywhere, so that most graphs are irreducible. FUZZ_RUNS: how many, 300.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { disassemble } from '../src/asm/index.ts';
import { Interpreter, prepare, STACK_BYTES } from '../src/interp/index.ts';
import { encode, INSN_TABLE, type Instruction, type NamedRow, slotsOf } from '../src/isa/index.ts';
import { type HelperSignature, RUN_AREA } from '../src/jit/index.ts';
import { Mem } from '../src/mem/index.ts';
import { AREA, compileOn, DATA, runOnce } from './support/jit.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 300);
const MEMORY = 128;
const SIZE = DATA + MEMORY;
/** Holds the memory's address, and what is left of the backward jumps. */
const BASE = 6;
const FUEL = 9;
const FREE = [0, 1, 2, 3, 4, 5, 7, 8] as const;

const word = fc.oneof(
  fc.constantFrom(0n, 1n, 0xffffffffn, 0x80000000n, 0x7fffffffn, 1n << 63n, (1n << 63n) - 1n, 0xffffffffffffffffn, 0xffffffff80000000n),
  fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }),
);
const register = fc.constantFrom(...FREE);
const immediate = fc.oneof(fc.constantFrom(0, 1, -1, 31, 32, 63, 0x7fffffff, -0x80000000), fc.integer());
const ROWS = INSN_TABLE.filter((row) =>
  ['alu_imm', 'alu_reg', 'neg', 'end', 'jmp_imm', 'jmp_reg', 'ldx', 'st', 'stx', 'atomic', 'ld_imm64'].includes(row.form),
);

interface Choice {
  readonly row: NamedRow;
  readonly what: 'row' | 'call' | 'helper' | 'wild' | 'may_goto' | 'spill';
  readonly dst: number;
  readonly src: number;
  readonly imm: number;
  readonly wide: bigint;
  readonly place: number;
  /** Where a jump goes, as a fraction of the function. */
  readonly to: number;
  readonly stack: boolean;
}

const choices = fc.record<Choice>({
  row: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...ROWS) },
    { weight: 1, arbitrary: fc.constantFrom(...ROWS.filter((row) => row.form.startsWith('jmp'))) },
  ),
  what: fc.oneof(
    { weight: 30, arbitrary: fc.constant('row' as const) },
    { weight: 4, arbitrary: fc.constantFrom('call' as const, 'helper' as const, 'may_goto' as const, 'spill' as const, 'spill' as const) },
    { weight: 1, arbitrary: fc.constant('wild' as const) },
  ),
  dst: register,
  src: register,
  imm: immediate,
  wide: word,
  place: fc.integer({ min: 0, max: 15 }),
  to: fc.integer({ min: 0, max: 999 }).map((n) => n / 1000),
  stack: fc.boolean(),
});

/** Helpers by how they are imported: what they compute is the same. */
const SIGNATURES: Readonly<Record<number, HelperSignature>> = {
  100: { params: ['i64', 'split', 'i32'], result: 'i64' },
  101: { params: ['split', 'i64', 'i32'], result: 'cell' },
  102: { params: ['i32', 'i32', 'i32'], result: 'u32' },
  103: { params: ['i32', 'i32', 'i32'], result: 's32' },
  104: { params: [], result: 'void' },
};
const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const mix = (a: bigint, b: bigint, c: bigint): bigint => u64(a * 31n + (b ^ (b >> 7n)) + u64(c << 32n));
const low = (x: bigint): bigint => x & 0xffffffffn;
const FUNCTIONS = new Map([
  [100, (a: bigint, b: bigint, c: bigint): bigint => mix(a, b, low(c))],
  [101, (a: bigint, b: bigint, c: bigint): bigint => mix(a, b, low(c))],
  [102, (a: bigint, b: bigint, c: bigint): bigint => low(mix(low(a), low(b), low(c)))],
  [103, (a: bigint, b: bigint, c: bigint): bigint => u64(BigInt.asIntN(32, mix(low(a), low(b), low(c))))],
  [104, (): bigint => 0n],
]);

interface Part {
  readonly insns: Instruction[];
  /** Index of the part that the last instruction jumps to, or of the function that it calls. */
  readonly jump?: number;
  readonly call?: number;
}

const alu = (op: 'mov' | 'add' | 'xor' | 'mul', dst: number, src: number): Instruction => ({
  kind: 'alu',
  width: 64,
  op,
  dst,
  src: { reg: src },
});
const movImm = (dst: number, imm: number): Instruction => ({ kind: 'alu', width: 64, op: 'mov', dst, src: { imm } });
const load = (dst: number, off: number): Instruction => ({ kind: 'ldx', size: 8, signed: false, dst, src: BASE, off });

function toPart(choice: Choice, at: number, parts: number, functions: number, self: number, checked: boolean): Part {
  const { row, dst, src, imm, wide, place, what } = choice;
  // Not the first part, which sets the fuel.
  const target = 1 + Math.floor(choice.to * (parts - 1.001));
  if (what === 'call' && self + 1 < functions) {
    const insns: Instruction[] = [alu('mov', 1, BASE), alu('mov', 2, dst), { kind: 'call', target: 'local', imm: 0, off: 0 }];
    return { insns: [...insns, ...[1, 2, 3, 4, 5].map((n) => load(n, n * 8))], call: self + 1 + (place % (functions - self - 1)) };
  }
  if (what === 'helper') return { insns: [{ kind: 'call', target: 'helper', imm: 100 + (place % 5), off: 0 }] };
  if (what === 'may_goto' && target > at) return { insns: [{ kind: 'may_goto', off: 0 }], jump: target };
  if (what === 'spill') {
    const off = -8 - 8 * (place % 6);
    return {
      insns: [choice.stack ? { kind: 'stx', size: 8, dst: 10, src, off } : { kind: 'ldx', size: 8, signed: false, dst, src: 10, off }],
    };
  }
  if (what === 'wild' && checked) return { insns: [{ kind: 'ldx', size: 4, signed: false, dst, src, off: place }] };
  switch (row.form) {
    case 'alu_imm':
      return { insns: [{ kind: 'alu', op: row.op, width: row.width, dst, src: { imm } }] };
    case 'alu_reg':
      return { insns: [{ kind: 'alu', op: row.op, width: row.width, dst, src: { reg: place === 0 ? 10 : place === 1 ? BASE : src } }] };
    case 'neg':
      return { insns: [{ kind: 'neg', width: row.width, dst }] };
    case 'end':
      return { insns: [{ kind: 'end', op: row.op, bits: row.bits, dst }] };
    case 'jmp_imm':
    case 'jmp_reg': {
      const operand = row.form === 'jmp_imm' ? { imm } : { reg: src };
      const jump: Instruction = { kind: 'jmp', op: row.op, width: row.width, dst, src: operand, off: 0 };
      if (target > at) return { insns: [jump], jump: target };
      // Backwards only while there is fuel.
      const back: Instruction = { kind: 'jmp', op: 'jsgt', width: 64, dst: FUEL, src: { imm: 0 }, off: 0 };
      const spend: Instruction = { kind: 'alu', width: 64, op: 'add', dst: FUEL, src: { imm: -1 } };
      return place % 2 === 0 ? { insns: [spend, back], jump: target } : { insns: [{ ...jump, off: 2 }, spend, back], jump: target };
    }
    case 'ldx':
    case 'st':
    case 'stx':
    case 'atomic': {
      const stack = choice.stack && place < 8;
      const within = place * 8 + (imm & (8 - row.size));
      const pointer = { size: row.size, off: stack ? within - 64 : within };
      const base = stack ? 10 : BASE;
      if (row.form === 'ldx') return { insns: [{ kind: 'ldx', signed: row.signed, dst, src: base, ...pointer }] };
      if (row.form === 'st') return { insns: [{ kind: 'st', dst: base, imm, ...pointer }] };
      if (row.form !== 'atomic') return { insns: [{ kind: 'stx', dst: base, src, ...pointer }] };
      if (row.op === 'load_acquire') return { insns: [{ kind: 'atomic', op: row.op, fetch: false, dst, src: base, ...pointer }] };
      return { insns: [{ kind: 'atomic', op: row.op, fetch: row.fetch, dst: base, src, ...pointer }] };
    }
    default:
      return { insns: [{ kind: 'ld_imm64', dst, pseudo: 0, imm: wide }] };
  }
}

/** All functions, one behind the other. */
function program(bodies: readonly (readonly Choice[])[], checked: boolean): Uint8Array {
  const functions = bodies.map((body, self): Part[] => {
    const start: Instruction[] = [alu('mov', BASE, 1), ...FREE.map((n) => load(n, n * 8)), movImm(FUEL, 20)];
    if (self > 0) start.splice(1, 1, alu('mov', 0, 2));
    const fold = FREE.flatMap((n): Instruction[] => [{ kind: 'alu', width: 64, op: 'mul', dst: 0, src: { imm: 31 } }, alu('xor', 0, n)]);
    return [
      { insns: start },
      ...body.map((choice, i) => toPart(choice, i + 1, body.length + 2, bodies.length, self, checked)),
      { insns: [...fold, { kind: 'exit' }] },
    ];
  });
  const flat = functions.flat();
  const width = (part: Part): number => part.insns.reduce((sum, insn) => sum + slotsOf(insn), 0);
  const starts: number[] = [];
  let slot = 0;
  for (const part of flat) {
    starts.push(slot);
    slot += width(part);
  }
  const firstOf: number[] = [];
  let count = 0;
  for (const parts of functions) {
    firstOf.push(count);
    count += parts.length;
  }
  const out: Instruction[] = [];
  functions.forEach((parts, self) => {
    parts.forEach((part, i) => {
      let here = starts[(firstOf[self] ?? 0) + i] ?? 0;
      part.insns.forEach((insn, n) => {
        here += slotsOf(insn);
        const last = n === part.insns.length - 1;
        if (part.jump !== undefined && last && (insn.kind === 'jmp' || insn.kind === 'may_goto')) {
          out.push({ ...insn, off: (starts[(firstOf[self] ?? 0) + part.jump] ?? 0) - here });
        } else if (part.call !== undefined && insn.kind === 'call') {
          out.push({ ...insn, imm: (starts[firstOf[part.call] ?? 0] ?? 0) - here });
        } else {
          out.push(insn);
        }
      });
    });
  });
  return encode(out);
}

const theirs = Mem.create({ initial: SIZE, maximum: SIZE });
const ours = Mem.create({ initial: SIZE, maximum: SIZE });
const interpreter = new Interpreter({
  mem: theirs,
  // So that r10 has the same value in both.
  stack: { base: AREA + RUN_AREA.LAST_FRAME - 64, size: STACK_BYTES },
  functions: FUNCTIONS,
  budget: 50_000,
});

const big = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
const HELPERS = {
  100: (a: bigint, b: number, bHi: number, c: number) => BigInt.asIntN(64, mix(u64(a), big(b, bHi), BigInt(c >>> 0))),
  101: (a: number, aHi: number, b: bigint, c: number) =>
    ours.dv.setBigUint64(AREA + RUN_AREA.RESULT, mix(big(a, aHi), u64(b), BigInt(c >>> 0)), true),
  102: (a: number, b: number, c: number) => Number(low(mix(BigInt(a >>> 0), BigInt(b >>> 0), BigInt(c >>> 0)))) | 0,
  103: (a: number, b: number, c: number) => Number(low(mix(BigInt(a >>> 0), BigInt(b >>> 0), BigInt(c >>> 0)))) | 0,
  104: () => undefined,
};

describe('generated programs give the same on the interpreter and translated', () => {
  for (const checked of [false, true]) {
    it(checked ? 'checked' : 'unchecked', () => {
      const seen = { exited: 0, faulted: 0, budget: 0 };
      const words = fc.array(word, { minLength: MEMORY / 8, maxLength: MEMORY / 8 });
      const bodies = fc.array(fc.array(choices, { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 3 });
      fc.assert(
        fc.property(bodies, words, (body, values) => {
          const bytes = program(body, checked);
          const memory = new Uint8Array(new BigUint64Array(values).buffer);
          for (const mem of [theirs, ours]) {
            mem.u8.fill(0);
            mem.copyIn(DATA, memory);
          }
          interpreter.run(prepare(bytes), { ctx: DATA, ctxSize: MEMORY, ctxWritable: true, r2: MEMORY });
          const fault = interpreter.fault;
          if (fault?.kind === 'budget') {
            seen.budget++;
            return;
          }
          const compiled = compileOn([{ bytes }], {
            mem: ours,
            regions: [{ base: DATA, size: MEMORY, writable: true }],
            checked,
            budget: true,
            helper: (id) => SIGNATURES[id],
            helpers: HELPERS,
          });
          const got = runOnce(compiled, ours, { ctx: DATA, r2: MEMORY });
          const context = disassemble(bytes);
          const wanted = fault === undefined ? undefined : { kind: fault.kind, insn: fault.insn, program: 0 };
          expect(got.fault, context).toEqual(wanted);
          if (fault === undefined) expect(got.r0, context).toBe(interpreter.r0);
          expect(ours.copyOut(DATA, MEMORY), context).toEqual(theirs.copyOut(DATA, MEMORY));
          seen[fault === undefined ? 'exited' : 'faulted']++;
        }),
        { numRuns: RUNS },
      );
      expect(seen.exited).toBeGreaterThan(RUNS / 3);
    });
  }
});
