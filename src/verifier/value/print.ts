/** A scalar as the kernel's log prints it (kernel/bpf/log.c v6.18: print_reg_state, print_scalar_ranges). Registers and pointers are printed elsewhere. */
import { SIGN, toS64, toU64 } from './int64.ts';
import type { Scalar } from './scalar.ts';
import { tnumIsConst, tnumIsUnknown, tnumText } from './tnum.ts';

/** Beyond these, numbers are printed in hex (log.c UNUM_MAX_DECIMAL, SNUM_MIN_DECIMAL, SNUM_MAX_DECIMAL). */
const U_DECIMAL = 0xffff;
const S_DECIMAL_MIN = -0x8000;
const S_DECIMAL_MAX = 0x7fff;

/** A signed 64-bit number: decimal within 16 bits, else hex of its 64 bits. */
export function signedText(h: number, l: number): string {
  if (h === l >> 31 && l >= S_DECIMAL_MIN && l <= S_DECIMAL_MAX) return `${l}`;
  return `0x${toU64(h, l).toString(16)}`;
}

/** An unsigned 64-bit number: decimal within 16 bits, else hex. */
export function unsignedText(h: number, l: number): string {
  if (h === 0) return l >= 0 && l <= U_DECIMAL ? `${l}` : `0x${(l >>> 0).toString(16)}`;
  return `0x${toU64(h, l).toString(16)}`;
}

/** The sign-extended s32 where it prints decimal, else its 32 bits: so equal numbers are printed alike at both widths. */
function high32(value: number): number {
  return value >= S_DECIMAL_MIN && value <= S_DECIMAL_MAX ? value >> 31 : 0;
}

interface Bound {
  readonly name: string;
  readonly signed: boolean;
  readonly h: number;
  readonly l: number;
  readonly omitted: boolean;
}

/** In the order of printing; even places are minima, odd ones maxima. */
function bounds(r: Scalar): Bound[] {
  return [
    { name: 'smin', signed: true, h: r.sminH, l: r.sminL, omitted: r.sminH === SIGN && r.sminL === 0 },
    { name: 'smax', signed: true, h: r.smaxH, l: r.smaxL, omitted: r.smaxH === 0x7fffffff && r.smaxL === -1 },
    { name: 'umin', signed: false, h: r.uminH, l: r.uminL, omitted: r.uminH === 0 && r.uminL === 0 },
    { name: 'umax', signed: false, h: r.umaxH, l: r.umaxL, omitted: r.umaxH === -1 && r.umaxL === -1 },
    { name: 'smin32', signed: true, h: high32(r.s32min), l: r.s32min, omitted: r.s32min === SIGN },
    { name: 'smax32', signed: true, h: high32(r.s32max), l: r.s32max, omitted: r.s32max === 0x7fffffff },
    { name: 'umin32', signed: false, h: 0, l: r.u32min, omitted: r.u32min === 0 },
    { name: 'umax32', signed: false, h: 0, l: r.u32max, omitted: r.u32max === -1 },
  ];
}

/**
 * The ranges that say something, equal ones merged: `smin=smin32=0`, `smax=umax=smax32=umax32=7`. Minima merge with minima, maxima with maxima,
 * and a negative signed number never with an unsigned one. Empty where nothing is known. Also printed inside of pointers.
 */
export function rangeTexts(r: Scalar): string[] {
  const all = bounds(r);
  const out: string[] = [];
  const merged = new Set<Bound>();
  for (const [i, bound] of all.entries()) {
    if (bound.omitted || merged.has(bound)) continue;
    let names = bound.name;
    for (const [j, other] of all.entries()) {
      if (j <= i || (j - i) % 2 !== 0 || other.omitted || merged.has(other) || other.h !== bound.h || other.l !== bound.l) continue;
      if ((bound.signed && bound.h < 0) !== (other.signed && other.h < 0)) continue;
      merged.add(other);
      names += `=${other.name}`;
    }
    out.push(`${names}=${(bound.signed ? signedText : unsignedText)(bound.h, bound.l)}`);
  }
  return out;
}

/** Parts that a register adds to its scalar. */
export interface ScalarMarks {
  /** Its exact value matters: prefix `P`. */
  readonly precise?: boolean;
  /** Identity shared by copies; 0 none. */
  readonly id?: number;
  /** Constant by which it differs from others of its id; printed with its sign where present. */
  readonly delta?: number;
}

/** `scalar(id=1,smin=0,smax=umax=7,var_off=(0x0; 0x7))`, or the number alone if it is known. */
export function scalarText(r: Scalar, { precise = false, id = 0, delta }: ScalarMarks = {}): string {
  const prefix = precise ? 'P' : '';
  if (tnumIsConst(r)) return prefix + signedText(r.vH, r.vL);
  const parts = rangeTexts(r);
  if (id !== 0) parts.unshift(`id=${id}${delta === undefined ? '' : delta < 0 ? delta : `+${delta}`}`);
  if (!tnumIsUnknown(r)) parts.push(`var_off=${tnumText(r)}`);
  return `${prefix}scalar(${parts.join(',')})`;
}

/** All parts, for messages of tests and the soundness oracle. */
export function scalarDump(r: Scalar): string {
  const s64 = `s64=[${toS64(r.sminH, r.sminL)}, ${toS64(r.smaxH, r.smaxL)}]`;
  const u64 = `u64=[${toU64(r.uminH, r.uminL)}, ${toU64(r.umaxH, r.umaxL)}]`;
  return `${s64} ${u64} s32=[${r.s32min}, ${r.s32max}] u32=[${r.u32min >>> 0}, ${r.u32max >>> 0}] var_off=${tnumText(r)}`;
}
