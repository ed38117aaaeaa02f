/**
 * kfuncs of special fields: their arguments' checks by kind, and their hooks by name. Lists, trees, reference counts, locks, work queues and
 * objects of the program's own.
 */
import { ASYNC_ARGS, ASYNC_KFUNCS } from '../fields/async.ts';
import { GRAPH_ARGS, GRAPH_KFUNCS } from '../fields/graph.ts';
import { OBJECT_ARGS, OBJECT_KFUNCS } from '../fields/own-objects.ts';
import { LOCK_KFUNCS, useResLock } from '../fields/res-lock.ts';
import type { ArgCheck, KfuncHook, OwnArgKind } from '../kfunc/facts.ts';

/** Checks by kind of argument. */
export const OWN_ARGS: Readonly<Record<OwnArgKind, ArgCheck>> = { ...OBJECT_ARGS, ...GRAPH_ARGS, ...ASYNC_ARGS, res_spin_lock: useResLock };

/** Hooks by kfunc. */
export const FIELD_KFUNCS: Readonly<Record<string, KfuncHook>> = { ...OBJECT_KFUNCS, ...GRAPH_KFUNCS, ...ASYNC_KFUNCS, ...LOCK_KFUNCS };
