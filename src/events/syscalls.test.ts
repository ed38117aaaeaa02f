/** System-call tables: their own consistency, and against this machine's headers, kallsyms and tracefs where those exist. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findSyscall, NATIVE_ENTRIES, SYSCALL_TABLES, type SyscallAbi, syscallParams } from './index.ts';

describe.each(Object.entries(SYSCALL_TABLES))('%s', (abi, rows) => {
  test('each number and each name once', () => {
    expect(new Set(rows.map((row) => row.nr)).size).toBe(rows.length);
    expect(new Set(rows.map((row) => row.name)).size).toBe(rows.length);
    for (const row of rows) expect(findSyscall(abi as SyscallAbi, row.nr)).toBe(row);
  });
});

test.each([
  ['x86_64', 1, 'write', 'write', undefined],
  ['x86_64', 5, 'fstat', 'newfstat', undefined],
  ['x86_64', 59, 'execve', 'execve', undefined],
  ['x86_64', 469, 'file_setattr', 'file_setattr', undefined],
  ['x32', 520, 'execve', 'execve', 'compat_sys_execve'],
  ['x32', 1, 'write', 'write', undefined],
  ['i386', 4, 'write', 'write', undefined],
  ['i386', 11, 'execve', 'execve', 'compat_sys_execve'],
  ['i386', 180, 'pread64', 'pread64', 'sys_ia32_pread64'],
] as const)('%s %i is %s', (abi, nr, name, entry, via) => {
  expect(findSyscall(abi, nr)).toMatchObject({ nr, name, entry, ...(via === undefined ? {} : { via }) });
});

test('x32 has no call that only 64-bit programs have', () => {
  expect(findSyscall('x32', 59)).toBeUndefined();
});

const HEADERS = [
  ['x86_64', '64', 0],
  ['i386', '32', 0],
  ['x32', 'x32', 0],
] as const;
describe.each(HEADERS)('%s against <asm/unistd_%s.h>', (abi, suffix) => {
  const path = `/usr/include/x86_64-linux-gnu/asm/unistd_${suffix}.h`;
  test.skipIf(!existsSync(path))('every number of the header (skipped without the header)', () => {
    const wrong: string[] = [];
    for (const [, name, nr] of readFileSync(path, 'utf8').matchAll(/#define __NR_(\w+) \(?(?:__X32_SYSCALL_BIT \+ )?(\d+)\)?/g)) {
      if (name !== undefined && findSyscall(abi, Number(nr))?.name !== name) wrong.push(`${nr} ${name}`);
    }
    expect(wrong).toEqual([]);
  });
});

const release = existsSync('/proc/sys/kernel/osrelease') ? readFileSync('/proc/sys/kernel/osrelease', 'utf8') : '';
const symbols = (): Set<string> =>
  new Set(
    readFileSync('/proc/kallsyms', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[2]?.split('\t')[0] ?? ''),
  );

test.skipIf(!release.startsWith('6.18'))('every function entered exists in a 6.18 kernel (skipped on others)', () => {
  const known = symbols();
  const missing: string[] = [];
  for (const row of SYSCALL_TABLES.x86_64)
    if (row.entry !== undefined && !known.has(`__x64_sys_${row.entry}`)) missing.push(`__x64_sys_${row.entry}`);
  for (const row of SYSCALL_TABLES.i386) {
    const wrapper = `__ia32_${row.via ?? `sys_${row.entry}`}`;
    if (row.entry !== undefined && !known.has(wrapper)) missing.push(wrapper);
  }
  expect(missing).toEqual([]);
});

test('parameters', () => {
  expect(syscallParams('write')).toEqual([
    { ctype: 'unsigned int', name: 'fd' },
    { ctype: 'const char *', name: 'buf' },
    { ctype: 'size_t', name: 'count' },
  ]);
  expect(syscallParams('getpid')).toEqual([]);
  expect(syscallParams('nonesuch')).toBeUndefined();
  expect(syscallParams('constructor')).toBeUndefined();
  for (const entry of NATIVE_ENTRIES) expect(syscallParams(entry)?.length ?? 0).toBeLessThanOrEqual(6);
});
