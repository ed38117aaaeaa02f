/** Work queues and task work: callbacks that run later and may sleep (process_wq_func, process_task_work_func, v6.18). */
import { timerArgs } from '../calls/callbacks.ts';
import { pushAsyncCallback, type SetArgs } from '../calls/frames.ts';
import type { ArgCheck, KfuncFacts, KfuncHook } from '../kfunc/facts.ts';
import { invalid } from '../rejection.ts';
import { KIND } from '../state/reg.ts';
import type { Verification } from '../verification.ts';
import { runCallback } from './graph.ts';
import { mapOfField } from './place.ts';

const INT_MIN = -0x8000_0000;
const INT_MAX = 0x7fff_ffff;

function inValue(kind: 'wq' | 'task_work'): ArgCheck {
  return (_, n, reg, facts) => {
    if (reg.type !== KIND.MAP_VALUE) throw invalid(`arg#${n - 1} doesn't point to a map value`, n);
    facts.map = mapOfField(n, reg, kind);
    facts.mapUid = reg.mapUid;
  };
}

export const ASYNC_ARGS = { workqueue: inValue('wq'), task_work: inValue('task_work') } as const;

/** callback(map, key, value), which returns any int. */
function workArgs(facts: KfuncFacts): SetArgs {
  const setArgs = timerArgs(facts.map);
  return (caller, callee) => {
    setArgs(caller, callee);
    callee.returnMin = INT_MIN;
    callee.returnMax = INT_MAX;
  };
}

function later(args: (facts: KfuncFacts) => SetArgs): KfuncHook {
  return {
    callback: (v: Verification, facts) => {
      runCallback(facts, () => pushAsyncCallback(v, facts.subprog, args(facts), { sleepable: true }));
    },
  };
}

/** Hooks by kfunc. */
export const ASYNC_KFUNCS: Readonly<Record<string, KfuncHook>> = {
  bpf_wq_set_callback_impl: later((facts) => timerArgs(facts.map)),
  bpf_task_work_schedule_signal_impl: later(workArgs),
  bpf_task_work_schedule_resume_impl: later(workArgs),
};
