/** The simulation: one path after another, instruction by instruction, until all are known to be safe or one is not (do_check, v6.18). */

import type { Slot } from '../../isa/index.ts';
import { checkAtomic, checkLoad, checkStore, sizeOf } from '../access/atomic.ts';
import { checkAccess, notePointer } from '../access/memory.ts';
import { callSubprogram } from '../calls/frames.ts';
import { callHelper } from '../calls/helper.ts';
import { noteResult } from '../facts.ts';
import { POINT } from '../graph/points.ts';
import type { InsnFacts } from '../insn-rules.ts';
import { checkInsn } from '../insn-rules.ts';
import { isKfuncCall, namedKfunc } from '../kfunc/call.ts';
import { hookOf } from '../kfunc/hooks.ts';
import { callKfunc } from '../kfunc/kfunc.ts';
import { isLocalCall, isUnconditional, jumpTarget, LD_IMM64 } from '../layout.ts';
import { logChanges, stateText } from '../log/state-text.ts';
import { isLocked } from '../objects/held.ts';
import { invalid, Rejection } from '../rejection.ts';
import { isRecoverable } from '../speculation.ts';
import { endBranch, isVisited } from '../states/visited.ts';
import { checkAlu } from '../steps/alu.ts';
import { checkExit } from '../steps/exit.ts';
import { checkJump } from '../steps/jump.ts';
import { loadImm64, loadPacket } from '../steps/loads.ts';
import type { Verification } from '../verification.ts';

/** BPF_COMPLEXITY_LIMIT_INSNS. */
const MAX_PROCESSED = 1_000_000;
const EXIT = 0x95;
const SPIN_UNLOCK = 94;
/** By instruction class: BPF_LD, BPF_LDX, BPF_ALU, BPF_ALU64. */
const WRITES_DST = [1, 1, 0, 0, 1, 0, 0, 1];
/** ja, call, exit, may_goto. */
const NO_OPERAND = [0x00, 0x80, 0x90, 0xe0];
const RESERVED = /reserved fields|invalid may_goto|atomic opcode/;

/** Follows all paths from the current state. */
export function explore(v: Verification, facts: InsnFacts): void {
  const refusals = new Map<number, string>();
  let printState = false;
  for (;;) {
    v.entry = undefined;
    const at = v.insn;
    const insn = v.slot(at);
    if (++v.processed > MAX_PROCESSED) throw new Rejection('E2BIG', `BPF program is too large. Processed ${v.processed} insn`);
    v.state.lastInsn = v.prevInsn;
    v.state.insn = at;
    // Arithmetic that is forked runs a second time.
    v.environment.trail?.visit(v.state, v.prevInsn === at && ((insn.code & 7) === 4 || (insn.code & 7) === 7));
    if (v.isPoint(at, POINT.PRUNE) && isVisited(v, at)) {
      if (v.log.on) v.log.write(printState ? `\nfrom ${v.prevInsn} to ${at}${speculative(v)}: safe\n` : `${at}: safe\n`);
      const next = nextPath(v);
      if (next === undefined) return;
      printState = true;
      continue;
    }
    if (v.isPoint(at, POINT.JUMP)) v.pushHistory(0);
    if (v.log.all && printState) {
      v.log.write(`\nfrom ${v.prevInsn} to ${at}${speculative(v)}:${stateText(v, v.state, v.state.frames.length - 1, 'all')}`);
    }
    if (v.log.all) printState = false;
    if (v.log.on) logInsn(v, at);
    if (v.seen[at] === 0) {
      v.seen[at] = 1;
      const refusal = checkInsn(insn, at, facts);
      if (refusal !== undefined) refusals.set(at, refusal.message);
    }
    const before = v.insn;
    const next = v.state.speculative ? stepSpeculatively(v, refusals.get(at)) : stepOn(v, refusals.get(at));
    if (WRITES_DST[insn.code & 7] === 1 && !v.state.speculative) noteResult(v, at, v.frame.regs[insn.dst]);
    v.prevInsn = before;
    if (next === undefined) {
      const taken = nextPath(v);
      if (taken === undefined) return;
      printState = true;
    } else {
      if (insn.code === EXIT) printState = true;
      v.insn = next;
    }
  }
}

function speculative(v: Verification): string {
  return v.state.speculative ? ' (speculative execution)' : '';
}

function stepOn(v: Verification, refusal: string | undefined): number | undefined {
  v.liveness.begin(v.insn);
  const next = step(v, refusal);
  v.liveness.commit();
  return next;
}

/** A step of a speculative path: barriers end it, and what would be refused gets one. */
function stepSpeculatively(v: Verification, refusal: string | undefined): number | undefined {
  const { speculation, insn: at } = v;
  if (speculation.before[at] === 1) return undefined;
  let next: number | undefined;
  try {
    next = stepOn(v, refusal);
  } catch (end) {
    if (!(end instanceof Rejection) || !isRecoverable(end)) throw end;
    v.liveness.commit();
    v.log.write(end.text);
    speculation.bar(at);
    return undefined;
  }
  return speculation.after[at] === 1 ? undefined : next;
}

/** The path has ended. Takes up the one put off last. */
function nextPath(v: Verification): true | undefined {
  v.scratchAll();
  endBranch(v, v.state);
  v.liveness.update();
  const path = v.pending.pop();
  if (path === undefined) return undefined;
  v.state = path.state;
  v.insn = path.insn;
  v.prevInsn = path.prevInsn;
  if (!v.log.all) v.log.cut(path.logLength);
  return true;
}

function logInsn(v: Verification, at: number): void {
  if (v.anyScratched) logChanges(v);
  v.logSource(at);
  const text = `${at}: ${v.insnText(at)}\n`;
  v.log.write(text);
  v.lineEnd = v.log.length;
  v.lineWidth = text.length;
}

/** Simulates one instruction. @returns the next one, or undefined where the path ends */
function step(v: Verification, refusal: string | undefined): number | undefined {
  const at = v.insn;
  const insn = v.slot(at);
  const cls = insn.code & 7;
  if (refusal !== undefined && RESERVED.test(refusal)) {
    // Conditional jumps read their first operand before they look at the unused fields.
    if (cls >= 5 && cls < 7 && !NO_OPERAND.includes(insn.code & 0xf0)) v.checkRead(insn.dst);
    throw invalid(refusal);
  }
  switch (cls) {
    case 4:
    case 7:
      if (refusal !== undefined) {
        checkOperands(v, insn.code, insn.dst, insn.src);
        fail(v, refusal);
      }
      checkAlu(v, insn);
      return at + 1;
    case 1:
      checkLoad(v, insn, { aligned: false, signed: (insn.code & 0xe0) === 0x80 });
      return at + 1;
    case 2: {
      v.checkRead(insn.dst);
      const { type } = v.reg(insn.dst);
      checkAccess(v, { at: insn.dst, off: insn.off, size: sizeOf(insn.code), direction: 'write', value: -1, imm: insn.imm });
      notePointer(v, type);
      return at + 1;
    }
    case 3:
      if ((insn.code & 0xe0) === 0xc0) checkAtomic(v, insn);
      else checkStore(v, insn, false);
      return at + 1;
    case 0:
      if (insn.code === LD_IMM64) {
        if (refusal !== undefined) fail(v, refusal);
        loadImm64(v, insn, at);
        return at + 2;
      }
      if (refusal !== undefined) fail(v, refusal);
      return loadPacket(v, insn);
    default:
      v.jumps++;
      return branch(v, refusal);
  }
}

/** Operands are looked at before what is wrong with the operation. */
function checkOperands(v: Verification, code: number, dst: number, src: number): void {
  const op = code & 0xf0;
  if ((code & 8) !== 0 && op !== 0xd0) v.checkRead(src);
  if (op !== 0xb0) v.checkRead(dst);
}

function fail(v: Verification, message: string): never {
  v.scratchAll();
  throw new Rejection(message === 'frame pointer is read only' ? 'EACCES' : 'EINVAL', message);
}

/** What may be called while a bpf_spin_lock is held; subprograms are looked into. */
function mayCallLocked(v: Verification, insn: Slot): boolean {
  if (insn.src === 0) return insn.imm === SPIN_UNLOCK;
  if (!isKfuncCall(insn)) return true;
  const call = namedKfunc(v, insn);
  return call !== undefined && hookOf(call)?.underLock === true;
}

function branch(v: Verification, refusal: string | undefined): number | undefined {
  const at = v.insn;
  const insn = v.slot(at);
  const op = insn.code & 0xf0;
  if (op === 0x80) {
    if (isLocked(v.state) && !mayCallLocked(v, insn)) {
      throw invalid('function calls are not allowed while holding a lock');
    }
    if (refusal !== undefined) fail(v, refusal);
    const next = isLocalCall(insn) ? callSubprogram(v, insn) : isKfuncCall(insn) ? callKfunc(v, insn) : callHelper(v, insn);
    v.scratchReg(0);
    return next;
  }
  if (refusal !== undefined) fail(v, refusal);
  if (isUnconditional(insn)) return jumpTarget(insn, at);
  if (op === 0x90) return checkExit(v);
  return checkJump(v, insn);
}
