/** References and locks that a path holds (acquire_reference, release_reference, v6.18). */
import { invalid } from '../rejection.ts';
import { changeRegs, type Held, type PathState } from '../state/state.ts';
import type { Verification } from '../verification.ts';

/** Kinds of locks. */
export const LOCK_KINDS: readonly Held['kind'][] = ['lock', 'res_lock', 'res_lock_irq'];

/** A reference is taken. @returns its number */
export function acquire(v: Verification, insn: number): number {
  const id = v.newId();
  v.state.held = [...v.state.held, { kind: 'ref', id, insn }];
  return id;
}

/** The reference is gone; registers keep it. @returns whether it was held */
export function dropHeld(state: PathState, id: number): boolean {
  const rest = state.held.filter((h) => h.kind !== 'ref' || h.id !== id);
  const found = rest.length !== state.held.length;
  state.held = rest;
  return found;
}

/** The reference is given back: nothing that came with it may be used any more. @returns whether it was held */
export function release(v: Verification, id: number): boolean {
  if (!dropHeld(v.state, id)) return false;
  changeRegs(
    v.state,
    (reg) => reg.refId === id,
    (reg) => v.forget(reg),
  );
  return true;
}

/** What throws, and leaves all frames. */
export const THROW = 'bpf_throw';

/** The program leaves for good, or may: nothing may be held, and no region may be open (check_resource_leak). @param returned reference that is handed to the caller */
export function checkNothingHeld(v: Verification, prefix: string, returned = 0): void {
  const { state } = v;
  if (isLocked(state)) throw invalid(`${prefix} cannot be used inside bpf_spin_lock-ed region`);
  // References of a subprogram may be its caller's to give back; what is thrown leaves both.
  if (state.frames.length === 1 || prefix === THROW) checkNoReferences(v, prefix, returned);
  if (activeIrq(state) !== 0) throw invalid(`${prefix} cannot be used inside bpf_local_irq_save-ed region`);
  if (state.rcuLock) throw invalid(`${prefix} cannot be used inside bpf_rcu_read_lock-ed region`);
  if (state.preemptLocks > 0) throw invalid(`${prefix} cannot be used inside bpf_preempt_disable-ed region`);
}

/** No reference is held where the program leaves for good. */
export function checkNoReferences(v: Verification, prefix: string, returned = 0): void {
  const lines = v.state.held
    .filter((h) => h.kind === 'ref' && (returned === 0 || h.id !== returned))
    .map((h) => `Unreleased reference id=${h.id} alloc_insn=${h.insn}`);
  if (lines.length > 0) throw invalid(`${lines.join('\n')}\n${prefix} would lead to reference leak`);
}

/** Whether a lock is held. */
export function isLocked(state: PathState): boolean {
  return state.held.some((h) => LOCK_KINDS.includes(h.kind));
}

/** Id of the innermost region with interrupts off, 0 for none. */
export function activeIrq(state: PathState): number {
  return state.held.findLast((h) => h.kind === 'irq')?.id ?? 0;
}

/** Objects that are freed by RCU stay where they are (in_rcu_cs). */
export function inRcuSection({ state }: Verification): boolean {
  return state.rcuLock || isLocked(state) || !state.sleepable;
}
