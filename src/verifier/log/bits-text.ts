/** A pointer's variable offset in messages: a constant (in hex above 16 bits), else the known and unknown bits (tnum_strn, v6.18). */
import { isKnown, type Scalar, tnumText, toU64 } from '../value/index.ts';

export function bitsText(s: Scalar): string {
  if (!isKnown(s)) return tnumText(s);
  const value = toU64(s.vH, s.vL);
  return value <= 0xffffn ? `${value}` : `0x${value.toString(16)}`;
}
