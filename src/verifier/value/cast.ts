/** Changing the width of a Scalar: zero-extension, truncation by loads and 32-bit results, sign-extension (kernel/bpf/verifier.c v6.18). */
import { SIGN, ult } from './int64.ts';
import { type Scalar, setKnown32, setKnown64, setUnbounded32, setUnboundedU } from './scalar.ts';
import { syncBounds } from './sync.ts';
import { tnumCast, tnumIsConst, tnumRange, tnumSet } from './tnum.ts';

/** The 64-bit parts become those of the zero-extended low half; not synced (zext_32_to_64). */
export function zeroExtend32(r: Scalar): void {
  r.vH = 0;
  r.mH = 0;
  r.uminH = 0;
  r.uminL = r.u32min;
  r.umaxH = 0;
  r.umaxL = r.u32max;
  r.sminH = 0;
  r.smaxH = 0;
  if (r.s32min >= 0 && r.s32max >= 0) {
    r.sminL = r.s32min;
    r.smaxL = r.s32max;
  } else {
    r.sminL = 0;
    r.smaxL = -1;
  }
}

/** The value of a 32-bit register move: the low half zero-extended, synced. */
export function moveZext32(r: Scalar): void {
  zeroExtend32(r);
  syncBounds(r);
}

/** Only the lowest `size` bytes (1, 2 or 4) remain, zero-extended: a narrow load (coerce_reg_to_size). */
export function truncate(r: Scalar, size: 1 | 2 | 4): void {
  tnumCast(r, r, size);
  const mask = size === 4 ? -1 : (1 << (size * 8)) - 1;
  if (r.uminH === r.umaxH && (r.uminL & ~mask) === (r.umaxL & ~mask)) {
    r.uminL &= mask;
    r.umaxL &= mask;
  } else {
    r.uminL = 0;
    r.umaxL = mask;
  }
  r.uminH = 0;
  r.umaxH = 0;
  r.sminH = 0;
  r.sminL = r.uminL;
  r.smaxH = 0;
  r.smaxL = r.umaxL;
  if (size < 4) setUnbounded32(r);
  syncBounds(r);
}

function sext(value: number, size: 1 | 2 | 4): number {
  const drop = 32 - size * 8;
  return (value << drop) >> drop;
}

/** Keeps the bits above the lowest `size` bytes of a low half. */
function above(low: number, size: 1 | 2 | 4): number {
  return size === 4 ? 0 : low & -(1 << (size * 8));
}

/** The lowest `size` bytes sign-extended to 64 bits: movsx and sign-extending loads (coerce_reg_to_size_sx). Complete without a sync. */
export function signExtend64(r: Scalar, size: 1 | 2 | 4): void {
  if (tnumIsConst(r)) {
    const low = sext(r.vL, size);
    setKnown64(r, low >> 31, low);
    return;
  }
  if (r.sminH === r.smaxH && above(r.sminL, size) === above(r.smaxL, size)) {
    const a = sext(r.sminL, size);
    const b = sext(r.smaxL, size);
    const min = Math.min(a, b);
    const max = Math.max(a, b);
    if (min >= 0 === max >= 0) {
      setRange32(r, min, max);
      r.sminH = min >> 31;
      r.sminL = min;
      r.smaxH = max >> 31;
      r.smaxL = max;
      r.uminH = min >> 31;
      r.uminL = min;
      r.umaxH = max >> 31;
      r.umaxL = max;
      tnumRange(r, min >> 31, min, max >> 31, max);
      return;
    }
  }
  const most = 0x7fffffff >> (32 - size * 8);
  tnumSet(r, 0, 0, -1, -1);
  r.sminH = -1;
  r.sminL = ~most;
  r.smaxH = 0;
  r.smaxL = most;
  setUnboundedU(r);
  r.s32min = ~most;
  r.s32max = most;
  r.u32min = 0;
  r.u32max = -1;
}

/** The lowest `size` bytes sign-extended to 32 bits and zero-extended: movsx of 32 bits (coerce_subreg_to_size_sx and what follows it). */
export function signExtend32(r: Scalar, size: 1 | 2): void {
  extendSubreg(r, size);
  zeroExtend32(r);
  syncBounds(r);
}

function extendSubreg(r: Scalar, size: 1 | 2): void {
  if (tnumIsConst(r)) {
    r.vH = 0;
    setKnown32(r, sext(r.vL, size));
    return;
  }
  if (above(r.s32min, size) === above(r.s32max, size)) {
    const a = sext(r.s32min, size);
    const b = sext(r.s32max, size);
    const min = Math.min(a, b);
    const max = Math.max(a, b);
    if (min >= 0 === max >= 0) {
      setRange32(r, min, max);
      tnumRange(r, min >> 31, min, max >> 31, max);
      r.vH = 0;
      r.mH = 0;
      return;
    }
  }
  const most = 0x7fffffff >> (32 - size * 8);
  tnumSet(r, 0, 0, 0, -1);
  r.s32min = ~most;
  r.s32max = most;
  r.u32min = 0;
  r.u32max = -1;
}

function setRange32(r: Scalar, min: number, max: number): void {
  r.s32min = min;
  r.s32max = max;
  r.u32min = min;
  r.u32max = max;
}

/** A sign-extending move from `size` bytes keeps the value: the source is below the sign bit. Such a move keeps a scalar's id. */
export function signExtensionKeeps(src: Scalar, size: 1 | 2 | 4): boolean {
  const limit = size === 4 ? SIGN : 1 << (size * 8 - 1);
  return ult(src.umaxH, src.umaxL, 0, limit);
}

/** The value fits in 32 bits: a 32-bit move of it keeps a scalar's id. */
export function fitsU32(r: Scalar): boolean {
  return r.umaxH === 0;
}
