/** Transfer functions of add, sub and mul on a Scalar's ranges and bits, before the final sync (scalar_min_max_*, kernel/bpf/verifier.c v6.18). */
import { addHigh, mulHigh, SIGN, slt, subHigh, ult, umulHigh32, umulOverflows } from './int64.ts';
import { type Scalar, setUnboundedS, setUnboundedU } from './scalar.ts';
import { tnumAdd, tnumMul, tnumSub } from './tnum.ts';

function outside32(value: number): boolean {
  return value !== (value | 0);
}

/** A signed sum overflowed: both addends have the sign that the sum has not. */
function signLost(aH: number, bH: number, sumH: number): boolean {
  return ((aH ^ sumH) & (bH ^ sumH)) < 0;
}

function addRanges32(d: Scalar, s: Scalar): void {
  const smin = d.s32min + s.s32min;
  const smax = d.s32max + s.s32max;
  if (outside32(smin) || outside32(smax)) {
    d.s32min = SIGN;
    d.s32max = 0x7fffffff;
  } else {
    d.s32min = smin;
    d.s32max = smax;
  }
  const umin = (d.u32min >>> 0) + (s.u32min >>> 0);
  const umax = (d.u32max >>> 0) + (s.u32max >>> 0);
  // When every sum wraps, the wrapped range is still one.
  if (umin <= 0xffffffff && umax > 0xffffffff) {
    d.u32min = 0;
    d.u32max = -1;
  } else {
    d.u32min = umin | 0;
    d.u32max = umax | 0;
  }
}

function addRangesS64(d: Scalar, s: Scalar): void {
  const minL = (d.sminL + s.sminL) | 0;
  const minH = addHigh(d.sminH, s.sminH, d.sminL, minL);
  const maxL = (d.smaxL + s.smaxL) | 0;
  const maxH = addHigh(d.smaxH, s.smaxH, d.smaxL, maxL);
  if (signLost(d.sminH, s.sminH, minH) || signLost(d.smaxH, s.smaxH, maxH)) {
    setUnboundedS(d);
    return;
  }
  d.sminH = minH;
  d.sminL = minL;
  d.smaxH = maxH;
  d.smaxL = maxL;
}

function subRangesS64(d: Scalar, s: Scalar): void {
  const minL = (d.sminL - s.smaxL) | 0;
  const minH = subHigh(d.sminH, d.sminL, s.smaxH, s.smaxL);
  const maxL = (d.smaxL - s.sminL) | 0;
  const maxH = subHigh(d.smaxH, d.smaxL, s.sminH, s.sminL);
  if (signLost(d.sminH, ~s.smaxH, minH) || signLost(d.smaxH, ~s.sminH, maxH)) {
    setUnboundedS(d);
    return;
  }
  d.sminH = minH;
  d.sminL = minL;
  d.smaxH = maxH;
  d.smaxL = maxL;
}

/** Sums of the unsigned bounds; `strict`: forgets them if the largest overflows, else only if some sums overflow and others not. */
function addRangesU64(d: Scalar, s: Scalar, strict: boolean): void {
  const minL = (d.uminL + s.uminL) | 0;
  const minH = addHigh(d.uminH, s.uminH, d.uminL, minL);
  const maxL = (d.umaxL + s.umaxL) | 0;
  const maxH = addHigh(d.umaxH, s.umaxH, d.umaxL, maxL);
  const minWraps = ult(minH, minL, d.uminH, d.uminL);
  if (ult(maxH, maxL, d.umaxH, d.umaxL) && (strict || !minWraps)) {
    setUnboundedU(d);
    return;
  }
  d.uminH = minH;
  d.uminL = minL;
  d.umaxH = maxH;
  d.umaxL = maxL;
}

/** Differences of the unsigned bounds; `strict` as in addRangesU64. */
function subRangesU64(d: Scalar, s: Scalar, strict: boolean): void {
  const minWraps = ult(d.uminH, d.uminL, s.umaxH, s.umaxL);
  if (minWraps && (strict || !ult(d.umaxH, d.umaxL, s.uminH, s.uminL))) {
    setUnboundedU(d);
    return;
  }
  const minH = subHigh(d.uminH, d.uminL, s.umaxH, s.umaxL);
  const maxH = subHigh(d.umaxH, d.umaxL, s.uminH, s.uminL);
  d.uminH = minH;
  d.uminL = (d.uminL - s.umaxL) | 0;
  d.umaxH = maxH;
  d.umaxL = (d.umaxL - s.uminL) | 0;
}

function subRanges32(d: Scalar, s: Scalar): void {
  const smin = d.s32min - s.s32max;
  const smax = d.s32max - s.s32min;
  if (outside32(smin) || outside32(smax)) {
    d.s32min = SIGN;
    d.s32max = 0x7fffffff;
  } else {
    d.s32min = smin;
    d.s32max = smax;
  }
  const umin = (d.u32min >>> 0) - (s.u32max >>> 0);
  const umax = (d.u32max >>> 0) - (s.u32min >>> 0);
  if (umin < 0 && umax >= 0) {
    d.u32min = 0;
    d.u32max = -1;
  } else {
    d.u32min = umin | 0;
    d.u32max = umax | 0;
  }
}

/** dst += src: ranges and bits, not synced. */
export function addScalar(d: Scalar, s: Scalar): void {
  addRanges32(d, s);
  addRangesS64(d, s);
  addRangesU64(d, s, false);
  tnumAdd(d, d, s);
}

/** dst -= src: ranges and bits, not synced. */
export function subScalar(d: Scalar, s: Scalar): void {
  subRanges32(d, s);
  subRangesS64(d, s);
  subRangesU64(d, s, false);
  tnumSub(d, d, s);
}

/** dst += src of a pointer's variable offset: 64-bit ranges and bits; the 32-bit ranges are the caller's (adjust_ptr_min_max_vals). */
export function addOffset(d: Scalar, s: Scalar): void {
  addRangesS64(d, s);
  addRangesU64(d, s, true);
  tnumAdd(d, d, s);
}

/** dst -= src of a pointer's variable offset. */
export function subOffset(d: Scalar, s: Scalar): void {
  subRangesS64(d, s);
  subRangesU64(d, s, true);
  tnumSub(d, d, s);
}

function mulRanges32(d: Scalar, s: Scalar): void {
  const { u32min, u32max } = d;
  if (umulHigh32(u32max, s.u32max) !== 0 || umulHigh32(u32min, s.u32min) !== 0) {
    d.u32min = 0;
    d.u32max = -1;
  } else {
    d.u32min = Math.imul(u32min, s.u32min);
    d.u32max = Math.imul(u32max, s.u32max);
  }
  // Products beyond 2^53 are inexact, but far outside of int32.
  const a = d.s32min * s.s32min;
  const b = d.s32min * s.s32max;
  const c = d.s32max * s.s32min;
  const e = d.s32max * s.s32max;
  const min = Math.min(a, b, c, e);
  const max = Math.max(a, b, c, e);
  if (min < SIGN || max > 0x7fffffff) {
    d.s32min = SIGN;
    d.s32max = 0x7fffffff;
  } else {
    d.s32min = min | 0;
    d.s32max = max | 0;
  }
}

let productH = 0;
let productL = 0;

/** The signed product in productH and productL; false if it overflows s64. */
function signedProduct(aH: number, aL: number, bH: number, bL: number): boolean {
  productL = Math.imul(aL, bL);
  productH = mulHigh(aH, aL, bH, bL);
  const a = aH < 0;
  const b = bH < 0;
  // Magnitudes as u64: -(-2^63) is 2^63 there.
  const uaL = a ? -aL | 0 : aL;
  const uaH = a ? subHigh(0, 0, aH, aL) : aH;
  const ubL = b ? -bL | 0 : bL;
  const ubH = b ? subHigh(0, 0, bH, bL) : bH;
  if (umulOverflows(uaH, uaL, ubH, ubL)) return false;
  const high = mulHigh(uaH, uaL, ubH, ubL);
  if (high >= 0) return true;
  return a !== b && high === SIGN && productL === 0;
}

function mulRanges64(d: Scalar, s: Scalar): void {
  if (umulOverflows(d.umaxH, d.umaxL, s.umaxH, s.umaxL) || umulOverflows(d.uminH, d.uminL, s.uminH, s.uminL)) setUnboundedU(d);
  else {
    d.uminH = mulHigh(d.uminH, d.uminL, s.uminH, s.uminL);
    d.uminL = Math.imul(d.uminL, s.uminL);
    d.umaxH = mulHigh(d.umaxH, d.umaxL, s.umaxH, s.umaxL);
    d.umaxL = Math.imul(d.umaxL, s.umaxL);
  }
  const { sminH, sminL, smaxH, smaxL } = d;
  if (!signedProduct(sminH, sminL, s.sminH, s.sminL)) {
    setUnboundedS(d);
    return;
  }
  d.sminH = productH;
  d.sminL = productL;
  d.smaxH = productH;
  d.smaxL = productL;
  if (
    !(
      signedProduct(sminH, sminL, s.smaxH, s.smaxL) &&
      widen(d) &&
      signedProduct(smaxH, smaxL, s.sminH, s.sminL) &&
      widen(d) &&
      signedProduct(smaxH, smaxL, s.smaxH, s.smaxL) &&
      widen(d)
    )
  ) {
    setUnboundedS(d);
  }
}

/** Takes the last product into the signed range. */
function widen(d: Scalar): boolean {
  if (slt(productH, productL, d.sminH, d.sminL)) {
    d.sminH = productH;
    d.sminL = productL;
  }
  if (slt(d.smaxH, d.smaxL, productH, productL)) {
    d.smaxH = productH;
    d.smaxL = productL;
  }
  return true;
}

const factor = { vH: 0, vL: 0, mH: 0, mL: 0 };

/** dst *= src: ranges and bits, not synced. */
export function mulScalar(d: Scalar, s: Scalar): void {
  factor.vH = d.vH;
  factor.vL = d.vL;
  factor.mH = d.mH;
  factor.mL = d.mL;
  tnumMul(d, factor, s);
  mulRanges32(d, s);
  mulRanges64(d, s);
}
