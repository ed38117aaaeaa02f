/** Kernel functions below the system-call entry whose arguments differ from the call's: one row each, arguments stated from fs/, kernel/ and mm/ (v6.18, older ones as named). */
import type { FunctionArg, FunctionRow, FunctionSource, SyscallAbi } from './types.ts';

const arg = (n: number, or?: bigint): FunctionArg => (or === undefined ? { kind: 'arg', n } : { kind: 'arg', n, or });
const value = (v: bigint): FunctionArg => ({ kind: 'const', value: v });
const filename = (n: number): FunctionArg => ({ kind: 'filename', n });
const args = (count: number): FunctionArg[] => Array.from({ length: count }, (_, n) => arg(n));

const NATIVE: readonly SyscallAbi[] = ['x86_64', 'x32', 'aarch64'];
const COMPAT: readonly SyscallAbi[] = ['i386'];

/** AT_FDCWD as an int argument. */
const CWD = value(0xffff_ff9cn);
const NULL = value(0n);
const O_LARGEFILE = 0o100000n;
const O_CREAT_FLAGS = value(0o1101n | O_LARGEFILE);
const SIGCHLD = 17n;
const AT_REMOVEDIR = 0x200n;
const VFORK_FLAGS = 0x4000n | 0x100n;

/** The system call's own arguments unchanged. */
const same = (entry: string, count: number): FunctionSource => ({ entries: [entry], args: args(count) });

const openHow = (flags: FunctionArg, mode: FunctionArg): FunctionArg => ({ kind: 'open_how', flags, mode });

/** argv and envp as struct user_arg_ptr, two registers each: is_compat, pointer. */
const execArgs = (n: number, compat: bigint): FunctionArg[] => [value(compat), arg(n), value(compat), arg(n + 1)];

const EXEC_COMMON: readonly FunctionSource[] = [
  { entries: ['execve'], abis: NATIVE, args: [CWD, filename(0), ...execArgs(1, 0n)], stack: [NULL, NULL] },
  { entries: ['execve'], abis: COMPAT, args: [CWD, filename(0), ...execArgs(1, 1n)], stack: [NULL, NULL] },
  {
    entries: ['execveat'],
    abis: NATIVE,
    args: [arg(0), { kind: 'filename', n: 1, empty: 'allowed' }, ...execArgs(2, 0n)],
    stack: [arg(4), NULL],
  },
  {
    entries: ['execveat'],
    abis: COMPAT,
    args: [arg(0), { kind: 'filename', n: 1, empty: 'allowed' }, ...execArgs(2, 1n)],
    stack: [arg(4), NULL],
  },
];

/** 64-bit offsets that 32-bit callers pass in two registers. */
const positioned = (entry: string): FunctionSource[] => [
  { entries: [entry], abis: NATIVE, args: args(4) },
  { entries: [entry], abis: COMPAT, args: [arg(0), arg(1), arg(2), { kind: 'pair', low: 3, high: 4 }] },
];

const cloneArgs = (order: readonly [number, number, number, number, number]): FunctionArg => ({ kind: 'clone_args', order });

/** The functions, each with every system call known to reach it. */
export const SPECIAL_FUNCTIONS: readonly FunctionRow[] = [
  {
    name: 'do_execve',
    sources: [{ entries: ['execve'], args: [filename(0), arg(1), arg(2)] }],
    doc: 'do_execve(struct filename *, argv, envp): every execve, failing ones too (4.4 prototype; x32 and 32-bit callers included).',
  },
  {
    name: 'do_execveat',
    sources: [{ entries: ['execveat'], args: [arg(0), { kind: 'filename', n: 1, empty: 'allowed' }, arg(2), arg(3), arg(4)] }],
    doc: 'do_execveat(fd, struct filename *, argv, envp, flags).',
  },
  {
    name: 'do_execveat_common',
    aliases: ['do_execveat_common.isra.0', '__do_execve_file', '__do_execve_file.isra.0'],
    sources: EXEC_COMMON,
    doc: 'do_execveat_common(fd, struct filename *, struct user_arg_ptr argv, envp, flags): execve and execveat; flags are on the stack.',
  },
  {
    name: 'do_sys_open',
    sources: [
      { entries: ['open'], abis: NATIVE, args: [CWD, arg(0), arg(1, O_LARGEFILE), arg(2)] },
      { entries: ['open'], abis: COMPAT, args: [CWD, arg(0), arg(1), arg(2)] },
      { entries: ['creat'], args: [CWD, arg(0), O_CREAT_FLAGS, arg(1)] },
      { entries: ['openat'], abis: NATIVE, args: [arg(0), arg(1), arg(2, O_LARGEFILE), arg(3)] },
      { entries: ['openat'], abis: COMPAT, args: args(4) },
    ],
    doc: 'do_sys_open(dfd, const char __user *, flags, mode): open, creat, openat; O_LARGEFILE is set for 64-bit callers.',
  },
  {
    name: 'do_sys_openat2',
    sources: [
      { entries: ['open'], abis: NATIVE, args: [CWD, arg(0), openHow(arg(1, O_LARGEFILE), arg(2))] },
      { entries: ['open'], abis: COMPAT, args: [CWD, arg(0), openHow(arg(1), arg(2))] },
      { entries: ['creat'], args: [CWD, arg(0), openHow(O_CREAT_FLAGS, arg(1))] },
      { entries: ['openat'], abis: NATIVE, args: [arg(0), arg(1), openHow(arg(2, O_LARGEFILE), arg(3))] },
      { entries: ['openat'], abis: COMPAT, args: [arg(0), arg(1), openHow(arg(2), arg(3))] },
      { entries: ['openat2'], args: [arg(0), arg(1), { kind: 'user_open_how', n: 2, size: 3 }] },
    ],
    doc: 'do_sys_openat2(dfd, const char __user *, struct open_how *): every open by path.',
  },
  {
    name: 'kernel_clone',
    sources: [
      { entries: ['fork'], args: [{ kind: 'fixed_clone_args', flags: SIGCHLD }] },
      { entries: ['vfork'], args: [{ kind: 'fixed_clone_args', flags: VFORK_FLAGS | SIGCHLD }] },
      { entries: ['clone'], abis: NATIVE, args: [cloneArgs([0, 1, 2, 3, 4])] },
      { entries: ['clone'], abis: COMPAT, args: [cloneArgs([0, 1, 2, 4, 3])] },
      { entries: ['clone3'], args: [{ kind: 'user_clone_args', n: 0, size: 1 }] },
    ],
    doc: 'kernel_clone(struct kernel_clone_args *): fork, vfork, clone, clone3.',
  },
  {
    name: '_do_fork',
    aliases: ['do_fork'],
    sources: [
      { entries: ['fork'], args: [value(SIGCHLD), NULL, NULL, NULL, NULL, NULL] },
      { entries: ['vfork'], args: [value(VFORK_FLAGS | SIGCHLD), NULL, NULL, NULL, NULL, NULL] },
      { entries: ['clone'], abis: NATIVE, args: [arg(0), arg(1), NULL, arg(2), arg(3), arg(4)] },
      { entries: ['clone'], abis: COMPAT, args: [arg(0), arg(1), NULL, arg(2), arg(4), arg(3)] },
    ],
    doc: '_do_fork(flags, stack_start, stack_size, parent_tidptr, child_tidptr, tls) of 4.4; clone3 came with another prototype: probe kernel_clone.',
  },
  {
    name: 'do_exit',
    sources: [],
    exit: true,
    doc: 'do_exit(code): every thread that ends, by exit, exit_group, a signal or an exec of another thread.',
  },
  {
    name: 'do_group_exit',
    sources: [{ entries: ['exit_group'], args: [{ kind: 'exit_status', n: 0 }] }],
    doc: 'do_group_exit(code): exit_group only; processes that a signal kills are seen by do_exit.',
  },
  { name: 'ksys_pread64', sources: positioned('pread64'), doc: 'ksys_pread64(fd, buf, count, pos).' },
  { name: 'ksys_pwrite64', sources: positioned('pwrite64'), doc: 'ksys_pwrite64(fd, buf, count, pos).' },
  {
    name: 'ksys_mmap_pgoff',
    sources: [
      { entries: ['mmap'], args: [...args(5), { kind: 'shifted', n: 5, shift: 12n }] },
      { entries: ['mmap_pgoff'], args: args(6) },
    ],
    doc: 'ksys_mmap_pgoff(addr, len, prot, flags, fd, pgoff): mmap and mmap2; the i386 call with its arguments in memory is not given.',
  },
  { name: 'do_readv', sources: [{ entries: ['readv'], args: [...args(3), NULL] }], doc: 'do_readv(fd, vec, vlen, flags): readv.' },
  { name: 'do_writev', sources: [{ entries: ['writev'], args: [...args(3), NULL] }], doc: 'do_writev(fd, vec, vlen, flags): writev.' },
  {
    name: 'do_unlinkat',
    sources: [
      { entries: ['unlink'], args: [CWD, filename(0)] },
      { entries: ['unlinkat'], args: [arg(0), filename(1)], when: { n: 2, mask: 0xffff_ffffn, equals: 0n } },
    ],
    doc: 'do_unlinkat(dfd, struct filename *): unlink, and unlinkat without AT_REMOVEDIR.',
  },
  {
    name: 'do_rmdir',
    sources: [
      { entries: ['rmdir'], args: [CWD, filename(0)] },
      { entries: ['unlinkat'], args: [arg(0), filename(1)], when: { n: 2, mask: 0xffff_ffffn, equals: AT_REMOVEDIR } },
    ],
    doc: 'do_rmdir(dfd, struct filename *): rmdir, and unlinkat with AT_REMOVEDIR.',
  },
  {
    name: 'do_mkdirat',
    sources: [
      { entries: ['mkdir'], args: [CWD, filename(0), arg(1)] },
      { entries: ['mkdirat'], args: [arg(0), filename(1), arg(2)] },
    ],
    doc: 'do_mkdirat(dfd, struct filename *, mode).',
  },
  {
    name: 'do_renameat2',
    sources: [
      { entries: ['rename'], args: [CWD, filename(0), CWD, filename(1), NULL] },
      { entries: ['renameat'], args: [arg(0), filename(1), arg(2), filename(3), NULL] },
      { entries: ['renameat2'], args: [arg(0), filename(1), arg(2), filename(3), arg(4)] },
    ],
    doc: 'do_renameat2(olddfd, struct filename *, newdfd, struct filename *, flags).',
  },
  {
    name: 'do_symlinkat',
    sources: [
      { entries: ['symlink'], args: [filename(0), CWD, filename(1)] },
      { entries: ['symlinkat'], args: [filename(0), arg(1), filename(2)] },
    ],
    doc: 'do_symlinkat(struct filename *, newdfd, struct filename *).',
  },
  {
    name: 'do_faccessat',
    sources: [
      { entries: ['access'], args: [CWD, arg(0), arg(1), NULL] },
      { entries: ['faccessat'], args: [...args(3), NULL] },
      same('faccessat2', 4),
    ],
    doc: 'do_faccessat(dfd, const char __user *, mode, flags).',
  },
  {
    name: 'do_fchmodat',
    sources: [
      { entries: ['chmod'], args: [CWD, arg(0), arg(1), NULL] },
      { entries: ['fchmodat'], args: [...args(3), NULL] },
      same('fchmodat2', 4),
    ],
    doc: 'do_fchmodat(dfd, const char __user *, mode, flags).',
  },
  {
    name: 'do_pipe2',
    sources: [{ entries: ['pipe'], args: [arg(0), NULL] }, same('pipe2', 2)],
    doc: 'do_pipe2(int __user *, flags).',
  },
];
