/** Locks in map values and own objects: taken and given back by the same path, in order (process_spin_lock, v6.18). */
import { hasField } from '../../btf/index.ts';
import { LOCK_KINDS } from '../objects/held.ts';
import { denied, invalid } from '../rejection.ts';
import { FLAG, KIND } from '../state/reg.ts';
import { changeRegs, type Held } from '../state/state.ts';
import { knownNumber, tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { fieldsOf } from './record.ts';

/** bpf_spin_lock, or bpf_res_spin_lock with or without interrupts. */
export type LockKind = Extract<Held['kind'], 'lock' | 'res_lock' | 'res_lock_irq'>;

/** Register `n` points at a lock, which is taken or given back. */
export function useLock(v: Verification, n: number, kind: LockKind, action: 'lock' | 'unlock'): void {
  const reg = v.reg(n);
  const resilient = kind !== 'lock';
  const name = resilient ? 'bpf_res_spin' : 'bpf_spin';
  if (!tnumIsConst(reg)) throw invalid(`R${n} doesn't have constant offset. ${name}_lock has to be at the constant offset`, n);
  const map = reg.type === KIND.MAP_VALUE ? reg.map : undefined;
  if (reg.type === KIND.MAP_VALUE && map?.hasBtf !== true) {
    throw invalid(`map '${map?.name}' has to have BTF in order to use ${name}_lock`, n);
  }
  const fields = fieldsOf(v, reg);
  const field = fields?.find((f) => f.kind === (resilient ? 'res_spin_lock' : 'spin_lock'));
  if (field === undefined) {
    throw invalid(`${map === undefined ? "local 'kptr'" : `map '${map.name}'`} has no valid ${name}_lock`, n);
  }
  const off = knownNumber(reg) + reg.off;
  if (off !== field.offset) throw invalid(`off ${off} doesn't point to 'struct ${name}_lock' that is at ${field.offset}`, n);
  const lock: Held = { kind, id: reg.id, insn: v.insn, of: map ?? reg.btf };
  if (action === 'lock') take(v, n, lock);
  else giveBack(v, n, lock, name);
}

function same(a: Held, b: Held): boolean {
  return a.id === b.id && a.of === b.of;
}

function take(v: Verification, n: number, lock: Held): void {
  const { state } = v;
  // Of two bpf_spin_locks the call of the second is refused before this; resilient locks may be held together.
  if (lock.kind !== 'lock' && state.held.some((h) => (h.kind === 'res_lock' || h.kind === 'res_lock_irq') && same(h, lock))) {
    throw invalid('Acquiring the same lock again, AA deadlock detected', n);
  }
  state.held = [...state.held, lock];
}

function giveBack(v: Verification, n: number, lock: Held, name: string): void {
  const { state } = v;
  const locks = state.held.filter((h) => LOCK_KINDS.includes(h.kind));
  const last = locks.at(-1);
  if (last === undefined) throw invalid(`${name}_unlock without taking a lock`, n);
  const held = locks.find((h) => h.kind === lock.kind && same(h, lock));
  if (held === undefined) throw invalid(`${name}_unlock of different lock`, n);
  if (!same(last, lock)) throw invalid(`${name}_unlock cannot be out of order`, n);
  state.held = state.held.filter((h) => h !== held);
  forgetBorrowed(v);
}

/** Nodes that the program sees but does not own are only there under the lock (invalidate_non_owning_refs). */
export function forgetBorrowed(v: Verification): void {
  changeRegs(
    v.state,
    (reg) => (reg.type & FLAG.NON_OWN_REF) !== 0,
    (reg) => v.forget(reg),
  );
}

/** Whether the register's id tells its lock from others, and so stays when the pointer is known not to be NULL. */
export function mayHoldLock(v: Verification, reg: Parameters<typeof fieldsOf>[1]): boolean {
  return hasField(fieldsOf(v, reg), 'spin_lock', 'res_spin_lock');
}

/** Locks in the callback that orders a tree: its lock is held by the caller. */
export function refuseInOrderCallback(inside: boolean): void {
  if (inside) throw denied("can't spin_{lock,unlock} in rbtree cb");
}
