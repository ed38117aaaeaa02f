/** One instruction backwards: which registers and slots before it made the tracked ones (kernel/bpf/verifier.c backtrack_insn, v6.18). */

import { PSEUDO_CALL, type Slot } from '../../isa/index.ts';
import { isPacketLoad, isTailCall } from '../graph/successors.ts';
import { isLocalCall, LD_IMM64 } from '../layout.ts';
import { type History, MAX_FRAMES } from '../state/state.ts';
import { isGlobal, subprogramAt } from '../subprograms.ts';
import type { Verification } from '../verification.ts';
import { ARGS, type Tracked } from './tracked.ts';

/** Bits of a history entry's flags; with STACK the frame (3 bits) and slot (6 bits) below. */
export const STEP = { STACK: 1 << 9, DST_STACK: 1 << 10, SRC_STACK: 1 << 11 } as const;

/** Flags of an access to a stack slot. */
export function stackFlags(frame: number, slot: number): number {
  return STEP.STACK | (slot << 3) | frame;
}

/** What a step can say besides having moved the sets: that the way cannot be followed, or that they are inconsistent. */
export type StepResult = 'ok' | 'lost' | 'bug';

const FP = 10;
/** Bit of an atomic operation that returns the old value (BPF_FETCH). */
const FETCH = 1;
const CMPXCHG = 0xf1;

function linkTracked(tracked: Tracked, history: History | undefined): void {
  const linked = history?.linked;
  if (linked === undefined) return;
  const any = linked.some((l) => (l.spilled ? tracked.hasSlot(l.frame, l.index) : tracked.hasReg(l.index, l.frame)));
  if (!any) return;
  for (const l of linked) {
    if (l.spilled) tracked.addSlot(l.frame, l.index);
    else tracked.addReg(l.index, l.frame);
  }
}

/** Moves the sets over instruction `at`. @param after the instruction that ran next, -1 if unknown */
export function stepBack(v: Verification, at: number, after: number, history: History | undefined, tracked: Tracked): StepResult {
  linkTracked(tracked, history);
  const result = move(v, at, after, history, tracked);
  if (result === 'ok') linkTracked(tracked, history);
  return result;
}

function move(v: Verification, at: number, after: number, history: History | undefined, tracked: Tracked): StepResult {
  const insn = v.slot(at);
  const { dst, src } = insn;
  const isReg = (insn.code & 8) !== 0;
  const op = insn.code & 0xf0;
  switch (insn.code & 7) {
    case 4:
    case 7:
      if (!tracked.hasReg(dst) || op === 0x80 || op === 0xd0) return 'ok';
      if (op === 0xb0) tracked.dropReg(dst);
      if (isReg && src !== FP) tracked.addReg(src);
      return 'ok';
    case 1:
      return load(history, dst, tracked);
    case 2:
    case 3: {
      const atomicLoad = (insn.code & 7) === 3 && (insn.code & 0xe0) === 0xc0 && insn.imm === 0x100;
      if (atomicLoad) return load(history, dst, tracked);
      if (tracked.hasReg(dst)) return 'lost';
      if (history === undefined || (history.flags & STEP.STACK) === 0) return 'ok';
      const frame = history.flags & 7;
      const slot = (history.flags >> 3) & 63;
      // What the kernel forgets: a register that an atomic operation fetched from the slot is as exact as the slot was.
      const fetched = fetchedBy(insn);
      const wanted = fetched >= 0 && tracked.hasReg(fetched);
      if (tracked.hasSlot(frame, slot)) {
        tracked.dropSlot(frame, slot);
        if ((insn.code & 7) === 3) tracked.addReg(src);
      }
      if (wanted) tracked.addSlot(frame, slot);
      return 'ok';
    }
    case 5:
    case 6:
      if (op === 0x80) return call(v, at, after, tracked);
      if (op === 0x90) return exit(v, after, tracked);
      if (isReg && op !== 0 && op !== 0xe0) {
        if (!tracked.hasReg(dst) && !tracked.hasReg(src)) return 'ok';
        const flags = history?.flags ?? 0;
        if ((flags & STEP.SRC_STACK) === 0) tracked.addReg(src);
        if ((flags & STEP.DST_STACK) === 0) tracked.addReg(dst);
      }
      return 'ok';
    default:
      // The second half of a 64-bit constant; its first is what sets the register.
      if (insn.code === 0) return 'ok';
      // A packet load that left its subprogram: the way back is not followed.
      if (isPacketLoad(insn) && after >= 0 && at !== after - 1) return 'lost';
      if (!tracked.hasReg(dst)) return 'ok';
      tracked.dropReg(dst);
      return insn.code === LD_IMM64 ? 'ok' : 'lost';
  }
}

/** The register that an atomic operation gives the old value to, -1 for none. */
function fetchedBy({ code, src, imm }: Slot): number {
  if ((code & 7) !== 3 || (code & 0xe0) !== 0xc0 || (imm & FETCH) === 0) return -1;
  return imm === CMPXCHG ? 0 : src;
}

function load(history: History | undefined, dst: number, tracked: Tracked): StepResult {
  if (!tracked.hasReg(dst)) return 'ok';
  tracked.dropReg(dst);
  if (history !== undefined && (history.flags & STEP.STACK) !== 0) tracked.addSlot(history.flags & 7, (history.flags >> 3) & 63);
  return 'ok';
}

function call(v: Verification, at: number, after: number, tracked: Tracked): StepResult {
  const insn = v.slot(at);
  if (isLocalCall(insn)) {
    if (isGlobal(v, subprogramAt(v, at + insn.imm + 1))) {
      if ((tracked.regs() & ARGS) !== 0) return 'bug';
      tracked.dropReg(0);
      return 'ok';
    }
    if ((tracked.regs() & ~ARGS) !== 0 || tracked.anySlot()) return 'bug';
    for (let n = 1; n <= 5; n++) {
      if (!tracked.hasReg(n)) continue;
      tracked.dropReg(n);
      tracked.addReg(n, tracked.frame - 1);
    }
    return leave(tracked);
  }
  // A kernel function that was not found: refused later, if it is reached at all.
  if (insn.src === PSEUDO_CALL.KFUNC && insn.imm === 0) return 'lost';
  if (v.callsBack(at) && at !== after - 1) {
    if ((tracked.regs() & ~ARGS) !== 0 || tracked.anySlot()) return 'bug';
    for (let n = 1; n <= 5; n++) tracked.dropReg(n);
    return leave(tracked);
  }
  tracked.dropReg(0);
  if ((tracked.regs() & ARGS) !== 0) return 'bug';
  // A tail call left its subprogram: what follows is the caller's.
  return isTailCall(insn) && at !== after - 1 ? enter(tracked) : 'ok';
}

function enter(tracked: Tracked): StepResult {
  if (tracked.frame >= MAX_FRAMES - 1) return 'bug';
  tracked.frame++;
  return 'ok';
}

function leave(tracked: Tracked): StepResult {
  if (tracked.frame === 0) return 'bug';
  tracked.frame--;
  return 'ok';
}

function exit(v: Verification, after: number, tracked: Tracked): StepResult {
  if (after >= 0 && v.callsBack(after)) for (let n = 1; n <= 5; n++) tracked.dropReg(n);
  if ((tracked.regs() & ARGS) !== 0) return 'bug';
  const before = after >= 1 ? v.insns[after - 1] : undefined;
  const result = before !== undefined && isLocalCall(before) && tracked.hasReg(0);
  tracked.dropReg(0);
  if (enter(tracked) === 'bug') return 'bug';
  if (result) tracked.addReg(0);
  return 'ok';
}
