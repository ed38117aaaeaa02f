/** What the fact tables of this folder state: system calls, kernel functions, tracepoint records. No behaviour. */

/** System-call ABI: which numbering and which argument registers. x32 numbers are written without their 0x40000000 bit. */
export type SyscallAbi = 'x86_64' | 'i386' | 'x32' | 'aarch64';

/** One system call of one ABI. */
export interface SyscallRow {
  readonly nr: number;
  /** The name in the ABI's `unistd` header. */
  readonly name: string;
  /** The kernel's function without `sys_` (`newfstat` for `fstat`); absent where the kernel answers ENOSYS. */
  readonly entry?: string;
  /** The function entered instead of `sys_<entry>`: `compat_sys_open`, `sys_ia32_pread64`. */
  readonly via?: string;
  /** x32 has another number for it. */
  readonly only64?: boolean;
}

/** A parameter of a system call as its tracepoint names it. */
export interface SyscallParam {
  readonly name: string;
  /** C type as the kernel spells it: `const char *`, `unsigned int`. */
  readonly ctype: string;
}

/** One field of a tracepoint's record, as the event's `format` file describes it. */
export interface RecordField {
  readonly name: string;
  /** C type as `format` spells it, array bounds left out of it: `char`, `__data_loc char[]`. */
  readonly ctype: string;
  /** Bytes from the start of the record; the first eight are hidden from programs. */
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
  /** Elements, where the field is an array. */
  readonly count?: number;
}

/** What an argument of a kernel function is, from the system call that reached it. `n` is the system call's argument, from 0. */
export type FunctionArg =
  /** The argument itself; `or`: with these bits set. */
  | { readonly kind: 'arg'; readonly n: number; readonly or?: bigint }
  | { readonly kind: 'const'; readonly value: bigint }
  /** argument >> shift. */
  | { readonly kind: 'shifted'; readonly n: number; readonly shift: bigint }
  /** A 64-bit value in two 32-bit arguments. */
  | { readonly kind: 'pair'; readonly low: number; readonly high: number }
  /** Wait status of an exit code: (argument & 0xff) << 8. */
  | { readonly kind: 'exit_status'; readonly n: number }
  /** struct filename * of a kernel copy of the path at the argument; an error pointer where getname() fails. */
  | { readonly kind: 'filename'; readonly n: number; readonly empty?: 'allowed' }
  /** struct open_how * made of flags and mode, as build_open_how() normalises them. */
  | { readonly kind: 'open_how'; readonly flags: FunctionArg; readonly mode: FunctionArg }
  /** struct open_how * copied from the caller's. */
  | { readonly kind: 'user_open_how'; readonly n: number; readonly size: number }
  /** struct kernel_clone_args *. `order`: arguments of flags, stack, parent tid, child tid, tls. */
  | { readonly kind: 'clone_args'; readonly order: readonly [number, number, number, number, number] }
  | { readonly kind: 'fixed_clone_args'; readonly flags: bigint }
  /** struct kernel_clone_args * from the caller's struct clone_args. */
  | { readonly kind: 'user_clone_args'; readonly n: number; readonly size: number };

/** System calls that reach a function in the same way. */
export interface FunctionSource {
  /** Kernel functions of the calls, without `sys_`. */
  readonly entries: readonly string[];
  /** Only callers of these ABIs; every one by default. */
  readonly abis?: readonly SyscallAbi[];
  readonly args: readonly FunctionArg[];
  /** Arguments after the sixth. */
  readonly stack?: readonly FunctionArg[];
  /** Only calls whose argument `n` masked equals the value. */
  readonly when?: ArgCondition;
}

/** argument & mask === equals. */
export interface ArgCondition {
  readonly n: number;
  readonly mask: bigint;
  readonly equals: bigint;
}

/** A kernel function whose arguments are not simply its system call's. */
export interface FunctionRow {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly sources: readonly FunctionSource[];
  /** It runs when any thread exits; argument 0 is the exit code. */
  readonly exit?: boolean;
  /** The C prototype given, and what is special. */
  readonly doc: string;
}
