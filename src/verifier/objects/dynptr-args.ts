/** Dynptrs as arguments: made, used, and given back (process_dynptr_func, v6.18). */
import { checkAccess } from '../access/memory.ts';
import { pointedFrame } from '../access/stack-bounds.ts';
import { dynptrText } from '../log/reg-text.ts';
import { invalid } from '../rejection.ts';
import { KIND, Reg, setPointer } from '../state/reg.ts';
import { ALL, BYTE, DYNPTR_TYPE, lowestByte } from '../state/stack.ts';
import type { Frame } from '../state/state.ts';
import { knownNumber, tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { destroyDynptr, isMain } from './dynptr.ts';
import { acquire, release } from './held.ts';

/** What becomes of a dynptr. `rdonly`: its memory may change, it may not. `mutable`: it may change, or end. */
export type DynptrUse =
  | { readonly how: 'uninit'; readonly type: number; readonly cloneRef?: number }
  | { readonly how: 'rdonly' | 'mutable'; readonly type?: number };

/** Lines of a refusal; the first is missing where there is nothing to say about the place. */
function refuse(n: number, ...lines: readonly (string | undefined)[]): never {
  throw invalid(lines.filter((line) => line !== undefined).join('\n'), n);
}

/** Slot of the dynptr's lower 8 bytes (the other is the one before it), or why the pointer is no place for a dynptr (dynptr_get_spi). */
export function slotOfDynptr(reg: Reg): number | string {
  if (!tnumIsConst(reg)) return 'dynptr has to be at a constant offset';
  const off = reg.off + knownNumber(reg);
  const slot = Math.trunc((-off - 1) / 8);
  if (off % 8 !== 0 || slot + 1 < 2) return `cannot pass in dynptr at an offset=${off}`;
  return slot;
}

/** The dynptr that a register points to, if it is one. */
export interface Pointed {
  readonly frame: Frame;
  readonly slot: number;
  readonly object: Reg;
}

/** The dynptr on the stack that register `n` points to; or why there is none, undefined where there is nothing to say. */
export function pointedDynptr(v: Verification, n: number): Pointed | string | undefined {
  const frame = pointedFrame(v, n);
  const slot = slotOfDynptr(v.reg(n));
  if (typeof slot === 'string') return slot;
  const object = frame.saved[slot];
  if (object === undefined || lowestByte(frame.types[slot] ?? 0) !== BYTE.DYNPTR || !isMain(frame, slot)) return undefined;
  return { frame, slot, object };
}

/** The dynptr of register `n`: on the stack, or a constant one that a callback was given. */
export function dynptrOf(v: Verification, n: number): Reg | undefined {
  const reg = v.reg(n);
  if (reg.type === KIND.DYNPTR) return reg;
  const pointed = reg.type === KIND.STACK ? pointedDynptr(v, n) : undefined;
  return typeof pointed === 'object' ? pointed.object : undefined;
}

/** A dynptr that is to be released: only those on the stack can be (check_func_arg, OBJ_RELEASE). */
export function checkReleasable(v: Verification, n: number): void {
  if (v.reg(n).type !== KIND.STACK) throw invalid('cannot release unowned const bpf_dynptr', n);
  const frame = pointedFrame(v, n);
  const slot = slotOfDynptr(v.reg(n));
  if (typeof slot === 'string') refuse(n, slot, `arg ${n} is an unacquired reference`);
  // Both halves of a dynptr know its reference.
  const half = lowestByte(frame.types[slot] ?? 0) === BYTE.DYNPTR && !isMain(frame, slot);
  const object = frame.saved[half ? slot + 1 : slot];
  if ((object?.refId ?? 0) === 0) refuse(n, `arg ${n} is an unacquired reference`);
}

/** Register `n` is a dynptr argument. */
export function useDynptr(v: Verification, n: number, use: DynptrUse): void {
  const reg = v.reg(n);
  if (reg.type !== KIND.STACK && reg.type !== KIND.DYNPTR) {
    throw invalid(`arg#${n - 1} expected pointer to stack or const struct bpf_dynptr`, n);
  }
  if (use.how === 'uninit') {
    make(v, n, reg, use);
    return;
  }
  if (reg.type === KIND.DYNPTR && use.how === 'mutable') {
    throw invalid('cannot pass pointer to const bpf_dynptr, the helper mutates it', n);
  }
  const pointed = reg.type === KIND.DYNPTR ? undefined : pointedDynptr(v, n);
  if (reg.type === KIND.STACK && typeof pointed !== 'object') refuse(n, pointed, `Expected an initialized dynptr as arg #${n - 1}`);
  const type = dynptrOf(v, n)?.dynptrType ?? 0;
  if (use.type !== undefined && use.type !== type) {
    throw invalid(`Expected a dynptr of type ${dynptrText(use.type)} as arg #${n - 1}`, n);
  }
  if (typeof pointed !== 'object') return;
  for (const slot of [pointed.slot, pointed.slot - 1]) {
    v.liveness.read(pointed.frame.frameno, slot, v.insn);
    v.scratchSlot(slot);
  }
}

function make(v: Verification, n: number, reg: Reg, { type, cloneRef = 0 }: Extract<DynptrUse, { how: 'uninit' }>): void {
  const slot = reg.type === KIND.STACK ? slotOfDynptr(reg) : undefined;
  if (typeof slot !== 'number') refuse(n, slot, 'Dynptr has to be an uninitialized dynptr');
  for (const off of [0, 8]) checkAccess(v, { at: n, off, size: 8, direction: 'write', value: -1 });
  const frame = pointedFrame(v, n);
  for (const at of [slot, slot - 1]) destroyDynptr(v, frame, at);
  const object = new Reg();
  setPointer(object, KIND.STACK);
  object.dynptrType = type;
  object.id = v.newId();
  if (type === DYNPTR_TYPE.RINGBUF) object.refId = cloneRef === 0 ? acquire(v, v.insn) : cloneRef;
  for (const at of [slot, slot - 1]) {
    frame.types[at] = ALL.DYNPTR;
    frame.saved[at] = undefined;
    v.scratchSlot(at);
    v.liveness.write(frame.frameno, at);
  }
  frame.saved[slot] = object;
}

/** The dynptr that register `n` points to is gone, with a ring buffer's all that share its reference (unmark_stack_slots_dynptr). */
export function endDynptr(v: Verification, n: number): void {
  const pointed = pointedDynptr(v, n);
  if (typeof pointed !== 'object') return;
  const { frame, slot, object } = pointed;
  if (object.refId === 0) {
    clear(v, frame, slot);
    return;
  }
  releaseAll(v, frame, object.refId);
}

function clear(v: Verification, frame: Frame, slot: number): void {
  for (const at of [slot, slot - 1]) {
    frame.types[at] = 0;
    frame.saved[at] = undefined;
    v.scratchSlot(at);
    v.liveness.write(frame.frameno, at);
  }
}

/** Clones in other frames stay as they are, as they do in the kernel: programs can use them afterwards, and are not refused for it. */
function releaseAll(v: Verification, frame: Frame, ref: number): void {
  release(v, ref);
  for (let slot = 1; slot < frame.saved.length; slot++) {
    if (frame.saved[slot]?.refId === ref && lowestByte(frame.types[slot] ?? 0) === BYTE.DYNPTR) clear(v, frame, slot);
  }
}
