/** Calls of subprograms: entering and leaving frames, and callbacks that helpers run (check_func_call, prepare_func_exit, v6.18). */
import type { Slot } from '../../isa/index.ts';
import { pushAsync, pushState } from '../explore/pending.ts';
import { previousEntry, widen } from '../explore/widen.ts';
import { stateText } from '../log/state-text.ts';
import { markPrecise } from '../precision/precision.ts';
import { denied, invalid, Rejection } from '../rejection.ts';
import { copyReg, KIND, type Reg } from '../state/reg.ts';
import { Frame, MAX_FRAMES, type PathState, topFrame } from '../state/state.ts';
import { isGlobal, subprogramAt } from '../subprograms.ts';
import { type Scalar, smaxOf, sminOf } from '../value/index.ts';
import { regOf, type Verification } from '../verification.ts';
import { callGlobal, noteMismatch } from './global.ts';

/** How many of R0.. a call overwrites. */
export const CALLER_SAVED = 6;

/** Gives the callee's registers their states. */
export type SetArgs = (caller: Frame, callee: Frame) => void;

/** Forgets R0-R5. */
export function clearCallerSaved(v: Verification, frame: Frame): void {
  for (let n = 0; n < CALLER_SAVED; n++) {
    v.markNotInit(regOf(frame, n));
    v.scratchReg(n);
  }
}

function enter(v: Verification, state: PathState, subprog: number, callsite: number, setArgs: SetArgs): void {
  const count = state.frames.length;
  if (count >= MAX_FRAMES) throw new Rejection('E2BIG', `the call stack of ${count + 1} frames is too deep`);
  const caller = topFrame(state);
  const callee = new Frame(callsite, count, subprog);
  state.frames.push(callee);
  v.scratchAll();
  setArgs(caller, callee);
  v.scratchAll();
}

function passArgs(caller: Frame, callee: Frame): void {
  for (let n = 1; n <= 5; n++) copyReg(regOf(callee, n), regOf(caller, n));
}

/** Calls the subprogram at the current instruction. @returns the next instruction */
export function callSubprogram(v: Verification, insn: Slot): number {
  const target = v.insn + insn.imm + 1;
  const index = subprogramAt(v, target);
  if (index < 0) throw new Rejection('EFAULT', `verifier bug: no subprogram at insn ${target}`);
  if (isGlobal(v, index)) {
    callGlobal(v, index);
    return v.insn + 1;
  }
  noteMismatch(v, index);
  const caller = v.frame;
  enter(v, v.state, index, v.insn, passArgs);
  clearCallerSaved(v, caller);
  v.liveness.resetChain();
  if (v.log.on) {
    v.log.write(`caller:\n${stateText(v, v.state, caller.frameno, 'all')}`);
    v.log.write(`callee:\n${stateText(v, v.state, v.state.frames.length - 1, 'all')}`);
  }
  return target;
}

/** What a value is not: the kernel's words for a scalar out of the range it must have. */
export function outOfRange(where: string, name: string, reg: Scalar, min: number, max: number): string {
  let known = '';
  const least = sminOf(reg);
  const most = smaxOf(reg);
  if (least > -(2n ** 63n)) known += ` smin=${least}`;
  if (most < 2n ** 63n - 1n) known += ` smax=${most}`;
  return `${where} the register ${name} has${known === '' ? ' unknown scalar value' : known} should have been in [${min}, ${max}]`;
}

/** Leaves the innermost frame. @returns the next instruction: after the call, or for a callback the call itself */
export function leaveFrame(v: Verification): number {
  const { state } = v;
  const callee = topFrame(state);
  const caller = state.frames[state.frames.length - 2];
  if (caller === undefined) throw new Rejection('EFAULT', 'verifier bug: the outermost frame has no caller');
  const result = regOf(callee, 0);
  if (result.type === KIND.STACK) throw invalid('cannot return stack pointer to the caller', 0);
  if (callee.inCallback) {
    if (result.type !== KIND.SCALAR) throw denied('R0 not a scalar value', 0);
    markPrecise(v, 0);
    if (sminOf(result) < BigInt(callee.returnMin) || smaxOf(result) > BigInt(callee.returnMax)) {
      throw invalid(outOfRange('At callback return', 'R0', result, callee.returnMin, callee.returnMax), 0);
    }
  } else {
    copyReg(regOf(caller, 0), result);
  }
  const next = callee.inCallback ? callee.callsite : callee.callsite + 1;
  if (v.log.on) {
    v.log.write(`returning from callee:\n${stateText(v, state, callee.frameno, 'all')}`);
    v.log.write(`to caller at ${next}:\n${stateText(v, state, caller.frameno, 'all')}`);
  }
  state.frames.pop();
  if (callee.inCallback) {
    const before = previousEntry(v, state, next);
    if (before !== undefined) widen(v, before, state);
  }
  return next;
}

/** A helper will run the subprogram: a path that enters it is put off, the current one goes on as after the last round. */
export function pushCallback(v: Verification, subprog: number, setArgs: SetArgs): void {
  const info = v.subprograms[subprog];
  if (info === undefined) throw new Rejection('EFAULT', `verifier bug: no subprogram ${subprog}`);
  noteMismatch(v, subprog);
  info.isCallback = true;
  const state = pushState(v, info.start, v.insn);
  enter(v, state, subprog, v.insn, setArgs);
  state.callbackUnrollDepth++;
  const below = state.frames[state.frames.length - 2];
  if (below !== undefined) below.callbackDepth++;
  v.frame.callbackDepth = 0;
}

/** A helper arms the subprogram for later: it is checked in a state of its own. */
export function pushAsyncCallback(v: Verification, subprog: number, setArgs: SetArgs, { sleepable = false } = {}): void {
  const info = v.subprograms[subprog];
  if (info === undefined) throw new Rejection('EFAULT', `verifier bug: no subprogram ${subprog}`);
  noteMismatch(v, subprog);
  info.isCallback = true;
  info.isAsyncCallback = true;
  const state = pushAsync(v, info.start, v.insn, subprog, sleepable);
  const callee = topFrame(state);
  v.scratchAll();
  callee.asyncEntry = v.frame.asyncEntry + 1;
  setArgs(v.frame, callee);
  v.scratchAll();
}

/** A register of a callee becomes the same as one of the caller. */
export function pass(callee: Frame, to: number, from: Reg): void {
  copyReg(regOf(callee, to), from);
}
