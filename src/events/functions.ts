/**
 * Kernel functions that system calls reach, under every name people probe: which call reaches them and what their arguments are.
 * Facts only: making the arguments is the source's business.
 */
import { SPECIAL_FUNCTIONS } from './special-functions.ts';
import { type AbiSyscall, ALL_ENTRIES, NATIVE_ENTRIES, selectSyscalls } from './syscalls.ts';
import type { ArgCondition, FunctionArg, FunctionRow } from './types.ts';

/** How a function gets its arguments. */
export type FunctionShape =
  /** System-call arguments 0..5 in the C argument registers. */
  | { readonly kind: 'direct' }
  /** One argument: a pointer to the caller's saved struct pt_regs. `normal`: rewritten to the 64-bit ABI's argument registers. */
  | { readonly kind: 'wrapper'; readonly normal: boolean }
  /** Arguments as listed; further ones on the stack. */
  | { readonly kind: 'args'; readonly args: readonly FunctionArg[]; readonly stack: readonly FunctionArg[] };

/** A system call that reaches the function, and how. */
export interface FunctionHit {
  readonly call: AbiSyscall;
  readonly shape: FunctionShape;
  readonly when?: ArgCondition;
}

/** What a name stands for. */
export interface ResolvedFunction {
  readonly name: string;
  readonly hits: readonly FunctionHit[];
  /** Not (only) a system call: runs when a thread exits, with the exit code as argument. */
  readonly exit: boolean;
}

const DIRECT: FunctionShape = { kind: 'direct' };
const WRAPPER: FunctionShape = { kind: 'wrapper', normal: false };
const NORMAL_WRAPPER: FunctionShape = { kind: 'wrapper', normal: true };

/** Name prefixes that stand for a system call's function: whose calls reach it, and with which arguments. The longest match is tried first. */
const PREFIXES: readonly {
  readonly prefix: string;
  readonly shape: FunctionShape;
  readonly matches: (call: AbiSyscall, entry: string) => boolean;
}[] = [
  { prefix: '__ia32_compat_sys_', shape: WRAPPER, matches: (c, e) => c.abi === 'i386' && c.row.via === `compat_sys_${e}` },
  { prefix: '__x64_compat_sys_', shape: WRAPPER, matches: (c, e) => c.abi === 'x32' && c.row.via === `compat_sys_${e}` },
  { prefix: '__se_compat_sys_', shape: DIRECT, matches: (c, e) => c.row.via === `compat_sys_${e}` },
  { prefix: 'compat_sys_', shape: DIRECT, matches: (c, e) => c.row.via === `compat_sys_${e}` },
  { prefix: 'compat_SyS_', shape: DIRECT, matches: (c, e) => c.row.via === `compat_sys_${e}` },
  {
    prefix: '__ia32_sys_',
    shape: WRAPPER,
    matches: (c, e) => c.abi === 'i386' && (c.row.via ?? `sys_${c.row.entry ?? ''}`) === `sys_${e}`,
  },
  { prefix: '__x64_sys_', shape: WRAPPER, matches: (c, e) => c.abi !== 'i386' && c.row.via === undefined && c.row.entry === e },
  { prefix: '__se_sys_', shape: DIRECT, matches: (c, e) => (c.row.via ?? `sys_${c.row.entry ?? ''}`) === `sys_${e}` },
  { prefix: '__do_sys_', shape: DIRECT, matches: (c, e) => (c.row.via ?? `sys_${c.row.entry ?? ''}`) === `sys_${e}` },
  { prefix: 'ksys_', shape: DIRECT, matches: (c, e) => c.row.entry === e },
  { prefix: 'sys_', shape: DIRECT, matches: (c, e) => c.row.entry === e || c.row.via === `sys_${e}` },
  { prefix: 'SyS_', shape: DIRECT, matches: (c, e) => c.row.entry === e || c.row.via === `sys_${e}` },
];

const SPECIAL: ReadonlyMap<string, FunctionRow> = new Map(
  SPECIAL_FUNCTIONS.flatMap((row) => [row.name, ...(row.aliases ?? [])].map((name): [string, FunctionRow] => [name, row])),
);

/**
 * What a kprobe's function name stands for, or undefined for a name that no system call is known to reach.
 *
 * `sys_write`, `SyS_write`, `ksys_write` and the special functions stand for the system call of every ABI, so that 32-bit and x32
 * callers do not escape a probe; `__x64_sys_`, `__ia32_sys_`, `__ia32_compat_sys_`, `__se_sys_` stand for exactly the calls that enter
 * that function in a 6.18 kernel.
 */
export function resolveFunction(name: string): ResolvedFunction | undefined {
  const special = SPECIAL.get(name);
  if (special !== undefined) {
    const hits = special.sources.flatMap((source) =>
      selectSyscalls(
        (row, abi) => row.entry !== undefined && source.entries.includes(row.entry) && (source.abis?.includes(abi) ?? true),
      ).map(
        (call): FunctionHit => ({
          call,
          shape: { kind: 'args', args: source.args, stack: source.stack ?? [] },
          ...(source.when === undefined ? {} : { when: source.when }),
        }),
      ),
    );
    return { name, hits, exit: special.exit === true };
  }
  for (const { prefix, shape, matches } of PREFIXES) {
    if (!name.startsWith(prefix)) continue;
    const entry = name.slice(prefix.length);
    const calls = selectSyscalls((row, abi) => row.entry !== undefined && matches({ abi, row }, entry));
    if (calls.length > 0) return { name, hits: calls.map((call) => ({ call, shape })), exit: false };
  }
  return undefined;
}

/**
 * The calls that `ksyscall/NAME` stands for: by the name in any ABI's unistd header or by the kernel's function. Its context is that of an
 * `__x64_sys_` wrapper whose inner registers are always in the 64-bit ABI's order, so that libbpf's BPF_KSYSCALL reads them right.
 */
export function resolveSyscall(name: string): ResolvedFunction | undefined {
  const calls = selectSyscalls((row) => row.entry !== undefined && (row.name === name || row.entry === name));
  return calls.length === 0 ? undefined : { name, hits: calls.map((call) => ({ call, shape: NORMAL_WRAPPER })), exit: false };
}

/** Names to offer where one is unknown: one per prefix people use for every system call, and the special functions. */
export function* functionNames(): Generator<string> {
  yield* SPECIAL.keys();
  for (const entry of ALL_ENTRIES) {
    yield `sys_${entry}`;
    yield `ksys_${entry}`;
    if (NATIVE_ENTRIES.has(entry)) yield `__x64_sys_${entry}`;
  }
}

/** Plain system-call names for `ksyscall/`. */
export function syscallNames(): string[] {
  return [...new Set(selectSyscalls((row) => row.entry !== undefined).map(({ row }) => row.name))];
}

/** Functions that people probe and that a tracer of system calls cannot produce truthfully, with the reason. */
export const REFUSED_FUNCTIONS: Readonly<Record<string, string>> = {
  vfs_read: 'its argument is a struct file, and reads from inside the kernel reach it too; probe ksys_read',
  vfs_write: 'its argument is a struct file, and writes from inside the kernel reach it too; probe ksys_write',
  vfs_open: 'its arguments are kernel objects (struct path, struct file); probe do_sys_openat2',
  vfs_readv: 'its argument is a struct file; probe do_readv',
  vfs_writev: 'its argument is a struct file; probe do_writev',
  do_filp_open: 'its third argument is a struct open_flags, and opens from inside the kernel reach it too; probe do_sys_openat2',
  bprm_execve: 'its argument is a struct linux_binprm; probe do_execveat_common',
  kernel_execve: 'it runs programs started by the kernel itself',
  do_nanosleep: 'its argument is a struct hrtimer_sleeper; probe sys_nanosleep and sys_clock_nanosleep',
  do_futex: 'its timeout is a kernel object; probe sys_futex',
  do_mount: 'its strings are kernel copies that depend on the call; probe sys_mount',
  wake_up_new_task: 'its argument is a struct task_struct; use tracepoint/sched/sched_process_fork',
  finish_task_switch: 'scheduling is invisible to a tracer',
  schedule: 'scheduling is invisible to a tracer',
  tcp_connect: 'its argument is a struct sock; probe sys_connect',
  tcp_v4_connect: 'its argument is a struct sock; probe sys_connect',
  tcp_v6_connect: 'its argument is a struct sock; probe sys_connect',
  tcp_sendmsg: 'its argument is a struct sock; probe sys_sendto and sys_sendmsg',
  tcp_recvmsg: 'its argument is a struct sock; probe sys_recvfrom and sys_recvmsg',
  blk_mq_start_request: 'block I/O is invisible to a tracer',
};
