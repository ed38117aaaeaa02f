/** A scalar as the kernel's log prints it (kernel/bpf/log.c v6.18: print_reg_state, print_scalar_ranges). Registers and pointers are printed elsewhere. */
import { hex64, SIGN, toS64, toU64 } from './int64.ts';
import type { Scalar } from './scalar.ts';
import { tnumIsConst, tnumIsUnknown, tnumText } from './tnum.ts';

/** Beyond these, numbers are printed in hex (log.c UNUM_MAX_DECIMAL, SNUM_MIN_DECIMAL, SNUM_MAX_DECIMAL). */
const U_DECIMAL = 0xffff;
const S_DECIMAL_MIN = -0x8000;
const S_DECIMAL_MAX = 0x7fff;

/** A signed 64-bit number: decimal within 16 bits, else hex of its 64 bits. */
export function signedText(h: number, l: number): string {
  if (h === l >> 31 && l >= S_DECIMAL_MIN && l <= S_DECIMAL_MAX) return `${l}`;
  return `0x${hex64(h, l)}`;
}

/** An unsigned 64-bit number: decimal within 16 bits, else hex. */
export function unsignedText(h: number, l: number): string {
  if (h === 0) return l >= 0 && l <= U_DECIMAL ? `${l}` : `0x${hex64(0, l)}`;
  return `0x${hex64(h, l)}`;
}

/** The sign-extended s32 where it prints decimal, else its 32 bits: so equal numbers are printed alike at both widths. */
function high32(value: number): number {
  return value >= S_DECIMAL_MIN && value <= S_DECIMAL_MAX ? value >> 31 : 0;
}

/** In the order of printing; even places are minima, odd ones maxima. */
const NAMES = ['smin', 'smax', 'umin', 'umax', 'smin32', 'smax32', 'umin32', 'umax32'];
/** By place: 1 signed, 0 unsigned. */
const SIGNED = [1, 1, 0, 0, 1, 1, 0, 0];

/** The bounds being printed, as 64-bit halves, and which of them need no more printing: they say nothing, or were merged. */
const high = new Int32Array(8);
const low = new Int32Array(8);
const done = new Uint8Array(8);

function setBound(i: number, h: number, l: number, omitted: boolean): void {
  high[i] = h;
  low[i] = l;
  done[i] = omitted ? 1 : 0;
}

function setBounds(r: Scalar): void {
  setBound(0, r.sminH, r.sminL, r.sminH === SIGN && r.sminL === 0);
  setBound(1, r.smaxH, r.smaxL, r.smaxH === 0x7fffffff && r.smaxL === -1);
  setBound(2, r.uminH, r.uminL, r.uminH === 0 && r.uminL === 0);
  setBound(3, r.umaxH, r.umaxL, r.umaxH === -1 && r.umaxL === -1);
  setBound(4, high32(r.s32min), r.s32min, r.s32min === SIGN);
  setBound(5, high32(r.s32max), r.s32max, r.s32max === 0x7fffffff);
  setBound(6, 0, r.u32min, r.u32min === 0);
  setBound(7, 0, r.u32max, r.u32max === -1);
}

/**
 * The ranges that say something, equal ones merged: `smin=smin32=0`, `smax=umax=smax32=umax32=7`. Minima merge with minima, maxima with maxima,
 * and a negative signed number never with an unsigned one. Empty where nothing is known. Also printed inside of pointers.
 */
export function rangeTexts(r: Scalar): string[] {
  setBounds(r);
  const out: string[] = [];
  for (let i = 0; i < 8; i++) {
    if (done[i] === 1) continue;
    const h = high[i] ?? 0;
    const l = low[i] ?? 0;
    const signed = SIGNED[i];
    let names = NAMES[i] ?? '';
    for (let j = i + 2; j < 8; j += 2) {
      if (done[j] === 1 || high[j] !== h || low[j] !== l || (h < 0 && SIGNED[j] !== signed)) continue;
      done[j] = 1;
      names += `=${NAMES[j]}`;
    }
    out.push(`${names}=${signed === 1 ? signedText(h, l) : unsignedText(h, l)}`);
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
