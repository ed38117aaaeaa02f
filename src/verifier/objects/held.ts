/** References and locks that a path holds (acquire_reference, release_reference, v6.18). */
import { invalid } from '../rejection.ts';
import { changeRegs, type PathState } from '../state/state.ts';
import type { Verification } from '../verification.ts';

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

/** The end of the program, or a tail call: nothing may be held. */
export function checkNothingHeld(v: Verification, prefix: string): void {
  checkNoReferences(v, prefix);
  if (v.state.held.some((h) => h.kind === 'lock')) throw invalid(`${prefix} cannot be used inside bpf_spin_lock-ed region`);
}

/** No reference is held where the program leaves for good. */
export function checkNoReferences(v: Verification, prefix: string): void {
  const lines = v.state.held.filter((h) => h.kind === 'ref').map((h) => `Unreleased reference id=${h.id} alloc_insn=${h.insn}`);
  if (lines.length > 0) throw invalid(`${lines.join('\n')}\n${prefix} would lead to reference leak`);
}

/** Whether a lock is held. */
export function isLocked(state: PathState): boolean {
  return state.held.some((h) => h.kind === 'lock');
}
