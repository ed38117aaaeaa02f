/** Interrupt flags saved on the stack: regions with interrupts off end in the reverse order of their beginnings (process_irq_flag, v6.18). */
import { checkAccess } from '../access/memory.ts';
import { invalid, Rejection } from '../rejection.ts';
import { KIND, Reg, setPointer } from '../state/reg.ts';
import { ALL, BYTE, lowestByte } from '../state/stack.ts';
import type { Verification } from '../verification.ts';
import { activeIrq } from './held.ts';
import { findObject, isPlace, lineOf } from './stack-object.ts';

/** Who saved the flag, kept in its register's `dynptrType`; only the same kfuncs may restore it. */
const MAKER = { NATIVE: 1, LOCK: 2 } as const;
const MAKER_TEXT = ['', 'native', 'lock'];

/** Saves to, or restores from, the flag at register `n`. `byLock`: the kfuncs that take and give back resilient locks. */
export function useIrqFlag(v: Verification, n: number, reg: Reg, use: { readonly saves: boolean; readonly byLock: boolean }): void {
  if (reg.type !== KIND.STACK) throw invalid(`arg#${n - 1} doesn't point to an irq flag on stack`, n);
  const maker = use.byLock ? MAKER.LOCK : MAKER.NATIVE;
  if (use.saves) save(v, n, reg, maker);
  else restore(v, n, reg, maker);
}

function save(v: Verification, n: number, reg: Reg, maker: number): void {
  const before = findObject(v, n, reg, 'irq_flag', 1);
  const free = before === 'beyond' || (isPlace(before) && lowestByte(before.frame.types[before.slot] ?? 0) !== BYTE.IRQ);
  if (!free) throw invalid(`${lineOf(before)}expected uninitialized irq flag as arg#${n - 1}`, n);
  checkAccess(v, { at: n, off: 0, size: 8, direction: 'write', value: -1 });
  const place = findObject(v, n, reg, 'irq_flag', 1);
  if (!isPlace(place)) throw new Rejection('ERANGE', '', [n]);
  const { frame, slot } = place;
  const id = v.newId();
  v.state.held = [...v.state.held, { kind: 'irq', id, insn: v.insn }];
  const object = new Reg();
  setPointer(object, KIND.STACK);
  object.refId = id;
  object.dynptrType = maker;
  frame.types[slot] = ALL.IRQ;
  frame.saved[slot] = object;
  v.liveness.write(frame.frameno, slot);
  v.scratchSlot(slot);
}

function restore(v: Verification, n: number, reg: Reg, maker: number): void {
  const place = findObject(v, n, reg, 'irq_flag', 1);
  const object = isPlace(place) ? place.frame.saved[place.slot] : undefined;
  if (!isPlace(place) || object === undefined || object.refId === 0 || place.frame.types[place.slot] !== ALL.IRQ) {
    throw invalid(`${lineOf(place)}expected an initialized irq flag as arg#${n - 1}`, n);
  }
  const { frame, slot } = place;
  v.liveness.read(frame.frameno, slot, v.insn);
  if (object.dynptrType !== maker) {
    const [made, used] = [MAKER_TEXT[object.dynptrType], MAKER_TEXT[maker]];
    throw invalid(`irq flag acquired by ${made} kfuncs cannot be restored with ${used} kfuncs`, n);
  }
  const { state } = v;
  const innermost = activeIrq(state);
  if (object.refId !== innermost) {
    const insn = state.held.find((h) => h.id === innermost)?.insn ?? 0;
    const message = `cannot restore irq state out of order, expected id=${innermost} acquired at insn_idx=${insn}`;
    throw new Rejection('EACCES', message, [n]);
  }
  state.held = state.held.filter((h) => h.kind !== 'irq' || h.id !== innermost);
  frame.saved[slot] = undefined;
  frame.types[slot] = ALL.INVALID;
  v.liveness.write(frame.frameno, slot);
  v.scratchSlot(slot);
}
