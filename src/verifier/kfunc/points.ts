/** What the control-flow walk has to know of calls of kernel functions: loops that iterators bound, and callbacks. */
import type { Slot } from '../../isa/index.ts';
import type { KfuncPoints } from '../graph/points.ts';
import type { Verification } from '../verification.ts';
import { hasFlag, isKfuncCall, kfuncOf, namedKfunc } from './call.ts';

/** kfuncs that run a subprogram before they return (is_sync_callback_calling_kfunc, v6.18). */
const SYNC = ['bpf_rbtree_add_impl'];
/** kfuncs that have a subprogram run later (is_async_callback_calling_kfunc). */
const ASYNC = ['bpf_wq_set_callback_impl', 'bpf_task_work_schedule_signal_impl', 'bpf_task_work_schedule_resume_impl'];

/** Answers for the program. */
export function kfuncPoints(v: Verification): KfuncPoints {
  const special = (insn: Slot): string => (isKfuncCall(insn) ? (namedKfunc(v, insn)?.special ?? '') : '');
  return {
    isIteratorNext: (insn) => {
      const call = kfuncOf(v, insn);
      return call !== undefined && hasFlag(call, 'iter_next');
    },
    callsBackNow: (insn) => SYNC.includes(special(insn)),
    callsBackLater: (insn) => ASYNC.includes(special(insn)),
  };
}
