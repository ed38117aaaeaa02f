/**
 * Soundness of the value domain: whatever a member of the operands' states gives, the result's state holds. States come from concrete sets, and
 * of small widths all members are tried.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ALU,
  addToPointer,
  aluScalar,
  branchTaken,
  contradiction,
  copyScalar,
  endScalar,
  highOf,
  JMP,
  lowOf,
  moveZext32,
  refineBranch,
  Scalar,
  scalarConst,
  scalarContains,
  scalarDump,
  scalarWithin,
  setKnown,
  setUnknown,
  signExtend32,
  signExtend64,
  subFromPointer,
  syncBounds,
  type Tnum,
  tnum,
  tnumAdd,
  tnumContains,
  tnumMul,
  tnumNext,
  tnumOf,
  tnumRange,
  tnumSub,
  tnumUnion,
  truncate,
} from './index.ts';

const u64 = (n: bigint): bigint => BigInt.asUintN(64, n);
const s64 = (n: bigint): bigint => BigInt.asIntN(64, n);

const ALU_MODELS: readonly (readonly [string, number, (a: bigint, b: bigint, bits: number) => bigint | undefined])[] = [
  ['add', ALU.ADD, (a, b) => a + b],
  ['sub', ALU.SUB, (a, b) => a - b],
  ['mul', ALU.MUL, (a, b) => a * b],
  ['and', ALU.AND, (a, b) => a & b],
  ['or', ALU.OR, (a, b) => a | b],
  ['xor', ALU.XOR, (a, b) => a ^ b],
  ['neg', ALU.NEG, (a) => -a],
  ['div', ALU.DIV, (a, b) => (b === 0n ? 0n : a / b)],
  ['mod', ALU.MOD, (a, b) => (b === 0n ? a : a % b)],
  ['lsh', ALU.LSH, (a, b, bits) => (b >= BigInt(bits) ? undefined : a << b)],
  ['rsh', ALU.RSH, (a, b, bits) => (b >= BigInt(bits) ? undefined : a >> b)],
  ['arsh', ALU.ARSH, (a, b, bits) => (b >= BigInt(bits) ? undefined : BigInt.asIntN(bits, a) >> b)],
];

const JMP_MODELS: readonly (readonly [string, number, (a: bigint, b: bigint, bits: number) => boolean])[] = [
  ['jeq', JMP.JEQ, (a, b) => a === b],
  ['jne', JMP.JNE, (a, b) => a !== b],
  ['jset', JMP.JSET, (a, b) => (a & b) !== 0n],
  ['jgt', JMP.JGT, (a, b) => a > b],
  ['jge', JMP.JGE, (a, b) => a >= b],
  ['jlt', JMP.JLT, (a, b) => a < b],
  ['jle', JMP.JLE, (a, b) => a <= b],
  ['jsgt', JMP.JSGT, (a, b, bits) => BigInt.asIntN(bits, a) > BigInt.asIntN(bits, b)],
  ['jsge', JMP.JSGE, (a, b, bits) => BigInt.asIntN(bits, a) >= BigInt.asIntN(bits, b)],
  ['jslt', JMP.JSLT, (a, b, bits) => BigInt.asIntN(bits, a) < BigInt.asIntN(bits, b)],
  ['jsle', JMP.JSLE, (a, b, bits) => BigInt.asIntN(bits, a) <= BigInt.asIntN(bits, b)],
];

/** Bits that the members agree on, and their extrema: the tightest state of a set, not yet synced. */
function stateOf(members: readonly bigint[]): Scalar {
  const r = new Scalar();
  const all = members.map(u64);
  const union = tnumOf(all[0] ?? 0n, 0n);
  for (const n of all) tnumUnion(union, union, tnumOf(n, 0n));
  Object.assign(r, union);
  const extrema = (of: bigint[], least: string, most: string, wide: boolean): void => {
    let [min, max] = [of[0] ?? 0n, of[0] ?? 0n];
    for (const n of of) {
      if (n < min) min = n;
      if (n > max) max = n;
    }
    if (wide) {
      Object.assign(r, { [`${least}H`]: highOf(min), [`${least}L`]: lowOf(min), [`${most}H`]: highOf(max), [`${most}L`]: lowOf(max) });
    } else Object.assign(r, { [least]: lowOf(min), [most]: lowOf(max) });
  };
  extrema(all, 'umin', 'umax', true);
  extrema(all.map(s64), 'smin', 'smax', true);
  extrema(
    all.map((n) => BigInt.asUintN(32, n)),
    'u32min',
    'u32max',
    false,
  );
  extrema(
    all.map((n) => BigInt.asIntN(32, n)),
    's32min',
    's32max',
    false,
  );
  return r;
}

const copy = (from: Scalar): Scalar => {
  const out = new Scalar();
  copyScalar(out, from);
  return out;
};
const holds = (r: Scalar, n: bigint): boolean => scalarContains(r, highOf(n), lowOf(n));

/** Numbers near the places where ranges break. */
const word = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc
    .tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: -3, max: 3 }), fc.boolean())
    .map(([bit, near, negative]) => u64((negative ? -1n : 1n) * (1n << BigInt(bit)) + BigInt(near))),
  fc.integer({ min: -9, max: 300 }).map((n) => u64(BigInt(n))),
);
const set = fc.oneof(
  fc.array(word, { minLength: 1, maxLength: 5 }),
  fc.tuple(word, fc.integer({ min: 1, max: 20 })).map(([start, n]) => Array.from({ length: n }, (_, i) => u64(start + BigInt(i)))),
);
const RUNS = { numRuns: Number(process.env.FUZZ_RUNS ?? 300) };

describe('soundness', () => {
  it('a synced state holds its members and is within the unsynced one', () => {
    fc.assert(
      fc.property(set, (members) => {
        const before = stateOf(members);
        const r = copy(before);
        syncBounds(r);
        expect(contradiction(r)).toBeUndefined();
        expect(scalarWithin(before, r)).toBe(true);
        for (const n of members) if (!holds(r, n)) throw new Error(`${n} is not in ${scalarDump(r)}`);
      }),
      RUNS,
    );
  });

  it.each(ALU_MODELS)('%s', (_name, op, model) => {
    fc.assert(
      fc.property(set, set, fc.boolean(), fc.integer({ min: 0, max: 63 }), (as, some, is32, count) => {
        const bits = is32 ? 32 : 64;
        const bs = op === ALU.LSH || op === ALU.RSH || op === ALU.ARSH ? [BigInt(count)] : some;
        const a = stateOf(as);
        const b = stateOf(bs);
        syncBounds(a);
        syncBounds(b);
        aluScalar(a, b, op, is32);
        expect(contradiction(a)).toBeUndefined();
        for (const x of as) {
          for (const y of bs) {
            const exact = model(BigInt.asUintN(bits, x), BigInt.asUintN(bits, y), bits);
            if (exact !== undefined && !holds(a, BigInt.asUintN(bits, exact)))
              throw new Error(`${x}, ${y} give ${exact}: ${scalarDump(a)}`);
          }
        }
        if (as.length === 1 && bs.length === 1 && op !== ALU.DIV && op !== ALU.MOD) {
          const exact = model(BigInt.asUintN(bits, as[0] ?? 0n), BigInt.asUintN(bits, bs[0] ?? 0n), bits);
          if (exact !== undefined) expect(scalarDump(a)).toBe(scalarDump(scalarConst(BigInt.asUintN(bits, exact))));
        }
      }),
      RUNS,
    );
  });

  it.each(JMP_MODELS)('%s', (_name, op, model) => {
    fc.assert(
      fc.property(set, set, fc.boolean(), (as, bs, is32) => {
        const bits = is32 ? 32 : 64;
        const a = stateOf(as);
        const b = stateOf(bs);
        syncBounds(a);
        syncBounds(b);
        const taken = branchTaken(a, b, op, is32);
        const sides = [false, true].map((side) => {
          const out = { a: copy(a), b: copy(b) };
          if (taken === -1) refineBranch(out.a, out.b, op, is32, side);
          return out;
        });
        for (const x of as) {
          for (const y of bs) {
            const outcome = model(BigInt.asUintN(bits, x), BigInt.asUintN(bits, y), bits);
            if (taken !== -1) expect(outcome ? 1 : 0).toBe(taken);
            const side = sides[outcome ? 1 : 0];
            if (side === undefined || !holds(side.a, x) || !holds(side.b, y)) throw new Error(`${x}, ${y}: ${JSON.stringify(side)}`);
          }
        }
      }),
      RUNS,
    );
  });

  it('changes of width, byte order and pointer offsets', () => {
    const reversed = (n: bigint, bytes: number): bigint =>
      BigInt(
        `0x${(
          n
            .toString(16)
            .padStart(16, '0')
            .slice(-2 * bytes)
            .match(/../g) ?? []
        )
          .reverse()
          .join('')}`,
      );
    const rows: readonly (readonly [(r: Scalar) => void, (n: bigint) => bigint])[] = [
      [moveZext32, (n) => BigInt.asUintN(32, n)],
      ...([1, 2, 4] as const).map((size) => [(r: Scalar) => truncate(r, size), (n: bigint) => BigInt.asUintN(size * 8, n)] as const),
      ...([1, 2, 4] as const).map(
        (size) => [(r: Scalar) => signExtend64(r, size), (n: bigint) => u64(BigInt.asIntN(size * 8, n))] as const,
      ),
      ...([1, 2] as const).map(
        (size) => [(r: Scalar) => signExtend32(r, size), (n: bigint) => BigInt.asUintN(32, BigInt.asIntN(size * 8, n))] as const,
      ),
      ...([16, 32, 64] as const).flatMap((bits) => [
        [(r: Scalar) => endScalar(r, bits, true), (n: bigint) => reversed(n, bits / 8)] as const,
        [(r: Scalar) => endScalar(r, bits, false), (n: bigint) => BigInt.asUintN(bits, n)] as const,
      ]),
      [(r) => addToPointer(r, r, scalarConst(-5)), (n) => u64(n - 5n)],
      [(r) => subFromPointer(r, r, scalarConst(7)), (n) => u64(n - 7n)],
    ];
    fc.assert(
      fc.property(set, (members) => {
        const before = stateOf(members);
        syncBounds(before);
        for (const [change, model] of rows) {
          const r = copy(before);
          change(r);
          for (const n of members) if (!holds(r, model(n))) throw new Error(`${n} gives ${model(n)}: ${change} ${scalarDump(r)}`);
        }
      }),
      RUNS,
    );
  });

  it('known values and unknown ones', () => {
    const r = new Scalar();
    for (const n of [0n, -1n, 1n << 63n, 0xffffffffn, -0x80000000n, 0x100000000n]) {
      setKnown(r, n);
      expect(holds(r, n)).toBe(true);
      expect(holds(r, n + 1n)).toBe(false);
      setUnknown(r);
      expect(holds(r, n + 1n)).toBe(true);
    }
  });
});

describe('tristate numbers', () => {
  /** All tnums of 4 bits. */
  const small: Tnum[] = [];
  for (let m = 0; m < 16; m++) for (let v = 0; v < 16; v++) if ((v & m) === 0) small.push(tnum(0, v, 0, m));
  const members = (t: Tnum): number[] => Array.from({ length: 16 }, (_, n) => n).filter((n) => tnumContains(t, 0, n));

  it.each([
    ['add', tnumAdd, (a: number, b: number) => a + b],
    ['sub', tnumSub, (a: number, b: number) => a - b],
    ['mul', tnumMul, (a: number, b: number) => a * b],
  ] as const)('%s holds every result, of all pairs of four bits', (_name, op, model) => {
    const out = tnum();
    for (const a of small) {
      for (const b of small) {
        op(out, a, b);
        for (const x of members(a)) {
          for (const y of members(b)) {
            const n = model(x, y);
            if (!tnumContains(out, n >> 31, n)) throw new Error(`${x}, ${y}`);
          }
        }
      }
    }
  });

  it('the next member and the tightest range, of all of four bits at every place', () => {
    const out = tnum();
    for (let place = 0n; place <= 60n; place += 4n) {
      for (const t of small) {
        const at = tnumOf(BigInt(t.vL) << place, BigInt(t.mL) << place);
        const own = members(t);
        for (let n = -1; n < 16; n++) {
          // One less than a multiple of the place: its next multiple is n + 1.
          const z = (BigInt(n + 1) << place) - 1n;
          if (z < 0n) continue;
          const expected = own.find((x) => x > n) ?? own.at(-1) ?? 0;
          tnumNext(out, at, highOf(z), lowOf(z));
          expect([out.vH, out.vL]).toEqual([highOf(BigInt(expected) << place), lowOf(BigInt(expected) << place)]);
        }
        const [min = 0, max = 0] = [own[0], own.at(-1)];
        tnumRange(
          out,
          highOf(BigInt(min) << place),
          lowOf(BigInt(min) << place),
          highOf(BigInt(max) << place),
          lowOf(BigInt(max) << place),
        );
        for (const x of own) expect(tnumContains(out, highOf(BigInt(x) << place), lowOf(BigInt(x) << place))).toBe(true);
      }
    }
  });
});
