/** bpf_spin_lock in map values: one at a time, taken and given back by the same path (process_spin_lock, v6.18). */
import { invalid } from '../rejection.ts';
import type { Reg } from '../state/reg.ts';
import { knownNumber, tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';

export function useSpinLock(v: Verification, n: number, reg: Reg, locks: boolean): void {
  const { map } = reg;
  if (!tnumIsConst(reg)) {
    throw invalid(`R${n} doesn't have constant offset. bpf_spin_lock has to be at the constant offset`, n);
  }
  const name = map?.name ?? '';
  if (map?.hasBtf !== true) throw invalid(`map '${name}' has to have BTF in order to use bpf_spin_lock`, n);
  const field = map.special?.find((f) => f.kind === 'spin_lock');
  if (field === undefined) throw invalid(`map '${name}' has no valid bpf_spin_lock`, n);
  const off = knownNumber(reg) + reg.off;
  if (off !== field.offset) throw invalid(`off ${off} doesn't point to 'struct bpf_spin_lock' that is at ${field.offset}`, n);
  const { state } = v;
  const held = state.held.filter((h) => h.kind === 'lock');
  if (locks) {
    if (held.length > 0) throw invalid('Locking two bpf_spin_locks are not allowed', n);
    state.held = [...state.held, { kind: 'lock', id: reg.id, insn: v.insn, of: map }];
    return;
  }
  if (held.length === 0) throw invalid('bpf_spin_unlock without taking a lock', n);
  if (!held.some((h) => h.id === reg.id && h.of === map)) throw invalid('bpf_spin_unlock of different lock', n);
  state.held = state.held.filter((h) => h.kind !== 'lock');
}
