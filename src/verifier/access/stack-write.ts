/** Stores to the stack: registers are saved, other bytes become known to be initialised (check_stack_write, v6.18). */

import { assignId, widthOf } from '../identity.ts';
import { destroyDynptr } from '../objects/dynptr.ts';
import { markPrecise } from '../precision/precision.ts';
import { stackFlags } from '../precision/step.ts';
import { denied, Rejection } from '../rejection.ts';
import { cloneReg, isNullScalar, isPointer, KIND, kindOf, Reg, setConstant } from '../state/reg.ts';
import { BYTE, byteType, lowestByte, withByte } from '../state/stack.ts';
import type { Frame } from '../state/state.ts';
import { isKnown, isZero, knownNumber, smaxNumber, sminNumber, tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { pointedFrame } from './stack-bounds.ts';
import { scrub } from './stack-range.ts';
import { slotOf } from './stack-read.ts';

/** What is stored: a register (-1: none, a helper's or an atomic's unknown data) or an immediate. */
export interface Stored {
  readonly reg: number;
  readonly imm?: number | undefined;
}

/** A store of `size` bytes at [Rn + off]. The range was checked. */
export function writeStack(v: Verification, n: number, off: number, size: number, what: Stored): void {
  const reg = v.reg(n);
  const frame = pointedFrame(v, n);
  if (tnumIsConst(reg)) writeFixed(v, frame, off + knownNumber(reg), size, what);
  else writeVariable(v, frame, { min: sminNumber(reg) + off, max: smaxNumber(reg) + off + size }, what);
}

function isSpillable(type: number): boolean {
  const kind = kindOf(type);
  return kind !== KIND.NOT_INIT && kind !== KIND.SCALAR && kind !== KIND.TP_BUFFER && kind !== KIND.DYNPTR;
}

/** What was saved in the slot is gone; its bytes are unknown. */
function scrubSlot(frame: Frame, slot: number): void {
  const types = frame.types[slot] ?? 0;
  const first = lowestByte(types);
  if (first !== BYTE.INVALID && first !== BYTE.MISC && first !== BYTE.ZERO) frame.types[slot] = scrub(types);
  frame.saved[slot] = undefined;
}

function save(frame: Frame, slot: number, reg: Reg, size: number): void {
  frame.saved[slot] = reg;
  let types = frame.types[slot] ?? 0;
  for (let i = 7; i >= 0; i--) {
    if (i > 7 - size) types = withByte(types, i, BYTE.SPILL);
    else if (byteType(types, i) !== BYTE.ZERO && byteType(types, i) !== BYTE.INVALID) types = withByte(types, i, BYTE.MISC);
  }
  frame.types[slot] = types;
}

/** A processor may load what was in the slot before: unless it and what is stored are plain numbers, a barrier follows the store. */
function outruns(types: number, size: number, stored: Reg | undefined): boolean {
  if (stored !== undefined && isSpillable(stored.type)) return true;
  for (let i = 0; i < size; i++) {
    const type = byteType(types, i);
    if (type !== BYTE.MISC && type !== BYTE.ZERO) return true;
  }
  return false;
}

function writeFixed(v: Verification, frame: Frame, off: number, size: number, what: Stored): void {
  const slot = slotOf(off);
  const types = frame.types[slot] ?? 0;
  const old = lowestByte(types) === BYTE.SPILL ? frame.saved[slot] : undefined;
  if (!v.leaks && old !== undefined && old.type !== KIND.SCALAR && size !== 8) {
    throw denied('attempt to corrupt spilled pointer on stack');
  }
  const reg = what.reg >= 0 ? v.reg(what.reg) : undefined;
  if (!v.privileges.bypassSpecV4 && outruns(types, size, reg)) v.speculation.after[v.insn] = 1;
  destroyDynptr(v, frame, slot);
  v.fastcalls?.touch(frame.subprog, off);
  const aligned = off % 8 === 0;
  if (aligned && size === 8) v.liveness.write(frame.frameno, slot);
  v.scratchSlot(slot);
  if (reg !== undefined && aligned && reg.type === KIND.SCALAR && v.capable) {
    const fits = widthOf(reg) <= 8 * size;
    if (fits) assignId(v, reg);
    const saved = cloneReg(reg);
    if (!fits) saved.id = 0;
    save(frame, slot, saved, size);
  } else if (reg === undefined && aligned && what.imm !== undefined && v.capable) {
    const saved = new Reg();
    setConstant(saved, what.imm >> 31, what.imm);
    save(frame, slot, saved, size);
  } else if (reg !== undefined && isSpillable(reg.type)) {
    if (size !== 8) throw denied('invalid size of register spill', what.reg);
    if (frame !== v.frame && reg.type === KIND.STACK) {
      throw new Rejection('EINVAL', 'cannot spill pointers to stack into stack frame of the caller', [what.reg]);
    }
    save(frame, slot, cloneReg(reg), size);
  } else {
    writeBytes(v, frame, { slot, off, size }, what);
    return;
  }
  v.pushHistory(stackFlags(frame.frameno, slot));
}

function writeBytes(v: Verification, frame: Frame, at: { slot: number; off: number; size: number }, what: Stored): void {
  const { slot, off, size } = at;
  scrubSlot(frame, slot);
  let types = frame.types[slot] ?? 0;
  const zero = what.reg >= 0 ? isNullScalar(v.reg(what.reg)) : what.imm === 0;
  if (zero && what.reg >= 0) markPrecise(v, what.reg);
  for (let i = 0; i < size; i++) types = withByte(types, (-off - 1 - i) & 7, zero ? BYTE.ZERO : BYTE.MISC);
  frame.types[slot] = types;
}

function writeVariable(v: Verification, frame: Frame, { min, max }: { min: number; max: number }, what: Stored): void {
  const zero = what.reg >= 0 ? isNullScalar(v.reg(what.reg)) : what.imm === 0;
  let zeroUsed = false;
  for (let off = min; off < max; off++) destroyDynptr(v, frame, slotOf(off));
  v.fastcalls?.touch(frame.subprog, min);
  for (let off = min; off < max; off++) {
    const slot = slotOf(off);
    const types = frame.types[slot] ?? 0;
    const i = (-off - 1) & 7;
    const type = byteType(types, i);
    v.scratchSlot(slot);
    if (!v.leaks && type !== BYTE.MISC && type !== BYTE.ZERO) {
      throw new Rejection('EINVAL', `spilled ptr in range of var-offset stack write; insn ${v.insn}, ptr off: ${off}`);
    }
    const saved = frame.saved[slot];
    if (zero && type === BYTE.SPILL && saved !== undefined && !isPointer(saved) && isKnown(saved) && isZero(saved)) {
      zeroUsed = true;
      continue;
    }
    scrubSlot(frame, slot);
    const stays = zero && type === BYTE.ZERO;
    if (stays) zeroUsed = true;
    if (type === BYTE.INVALID && !v.uninitStack) {
      throw new Rejection('EINVAL', `uninit stack in range of var-offset write prohibited for !root; insn ${v.insn}, off: ${off}`);
    }
    frame.types[slot] = withByte(frame.types[slot] ?? 0, i, stays ? BYTE.ZERO : BYTE.MISC);
  }
  if (zeroUsed && what.reg >= 0) markPrecise(v, what.reg);
}
