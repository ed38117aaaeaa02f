/** 64-bit arithmetic on register pairs that does not fit a line: multiplication, division, shifts. A pair is (low, high), both signed 32-bit words. */

/** High 32 bits of the unsigned product of two 32-bit words. */
export function mulHigh(x: number, y: number): number {
  const x0 = x & 0xffff;
  const x1 = x >>> 16;
  const y0 = y & 0xffff;
  const y1 = y >>> 16;
  const mid = (Math.imul(x1, y0) >>> 0) + (Math.imul(x0, y0) >>> 16);
  const cross = (Math.imul(x0, y1) >>> 0) + (mid & 0xffff);
  return (Math.imul(x1, y1) + (mid >>> 16) + (cross >>> 16)) | 0;
}

/** dst = dst / src or dst % src on the pairs at word indices `a` (dst) of `r`. Division by 0 gives 0, modulo by 0 leaves dst (RFC 9669 §4.1). */
export function divide(r: Int32Array, a: number, srcLo: number, srcHi: number, kind: 'div' | 'mod' | 'sdiv' | 'smod'): void {
  const lo = r[a] ?? 0;
  const hi = r[a + 1] ?? 0;
  if ((srcLo | srcHi) === 0) {
    if (kind === 'div' || kind === 'sdiv') set(r, a, 0, 0);
    return;
  }
  // Below 2^53 the remainder of doubles is exact, and so is the quotient of (x - remainder). For the signed kinds both are positive here.
  if (hi >>> 21 === 0 && srcHi >>> 21 === 0) {
    const x = hi * 0x1_0000_0000 + (lo >>> 0);
    const y = srcHi * 0x1_0000_0000 + (srcLo >>> 0);
    const rest = x % y;
    const result = kind === 'mod' || kind === 'smod' ? rest : (x - rest) / y;
    set(r, a, result | 0, (result / 0x1_0000_0000) | 0);
    return;
  }
  let x = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
  let y = (BigInt(srcHi >>> 0) << 32n) | BigInt(srcLo >>> 0);
  if (kind === 'sdiv' || kind === 'smod') {
    x = BigInt.asIntN(64, x);
    y = BigInt.asIntN(64, y);
  }
  const result = kind === 'div' || kind === 'sdiv' ? x / y : x % y;
  set(r, a, Number(BigInt.asIntN(32, result)), Number(BigInt.asIntN(32, result >> 32n)));
}

function set(r: Int32Array, a: number, lo: number, hi: number): void {
  r[a] = lo;
  r[a + 1] = hi;
}

/** The four bytes of a word in opposite order. */
export function swap32(x: number): number {
  return (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24);
}
