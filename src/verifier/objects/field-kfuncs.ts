/**
 * kfuncs of special fields: their arguments' checks by kind, and their hooks by name. Lists, trees, reference counts, locks, work queues and
 * objects of the program's own.
 */
import type { ArgCheck, KfuncHook, OwnArgKind } from '../kfunc/facts.ts';
import { Rejection } from '../rejection.ts';

const unknown: ArgCheck = (_, n) => {
  throw new Rejection('EFAULT', 'verifier bug: unknown kfunc arg type', [n]);
};

/** Checks by kind of argument. */
export const OWN_ARGS: Readonly<Record<OwnArgKind, ArgCheck>> = {
  alloc: unknown,
  refcounted: unknown,
  list_head: unknown,
  list_node: unknown,
  rb_root: unknown,
  rb_node: unknown,
  workqueue: unknown,
  task_work: unknown,
  res_spin_lock: unknown,
};

/** Hooks by kfunc. */
export const FIELD_KFUNCS: Readonly<Record<string, KfuncHook>> = {};
