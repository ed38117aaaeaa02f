/** Contract between the tracer (processes, stops, signals) and the probes (which stops matter, what contexts programs see). */
import type { AttachedLink } from '../../engine/types.ts';
import type { SyscallAbi } from '../../events/index.ts';
import type { CurrentTask } from '../../helpers/types.ts';

export type { SyscallAbi };

/** A system call that some probe wants. */
export interface WantedSyscall {
  readonly abi: SyscallAbi;
  readonly nr: number;
  readonly enter: boolean;
  readonly exit: boolean;
}

/** What the tracer must stop for. */
export interface Wanted {
  /** Undefined: every system call (raw_syscalls). */
  readonly syscalls: readonly WantedSyscall[] | undefined;
  /** With every call wanted: which sides. */
  readonly allEnter: boolean;
  readonly allExit: boolean;
  /** PTRACE_EVENT_EXEC matters to a program. Fork and exit events are always followed. */
  readonly exec: boolean;
}

/** A traced thread as the probes see it. The tracer owns creation and removal. */
export interface TracedTask extends CurrentTask {
  readonly tid: number;
  readonly tgid: number;
  /** CPU it runs on now, bounded to possible CPUs. */
  cpu(): number;
  /** The kernel's priority: 120 for a normal thread of nice 0. */
  prio(): number;
  /** Thread ids of its process, those that are ending included. */
  threads(): readonly number[];
  /** Forget cached identity: after exec, set*id, or (comm) whenever it may have been renamed. */
  invalidate(what: 'exec' | 'comm' | 'creds'): void;
}

/** A stopped system call. Readings are lazy and cached for this stop. */
export interface SyscallStop {
  readonly abi: SyscallAbi;
  readonly nr: number;
  /** Argument 0..5, zero-extended as the kernel's entry code does for the ABI. */
  arg(n: number): bigint;
  /** The tracee's registers in struct pt_regs layout (21 u64 on x86-64) written at engine memory offset `dst`. */
  readRegs(dst: number): void;
  /** Return value at exit, signed (or its 64 bits); 0n at entry. */
  readonly result: bigint;
}

/** The probes' side, called by the tracer at each stop, synchronously, before the task resumes. */
export interface ProbeSet {
  add(link: AttachedLink): void;
  remove(linkId: number): void;
  wanted(): Wanted;
  syscallEnter(task: TracedTask, stop: SyscallStop): void;
  syscallExit(task: TracedTask, stop: SyscallStop): void;
  /** At PTRACE_EVENT_EXEC, path confirmed; oldTid is the thread that called execve. */
  exec(task: TracedTask, oldTid: number, path: Uint8Array): void;
  fork(parent: TracedTask, child: TracedTask): void;
  /** At PTRACE_EVENT_EXIT. code: wait status. */
  exit(task: TracedTask, code: number): void;
}
