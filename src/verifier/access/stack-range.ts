/** Stack memory handed to helpers, or read at an unknown offset: every byte that may be meant (check_stack_range_initialized, v6.18). */
import { bitsText } from '../log/bits-text.ts';
import { denied, Rejection } from '../rejection.ts';
import { cloneReg, KIND, setUnknownScalar } from '../state/reg.ts';
import { BYTE, byteType, lowestByte, withByte } from '../state/stack.ts';
import type { Frame } from '../state/state.ts';
import { knownNumber, smaxNumber, sminNumber, tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import type { Direction } from './region.ts';
import { checkStackBounds, pointedFrame } from './stack-bounds.ts';

/** What the memory is for. */
export interface RangeUse {
  readonly zero: boolean;
  readonly direction: Direction;
  /** The helper fills all of it: called with the size once the range is known to be right; the bytes need not be initialised. */
  readonly fill?: ((n: number, size: number) => void) | undefined;
}

/** Bytes [Rn + off, + size) may be read or written by a helper. `off` includes the pointer's fixed offset. */
export function checkStackRange(v: Verification, n: number, off: number, size: number, use: RangeUse): void {
  if (size === 0 && !use.zero) throw denied('invalid zero-sized read', n);
  const reg = v.reg(n);
  checkStackBounds(v, n, off, size, use.direction);
  const frame = pointedFrame(v, n);
  const constant = tnumIsConst(reg);
  const min = (constant ? knownNumber(reg) : sminNumber(reg)) + off;
  const max = (constant ? knownNumber(reg) : smaxNumber(reg)) + off;
  if (!constant && !v.leaks) throw denied(`R${n} variable offset stack access prohibited for !root, var_off=${bitsText(reg)}`, n);
  if (constant && use.fill !== undefined) {
    for (let at = min; at < max + size; at++) {
      if (byteType(frame.types[(-at - 1) >> 3] ?? 0, (-at - 1) & 7) === BYTE.DYNPTR) {
        throw denied(`potential write to dynptr at off=${at} disallowed`, n);
      }
    }
    use.fill(n, size);
    return;
  }
  for (let at = min; at < max + size; at++) {
    const slot = (-at - 1) >> 3;
    if (slot >= frame.types.length) throw new Rejection('EFAULT', 'verifier bug: allocated_stack too small');
    if (!useByte(v, frame, slot, (-at - 1) & 7, use.direction === 'write')) {
      throw denied(
        constant
          ? `invalid read from stack R${n} off ${min}+${at - min} size ${size}`
          : `invalid read from stack R${n} var_off ${bitsText(reg)}+${at - min} size ${size}`,
        n,
      );
    }
    v.liveness.read(frame.frameno, slot, v.insn);
  }
}

/** @returns whether the byte may be used; what a helper may overwrite is unknown afterwards */
function useByte(v: Verification, frame: Frame, slot: number, i: number, clobber: boolean): boolean {
  const types = frame.types[slot] ?? 0;
  const type = byteType(types, i);
  if (type === BYTE.MISC) return true;
  if (type === BYTE.ZERO || (type === BYTE.INVALID && v.uninitStack)) {
    if (clobber) frame.types[slot] = withByte(types, i, BYTE.MISC);
    return true;
  }
  const saved = frame.saved[slot];
  if (lowestByte(types) !== BYTE.SPILL || saved === undefined) return false;
  if (saved.type !== KIND.SCALAR && !v.leaks) return false;
  if (clobber) {
    const copy = cloneReg(saved);
    setUnknownScalar(copy, !v.capable);
    frame.saved[slot] = copy;
    frame.types[slot] = scrub(types);
  }
  return true;
}

/** Every initialised byte becomes unknown. */
export function scrub(types: number): number {
  let out = types;
  for (let i = 0; i < 8; i++) if (byteType(types, i) !== BYTE.INVALID) out = withByte(out, i, BYTE.MISC);
  return out;
}
