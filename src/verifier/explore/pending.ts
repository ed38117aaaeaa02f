/** Paths put off: pushed at branches, taken up where one ends (push_stack, pop_stack, v6.18). */
import { Rejection } from '../rejection.ts';
import { cloneState, Frame, type PathState, PathState as State } from '../state/state.ts';
import type { Verification } from '../verification.ts';

/** BPF_COMPLEXITY_LIMIT_JMP_SEQ. */
const MAX_PENDING = 8192;
const JMP = 5;
const JMP32 = 6;
const CALL = 0x85;
const MAY_GOTO = 0xe5;

function push(v: Verification, state: PathState, insn: number, prevInsn: number): void {
  v.pending.push({ state, insn, prevInsn, logLength: v.log.length });
  if (v.pending.length > MAX_PENDING) {
    const { code } = v.slot(v.insn);
    const jumps = [JMP, JMP32].includes(code & 7) && code !== CALL && code !== MAY_GOTO;
    throw new Rejection(jumps ? 'EFAULT' : 'ENOMEM', `The sequence of ${v.pending.length} jumps is too complex.`);
  }
}

/**
 * Puts off a path that goes on at `insn` with a copy of the current state, which is returned.
 * @param speculative only a processor that predicts wrong takes it; so are all paths that begin on it
 */
export function pushState(v: Verification, insn: number, prevInsn: number, speculative = false): PathState {
  const state = cloneState(v.state);
  if (speculative) state.speculative = true;
  push(v, state, insn, prevInsn);
  if (state.parent !== undefined) state.parent.branches++;
  return state;
}

/** Puts off a callback that runs some time later, in a state of its own (push_async_cb). */
export function pushAsync(v: Verification, insn: number, prevInsn: number, subprog: number, sleepable: boolean): PathState {
  const state = new State();
  state.branches = 1;
  state.sleepable = sleepable;
  state.frames = [new Frame(-1, 0, subprog)];
  push(v, state, insn, prevInsn);
  return state;
}
