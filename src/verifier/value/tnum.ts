/**
 * Tristate numbers: 64 bits each known 0, known 1 or unknown (kernel/bpf/tnum.c, v6.18). Operations write to `out`, which may be an operand, so
 * that nothing is allocated. Ranges are not known here.
 */
import { addHigh, hex64, highOf, lowOf, mulHigh, sarHigh, sarLow, shlHigh, shlLow, shrHigh, shrLow, subHigh, ult } from './int64.ts';

/**
 * A tristate number as two 64-bit words of int32 halves: bits set in `m` are unknown, the others equal those of `v`; no bit is set in both.
 * Scalar has these fields too, so a Scalar is a Tnum.
 */
export interface Tnum {
  /** Known bits, high and low half. */
  vH: number;
  vL: number;
  /** Unknown bits, high and low half. */
  mH: number;
  mL: number;
}

/** A new tnum; without arguments the constant 0. */
export function tnum(vH = 0, vL = 0, mH = 0, mL = 0): Tnum {
  return { vH, vL, mH, mL };
}

/** A new tnum of BigInts, for tests and slow paths. */
export function tnumOf(value: bigint, mask: bigint): Tnum {
  return tnum(highOf(value), lowOf(value), highOf(mask), lowOf(mask));
}

/** Writes all four halves. */
export function tnumSet(out: Tnum, vH: number, vL: number, mH: number, mL: number): void {
  out.vH = vH;
  out.vL = vL;
  out.mH = mH;
  out.mL = mL;
}

/** out = a. */
export function tnumCopy(out: Tnum, a: Tnum): void {
  tnumSet(out, a.vH, a.vL, a.mH, a.mL);
}

/** No bit is known. */
export function tnumUnknown(out: Tnum): void {
  tnumSet(out, 0, 0, -1, -1);
}

/** All bits are known. */
export function tnumIsConst(a: Tnum): boolean {
  return a.mH === 0 && a.mL === 0;
}

/** No bit is known. */
export function tnumIsUnknown(a: Tnum): boolean {
  return a.mH === -1 && a.mL === -1;
}

/** The low 32 bits are known. */
export function tnumSubregIsConst(a: Tnum): boolean {
  return a.mL === 0;
}

/** The same bits are known, and alike. */
export function tnumEqual(a: Tnum, b: Tnum): boolean {
  return a.vL === b.vL && a.mL === b.mL && a.vH === b.vH && a.mH === b.mH;
}

/** The tightest tnum that holds every u64 of [min, max]. */
export function tnumRange(out: Tnum, minH: number, minL: number, maxH: number, maxL: number): void {
  const differH = minH ^ maxH;
  if (differH === 0) {
    const bits = 32 - Math.clz32(minL ^ maxL);
    const unknown = bits === 32 ? -1 : ((1 << bits) - 1) | 0;
    tnumSet(out, minH, minL & ~unknown, 0, unknown);
    return;
  }
  const bits = 32 - Math.clz32(differH);
  const unknown = bits === 32 ? -1 : ((1 << bits) - 1) | 0;
  tnumSet(out, minH & ~unknown, 0, unknown, -1);
}

/** a << n, 0 <= n < 64. */
export function tnumLshift(out: Tnum, a: Tnum, n: number): void {
  tnumSet(out, shlHigh(a.vH, a.vL, n), shlLow(a.vL, n), shlHigh(a.mH, a.mL, n), shlLow(a.mL, n));
}

/** Unsigned a >> n, 0 <= n < 64. */
export function tnumRshift(out: Tnum, a: Tnum, n: number): void {
  tnumSet(out, shrHigh(a.vH, n), shrLow(a.vH, a.vL, n), shrHigh(a.mH, n), shrLow(a.mH, a.mL, n));
}

/** Signed a >> n of `width` bits, 0 <= n < width. At 32 the upper half of the result is known 0. */
export function tnumArshift(out: Tnum, a: Tnum, n: number, width: 32 | 64): void {
  if (width === 32) tnumSet(out, 0, a.vL >> n, 0, a.mL >> n);
  else tnumSet(out, sarHigh(a.vH, n), sarLow(a.vH, a.vL, n), sarHigh(a.mH, n), sarLow(a.mH, a.mL, n));
}

/** a + b. */
export function tnumAdd(out: Tnum, a: Tnum, b: Tnum): void {
  const maskL = (a.mL + b.mL) | 0;
  const maskH = addHigh(a.mH, b.mH, a.mL, maskL);
  const lowL = (a.vL + b.vL) | 0;
  const lowH = addHigh(a.vH, b.vH, a.vL, lowL);
  const allL = (maskL + lowL) | 0;
  const allH = addHigh(maskH, lowH, maskL, allL);
  // A carry that may or may not happen shows as a difference between the smallest and the largest sum.
  const mL = (allL ^ lowL) | a.mL | b.mL;
  const mH = (allH ^ lowH) | a.mH | b.mH;
  tnumSet(out, lowH & ~mH, lowL & ~mL, mH, mL);
}

/** a - b. */
export function tnumSub(out: Tnum, a: Tnum, b: Tnum): void {
  const dL = (a.vL - b.vL) | 0;
  const dH = subHigh(a.vH, a.vL, b.vH, b.vL);
  const mostL = (dL + a.mL) | 0;
  const mostH = addHigh(dH, a.mH, dL, mostL);
  const leastL = (dL - b.mL) | 0;
  const leastH = subHigh(dH, dL, b.mH, b.mL);
  const mL = (mostL ^ leastL) | a.mL | b.mL;
  const mH = (mostH ^ leastH) | a.mH | b.mH;
  tnumSet(out, dH & ~mH, dL & ~mL, mH, mL);
}

const ZERO: Readonly<Tnum> = tnum();

/** -a. */
export function tnumNeg(out: Tnum, a: Tnum): void {
  tnumSub(out, ZERO, a);
}

/** a & b. */
export function tnumAnd(out: Tnum, a: Tnum, b: Tnum): void {
  const vL = a.vL & b.vL;
  const vH = a.vH & b.vH;
  tnumSet(out, vH, vL, (a.vH | a.mH) & (b.vH | b.mH) & ~vH, (a.vL | a.mL) & (b.vL | b.mL) & ~vL);
}

/** a | b. */
export function tnumOr(out: Tnum, a: Tnum, b: Tnum): void {
  const vL = a.vL | b.vL;
  const vH = a.vH | b.vH;
  tnumSet(out, vH, vL, (a.mH | b.mH) & ~vH, (a.mL | b.mL) & ~vL);
}

/** a ^ b. */
export function tnumXor(out: Tnum, a: Tnum, b: Tnum): void {
  const mL = a.mL | b.mL;
  const mH = a.mH | b.mH;
  tnumSet(out, (a.vH ^ b.vH) & ~mH, (a.vL ^ b.vL) & ~mL, mH, mL);
}

const sum = tnum();
const shifted = tnum();

/**
 * a * b: long multiplication by the bits of `a`, where an unknown bit gives the union of both possibilities. Not symmetric in a and b, as in
 * v6.18.
 */
export function tnumMul(out: Tnum, a: Tnum, b: Tnum): void {
  if (tnumIsConst(a) && tnumIsConst(b)) {
    tnumSet(out, mulHigh(a.vH, a.vL, b.vH, b.vL), Math.imul(a.vL, b.vL), 0, 0);
    return;
  }
  let knownL = a.vL;
  let knownH = a.vH;
  let maybeL = a.mL;
  let maybeH = a.mH;
  tnumCopy(shifted, b);
  tnumSet(out, 0, 0, 0, 0);
  while ((knownL | knownH | maybeL | maybeH) !== 0) {
    // Nothing can be learned any more.
    if (tnumIsUnknown(out) || (shifted.vL | shifted.vH | shifted.mL | shifted.mH) === 0) return;
    if ((knownL & 1) !== 0) tnumAdd(out, out, shifted);
    else if ((maybeL & 1) !== 0) {
      tnumAdd(sum, out, shifted);
      tnumUnion(out, out, sum);
    }
    knownL = (knownL >>> 1) | (knownH << 31);
    knownH >>>= 1;
    maybeL = (maybeL >>> 1) | (maybeH << 31);
    maybeH >>>= 1;
    tnumLshift(shifted, shifted, 1);
  }
}

/** Both hold some number in common, as far as known bits tell. */
export function tnumOverlap(a: Tnum, b: Tnum): boolean {
  return ((a.vL ^ b.vL) & ~(a.mL | b.mL)) === 0 && ((a.vH ^ b.vH) & ~(a.mH | b.mH)) === 0;
}

/** What both hold. Where they contradict each other the bit becomes a known 1. */
export function tnumIntersect(out: Tnum, a: Tnum, b: Tnum): void {
  const mL = a.mL & b.mL;
  const mH = a.mH & b.mH;
  tnumSet(out, (a.vH | b.vH) & ~mH, (a.vL | b.vL) & ~mL, mH, mL);
}

/** The tightest tnum that holds what either holds. */
export function tnumUnion(out: Tnum, a: Tnum, b: Tnum): void {
  const mL = (a.vL ^ b.vL) | a.mL | b.mL;
  const mH = (a.vH ^ b.vH) | a.mH | b.mH;
  tnumSet(out, a.vH & b.vH & ~mH, a.vL & b.vL & ~mL, mH, mL);
}

/** All but the lowest `size` bytes (1, 2, 4 or 8) become known 0. */
export function tnumCast(out: Tnum, a: Tnum, size: number): void {
  if (size >= 8) {
    tnumCopy(out, a);
    return;
  }
  const keep = size >= 4 ? -1 : (1 << (size * 8)) - 1;
  tnumSet(out, 0, a.vL & keep, 0, a.mL & keep);
}

/** `a` with its low half replaced by that of `low`. */
export function tnumWithSubreg(out: Tnum, a: Tnum, low: Tnum): void {
  tnumSet(out, a.vH, low.vL, a.mH, low.mL);
}

/** Every number of `b` is one of `a`. */
export function tnumIn(a: Tnum, b: Tnum): boolean {
  return (b.mL & ~a.mL) === 0 && (b.mH & ~a.mH) === 0 && (b.vL & ~a.mL) === a.vL && (b.vH & ~a.mH) === a.vH;
}

/** Every number is a multiple of `size`, a power of two below 2^31; 0 asks nothing. */
export function tnumIsAligned(a: Tnum, size: number): boolean {
  return size === 0 || ((a.vL | a.mL) & (size - 1)) === 0;
}

/** Some number of the tnum equals the 64-bit number. */
export function tnumContains(a: Tnum, h: number, l: number): boolean {
  return (l & ~a.mL) === a.vL && (h & ~a.mH) === a.vH;
}

/**
 * The smallest number of `a` above the u64 (h, l), as a constant; the largest number of `a` if there is none above. `out` is not `a`.
 */
export function tnumNext(out: Tnum, a: Tnum, h: number, l: number): void {
  const maxH = a.vH | a.mH;
  const maxL = a.vL | a.mL;
  if (!ult(h, l, maxH, maxL)) {
    tnumSet(out, maxH, maxL, 0, 0);
    return;
  }
  // The smallest candidate that is large enough, its known bits not yet looked at.
  const cL = (l + 1) | 0;
  const cH = cL === 0 ? (h + 1) | 0 : h;
  const wrongH = (cH ^ a.vH) & ~a.mH;
  const wrongL = (cL ^ a.vL) & ~a.mL;
  if ((wrongH | wrongL) === 0) {
    tnumSet(out, cH, cL, 0, 0);
    return;
  }
  let bit = wrongH === 0 ? 31 - Math.clz32(wrongL) : 63 - Math.clz32(wrongH);
  const tooLarge = bit < 32 ? (cL >>> bit) & 1 : (cH >>> (bit - 32)) & 1;
  // A bit that must be 0 but is 1: the next unknown 0 above it becomes 1 instead.
  if (tooLarge === 1) {
    const freeH = bit < 32 ? a.mH & ~cH : bit === 63 ? 0 : a.mH & ~cH & -(2 << (bit - 32));
    const freeL = bit < 31 ? a.mL & ~cL & -(2 << bit) : 0;
    bit = freeL !== 0 ? 31 - Math.clz32(freeL & -freeL) : 63 - Math.clz32(freeH & -freeH);
  }
  // Above the bit as the candidate, there 1, below as small as possible.
  if (bit >= 32) {
    const one = 1 << (bit - 32);
    const low = one - 1;
    tnumSet(out, (cH & ~(low | one)) | one | (a.vH & low), a.vL, 0, 0);
  } else {
    const one = 1 << bit;
    const low = one - 1;
    tnumSet(out, cH, (cL & ~(low | one)) | one | (a.vL & low), 0, 0);
  }
}

/** The byte order of the lowest `bits` is reversed, and the rest cleared. */
export function tnumBswap(out: Tnum, a: Tnum, bits: 16 | 32 | 64): void {
  if (bits === 64) tnumSet(out, swap32(a.vL), swap32(a.vH), swap32(a.mL), swap32(a.mH));
  else if (bits === 32) tnumSet(out, 0, swap32(a.vL), 0, swap32(a.mL));
  else tnumSet(out, 0, swap32(a.vL) >>> 16, 0, swap32(a.mL) >>> 16);
}

function swap32(x: number): number {
  return ((x >>> 24) & 0xff) | ((x >>> 8) & 0xff00) | ((x << 8) & 0xff0000) | (x << 24);
}

/** `(0x10; 0xff)`, as the kernel's log has it. */
export function tnumText(a: Tnum): string {
  return `(0x${hex64(a.vH, a.vL)}; 0x${hex64(a.mH, a.mL)})`;
}
