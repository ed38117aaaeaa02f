/** The module around compiled programs: tail calls within and between modules, callbacks, faults, facts, places, hostile shapes. */
import { describe, expect, it } from 'vitest';
import { AREA, compileOn, DATA, type HostOptions, runJit, runOnce } from '../../tests/support/jit.ts';
import { assemble } from '../asm/index.ts';
import { HELPER_BY_ID } from '../helpers/index.ts';
import { runBytecode } from '../interp/index.ts';
import { encode, type Instruction } from '../isa/index.ts';
import { MAP } from '../maps/types.ts';
import { Mem, toPointer } from '../mem/index.ts';
import { compileToWasm, helperSignature, PLACES, RUN_AREA } from './index.ts';

const MAP_AT = 0x14000;
const SLOTS_AT = 0x14200;
const ENTRIES = 8;
const PTR = `0x${toPointer(MAP_AT).toString(16)}`;

/** Memory with a prog array; slot i holds slots[i]. */
function withProgArray(slots: readonly number[]): Mem {
  const mem = Mem.create({ initial: 1 << 18, maximum: 1 << 18 });
  mem.dv.setUint32(MAP_AT + MAP.MAX_ENTRIES, ENTRIES, true);
  mem.dv.setUint32(MAP_AT + MAP.PRIVATE, SLOTS_AT, true);
  for (const [i, number] of slots.entries()) mem.dv.setUint32(SLOTS_AT + i * 4, number, true);
  return mem;
}

const tail = (index: string | number): string => `r2 = ${PTR} ll\nr3 = ${index}\ncall 12\n`;
const table = (): WebAssembly.Table => new WebAssembly.Table({ element: 'anyfunc', initial: PLACES });
const put = (mem: Mem, shared: WebAssembly.Table, number: number, entry: unknown): void => {
  shared.set(number % PLACES, entry);
  mem.dv.setUint32(AREA + RUN_AREA.PLACES + (number % PLACES) * 4, number, true);
};

for (const checked of [false, true]) {
  describe(checked ? 'tail calls, checked' : 'tail calls, unchecked', () => {
    const options = (mem: Mem, more: Partial<HostOptions> = {}): HostOptions => ({
      mem,
      checked,
      budget: true,
      regions: [{ base: DATA, size: 64, writable: true }],
      table: table(),
      ...more,
    });

    it.each([
      ['an empty slot', 1],
      ['beyond the array', ENTRIES],
      ['far beyond the array', 0x7fffffff],
    ])('%s: goes on', (_, index) => {
      const mem = withProgArray([5]);
      const compiled = compileOn([{ bytes: assemble(`${tail(index)}r0 = 55\nexit`) }], options(mem));
      expect(runOnce(compiled, mem, { ctx: DATA }).r0).toBe(55n);
    });

    it('goes to another module by the table, with the same context, and is put there when it is missed', () => {
      const mem = withProgArray([0, 0, 7]);
      mem.u8[DATA] = 33;
      const shared = table();
      const second = compileOn([{ bytes: assemble('r0 = *(u8 *)(r1 + 0)\nexit'), number: 7 }], options(mem, { table: shared }));
      const missed: number[] = [];
      const miss = (number: number): number => {
        missed.push(number);
        put(mem, shared, number, second.exports.entry0);
        return 1;
      };
      const first = compileOn([{ bytes: assemble(`${tail(2)}r0 = 1\nexit`) }], options(mem, { table: shared, miss }));
      for (let i = 0; i < 3; i++) expect(runOnce(first, mem, { ctx: DATA }).r0).toBe(33n);
      expect(missed).toEqual([7]);
    });

    it.each([9, 9 + PLACES])('goes on where the program is gone, also when another one has its place: number %i', (number) => {
      const mem = withProgArray([number]);
      const shared = table();
      const bytes = assemble(`r6 = r1\n${tail(0)}r0 = *(u8 *)(r6 + 0)\nexit`);
      const first = compileOn([{ bytes, number: 3 }], options(mem, { table: shared }));
      put(mem, shared, 9 + 2 * PLACES, first.exports.entry0);
      mem.u8[DATA] = 77;
      expect(runOnce(first, mem, { ctx: DATA }).r0).toBe(77n);
    });

    it('programs whose numbers share a place take turns', () => {
      const numbers = [5, 5 + PLACES];
      const mem = withProgArray(numbers);
      const shared = table();
      const targets = [0, 1].map((i) =>
        compileOn([{ bytes: assemble(`r0 = ${50 + i}\nexit`), number: numbers[i] ?? 0 }], options(mem, { table: shared })),
      );
      const miss = (number: number): number => {
        put(mem, shared, number, targets[numbers.indexOf(number)]?.exports.entry0);
        return 1;
      };
      const callers = [0, 1].map((i) => compileOn([{ bytes: assemble(`${tail(i)}r0 = 1\nexit`) }], options(mem, { table: shared, miss })));
      for (const i of [0, 1, 1, 0]) {
        const [caller] = callers.slice(i);
        expect(caller && runOnce(caller, mem, { ctx: DATA }).r0).toBe(BigInt(50 + i));
      }
    });

    it('a constant index goes straight to a program of the module while the slot holds it', () => {
      const mem = withProgArray([2]);
      const shared = table();
      const programs = [
        { bytes: assemble(`${tail(0)}r0 = 1\nexit`), number: 1 },
        { bytes: assemble('r0 = 22\nexit'), number: 2 },
        { bytes: assemble('r0 = 44\nexit'), number: 3 },
      ];
      const compiled = compileOn(programs, options(mem, { table: shared, tailTarget: () => 2 }));
      expect(runOnce(compiled, mem, { ctx: DATA }).r0).toBe(22n);
      mem.dv.setUint32(SLOTS_AT, 3, true);
      put(mem, shared, 3, compiled.exports.entry2);
      expect(runOnce(compiled, mem, { ctx: DATA }).r0).toBe(44n);
      mem.dv.setUint32(SLOTS_AT, 0, true);
      expect(runOnce(compiled, mem, { ctx: DATA }).r0).toBe(1n);
    });

    const count = `r6 = r1\nr5 = *(u64 *)(r1 + 0)\nr5 += 1\n*(u64 *)(r1 + 0) = r5\n`;
    it('33 succeed, empty slots do not count, and a run begins anew', () => {
      const mem = withProgArray([1]);
      const shared = table();
      const bytes = assemble(`${count}${tail(3)}r1 = r6\n${tail(0)}r0 = *(u64 *)(r6 + 0)\nexit`);
      const compiled = compileOn([{ bytes, number: 1 }], options(mem, { table: shared }));
      put(mem, shared, 1, compiled.exports.entry0);
      for (const total of [34n, 68n]) expect(runOnce(compiled, mem, { ctx: DATA }).r0).toBe(total);
    });

    it('from a subprogram only its frame is replaced: 34 entries, all unwound', () => {
      const mem = withProgArray([1]);
      const shared = table();
      const bytes = assemble(
        `${count}r1 = r6\ncall sub\nr5 = *(u64 *)(r6 + 8)\nr5 += 1\n*(u64 *)(r6 + 8) = r5\nr0 = r5\nexit\nsub: ${tail(0)}r0 = 0\nexit`,
      );
      const compiled = compileOn([{ bytes, number: 1 }], options(mem, { table: shared }));
      put(mem, shared, 1, compiled.exports.entry0);
      expect(runOnce(compiled, mem, { ctx: DATA }).r0).toBe(34n);
      expect(mem.dv.getUint32(DATA, true)).toBe(34);
    });
  });
}

describe('callbacks', () => {
  it.each([false, true])('by their place in the table, checked: %s', (checked) => {
    const mem = Mem.create({ initial: 1 << 18, maximum: 1 << 18 });
    const shared = table();
    const bytes = assemble(
      '*(u64 *)(r10 - 8) = 0\nr1 = 4\nr2 = subprog[+7]\nr3 = r10\nr3 += -8\nr4 = 0\ncall 181\nr0 = *(u64 *)(r10 - 8)\nexit\nr3 = *(u64 *)(r2 + 0)\nr3 += r1\n*(u64 *)(r2 + 0) = r3\nr0 = 0\nexit',
    );
    const proto = HELPER_BY_ID.get(181);
    if (proto === undefined) throw new Error('no bpf_loop');
    const loop = (times: number, place: number, _high: number, ctx: number): number => {
      const callback = shared.get(place) as (...args: (bigint | number)[]) => bigint;
      const frame = mem.dv.getUint32(AREA + RUN_AREA.FRAME, true) - 576;
      for (let i = 0; i < times; i++) callback(BigInt(i), toPointer(ctx), 0n, 0n, 0n, frame);
      return times;
    };
    const compiled = compileOn([{ bytes }], {
      mem,
      checked,
      callbacks: shared,
      callbackBase: 8,
      helper: () => ({ ...helperSignature(proto), params: ['i32', 'split', 'i32', 'i32'] }),
      helpers: { 181: loop },
    });
    expect(compiled.module.callbacks).toEqual([{ program: 0, slot: 10, index: 0 }]);
    expect(runOnce(compiled, mem, { ctx: 0 })).toEqual({ r0: 6n, fault: undefined });
  });
});

describe('faults', () => {
  it.each<[string, string, string, number]>([
    ['an access outside of all regions', 'r1 = 0\nr0 = *(u64 *)(r1 + 8)\nexit', 'access', 1],
    ['an access above the frame', 'r0 = *(u64 *)(r10 + 0)\nexit', 'access', 0],
    ['a dead frame', 'call f\nr0 = *(u64 *)(r0 - 8)\nexit\nf: r0 = r10\nexit', 'access', 1],
    ['recursion without an end', 'f: call f\nexit', 'call', 0],
    ['a loop without an end', 'f: goto f', 'budget', 0],
    ['an unknown helper', 'r0 = 0\ncall 9999\nexit', 'helper', 1],
    ['the end of the program', 'r0 = 0', 'insn', 1],
    ['a jump out of the program', 'goto +100\nexit', 'insn', 2],
  ])('%s', (_, text, kind, insn) => {
    const { fault } = runJit(assemble(text), { checked: true });
    expect(fault?.kind).toBe(kind);
    expect(fault?.insn).toBe(insn);
  });

  it('a trap in unchecked code is found by its place in the module', () => {
    const { fault } = runJit(assemble('r0 = 1\nr1 = 0xffff8880f0000000 ll\nr0 = *(u64 *)(r1 + 0)\nexit'), { checked: false });
    expect(fault).toEqual({ kind: 'trap', insn: 3, program: 0 });
  });
});

describe('facts of a verifier', () => {
  it('decide branches and widths', () => {
    const bytes = assemble('r0 = 1\nif r0 == 2 goto +1\nr0 = 7\nexit');
    const without = compileToWasm([{ bytes }]).bytes.length;
    const mem = Mem.create({ initial: 1 << 18, maximum: 1 << 18 });
    const compiled = compileOn([{ bytes, facts: [undefined, { branch: 'always' }] }], { mem });
    expect(compiled.module.bytes.length).toBeLessThan(without);
    expect(runOnce(compiled, mem, { ctx: 0 }).r0).toBe(1n);
  });
});

const add: Instruction = { kind: 'alu', width: 64, op: 'add', dst: 0, src: { imm: 1 } };
const mov: Instruction = { kind: 'alu', width: 64, op: 'mov', dst: 0, src: { imm: 0 } };
const less = (imm: number, off: number): Instruction => ({ kind: 'jmp', width: 64, op: 'jlt', dst: 0, src: { imm }, off });
const repeat = (n: number, make: (i: number) => Instruction[]): Instruction[] => Array.from({ length: n }, (_, i) => make(i)).flat();

describe('large and deep programs', () => {
  it.each<[string, Instruction[]]>([
    ['100,000 instructions straight on', repeat(99_998, () => [add])],
    ['50,000 branches', repeat(49_999, (i) => [less(i % 7, 1), add])],
    ['branches to one end', repeat(20_000, () => [add, { ...less(0, 0), off: 5000 } as Instruction]).concat(repeat(6000, () => [add]))],
    ['10,000 loops one after another', repeat(10_000, (i) => [add, less(i, -2)])],
    ['1,000 loops inside one another', [...repeat(1000, () => [add]), ...repeat(1000, (i) => [less(i, -(2 * i + 2))])]],
    ['5,000 loops with two entries', repeat(5000, (i) => [less(i, 1), add, add, less(i, -3)])],
  ])('%s', (_, body) => {
    const bytes = encode([mov, ...body, { kind: 'exit' }]);
    const budget = 1_000_000;
    const mem = Mem.create({ initial: 1 << 18, maximum: 1 << 18 });
    const compiled = compileOn([{ bytes }], { mem, budget: true });
    const expected = runBytecode(bytes, { budget: 10 * budget });
    expect(runOnce(compiled, mem, { ctx: 0, budget }).r0).toBe(expected.r0);
  });
});
