/**
 * Scalar: what is known of a 64-bit value, as the kernel keeps it (struct bpf_reg_state): known bits, and four ranges. Only the container, its
 * constructors and queries; keeping the parts in agreement is sync.ts, operations are alu.ts and branch.ts.
 */
import { highOf, lowOf, SIGN, slt, toS64, toU64, ult, ult32 } from './int64.ts';
import { type Tnum, tnumContains, tnumEqual, tnumIn, tnumIsConst, tnumIsUnknown } from './tnum.ts';

/**
 * What is known of a value. All fields are int32: 64-bit numbers are (H, L) halves, and u32 bounds are int32 bit patterns (`>>> 0` to read).
 * A plain class so that a register's state can extend it: every function here takes any subclass and touches these fields only.
 */
export class Scalar implements Tnum {
  vH = 0;
  vL = 0;
  mH = -1;
  mL = -1;
  sminH = SIGN;
  sminL = 0;
  smaxH = 0x7fffffff;
  smaxL = -1;
  uminH = 0;
  uminL = 0;
  umaxH = -1;
  umaxL = -1;
  s32min = SIGN;
  s32max = 0x7fffffff;
  u32min = 0;
  u32max = -1;
}

/** A new scalar of a known value. */
export function scalarConst(value: bigint | number): Scalar {
  const out = new Scalar();
  setKnown(out, value);
  return out;
}

/** Copies what is known from `from` to `to`. */
export function copyScalar(to: Scalar, from: Scalar): void {
  to.vH = from.vH;
  to.vL = from.vL;
  to.mH = from.mH;
  to.mL = from.mL;
  to.sminH = from.sminH;
  to.sminL = from.sminL;
  to.smaxH = from.smaxH;
  to.smaxL = from.smaxL;
  to.uminH = from.uminH;
  to.uminL = from.uminL;
  to.umaxH = from.umaxH;
  to.umaxL = from.umaxL;
  to.s32min = from.s32min;
  to.s32max = from.s32max;
  to.u32min = from.u32min;
  to.u32max = from.u32max;
}

/** Nothing is known any more. */
export function setUnknown(r: Scalar): void {
  r.vH = 0;
  r.vL = 0;
  r.mH = -1;
  r.mL = -1;
  setUnbounded(r);
}

/** Forgets all ranges, not the bits. */
export function setUnbounded(r: Scalar): void {
  setUnbounded64(r);
  setUnbounded32(r);
}

/** Forgets the 64-bit ranges. */
export function setUnbounded64(r: Scalar): void {
  setUnboundedS(r);
  setUnboundedU(r);
}

/** Forgets the 32-bit ranges. */
export function setUnbounded32(r: Scalar): void {
  r.s32min = SIGN;
  r.s32max = 0x7fffffff;
  r.u32min = 0;
  r.u32max = -1;
}

/** Forgets the signed 64-bit range. */
export function setUnboundedS(r: Scalar): void {
  r.sminH = SIGN;
  r.sminL = 0;
  r.smaxH = 0x7fffffff;
  r.smaxL = -1;
}

/** Forgets the unsigned 64-bit range. */
export function setUnboundedU(r: Scalar): void {
  r.uminH = 0;
  r.uminL = 0;
  r.umaxH = -1;
  r.umaxL = -1;
}

/** The value is known: the 64 bits of (h, l). */
export function setKnown64(r: Scalar, h: number, l: number): void {
  r.vH = h;
  r.vL = l;
  r.mH = 0;
  r.mL = 0;
  r.sminH = h;
  r.sminL = l;
  r.smaxH = h;
  r.smaxL = l;
  r.uminH = h;
  r.uminL = l;
  r.umaxH = h;
  r.umaxL = l;
  setKnown32(r, l);
}

/** The value is the int32 sign-extended to 64 bits: a 64-bit instruction's immediate. */
export function setKnownImm(r: Scalar, imm: number): void {
  setKnown64(r, imm >> 31, imm | 0);
}

/** The value is the low 32 bits of the number, zero-extended: a 32-bit move's immediate. */
export function setKnownZext(r: Scalar, imm: number): void {
  setKnown64(r, 0, imm | 0);
}

/** The value is known; numbers must be safe integers. */
export function setKnown(r: Scalar, value: bigint | number): void {
  if (typeof value === 'number' && (value | 0) === value) setKnownImm(r, value);
  else {
    const big = BigInt(value);
    setKnown64(r, highOf(big), lowOf(big));
  }
}

/** The low half is known: ranges of 32 bits and the bits of the low half. */
export function setKnown32(r: Scalar, l: number): void {
  r.vL = l;
  r.mL = 0;
  r.s32min = l;
  r.s32max = l;
  r.u32min = l;
  r.u32max = l;
}

/** The signed 64-bit range becomes [min, max]; the other parts follow with syncBounds. */
export function setSigned(r: Scalar, min: bigint | number, max: bigint | number): void {
  r.sminH = highWord(min);
  r.sminL = lowWord(min);
  r.smaxH = highWord(max);
  r.smaxL = lowWord(max);
}

/** The unsigned 64-bit range becomes [min, max]; the other parts follow with syncBounds. */
export function setUnsigned(r: Scalar, min: bigint | number, max: bigint | number): void {
  r.uminH = highWord(min);
  r.uminL = lowWord(min);
  r.umaxH = highWord(max);
  r.umaxL = lowWord(max);
}

function highWord(value: bigint | number): number {
  return typeof value === 'number' ? Math.floor(value / 0x100000000) | 0 : highOf(value);
}

function lowWord(value: bigint | number): number {
  return typeof value === 'number' ? value | 0 : lowOf(value);
}

/** The value is a known constant. */
export function isKnown(r: Scalar): boolean {
  return tnumIsConst(r);
}

/** The value is the constant 0. */
export function isZero(r: Scalar): boolean {
  return (r.vL | r.vH | r.mL | r.mH) === 0;
}

/** Known constant as s64. Meaningful only where isKnown. */
export function knownValue(r: Scalar): bigint {
  return toS64(r.vH, r.vL);
}

/** Known constant as a number (s64): exact for |value| <= 2^53. Meaningful only where isKnown. */
export function knownNumber(r: Scalar): number {
  return signedNumber(r.vH, r.vL);
}

/** (h, l) as s64 in a number: exact for |value| <= 2^53, monotone beyond. */
export function signedNumber(h: number, l: number): number {
  return h * 0x100000000 + (l >>> 0);
}

/** (h, l) as u64 in a number: exact up to 2^53, monotone beyond. */
export function unsignedNumber(h: number, l: number): number {
  return (h >>> 0) * 0x100000000 + (l >>> 0);
}

/** Signed lower bound as a number: exact for |bound| <= 2^53, monotone beyond. */
export function sminNumber(r: Scalar): number {
  return r.sminH * 0x100000000 + (r.sminL >>> 0);
}

/** Signed upper bound as a number, like sminNumber. */
export function smaxNumber(r: Scalar): number {
  return r.smaxH * 0x100000000 + (r.smaxL >>> 0);
}
/** Unsigned lower bound as a number: exact up to 2^53, monotone beyond. */
export function uminNumber(r: Scalar): number {
  return (r.uminH >>> 0) * 0x100000000 + (r.uminL >>> 0);
}

/** Unsigned upper bound as a number, like uminNumber. */
export function umaxNumber(r: Scalar): number {
  return (r.umaxH >>> 0) * 0x100000000 + (r.umaxL >>> 0);
}

/** Exact signed lower bound, for messages. */
export function sminOf(r: Scalar): bigint {
  return toS64(r.sminH, r.sminL);
}

/** Exact signed upper bound. */
export function smaxOf(r: Scalar): bigint {
  return toS64(r.smaxH, r.smaxL);
}

/** Exact unsigned lower bound. */
export function uminOf(r: Scalar): bigint {
  return toU64(r.uminH, r.uminL);
}

/** Exact unsigned upper bound. */
export function umaxOf(r: Scalar): bigint {
  return toU64(r.umaxH, r.umaxL);
}

/** Neither bits nor ranges tell anything. */
export function isUnbounded(r: Scalar): boolean {
  return (
    tnumIsUnknown(r) &&
    r.sminH === SIGN &&
    r.sminL === 0 &&
    r.smaxH === 0x7fffffff &&
    r.smaxL === -1 &&
    (r.uminH | r.uminL) === 0 &&
    (r.umaxH & r.umaxL) === -1 &&
    r.s32min === SIGN &&
    r.s32max === 0x7fffffff &&
    r.u32min === 0 &&
    r.u32max === -1
  );
}

/** All parts are the same. */
export function scalarsEqual(a: Scalar, b: Scalar): boolean {
  return (
    tnumEqual(a, b) &&
    a.uminL === b.uminL &&
    a.umaxL === b.umaxL &&
    a.uminH === b.uminH &&
    a.umaxH === b.umaxH &&
    a.sminL === b.sminL &&
    a.smaxL === b.smaxL &&
    a.sminH === b.sminH &&
    a.smaxH === b.smaxH &&
    a.u32min === b.u32min &&
    a.u32max === b.u32max &&
    a.s32min === b.s32min &&
    a.s32max === b.s32max
  );
}

/** Each range of `inner` lies in that of `outer` (range_within). */
export function rangeWithin(outer: Scalar, inner: Scalar): boolean {
  return !(
    ult(inner.uminH, inner.uminL, outer.uminH, outer.uminL) ||
    ult(outer.umaxH, outer.umaxL, inner.umaxH, inner.umaxL) ||
    slt(inner.sminH, inner.sminL, outer.sminH, outer.sminL) ||
    slt(outer.smaxH, outer.smaxL, inner.smaxH, inner.smaxL) ||
    ult32(inner.u32min, outer.u32min) ||
    ult32(outer.u32max, inner.u32max) ||
    inner.s32min < outer.s32min ||
    outer.s32max < inner.s32max
  );
}

/** `outer` allows all that `inner` allows: ranges and bits. */
export function scalarWithin(outer: Scalar, inner: Scalar): boolean {
  return rangeWithin(outer, inner) && tnumIn(outer, inner);
}

/** The concrete 64-bit number is allowed by every part: what a soundness oracle asks. */
export function scalarContains(r: Scalar, h: number, l: number): boolean {
  return (
    tnumContains(r, h, l) &&
    !ult(h, l, r.uminH, r.uminL) &&
    !ult(r.umaxH, r.umaxL, h, l) &&
    !slt(h, l, r.sminH, r.sminL) &&
    !slt(r.smaxH, r.smaxL, h, l) &&
    !ult32(l, r.u32min) &&
    !ult32(r.u32max, l) &&
    l >= r.s32min &&
    l <= r.s32max
  );
}
