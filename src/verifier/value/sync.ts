/**
 * Keeping the parts of a Scalar in agreement (reg_bounds_sync and what it calls, kernel/bpf/verifier.c v6.18): each part is tightened by what the
 * others tell, in the kernel's order, because a different order can give a different result.
 */
import { MAX32, SIGN, slt, toU64, ult, ult32 } from './int64.ts';
import { type Scalar, setKnown64, setUnbounded } from './scalar.ts';
import { tnum, tnumContains, tnumIntersect, tnumIsConst, tnumNext, tnumRange, tnumSubregIsConst } from './tnum.ts';

/** A range was narrowed since this was cleared: as long as none is, deducing again gives nothing. */
let narrowed = false;

/** Raises the lower bound, or leaves it. */
function raiseUmin(r: Scalar, h: number, l: number): void {
  if (ult(r.uminH, r.uminL, h, l)) {
    r.uminH = h;
    r.uminL = l;
    narrowed = true;
  }
}
function lowerUmax(r: Scalar, h: number, l: number): void {
  if (ult(h, l, r.umaxH, r.umaxL)) {
    r.umaxH = h;
    r.umaxL = l;
    narrowed = true;
  }
}
function raiseSmin(r: Scalar, h: number, l: number): void {
  if (slt(r.sminH, r.sminL, h, l)) {
    r.sminH = h;
    r.sminL = l;
    narrowed = true;
  }
}
function lowerSmax(r: Scalar, h: number, l: number): void {
  if (slt(h, l, r.smaxH, r.smaxL)) {
    r.smaxH = h;
    r.smaxL = l;
    narrowed = true;
  }
}
function narrowU32(r: Scalar, min: number, max: number): void {
  if (ult32(r.u32min, min)) {
    r.u32min = min;
    narrowed = true;
  }
  if (ult32(max, r.u32max)) {
    r.u32max = max;
    narrowed = true;
  }
}
function narrowS32(r: Scalar, min: number, max: number): void {
  if (r.s32min < min) {
    r.s32min = min;
    narrowed = true;
  }
  if (max < r.s32max) {
    r.s32max = max;
    narrowed = true;
  }
}

/** 32-bit ranges learn from the low half's bits. */
export function updateBounds32(r: Scalar): void {
  const { vL, mL } = r;
  narrowS32(r, vL | (mL & SIGN), vL | (mL & MAX32));
  narrowU32(r, vL, vL | mL);
}

const next = tnum();

/**
 * Where ranges and bits have only one unsigned number in common, that is the value (v6.18.y, and later). Contradictory parts can also end here,
 * as in the kernel.
 */
function findSingle(r: Scalar): void {
  const { uminH, uminL } = r;
  // Both umin and umin | 1 are possible: the common case.
  const inside = tnumContains(r, uminH, uminL);
  if (inside && (r.mL & 1) !== 0 && (uminL & 1) === 0 && ult(uminH, uminL, r.umaxH, r.umaxL)) return;
  tnumNext(next, r, uminH, uminL);
  if (inside) {
    if (ult(r.umaxH, r.umaxL, next.vH, next.vL)) setKnown64(r, uminH, uminL);
    return;
  }
  const { vH, vL } = next;
  if (vH === (r.vH | r.mH) && vL === (r.vL | r.mL)) {
    setKnown64(r, vH, vL);
    return;
  }
  if (ult(r.umaxH, r.umaxL, vH, vL)) return;
  tnumNext(next, r, vH, vL);
  if (ult(r.umaxH, r.umaxL, next.vH, next.vL)) setKnown64(r, vH, vL);
}

/** 64-bit ranges learn from the bits. */
export function updateBounds64(r: Scalar): void {
  const { vH, vL, mH, mL } = r;
  raiseSmin(r, vH | (mH & SIGN), vL);
  lowerSmax(r, vH | (mH & MAX32), vL | mL);
  raiseUmin(r, vH, vL);
  lowerUmax(r, vH | mH, vL | mL);
  findSingle(r);
}

/** All ranges learn from the bits. */
export function updateBounds(r: Scalar): void {
  updateBounds32(r);
  updateBounds64(r);
}

/** The 32-bit ranges learn from the 64-bit ones, and from each other. */
function deduce32(r: Scalar): void {
  // The high half cannot change: the low halves of the bounds are bounds of the low half.
  if (r.uminH === r.umaxH) {
    narrowU32(r, r.uminL, r.umaxL);
    if (r.uminL <= r.umaxL) narrowS32(r, r.uminL, r.umaxL);
  }
  if (r.sminH === r.smaxH) {
    if (!ult32(r.smaxL, r.sminL)) narrowU32(r, r.sminL, r.smaxL);
    if (r.sminL <= r.smaxL) narrowS32(r, r.sminL, r.smaxL);
  }
  // The range crosses from one high half into the next with negative to positive low halves.
  if (((r.uminH + 1) | 0) === r.umaxH && r.uminL < 0 && r.umaxL >= 0) narrowS32(r, r.uminL, r.umaxL);
  if (((r.sminH + 1) | 0) === r.smaxH && r.sminL < 0 && r.smaxL >= 0) narrowS32(r, r.sminL, r.smaxL);
  if (r.u32min <= r.u32max) narrowS32(r, r.u32min, r.u32max);
  if (!ult32(r.s32max, r.s32min)) narrowU32(r, r.s32min, r.s32max);
  else if (ult32(r.u32max, r.s32min)) {
    // The signed range wraps as unsigned, and only its non-negative end can be meant.
    r.s32min = r.u32min;
    narrowed = true;
    if (ult32(r.s32max, r.u32max)) r.u32max = r.s32max;
  } else if (ult32(r.s32max, r.u32min)) {
    r.s32max = r.u32max;
    narrowed = true;
    if (ult32(r.u32min, r.s32min)) r.u32min = r.s32min;
  }
}

/** The signed and the unsigned 64-bit range learn from each other. */
function deduce64(r: Scalar): void {
  if (!slt(r.umaxH, r.umaxL, r.uminH, r.uminL)) {
    raiseSmin(r, r.uminH, r.uminL);
    lowerSmax(r, r.umaxH, r.umaxL);
  }
  if (!ult(r.smaxH, r.smaxL, r.sminH, r.sminL)) {
    raiseUmin(r, r.sminH, r.sminL);
    lowerUmax(r, r.smaxH, r.smaxL);
  } else if (ult(r.umaxH, r.umaxL, r.sminH, r.sminL)) {
    r.sminH = r.uminH;
    r.sminL = r.uminL;
    narrowed = true;
    lowerUmax(r, r.smaxH, r.smaxL);
  } else if (ult(r.smaxH, r.smaxL, r.uminH, r.uminL)) {
    r.smaxH = r.umaxH;
    r.smaxL = r.umaxL;
    narrowed = true;
    raiseUmin(r, r.sminH, r.sminL);
  }
}

const range = tnum();

/** The 64-bit ranges learn from the 32-bit ones. */
function deduceMixed(r: Scalar): void {
  raiseUmin(r, r.uminH, r.u32min);
  lowerUmax(r, r.umaxH, r.u32max);
  raiseSmin(r, r.sminH, r.u32min);
  lowerSmax(r, r.smaxH, r.u32max);
  if (!ult32(r.s32max, r.s32min)) {
    raiseUmin(r, r.uminH, r.s32min);
    lowerUmax(r, r.umaxH, r.s32max);
    raiseSmin(r, r.sminH, r.s32min);
    lowerSmax(r, r.smaxH, r.s32max);
  }
  // A sign-extended value whose low half is not negative has a high half of zeros.
  if (r.s32min >= 0 && !slt(r.sminH, r.sminL, -1, SIGN) && !slt(0, MAX32, r.smaxH, r.smaxL)) {
    const maxH = r.s32max >> 31;
    // These replace the ranges, so only a difference means that there may be more to deduce.
    if (
      (r.sminH | r.uminH) !== 0 ||
      r.sminL !== r.s32min ||
      r.uminL !== r.s32min ||
      r.smaxH !== maxH ||
      r.umaxH !== maxH ||
      r.smaxL !== r.s32max ||
      r.umaxL !== r.s32max
    ) {
      r.sminH = 0;
      r.sminL = r.s32min;
      r.smaxH = maxH;
      r.smaxL = r.s32max;
      r.uminH = 0;
      r.uminL = r.s32min;
      r.umaxH = maxH;
      r.umaxL = r.s32max;
      narrowed = true;
    }
    tnumRange(range, r.sminH, r.sminL, r.smaxH, r.smaxL);
    tnumIntersect(r, r, range);
  }
}

/** The bits learn from the unsigned ranges. */
function boundBits(r: Scalar): void {
  tnumRange(range, r.uminH, r.uminL, r.umaxH, r.umaxL);
  tnumIntersect(r, r, range);
  tnumRange(range, 0, r.u32min, 0, r.u32max);
  const mL = r.mL & range.mL;
  r.vL = (r.vL | range.vL) & ~mL;
  r.mL = mL;
}

/** A constant on which all parts agree: the end of all learning. */
export function isSettled(r: Scalar): boolean {
  const { vH, vL } = r;
  return (
    (r.mL | r.mH) === 0 &&
    r.uminL === vL &&
    r.umaxL === vL &&
    r.sminL === vL &&
    r.smaxL === vL &&
    r.uminH === vH &&
    r.umaxH === vH &&
    r.sminH === vH &&
    r.smaxH === vH &&
    r.u32min === vL &&
    r.u32max === vL &&
    r.s32min === vL &&
    r.s32max === vL
  );
}

/** Brings all parts into agreement, exactly as tight as the kernel does (reg_bounds_sync). */
export function syncBounds(r: Scalar): void {
  if (isSettled(r)) return;
  updateBounds(r);
  for (let round = 0; round < 3; round++) {
    narrowed = false;
    deduce32(r);
    deduce64(r);
    deduceMixed(r);
    if (!narrowed) break;
  }
  boundBits(r);
  updateBounds(r);
}

/**
 * What is contradictory in the parts, in the kernel's words (reg_bounds_sanity_check), or undefined. Contradictions are met on branches that no
 * execution takes.
 */
export function contradiction(r: Scalar): string | undefined {
  if (
    ult(r.umaxH, r.umaxL, r.uminH, r.uminL) ||
    slt(r.smaxH, r.smaxL, r.sminH, r.sminL) ||
    ult32(r.u32max, r.u32min) ||
    r.s32max < r.s32min
  ) {
    return 'range bounds violation';
  }
  if (tnumIsConst(r) && !(is(r.uminH, r.uminL, r) && is(r.umaxH, r.umaxL, r) && is(r.sminH, r.sminL, r) && is(r.smaxH, r.smaxL, r))) {
    return 'const tnum out of sync with range bounds';
  }
  if (tnumSubregIsConst(r) && (r.u32min !== r.vL || r.u32max !== r.vL || r.s32min !== r.vL || r.s32max !== r.vL)) {
    return 'const subreg tnum out of sync with range bounds';
  }
  return undefined;
}

function is(h: number, l: number, r: Scalar): boolean {
  return h === r.vH && l === r.vL;
}

/**
 * Forgets the ranges of a contradictory scalar, as the kernel does, and returns its log line without the newline; undefined where all is well.
 * @param context the kernel's name of the place: `alu`, `true_reg1`, `true_reg2`, `false_reg1`, `false_reg2`, `s32_range`
 */
export function dropContradiction(r: Scalar, context: string): string | undefined {
  const what = contradiction(r);
  if (what === undefined) return undefined;
  const u64 = `u64=[${hex(toU64(r.uminH, r.uminL))}, ${hex(toU64(r.umaxH, r.umaxL))}]`;
  const s64 = `s64=[${hex(toU64(r.sminH, r.sminL))}, ${hex(toU64(r.smaxH, r.smaxL))}]`;
  const u32 = `u32=[${hex(r.u32min >>> 0)}, ${hex(r.u32max >>> 0)}]`;
  const s32 = `s32=[${hex(r.s32min >>> 0)}, ${hex(r.s32max >>> 0)}]`;
  const bits = `var_off=(${hex(toU64(r.vH, r.vL))}, ${hex(toU64(r.mH, r.mL))})`;
  setUnbounded(r);
  return `verifier bug: REG INVARIANTS VIOLATION (${context}): ${what} ${u64} ${s64} ${u32} ${s32} ${bits}`;
}

function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

/** Narrows a scalar to [min, max] of int32, sign-extended, in its 64- and 32-bit signed ranges (a callback's or hook's return value). */
export function narrowToS32(r: Scalar, min: number, max: number): void {
  narrowS32(r, min, max);
  raiseSmin(r, min >> 31, min);
  lowerSmax(r, max >> 31, max);
  syncBounds(r);
}
