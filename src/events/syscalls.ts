/** Looking system calls up: by ABI and number, by name, by the kernel function they enter. The numbers themselves are in syscalls-*.ts. */
import { SYSCALL_SIGNATURES } from './signatures.ts';
import { I386_SYSCALLS } from './syscalls-i386.ts';
import { X32_SYSCALLS, X86_64_SYSCALLS } from './syscalls-x86_64.ts';
import type { SyscallAbi, SyscallParam, SyscallRow } from './types.ts';

/** The rows of each ABI. aarch64 has none yet: its numbers come with its registers and launcher. */
export const SYSCALL_TABLES: Readonly<Record<SyscallAbi, readonly SyscallRow[]>> = {
  x86_64: X86_64_SYSCALLS,
  i386: I386_SYSCALLS,
  x32: [...X86_64_SYSCALLS.filter((row) => row.only64 !== true), ...X32_SYSCALLS],
  aarch64: [],
};

/** Bit that x32 callers set in the number (`<asm/unistd.h>` __X32_SYSCALL_BIT). */
export const X32_SYSCALL_BIT = 0x4000_0000;

/** The ABIs whose calls one kernel of the given machine takes, its own first. */
export const MACHINE_ABIS: Readonly<Record<'x86_64' | 'aarch64', readonly SyscallAbi[]>> = {
  x86_64: ['x86_64', 'i386', 'x32'],
  aarch64: ['aarch64'],
};

function byNumber(rows: readonly SyscallRow[]): ReadonlyMap<number, SyscallRow> {
  return new Map(rows.map((row) => [row.nr, row]));
}

const BY_NUMBER: Readonly<Record<SyscallAbi, ReadonlyMap<number, SyscallRow>>> = {
  x86_64: byNumber(SYSCALL_TABLES.x86_64),
  i386: byNumber(SYSCALL_TABLES.i386),
  x32: byNumber(SYSCALL_TABLES.x32),
  aarch64: byNumber(SYSCALL_TABLES.aarch64),
};

/** The row of a number, or undefined for one the table lacks. */
export function findSyscall(abi: SyscallAbi, nr: number): SyscallRow | undefined {
  return BY_NUMBER[abi].get(nr);
}

/** A call of one ABI. */
export interface AbiSyscall {
  readonly abi: SyscallAbi;
  readonly row: SyscallRow;
}

/** Every call of every ABI that satisfies `test`, in table order. */
export function selectSyscalls(test: (row: SyscallRow, abi: SyscallAbi) => boolean): AbiSyscall[] {
  const found: AbiSyscall[] = [];
  for (const abi of Object.keys(SYSCALL_TABLES) as SyscallAbi[]) {
    for (const row of SYSCALL_TABLES[abi]) if (test(row, abi)) found.push({ abi, row });
  }
  return found;
}

/** The kernel functions, without `sys_`, that a 64-bit program can enter: the calls that have `sys_enter_*` tracepoints and `__x64_sys_*` wrappers. */
export const NATIVE_ENTRIES: ReadonlySet<string> = new Set(
  SYSCALL_TABLES.x86_64.flatMap((row) => (row.entry === undefined ? [] : [row.entry])),
);

/** Every kernel function that some ABI enters, without `sys_`. */
export const ALL_ENTRIES: ReadonlySet<string> = new Set(
  selectSyscalls(() => true).flatMap(({ row }) => (row.entry === undefined ? [] : [row.entry])),
);

/**
 * Parameters of a system call by its kernel function (`newfstat`), or undefined where the kernel publishes none
 * (calls without a tracepoint).
 */
export function syscallParams(entry: string): readonly SyscallParam[] | undefined {
  if (!Object.hasOwn(SYSCALL_SIGNATURES, entry)) return undefined;
  const text = SYSCALL_SIGNATURES[entry];
  if (text === undefined) return undefined;
  if (text === '') return [];
  return text.split(', ').map((param) => {
    const space = param.lastIndexOf(' ');
    return { ctype: param.slice(0, space), name: param.slice(space + 1) };
  });
}
