/** Loads from the stack: saved registers come back, other bytes are unknown or zero (check_stack_read, v6.18). */

import { widthOf } from '../identity.ts';
import { bitsText } from '../log/bits-text.ts';
import { stackFlags } from '../precision/step.ts';
import { denied } from '../rejection.ts';
import { copyReg, isPointer, KIND, type Reg, setConstant } from '../state/reg.ts';
import { BYTE, byteType, lowestByte } from '../state/stack.ts';
import type { Frame } from '../state/state.ts';
import { isKnown, isZero, knownNumber, smaxNumber, sminNumber, tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { pointedFrame } from './stack-bounds.ts';
import { checkStackRange } from './stack-range.ts';

/** Slot of the byte at fp + off, off < 0. */
export function slotOf(off: number): number {
  return (-off - 1) >> 3;
}

/** A load of `size` bytes at [Rn + off] into `dst`, or -1 where the value goes nowhere. The range was checked. */
export function readStack(v: Verification, n: number, off: number, size: number, dst: number): void {
  const reg = v.reg(n);
  const frame = pointedFrame(v, n);
  if (tnumIsConst(reg)) {
    readFixed(v, frame, off + knownNumber(reg), size, dst);
    return;
  }
  const bits = bitsText(reg);
  if (dst < 0) {
    throw denied(`variable offset stack pointer cannot be passed into helper function; var_off=${bits} off=${off} size=${size}`, n);
  }
  if (!v.leaks) throw denied(`R${n} variable offset stack access prohibited for !root, var_off=${bits}`, n);
  const min = sminNumber(reg) + off;
  const max = smaxNumber(reg) + off;
  checkStackRange(v, n, off, size, { zero: false, direction: 'read' });
  readBytes(v, frame, min, max + size, dst);
  v.fastcalls?.touch(frame.subprog, min);
}

/** The register of the frame becomes the constant 0, of which it is not yet known whether it matters. */
function setZero(v: Verification, dst: number): void {
  const reg = v.reg(dst);
  setConstant(reg, 0, 0);
  reg.precise = !v.capable;
}

function readBytes(v: Verification, frame: Frame, from: number, to: number, dst: number): void {
  let zeros = 0;
  for (let off = from; off < to; off++) {
    const slot = slotOf(off);
    v.scratchSlot(slot);
    if (byteType(frame.types[slot] ?? 0, (-off - 1) & 7) !== BYTE.ZERO) break;
    zeros++;
  }
  if (zeros === to - from) setZero(v, dst);
  else v.markUnknown(dst);
}

function readFixed(v: Verification, frame: Frame, off: number, size: number, dst: number): void {
  const slot = slotOf(off);
  const types = frame.types[slot] ?? 0;
  const saved = frame.saved[slot];
  v.scratchSlot(slot);
  v.fastcalls?.touch(v.frame.subprog, off);
  v.liveness.read(frame.frameno, slot, v.insn);
  if (lowestByte(types) !== BYTE.SPILL || saved === undefined) {
    checkBytes(v, types, off, size, false);
    if (dst >= 0) readBytes(v, frame, off, off + size, dst);
    return;
  }
  let saveSize = 1;
  while (saveSize < 8 && byteType(types, 7 - saveSize) === BYTE.SPILL) saveSize++;
  if (size === 8 && saveSize === 8) {
    if (dst >= 0) copyReg(v.reg(dst), saved);
    else if (!v.leaks && isPointer(saved)) throw denied(`leaking pointer from stack off ${off}`);
  } else {
    if (saved.type !== KIND.SCALAR) throw denied('invalid size of register fill');
    if (dst < 0) return;
    if (!fillPart(v, frame, slot, saved, { off, size, saveSize, dst })) return;
  }
  v.pushHistory(stackFlags(frame.frameno, slot));
}

/** @returns whether the register's contents come from the saved one */
function fillPart(
  v: Verification,
  frame: Frame,
  slot: number,
  saved: Reg,
  { off, size, saveSize, dst }: { off: number; size: number; saveSize: number; dst: number },
): boolean {
  if (size <= saveSize && off % 8 === 0) {
    const to = v.reg(dst);
    copyReg(to, saved);
    if (widthOf(saved) > size * 8) {
      to.id = 0;
      to.off = 0;
    }
    return true;
  }
  const { saves, zeros } = checkBytes(v, frame.types[slot] ?? 0, off, size, true);
  if (saves === size && isKnown(saved) && isZero(saved)) {
    setZero(v, dst);
    return true;
  }
  if (zeros === size) setZero(v, dst);
  else v.markUnknown(dst);
  return false;
}

function checkBytes(v: Verification, types: number, off: number, size: number, mixed: boolean): { saves: number; zeros: number } {
  let saves = 0;
  let zeros = 0;
  for (let i = 0; i < size; i++) {
    const type = byteType(types, (-off - 1 - i) & 7);
    if (type === BYTE.SPILL && mixed) saves++;
    else if (type === BYTE.ZERO) zeros++;
    else if (type !== BYTE.MISC && !(type === BYTE.INVALID && v.uninitStack)) {
      throw denied(`invalid read from stack off ${off}+${i} size ${size}`);
    }
  }
  return { saves, zeros };
}
