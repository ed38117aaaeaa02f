/** The ptrace source: real processes as a source of events. */
export type { Identity } from './launcher/index.ts';
export type { LauncherKind, TraceFilter } from './protocol.ts';
export { CommandError, statusNumber, yamaScope } from './refusals.ts';
export {
  describeExit,
  type ExitStatus,
  exitStatus,
  type PtraceOptions,
  PtraceSource,
  type SpawnOptions,
  type TracedCommand,
  type TracedProcess,
} from './source.ts';
