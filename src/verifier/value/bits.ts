/** Transfer functions of and, or, xor and the shifts on a Scalar, before the final sync (scalar_min_max_*, kernel/bpf/verifier.c v6.18). */
import { SIGN, sarHigh, sarLow, shlHigh, shlLow, shrHigh, shrLow, ult, ult32 } from './int64.ts';
import { type Scalar, setKnown32, setKnown64, setUnbounded32, setUnbounded64, setUnboundedS, setUnboundedU } from './scalar.ts';
import { updateBounds, updateBounds32 } from './sync.ts';
import { tnumAnd, tnumArshift, tnumIsConst, tnumLshift, tnumOr, tnumRshift, tnumSubregIsConst, tnumXor } from './tnum.ts';

/** Signed 32-bit range of an unsigned one that does not cross the sign. */
function signed32(d: Scalar): void {
  if (d.u32min <= d.u32max) {
    d.s32min = d.u32min;
    d.s32max = d.u32max;
  } else {
    d.s32min = SIGN;
    d.s32max = 0x7fffffff;
  }
}

/** Signed 64-bit range of an unsigned one that does not cross the sign. */
function signed64(d: Scalar): void {
  // Equal sign bits: the unsigned order is then the signed one.
  if (d.uminH < d.umaxH || (d.uminH === d.umaxH && !ult32(d.umaxL, d.uminL))) {
    d.sminH = d.uminH;
    d.sminL = d.uminL;
    d.smaxH = d.umaxH;
    d.smaxL = d.umaxL;
  } else setUnboundedS(d);
}

/** dst &= src. */
export function andScalar(d: Scalar, s: Scalar): void {
  const both32 = tnumSubregIsConst(d) && tnumSubregIsConst(s);
  const both64 = tnumIsConst(d) && tnumIsConst(s);
  tnumAnd(d, d, s);
  if (both32) setKnown32(d, d.vL);
  else {
    d.u32min = d.vL;
    if (ult32(s.u32max, d.u32max)) d.u32max = s.u32max;
    signed32(d);
  }
  if (both64) {
    setKnown64(d, d.vH, d.vL);
    return;
  }
  d.uminH = d.vH;
  d.uminL = d.vL;
  if (ult(s.umaxH, s.umaxL, d.umaxH, d.umaxL)) {
    d.umaxH = s.umaxH;
    d.umaxL = s.umaxL;
  }
  signed64(d);
  updateBounds(d);
}

/** dst |= src. */
export function orScalar(d: Scalar, s: Scalar): void {
  const both32 = tnumSubregIsConst(d) && tnumSubregIsConst(s);
  const both64 = tnumIsConst(d) && tnumIsConst(s);
  tnumOr(d, d, s);
  if (both32) setKnown32(d, d.vL);
  else {
    if (ult32(d.u32min, s.u32min)) d.u32min = s.u32min;
    d.u32max = d.vL | d.mL;
    signed32(d);
  }
  if (both64) {
    setKnown64(d, d.vH, d.vL);
    return;
  }
  if (ult(d.uminH, d.uminL, s.uminH, s.uminL)) {
    d.uminH = s.uminH;
    d.uminL = s.uminL;
  }
  d.umaxH = d.vH | d.mH;
  d.umaxL = d.vL | d.mL;
  signed64(d);
  updateBounds(d);
}

/** dst ^= src. */
export function xorScalar(d: Scalar, s: Scalar): void {
  const both32 = tnumSubregIsConst(d) && tnumSubregIsConst(s);
  const both64 = tnumIsConst(d) && tnumIsConst(s);
  tnumXor(d, d, s);
  if (both32) setKnown32(d, d.vL);
  else {
    d.u32min = d.vL;
    d.u32max = d.vL | d.mL;
    signed32(d);
  }
  if (both64) {
    setKnown64(d, d.vH, d.vL);
    return;
  }
  d.uminH = d.vH;
  d.uminL = d.vL;
  d.umaxH = d.vH | d.mH;
  d.umaxL = d.vL | d.mL;
  signed64(d);
  updateBounds(d);
}

/** 32-bit ranges of a left shift by n. */
function lshRange32(d: Scalar, n: number): void {
  d.s32min = SIGN;
  d.s32max = 0x7fffffff;
  // The largest value keeps all its bits: none of them is shifted past bit 31.
  if (n > 31 || d.u32max >>> 0 > 2 ** (31 - n)) {
    d.u32min = 0;
    d.u32max = -1;
  } else {
    d.u32min <<= n;
    d.u32max <<= n;
  }
}

/** dst <<= n of 32 bits, 0 <= n < 32; the upper half is left to zero-extension. */
export function lsh32(d: Scalar, n: number): void {
  lshRange32(d, n);
  d.vH = 0;
  d.mH = 0;
  d.vL <<= n;
  d.mL <<= n;
  setUnbounded64(d);
  updateBounds32(d);
}

/** dst <<= n, 0 <= n < 64. */
export function lsh64(d: Scalar, n: number): void {
  if (n === 32) {
    // Compilers sign-extend by << 32 and s>> 32: the low half's signed range survives.
    d.sminH = d.s32min;
    d.sminL = 0;
    d.smaxH = d.s32max;
    d.smaxL = 0;
  } else setUnboundedS(d);
  const room = 63 - n;
  const roomH = room < 32 ? 0 : 1 << (room - 32);
  const roomL = room < 32 ? 1 << room : 0;
  if (ult(roomH, roomL, d.umaxH, d.umaxL)) setUnboundedU(d);
  else {
    d.uminH = shlHigh(d.uminH, d.uminL, n);
    d.uminL = shlLow(d.uminL, n);
    d.umaxH = shlHigh(d.umaxH, d.umaxL, n);
    d.umaxL = shlLow(d.umaxL, n);
  }
  lshRange32(d, n);
  tnumLshift(d, d, n);
  updateBounds(d);
}

/** dst >>= n of 32 bits, 0 <= n < 32; the upper half is left to zero-extension. */
export function rsh32(d: Scalar, n: number): void {
  d.s32min = SIGN;
  d.s32max = 0x7fffffff;
  d.vH = 0;
  d.mH = 0;
  d.vL = (d.vL >>> n) | 0;
  d.mL = (d.mL >>> n) | 0;
  d.u32min = (d.u32min >>> n) | 0;
  d.u32max = (d.u32max >>> n) | 0;
  setUnbounded64(d);
  updateBounds32(d);
}

/** dst >>= n, 0 <= n < 64. */
export function rsh64(d: Scalar, n: number): void {
  setUnboundedS(d);
  tnumRshift(d, d, n);
  const { uminH, umaxH } = d;
  d.uminH = shrHigh(uminH, n);
  d.uminL = shrLow(uminH, d.uminL, n);
  d.umaxH = shrHigh(umaxH, n);
  d.umaxL = shrLow(umaxH, d.umaxL, n);
  setUnbounded32(d);
  updateBounds(d);
}

/** dst s>>= n of 32 bits, 0 <= n < 32; the upper half is left to zero-extension. */
export function arsh32(d: Scalar, n: number): void {
  d.s32min >>= n;
  d.s32max >>= n;
  tnumArshift(d, d, n, 32);
  d.u32min = 0;
  d.u32max = -1;
  setUnbounded64(d);
  updateBounds32(d);
}

/** dst s>>= n, 0 <= n < 64. */
export function arsh64(d: Scalar, n: number): void {
  const { sminH, smaxH } = d;
  d.sminH = sarHigh(sminH, n);
  d.sminL = sarLow(sminH, d.sminL, n);
  d.smaxH = sarHigh(smaxH, n);
  d.smaxL = sarLow(smaxH, d.smaxL, n);
  tnumArshift(d, d, n, 64);
  setUnboundedU(d);
  setUnbounded32(d);
  updateBounds(d);
}
