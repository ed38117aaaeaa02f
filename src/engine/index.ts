/** The embedded host: Engine, the runner for worker threads, made-up events, trace buffers. */

export { PT_REGS, type RegName } from '../events/index.ts';
export { parseTarget, targetName } from './attach-target.ts';
export { defaultClock } from './clock.ts';
export { contextUse } from './context-use.ts';
export { Engine, type EngineOptions } from './engine.ts';
export type { FaultRecord } from './faults.ts';
export type { FireArg, FireOptions, FireResult } from './fire.ts';
export { engineBtf } from './kernel-types/index.ts';
export { PERF_PAGE, SAMPLE } from './perf.ts';
export { createRunner, type Runner, type RunnerOptions } from './runner.ts';
export { makeTask, type TaskSpec, type UserMemory } from './task.ts';
export * from './trace/index.ts';
export * from './types.ts';
