/** Regions that a path is in: RCU read-side critical sections, preemption off, interrupts off; what may not be called there (check_kfunc_call, v6.18). */
import { inOrderCallback } from '../fields/order-callback.ts';
import { hasFlag, type KfuncCall } from '../kfunc/call.ts';
import { denied, invalid } from '../rejection.ts';
import { FLAG } from '../state/reg.ts';
import { changeRegs } from '../state/state.ts';
import type { Verification } from '../verification.ts';
import { activeIrq, inRcuSection } from './held.ts';
import { distrustIterators } from './iterator.ts';

/** What a sleeping helper is refused with, by the region that the path is in. */
export function sleepRefusal(v: Verification): string | undefined {
  if (v.state.rcuLock) return 'in rcu_read_lock region';
  if (v.state.preemptLocks > 0) return 'in non-preemptible region';
  return activeIrq(v.state) !== 0 ? 'in IRQ-disabled region' : undefined;
}

/** Enters and leaves regions, and refuses what may sleep inside of one. */
export function checkRegions(v: Verification, call: KfuncCall): void {
  const sleeps = hasFlag(call, 'sleepable');
  checkRcu(v, call, sleeps);
  checkPreemption(v, call, sleeps);
  if (sleeps && activeIrq(v.state) !== 0) throw denied(`kernel func ${call.name} is sleepable within IRQ-disabled region`);
  if (hasFlag(call, 'rcu_protected') && !inRcuSection(v)) {
    throw denied(`kernel func ${call.name} requires RCU critical section protection`);
  }
}

function checkRcu(v: Verification, call: KfuncCall, sleeps: boolean): void {
  const { state } = v;
  const locks = call.special === 'bpf_rcu_read_lock';
  const unlocks = call.special === 'bpf_rcu_read_unlock';
  if (!state.rcuLock) {
    if (unlocks) throw invalid(`unmatched rcu read unlock (kernel function ${call.name})`);
    if (locks) state.rcuLock = true;
    return;
  }
  if ((locks || unlocks) && inOrderCallback(v)) {
    throw denied('Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback');
  }
  if (locks) throw invalid(`nested rcu read lock (kernel function ${call.name})`);
  if (unlocks) {
    changeRegs(
      state,
      (reg) => (reg.type & FLAG.RCU) !== 0,
      (reg) => {
        reg.type = (reg.type & ~(FLAG.RCU | FLAG.MAYBE_NULL)) | FLAG.UNTRUSTED;
      },
    );
    distrustIterators(state);
    state.rcuLock = false;
  } else if (sleeps) {
    throw denied(`kernel func ${call.name} is sleepable within rcu_read_lock region`);
  }
}

function checkPreemption(v: Verification, call: KfuncCall, sleeps: boolean): void {
  const { state } = v;
  if (call.special === 'bpf_preempt_disable') {
    state.preemptLocks++;
  } else if (call.special === 'bpf_preempt_enable') {
    if (state.preemptLocks === 0) throw invalid(`unmatched attempt to enable preemption (kernel function ${call.name})`);
    state.preemptLocks--;
  } else if (sleeps && state.preemptLocks > 0) {
    throw denied(`kernel func ${call.name} is sleepable within non-preemptible region`);
  }
}
