/** Where a stack pointer may point to: into its frame's 512 bytes (check_stack_access_within_bounds, v6.18). */
import { bitsText } from '../log/bits-text.ts';
import { denied, Rejection } from '../rejection.ts';
import type { Frame } from '../state/state.ts';
import { knownNumber, smaxNumber, sminNumber, tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { type Direction, stackOffsetBounded } from './region.ts';

/** Bytes of a frame (MAX_BPF_STACK). */
export const STACK_MAX = 512;

/** The frame that register `n` points into. */
export function pointedFrame(v: Verification, n: number): Frame {
  const frame = v.state.frames[v.reg(n).frame];
  if (frame === undefined) throw new Rejection('EFAULT', 'verifier bug: stack pointer into a frame that has returned');
  return frame;
}

/** Lengthens the known part of a frame to `size` bytes. */
export function growStack(v: Verification, frame: Frame, size: number): void {
  const slots = Math.ceil(size / 8);
  while (frame.types.length < slots) {
    frame.types.push(0);
    frame.saved.push(undefined);
  }
  const subprog = v.subprograms[frame.subprog];
  if (subprog !== undefined && subprog.stackDepth < slots * 8) subprog.stackDepth = slots * 8;
}

/** Every byte of the access is in the frame. `off` includes the pointer's fixed offset. */
export function checkStackBounds(v: Verification, n: number, off: number, size: number, direction: Direction): void {
  const reg = v.reg(n);
  const frame = pointedFrame(v, n);
  const what = direction === 'read' ? ' read from' : ' write to';
  let min: number;
  let max: number;
  const constant = tnumIsConst(reg);
  if (constant) {
    min = knownNumber(reg) + off;
    max = min + size;
  } else {
    if (!stackOffsetBounded(reg)) throw denied(`invalid unbounded variable-offset${what} stack R${n}`, n);
    min = sminNumber(reg) + off;
    max = smaxNumber(reg) + off + size;
  }
  const lowest = direction === 'write' || v.uninitStack ? -STACK_MAX : frame.types.length * -8;
  const errno = min < lowest || min > -1 ? 'EACCES' : max > 0 ? 'EINVAL' : size < 0 ? 'EFAULT' : undefined;
  if (errno !== undefined) {
    const message = constant
      ? `invalid${what} stack R${n} off=${min} size=${size | 0}`
      : `invalid variable-offset${what} stack R${n} var_off=${bitsText(reg)} off=${off} size=${size}`;
    throw new Rejection(errno, message, [n]);
  }
  growStack(v, frame, -min);
}
