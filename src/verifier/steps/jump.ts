/** Conditional jumps: which ways are possible, and what each teaches (check_cond_jmp_op, v6.18). */
import type { Slot } from '../../isa/index.ts';
import { pushState } from '../explore/pending.ts';
import { previousEntry, widen } from '../explore/widen.ts';
import { logChanges } from '../log/state-text.ts';
import { markPrecise } from '../precision/precision.ts';
import { STEP } from '../precision/step.ts';
import { denied } from '../rejection.ts';
import { speculateJump } from '../speculation.ts';
import { FLAG, isAnyPacket, isNullScalar, isPointer, KIND, kindOf, mayBeNull, Reg, setConstant } from '../state/reg.ts';
import { type LinkedReg, type PathState, topFrame } from '../state/state.ts';
import { isTrusted } from '../state/trust.ts';
import { branchTaken, dropContradiction, isKnown, JMP, refineBranch, tnumSubregIsConst } from '../value/index.ts';
import { regOf, type Verification } from '../verification.ts';
import { collectLinked, syncLinked } from './linked.ts';
import { setNotNull, settleNull } from './null-checks.ts';
import { learnPackets, packetBranch } from './packet-compare.ts';

const MAY_GOTO = 0xe5;

/** Follows the conditional jump at the current place. @returns the next instruction on this path */
export function checkJump(v: Verification, insn: Slot): number {
  if (insn.code === MAY_GOTO) return mayGoto(v, insn);
  const isReg = (insn.code & 8) !== 0;
  const is32 = (insn.code & 7) === 6;
  const op = insn.code & 0xf0;
  const next = v.insn + 1;
  const target = next + insn.off;

  const dst = v.checkRead(insn.dst);
  let src: Reg;
  let flags = dst.type === KIND.STACK ? STEP.DST_STACK : 0;
  if (isReg) {
    src = v.checkRead(insn.src);
    if (!(isAnyPacket(dst.type) && isAnyPacket(src.type)) && v.hidesPointer(insn.src)) {
      throw denied(`R${insn.src} pointer comparison prohibited`, insn.src);
    }
    if (src.type === KIND.STACK) flags |= STEP.SRC_STACK;
  } else {
    src = new Reg();
    setConstant(src, insn.imm >> 31, insn.imm);
  }
  if (flags !== 0) v.pushHistory(flags);

  const taken = outcome(dst, src, op, is32);
  const fact = v.fact(v.insn);
  fact.ways = (fact.ways ?? 0) | (taken === 1 ? 1 : taken === 0 ? 2 : 3);
  if (taken >= 0) {
    if (!isPointer(dst)) markPrecise(v, insn.dst);
    if (isReg && !isPointer(src)) markPrecise(v, insn.src);
    speculateJump(v, insn, taken === 1 ? next : target);
    if (v.log.on) logChanges(v);
    return taken === 1 ? target : next;
  }

  const linked: LinkedReg[] = [];
  if (isReg && src.type === KIND.SCALAR && src.id !== 0) collectLinked(v, src.id, linked);
  if (dst.type === KIND.SCALAR && dst.id !== 0) collectLinked(v, dst.id, linked);
  if (linked.length > 1) v.pushHistory(0, linked);

  const other = pushState(v, target, v.insn);
  learn(v, insn, { dst, src, op, is32, isReg }, other, linked);
  if (v.log.on) logChanges(v);
  return next;
}

interface Comparison {
  readonly dst: Reg;
  readonly src: Reg;
  readonly op: number;
  readonly is32: boolean;
  readonly isReg: boolean;
}

/** 1: jumps for certain, 0: does not, -1: unknown. */
function outcome(dst: Reg, src: Reg, op: number, is32: boolean): -1 | 0 | 1 {
  if (isAnyPacket(dst.type) && isAnyPacket(src.type) && !is32) return packetBranch(dst, src, op);
  const pointer = isPointer(dst) ? dst : isPointer(src) ? src : undefined;
  if (pointer === undefined) return branchTaken(dst, src, op, is32);
  const value = pointer === dst ? src : dst;
  if (isPointer(value) || !(is32 ? tnumSubregIsConst(value) : isKnown(value))) return -1;
  if (value.vL !== 0 || (!is32 && value.vH !== 0) || !isNotNull(pointer)) return -1;
  return op === JMP.JEQ ? 0 : op === JMP.JNE ? 1 : -1;
}

/** Pointers that are never NULL (reg_not_null). */
function isNotNull(reg: Reg): boolean {
  if (mayBeNull(reg.type)) return false;
  switch (kindOf(reg.type)) {
    case KIND.SOCKET:
    case KIND.TCP_SOCK:
    case KIND.MAP_VALUE:
    case KIND.MAP_KEY:
    case KIND.SOCK_COMMON:
    case KIND.MAP_PTR:
      return true;
    case KIND.MEM:
      return (reg.type & FLAG.UNTRUSTED) === 0;
    case KIND.BTF_ID:
      return isTrusted(reg);
    default:
      return false;
  }
}

function learn(v: Verification, insn: Slot, c: Comparison, other: PathState, linked: readonly LinkedReg[]): void {
  const { dst, src, op, is32, isReg } = c;
  const otherTop = topFrame(other);
  const otherDst = regOf(otherTop, insn.dst);
  let otherSrc: Reg;
  if (isReg) {
    otherSrc = regOf(otherTop, insn.src);
  } else {
    otherSrc = new Reg();
    setConstant(otherSrc, insn.imm >> 31, insn.imm);
  }
  if (dst.type === KIND.SCALAR && src.type === KIND.SCALAR) {
    refineBranch(dst, src, op, is32, false);
    refineBranch(otherDst, otherSrc, op, is32, true);
    const places = [
      [otherDst, 'true_reg1'],
      [otherSrc, 'true_reg2'],
      [dst, 'false_reg1'],
      [src, 'false_reg2'],
    ] as const;
    for (const [reg, where] of places) {
      const line = dropContradiction(reg, where);
      if (line !== undefined && v.log.on) v.log.write(`${line}\n`);
    }
  }
  if (isReg && src.type === KIND.SCALAR && src.id !== 0) {
    syncLinked(v.state, src, linked);
    syncLinked(other, otherSrc, linked);
  }
  if (dst.type === KIND.SCALAR && dst.id !== 0) {
    syncLinked(v.state, dst, linked);
    syncLinked(other, otherDst, linked);
  }
  liftNull(v, insn, c, other);

  const isNullCheck = !is32 && (op === JMP.JEQ || op === JMP.JNE) && mayBeNull(dst.type) && (isReg ? isNullScalar(src) : insn.imm === 0);
  if (isNullCheck) {
    settleNull(v, v.state, insn.dst, op === JMP.JNE);
    settleNull(v, other, insn.dst, op === JMP.JEQ);
  } else if (!(isReg && learnPackets(insn, dst, src, v.state, other)) && v.hidesPointer(insn.dst)) {
    throw denied(`R${insn.dst} pointer comparison prohibited`, insn.dst);
  }
}

/** A pointer that equals one that is not NULL is not NULL. */
function liftNull(v: Verification, insn: Slot, { dst, src, op, is32, isReg }: Comparison, other: PathState): void {
  if (is32 || !isReg || !isPointer(dst) || !isPointer(src) || mayBeNull(dst.type) === mayBeNull(src.type)) return;
  if (kindOf(dst.type) === KIND.BTF_ID || kindOf(src.type) === KIND.BTF_ID) return;
  const equal = op === JMP.JEQ ? topFrame(other) : op === JMP.JNE ? v.frame : undefined;
  if (equal === undefined) return;
  setNotNull(regOf(equal, mayBeNull(src.type) ? insn.src : insn.dst));
}

/** may_goto: jumps at once, or goes on; how often it goes on is bounded by the run time. */
function mayGoto(v: Verification, insn: Slot): number {
  const before = v.state.parent === undefined ? undefined : previousEntry(v, v.state.parent, v.insn);
  const other = pushState(v, v.insn + 1, v.insn);
  other.mayGotoDepth++;
  if (before !== undefined) widen(v, before, other);
  return v.insn + 1 + insn.off;
}
