/** What the main thread and the tracing thread say to each other. Everything here is plain data. */
import type { AttachedLink } from '../../engine/types.ts';
import type { Identity } from './launcher/index.ts';
import type { WireError } from './refusals.ts';

/** Words of the shared control block (Int32Array). */
export const CONTROL = {
  /** Pid of the doorbell process: SIGUSR1 to it wakes the tracing thread out of waitpid. */
  BELL: 0,
  /** Non-zero: end. */
  CLOSING: 1,
  /** Non-zero: ended. */
  CLOSED: 2,
  /** Sequence number of the last command done. */
  DONE: 3,
  /** Tid whose memory is being read now, else 0. */
  READING: 4,
  /** Counts reads of memory: the same number twice means the same read. */
  READS: 5,
  /** Stops handled, modulo 2^32. */
  STOPS: 6,
  /** Tasks that wait for their parent's fork event: ring now and then, should it never come. */
  HELD: 7,
  WORDS: 16,
} as const;

/** How the launcher is brought to run. `auto`: the first that works. */
export type LauncherKind = 'auto' | 'memfd' | 'file' | 'shell';

/** A command to start. */
export interface CommandSpec {
  readonly argv: readonly (string | Uint8Array)[];
  /** Undefined: this process's environment, byte for byte. */
  readonly env: Readonly<Record<string, string>> | undefined;
  /** The PATH to search for the command. */
  readonly path: string | undefined;
  readonly cwd: string | undefined;
  readonly user: Identity | undefined;
  /** File descriptors that become 0, 1, 2, … of the command. */
  readonly stdio: readonly number[];
  /** Clear O_NONBLOCK on them: Node sets it on pipes that it uses itself. */
  readonly makeBlocking: boolean;
  /** Further descriptors that it gets under their own numbers. */
  readonly inherit: readonly number[];
  /** Soft RLIMIT_NOFILE for the command: Node raises its own. */
  readonly files: number | undefined;
  readonly launcher: LauncherKind;
  /** `seccomp`: stop only at wanted calls; `every`: stop at all calls; `auto`: seccomp where the kernel lets us. */
  readonly stops: 'auto' | 'every';
}

/** Which tasks' events reach programs; an absent list is no condition. The others are followed silently. */
export interface TraceFilter {
  /** Process ids (tgid). */
  readonly pids?: readonly number[];
  readonly comms?: readonly string[];
  readonly uids?: readonly number[];
}

export type Command =
  | { readonly kind: 'spawn'; readonly id: number; readonly spec: CommandSpec }
  | { readonly kind: 'attach'; readonly id: number; readonly pid: number; readonly maxOverhead: number | undefined }
  | { readonly kind: 'detach'; readonly id: number }
  | { readonly kind: 'add'; readonly seq: number; readonly link: AttachedLink }
  | { readonly kind: 'remove'; readonly seq: number; readonly linkId: number }
  | { readonly kind: 'disarm'; readonly seq: number }
  /** Looks for tasks that vanished unseen. */
  | { readonly kind: 'sweep' };

export type TracerEvent =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly id: number; readonly error: WireError }
  /** The command's first exec is done. */
  | { readonly kind: 'started'; readonly id: number; readonly pid: number }
  | { readonly kind: 'attached'; readonly id: number; readonly threads: number }
  /** Wait status of the process itself. */
  | { readonly kind: 'exited'; readonly id: number; readonly status: number }
  /** Neither the process nor what it started lives any more. */
  | { readonly kind: 'allExited'; readonly id: number }
  | { readonly kind: 'detached'; readonly id: number }
  /** The command's own process was stopped for job control (SIGSTOP, SIGTSTP, …). */
  | { readonly kind: 'stopped'; readonly id: number }
  | { readonly kind: 'warning'; readonly code: WarningCode; readonly message: string; readonly hint: string | undefined };

export type WarningCode = 'setuid' | 'seccomp' | 'launcher' | 'probe' | 'overhead' | 'stuck' | 'path';

/** The first message to the worker. */
export interface WorkerSetup<Shared = unknown> {
  readonly shared: Shared;
  readonly control: Int32Array;
  readonly filter: TraceFilter;
  readonly follow: boolean;
  /** Signal settings of the whole process may be changed. */
  readonly ownProcess: boolean;
}
