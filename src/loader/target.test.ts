/** Section names as the loader reads them. */
import { describe, expect, test } from 'vitest';
import { sectionMeaning } from './index.ts';

const ROWS: readonly [section: string, type: number, target: unknown, more?: Record<string, unknown>][] = [
  ['kprobe/do_execve', 2, { kind: 'kprobe', func: 'do_execve', ret: false }],
  ['kprobe/do_execve+0x10', 2, { kind: 'kprobe', func: 'do_execve', offset: 16, ret: false }],
  ['kprobe/do_execve+7', 2, { kind: 'kprobe', func: 'do_execve', offset: 7, ret: false }],
  ['kretprobe/x', 2, { kind: 'kprobe', func: 'x', ret: true }],
  ['kprobe', 2, undefined, { auto: false }],
  ['kprobe/3', 2, undefined, { auto: false, slot: 3 }],
  ['socket/12', 1, undefined, { auto: false, slot: 12 }],
  ['socket', 1, undefined, { auto: false, slot: undefined }],
  ['socket_foo', 0, 'unknown'],
  ['ksyscall/write', 2, { kind: 'ksyscall', name: 'write', ret: false }],
  ['kretsyscall/write', 2, { kind: 'ksyscall', name: 'write', ret: true }],
  ['tracepoint/syscalls/sys_enter_write', 5, { kind: 'tracepoint', category: 'syscalls', name: 'sys_enter_write' }],
  ['tp/sched/sched_process_exec', 5, { kind: 'tracepoint', category: 'sched', name: 'sched_process_exec' }],
  ['tracepoint', 5, undefined, { auto: false }],
  ['raw_tp/sys_enter', 17, { kind: 'raw_tracepoint', name: 'sys_enter' }],
  ['raw_tracepoint.w/x', 24, { kind: 'raw_tracepoint', name: 'x' }],
  ['uprobe//bin/bash:readline+0x8', 2, { kind: 'uprobe', path: '/bin/bash', func: 'readline', offset: 8, ret: false }],
  ['uprobe/libc.so.6:malloc', 2, { kind: 'uprobe', path: 'libc.so.6', func: 'malloc', ret: false }],
  ['uretprobe.s//bin/x:f', 2, { kind: 'uprobe', path: '/bin/x', func: 'f', ret: true }, { flags: 16 }],
  ['uprobe//bin/x:0x1234', 2, { kind: 'uprobe', path: '/bin/x', offset: 0x1234, ret: false }],
  ['uprobe//bin/x', 2, undefined],
  ['fentry/do_unlinkat', 26, { kind: 'other', section: 'fentry/do_unlinkat' }, { auto: true, expectedAttachType: 24 }],
  ['xdp', 6, { kind: 'other', section: 'xdp' }, { auto: false, expectedAttachType: 37 }],
  ['xdp.frags', 6, { kind: 'other', section: 'xdp.frags' }, { flags: 32 }],
  ['perf_event', 7, undefined, { auto: false }],
  ['nonsense/x', 0, 'unknown'],
];

describe('sections', () => {
  test.each(ROWS)('%s', (section, type, target, more = {}) => {
    const meaning = sectionMeaning(section);
    if (target === 'unknown') return expect(meaning).toBeUndefined();
    expect(meaning?.target).toEqual(target);
    expect(meaning).toMatchObject({ type, ...more });
  });

  const BAD: readonly [section: string, message: RegExp][] = [
    ['tracepoint/sys_enter', /expected category\/name/],
    ['tp/sched/', /expected category\/name/],
    ['kprobe/f+x', /'f\+x', expected function or function\+offset/],
    ['kprobe/+1', /expected function/],
    ['kretprobe/f+4', /a return probe has no offset/],
    ['uprobe/:f', /expected path:function/],
  ];
  test.each(BAD)('%s is refused', (section, message) => {
    expect(() => sectionMeaning(section)).toThrow(message);
  });
});
