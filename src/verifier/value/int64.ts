/** 64-bit arithmetic on pairs of int32 (high, low): small integers that a JavaScript engine keeps unboxed. What the numbers mean is the callers' business. */

/** -2^31 as int32: the sign bit. */
export const SIGN = -0x80000000;
/** 2^31 - 1. */
export const MAX32 = 0x7fffffff;

/** a < b of two int32 bit patterns read as u32. */
export function ult32(a: number, b: number): boolean {
  return (a ^ SIGN) < (b ^ SIGN);
}

/** a < b as u64. */
export function ult(aH: number, aL: number, bH: number, bL: number): boolean {
  return aH === bH ? (aL ^ SIGN) < (bL ^ SIGN) : (aH ^ SIGN) < (bH ^ SIGN);
}

/** a < b as s64. */
export function slt(aH: number, aL: number, bH: number, bL: number): boolean {
  return aH === bH ? (aL ^ SIGN) < (bL ^ SIGN) : aH < bH;
}

/** High word of a + b, given the low word of the sum and of an addend. */
export function addHigh(aH: number, bH: number, aL: number, sumL: number): number {
  return (aH + bH + ((sumL ^ SIGN) < (aL ^ SIGN) ? 1 : 0)) | 0;
}

/** High word of a - b. */
export function subHigh(aH: number, aL: number, bH: number, bL: number): number {
  return (aH - bH - ((aL ^ SIGN) < (bL ^ SIGN) ? 1 : 0)) | 0;
}

/** High word of a << n, 0 <= n < 64. */
export function shlHigh(h: number, l: number, n: number): number {
  if (n === 0) return h;
  return n < 32 ? (h << n) | (l >>> (32 - n)) : l << (n - 32);
}

/** Low word of a << n, 0 <= n < 64. */
export function shlLow(l: number, n: number): number {
  return n < 32 ? l << n : 0;
}

/** High word of the unsigned a >> n, 0 <= n < 64. */
export function shrHigh(h: number, n: number): number {
  return n < 32 ? (h >>> n) | 0 : 0;
}

/** Low word of the unsigned a >> n, 0 <= n < 64. */
export function shrLow(h: number, l: number, n: number): number {
  if (n === 0) return l;
  return n < 32 ? (l >>> n) | (h << (32 - n)) : (h >>> (n - 32)) | 0;
}

/** High word of the signed a >> n, 0 <= n < 64. */
export function sarHigh(h: number, n: number): number {
  return n < 32 ? h >> n : h >> 31;
}

/** Low word of the signed a >> n, 0 <= n < 64. */
export function sarLow(h: number, l: number, n: number): number {
  if (n === 0) return l;
  return n < 32 ? (l >>> n) | (h << (32 - n)) : h >> (n - 32);
}

/** High word of the u64 product of two u32. */
export function umulHigh32(a: number, b: number): number {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const low = al * bl;
  const mid = ah * bl + (low >>> 16);
  const mid2 = al * bh + (mid & 0xffff);
  return (ah * bh + (mid >>> 16) + (mid2 >>> 16)) | 0;
}

/** High word of the low 64 bits of a * b; the low word is Math.imul(aL, bL). */
export function mulHigh(aH: number, aL: number, bH: number, bL: number): number {
  return (umulHigh32(aL, bL) + Math.imul(aH, bL) + Math.imul(aL, bH)) | 0;
}

/** a * b of u64 does not fit in u64. */
export function umulOverflows(aH: number, aL: number, bH: number, bL: number): boolean {
  if (aH === 0 && bH === 0) return false;
  if (aH !== 0 && bH !== 0) return true;
  const cross = aH === 0 ? (bH >>> 0) * (aL >>> 0) : (aH >>> 0) * (bL >>> 0);
  // Exact below 2^53, and anything from 2^32 on overflows.
  return cross + (umulHigh32(aL, bL) >>> 0) >= 0x100000000;
}

/** The number as a BigInt read as u64. */
export function toU64(h: number, l: number): bigint {
  return (BigInt(h >>> 0) << 32n) | BigInt(l >>> 0);
}

/** The number as a BigInt read as s64. */
export function toS64(h: number, l: number): bigint {
  return (BigInt(h) << 32n) | BigInt(l >>> 0);
}

/** High word of a BigInt's low 64 bits. */
export function highOf(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}

/** Low word of a BigInt. */
export function lowOf(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

/** 64 bits in hex, without leading zeros. */
export function hex64(h: number, l: number): string {
  const low = (l >>> 0).toString(16);
  return h === 0 ? low : (h >>> 0).toString(16) + low.padStart(8, '0');
}
