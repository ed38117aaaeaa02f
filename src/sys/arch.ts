/** One row per processor architecture that the tracer knows: registers and system-call numbers. A further architecture is a further row and a launcher assembler. */
import { AUDIT_ARCH } from './constants.ts';

/** What the tracer itself must know of an architecture. */
export interface Arch {
  /** Node's name: `x64`, `arm64`. */
  readonly node: string;
  /** The kernel's name. */
  readonly name: string;
  /** AUDIT_ARCH of its own 64-bit ABI. */
  readonly audit: number;
  /** Bytes that PTRACE_GETREGS writes (struct user_regs_struct). */
  readonly userRegsSize: number;
  /** Leading bytes of it that are laid out exactly like the kernel's struct pt_regs. */
  readonly ptRegsSize: number;
  /** Byte offsets in it of system-call arguments 0..5, and of the result. */
  readonly argOffsets: readonly number[];
  readonly resultOffset: number;
  /** Numbers of the calls that the launcher makes. */
  readonly nr: {
    readonly read: number;
    readonly write: number;
    readonly close: number;
    readonly getpid: number;
    readonly execve: number;
    readonly kill: number;
    readonly fcntl: number;
    readonly chdir: number;
    readonly setgroups: number;
    readonly setresuid: number;
    readonly setresgid: number;
    readonly prctl: number;
    readonly exitGroup: number;
    readonly seccomp: number;
    readonly execveat: number;
    readonly tgkill: number;
  };
}

/** x86-64: user_regs_struct starts with struct pt_regs (arch/x86/include/asm/user_64.h), numbers of arch/x86/entry/syscalls/syscall_64.tbl. */
export const X86_64: Arch = {
  node: 'x64',
  name: 'x86_64',
  audit: AUDIT_ARCH.X86_64,
  userRegsSize: 216,
  ptRegsSize: 168,
  argOffsets: [112, 104, 96, 56, 72, 64],
  resultOffset: 80,
  nr: {
    read: 0,
    write: 1,
    close: 3,
    getpid: 39,
    execve: 59,
    kill: 62,
    tgkill: 234,
    fcntl: 72,
    chdir: 80,
    setgroups: 116,
    setresuid: 117,
    setresgid: 119,
    prctl: 157,
    exitGroup: 231,
    seccomp: 317,
    execveat: 322,
  },
};

export const ARCHES: readonly Arch[] = [X86_64];
