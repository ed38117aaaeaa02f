/**
 * bpfwright for Node: trace() does the whole job; below it are the engine, the loader and the readers. Each part can be imported by
 * itself too (`bpfwright/engine`, `bpfwright/asm`, …), portable ones from browsers.
 */
export * from './base/index.ts';
export { type CollectionSpec, type MapSpec, type ProgramSpec, parseElf } from './elf/index.ts';
export {
  Engine,
  type EngineOptions,
  type FaultRecord,
  type FireArg,
  type FireOptions,
  type FireResult,
  type TaskSpec,
} from './engine/index.ts';
export * from './host/index.ts';
export * from './loader/index.ts';
export type { MapCreateAttr } from './maps/index.ts';
export * from './readers/index.ts';
export { CommandError, type ExitStatus, PtraceSource, type TracedCommand } from './sources/ptrace/index.ts';
export { type Feature, features } from './tools/features.ts';
export { createEngine, possibleCpus } from './tools/node-engine.ts';
export {
  RecordEvent,
  RecordLoss,
  type RecordStream,
  type RecordTotals,
  type RecordType,
  type SessionEvent,
} from './tools/records/index.ts';
export { type TraceOptions, TraceSession, trace } from './tools/session.ts';
export type { User } from './tools/user.ts';
