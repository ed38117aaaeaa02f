/** Names of kernel functions: which calls they stand for, and with which arguments. */
import { describe, expect, test } from 'vitest';
import { editDistance, functionNames, nearestNames, resolveFunction, resolveSyscall } from './index.ts';

/** `abi:nr shape` of each hit. */
const hits = (name: string, resolve = resolveFunction): string[] | undefined =>
  resolve(name)?.hits.map(({ call, shape }) => `${call.abi}:${call.row.nr} ${shape.kind}`);

describe('one name, its calls', () => {
  test.each([
    ['sys_write', ['x86_64:1 direct', 'i386:4 direct', 'x32:1 direct']],
    ['SyS_write', ['x86_64:1 direct', 'i386:4 direct', 'x32:1 direct']],
    ['ksys_write', ['x86_64:1 direct', 'i386:4 direct', 'x32:1 direct']],
    ['__se_sys_write', ['x86_64:1 direct', 'i386:4 direct', 'x32:1 direct']],
    ['__x64_sys_write', ['x86_64:1 wrapper', 'x32:1 wrapper']],
    ['__ia32_sys_write', ['i386:4 wrapper']],
    ['__ia32_sys_open', undefined],
    ['__ia32_compat_sys_open', ['i386:5 wrapper']],
    ['sys_open', ['x86_64:2 direct', 'i386:5 direct', 'x32:2 direct']],
    ['__se_sys_open', ['x86_64:2 direct', 'x32:2 direct']],
    ['__x64_sys_newfstat', ['x86_64:5 wrapper', 'x32:5 wrapper']],
    ['__ia32_sys_ia32_pread64', ['i386:180 wrapper']],
    ['sys_getuid16', ['i386:24 direct']],
    ['sys_execve', ['x86_64:59 direct', 'i386:11 direct', 'x32:520 direct']],
    ['do_execve', ['x86_64:59 args', 'i386:11 args', 'x32:520 args']],
    ['do_execveat_common.isra.0', ['x86_64:59 args', 'x32:520 args', 'i386:11 args', 'x86_64:322 args', 'x32:545 args', 'i386:358 args']],
    ['kernel_clone', 9],
    ['do_sys_openat2', 12],
  ] as const)('%s', (name, expected) => {
    if (typeof expected === 'number') expect(hits(name)?.length).toBeGreaterThanOrEqual(expected);
    else expect(hits(name)).toEqual(expected);
  });

  test('do_exit is no system call', () => {
    expect(resolveFunction('do_exit')).toMatchObject({ hits: [], exit: true });
  });

  test.each([
    ['fstat', ['x86_64:5 wrapper', 'i386:108 wrapper', 'i386:28 wrapper', 'x32:5 wrapper']],
    ['newfstat', ['x86_64:5 wrapper', 'i386:108 wrapper', 'x32:5 wrapper']],
    ['nonesuch', undefined],
  ])('ksyscall %s', (name, expected) => {
    expect(hits(name, resolveSyscall)?.sort()).toEqual(expected === undefined ? undefined : [...expected].sort());
  });

  test.each(['', 'sys_', 'write', 'sys_nonesuch', '__x64_sys_', 'vfs_read', '__proto__', 'ksys_constructor'])('%j is unknown', (name) => {
    expect(resolveFunction(name)).toBeUndefined();
  });

  test('every name offered is known', () => {
    const wrong = [...functionNames()].filter((name) => resolveFunction(name) === undefined);
    expect(wrong).toEqual([]);
  });
});

describe('nearest names', () => {
  test.each([
    ['do_execv', 'do_execve'],
    ['sys_wirte', 'sys_write'],
    ['do_sys_openat', 'do_sys_openat2'],
    ['kernel_clon', 'kernel_clone'],
    ['sys_opennat', 'sys_openat'],
  ])('%s -> %s', (name, near) => {
    expect(nearestNames(name, functionNames())[0]).toBe(near);
  });

  test('distance', () => {
    expect(editDistance('abc', 'acb', 3)).toBe(1);
    expect(editDistance('abc', 'abc', 3)).toBe(0);
    expect(editDistance('', 'abc', 3)).toBe(3);
    expect(editDistance('abcdef', 'x', 2)).toBe(3);
  });

  test('long input is bounded', () => {
    expect(nearestNames('x'.repeat(1e6), functionNames())).toEqual([]);
  });
});
