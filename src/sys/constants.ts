/** Linux's numbers for ptrace, wait, file and process calls that are the same on every architecture. What differs stands in arch.ts. */

/** ptrace requests, events and options (uapi linux/ptrace.h). */
export const PTRACE = {
  CONT: 7,
  GETREGS: 12,
  DETACH: 17,
  SYSCALL: 24,
  GETEVENTMSG: 0x4201,
  SEIZE: 0x4206,
  INTERRUPT: 0x4207,
  LISTEN: 0x4208,
  GET_SYSCALL_INFO: 0x420e,
  GET_RSEQ_CONFIGURATION: 0x420f,
} as const;

/** Event number in bits 16.. of a wait status. */
export const EVENT = { FORK: 1, VFORK: 2, CLONE: 3, EXEC: 4, VFORK_DONE: 5, EXIT: 6, SECCOMP: 7, STOP: 128 } as const;

/** PTRACE_O_*. */
export const OPTION = {
  SYSGOOD: 1,
  FORK: 1 << 1,
  VFORK: 1 << 2,
  CLONE: 1 << 3,
  EXEC: 1 << 4,
  EXIT: 1 << 6,
  SECCOMP: 1 << 7,
  EXITKILL: 1 << 20,
} as const;

/** struct ptrace_syscall_info: `op` values and offsets (uapi linux/ptrace.h). */
export const SYSCALL_INFO = {
  NONE: 0,
  ENTRY: 1,
  EXIT: 2,
  SECCOMP: 3,
  OP: 0,
  ARCH: 4,
  NR: 24,
  RVAL: 24,
  ARGS: 32,
  RET_DATA: 80,
  SIZE: 88,
} as const;

/** waitpid flags. */
export const WAIT = { NOHANG: 1, ALL: 0x4000_0000, NOTHREAD: 0x2000_0000 } as const;

export const SIGNAL = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

const SIGNAL_NAMES = new Map<number, string>(Object.entries(SIGNAL).map(([name, n]) => [n, name]));

/** `SIGTERM`; `SIGRTMIN+n` for real-time signals as the shell counts them (glibc keeps 32 and 33). */
export function signalName(signal: number): string {
  return SIGNAL_NAMES.get(signal) ?? (signal >= 34 && signal <= 64 ? `SIGRTMIN+${signal - 34}` : `signal ${signal}`);
}

/** Signals whose default is to stop: a ptrace stop with one of them and EVENT.STOP is a group stop. */
export function isStopSignal(signal: number): boolean {
  return signal >= SIGNAL.SIGSTOP && signal <= SIGNAL.SIGTTOU;
}

/** fcntl commands and flags, open flags. */
export const FILE = { F_SETFD: 2, F_GETFL: 3, F_SETFL: 4, FD_CLOEXEC: 1, O_NONBLOCK: 0o4000, O_CLOEXEC: 0o2000000 } as const;

export const MFD = { CLOEXEC: 1, EXEC: 0x10 } as const;

/** posix_spawnattr flags (glibc spawn.h). */
export const SPAWN = { SETSIGDEF: 4, SETSIGMASK: 8 } as const;

export const RLIMIT = { CORE: 4, NOFILE: 7 } as const;

export const CLOCK = { MONOTONIC: 1, BOOTTIME: 7, TAI: 11 } as const;

/** seccomp(2) and its filter return values (uapi linux/seccomp.h). */
export const SECCOMP = { SET_MODE_FILTER: 1, RET_ALLOW: 0x7fff_0000, RET_TRACE: 0x7ff0_0000 } as const;

export const PR = { SET_NAME: 15, SET_NO_NEW_PRIVS: 38 } as const;

/** AUDIT_ARCH_* of uapi linux/audit.h: how the kernel names a system call's ABI. */
export const AUDIT_ARCH = { X86_64: 0xc000_003e, I386: 0x4000_0003, AARCH64: 0xc000_00b7 } as const;
/** Bit in the number of an x32 call, whose AUDIT_ARCH is X86_64. */
export const X32_BIT = 0x4000_0000;
/** Entries of the auxiliary vector (uapi linux/auxvec.h). */
export const AUXV = { NULL: 0, EXECFN: 31 } as const;
