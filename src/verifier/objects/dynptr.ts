/** Dynptrs on the stack: two slots that only helpers may touch (kernel/bpf/verifier.c mark_stack_slots_dynptr and friends, v6.18). */
import { invalid } from '../rejection.ts';
import { FLAG, KIND, type Reg } from '../state/reg.ts';
import { BYTE, lowestByte } from '../state/stack.ts';
import { changeRegs, type Frame } from '../state/state.ts';
import type { Verification } from '../verification.ts';

/** A store overwrites a dynptr: it is gone, unless it holds a reference. */
export function destroyDynptr(v: Verification, frame: Frame, slot: number): void {
  if (lowestByte(frame.types[slot] ?? 0) !== BYTE.DYNPTR) return;
  // The object lives in the slot with the lower address; the other one has no register.
  const main = isMain(frame, slot) ? slot : slot + 1;
  const object = frame.saved[main];
  if (object !== undefined && object.refId !== 0) throw invalid('cannot overwrite referenced dynptr');
  if (object !== undefined) forgetSlices(v, object);
  for (const at of [main, main - 1]) {
    frame.types[at] = 0;
    frame.saved[at] = undefined;
    v.scratchSlot(at);
    v.liveness.write(frame.frameno, at);
  }
}

/** Whether the slot is the one at the dynptr's address. */
export function isMain(frame: Frame, slot: number): boolean {
  return frame.saved[slot] !== undefined;
}

/** Memory that belongs to a dynptr may not be used after it. */
export function forgetSlices(v: Verification, object: Reg): void {
  const { id } = object;
  if (id === 0) return;
  changeRegs(
    v.state,
    // Slices made by bpf_dynptr_slice are typed by their dynptr and stay (destroy_if_dynptr_stack_slot).
    (reg) => reg.dynptrId === id && reg.dynptrType === 0 && (reg.type & ~FLAG.MAYBE_NULL) === KIND.MEM,
    (reg) => v.forget(reg),
  );
}
