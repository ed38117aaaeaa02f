/** bpf_res_spin_lock, which may fail, and its form that turns interrupts off (check_kfunc_call, v6.18). */
import { clearCallerSaved } from '../calls/frames.ts';
import { pushState } from '../explore/pending.ts';
import type { ArgCheck, KfuncHook } from '../kfunc/facts.ts';
import { invalid, Rejection } from '../rejection.ts';
import { KIND, setConstant, setUnknownScalar } from '../state/reg.ts';
import { topFrame } from '../state/state.ts';
import { narrowToS32 } from '../value/index.ts';
import { regOf, type Verification } from '../verification.ts';
import { OBJECT } from './graph.ts';
import { type LockKind, useLock } from './lock.ts';

const MAX_ERRNO = 4095;

const USES: Readonly<Record<string, readonly [kind: LockKind, action: 'lock' | 'unlock']>> = {
  bpf_res_spin_lock: ['res_lock', 'lock'],
  bpf_res_spin_unlock: ['res_lock', 'unlock'],
  bpf_res_spin_lock_irqsave: ['res_lock_irq', 'lock'],
  bpf_res_spin_unlock_irqrestore: ['res_lock_irq', 'unlock'],
};

export const useResLock: ArgCheck = (v, n, reg, facts) => {
  if (reg.type !== KIND.MAP_VALUE && reg.type !== OBJECT) throw invalid(`arg#${n - 1} doesn't point to map value or allocated object`, n);
  const use = USES[facts.call.special];
  if (use === undefined) throw new Rejection('EFAULT', '', [n]);
  useLock(v, n, ...use);
};

/** The path on which the lock is not had, with the errno in R0. */
function forkFailure(v: Verification): void {
  const state = pushState(v, v.insn + 1, v.insn);
  const frame = topFrame(state);
  clearCallerSaved(v, frame);
  const result = regOf(frame, 0);
  setUnknownScalar(result, !v.capable);
  narrowToS32(result, -MAX_ERRNO, -1);
}

const locks: KfuncHook = {
  underLock: true,
  before: forkFailure,
  after: (v, reg) => {
    setConstant(reg, 0, 0);
    reg.precise = !v.capable;
  },
};

/** Hooks by kfunc. */
export const LOCK_KFUNCS: Readonly<Record<string, KfuncHook>> = {
  bpf_res_spin_lock: locks,
  bpf_res_spin_lock_irqsave: locks,
  bpf_res_spin_unlock: { underLock: true },
  bpf_res_spin_unlock_irqrestore: { underLock: true },
};
