/** Record layouts of the tracepoints that the ptrace source produces, and of every system call's. Facts and their derivation; who fills records is the source's business. */
import { NATIVE_ENTRIES, syscallParams } from './syscalls.ts';
import type { RecordField } from './types.ts';

/** A tracepoint's record as programs see it. */
export interface TracepointRow {
  readonly category: string;
  readonly name: string;
  /** The event's own fields; the common ones before offset 8 are hidden from programs. */
  readonly fields: readonly RecordField[];
  /** One sentence: when it fires. */
  readonly doc: string;
}

const field = (ctype: string, name: string, offset: number, size: number, signed: boolean, count?: number): RecordField =>
  count === undefined ? { name, ctype, offset, size, signed } : { name, ctype, offset, size, signed, count };

/** The four fields every record starts with (kernel/trace/trace_events.c trace_define_common_fields, v6.18). */
export const COMMON_FIELDS: readonly RecordField[] = [
  field('unsigned short', 'common_type', 0, 2, false),
  field('unsigned char', 'common_flags', 2, 1, false),
  field('unsigned char', 'common_preempt_count', 3, 1, false),
  field('int', 'common_pid', 4, 4, true),
];

/** Tracepoints with layouts of their own (include/trace/events/{sched,task,syscalls}.h, v6.18). */
export const TRACEPOINTS: readonly TracepointRow[] = [
  {
    category: 'raw_syscalls',
    name: 'sys_enter',
    fields: [field('long', 'id', 8, 8, true), field('unsigned long', 'args', 16, 48, false, 6)],
    doc: 'Every system call, before it runs.',
  },
  {
    category: 'raw_syscalls',
    name: 'sys_exit',
    fields: [field('long', 'id', 8, 8, true), field('long', 'ret', 16, 8, true)],
    doc: 'Every system call, after it ran.',
  },
  {
    category: 'sched',
    name: 'sched_process_exec',
    fields: [
      field('__data_loc char[]', 'filename', 8, 4, false),
      field('pid_t', 'pid', 12, 4, true),
      field('pid_t', 'old_pid', 16, 4, true),
    ],
    doc: 'A successful exec, in the new program before its first instruction.',
  },
  {
    category: 'sched',
    name: 'sched_process_fork',
    fields: [
      field('__data_loc char[]', 'parent_comm', 8, 4, false),
      field('pid_t', 'parent_pid', 12, 4, true),
      field('__data_loc char[]', 'child_comm', 16, 4, false),
      field('pid_t', 'child_pid', 20, 4, true),
    ],
    doc: 'A new thread or process, in its parent.',
  },
  {
    category: 'sched',
    name: 'sched_process_exit',
    fields: [
      field('char', 'comm', 8, 16, false, 16),
      field('pid_t', 'pid', 24, 4, true),
      field('int', 'prio', 28, 4, true),
      field('bool', 'group_dead', 32, 1, false),
    ],
    doc: 'A thread that exits, in that thread.',
  },
];

/** Bytes of the fixed part of a record. */
export function recordSize(fields: readonly RecordField[]): number {
  let end = 8;
  for (const f of fields) end = Math.max(end, f.offset + f.size);
  return end;
}

/** First byte of a record's strings: after the fixed part as the kernel's entry structure ends (4-byte aligned). */
export function dataStart(fields: readonly RecordField[]): number {
  return (recordSize(fields) + 3) & ~3;
}

/**
 * The layout of `category/name`, or undefined when the ptrace source does not produce it. `syscalls/sys_enter_*` and `sys_exit_*`
 * follow the system call's parameters: number at 8, then 8 bytes each from 16 (kernel/trace/trace_syscalls.c, v6.18).
 */
export function findTracepoint(category: string, name: string): TracepointRow | undefined {
  if (category !== 'syscalls') return TRACEPOINTS.find((row) => row.category === category && row.name === name);
  const nr = field('int', '__syscall_nr', 8, 4, true);
  if (name.startsWith('sys_enter_')) {
    const params = syscallParams(name.slice(10));
    if (params === undefined) return undefined;
    const fields = params.map((p, i) => field(p.ctype, p.name, 16 + 8 * i, 8, false));
    return { category, name, fields: [nr, ...fields], doc: `${name.slice(10)}(2), before it runs.` };
  }
  if (name.startsWith('sys_exit_') && syscallParams(name.slice(9)) !== undefined) {
    return { category, name, fields: [nr, field('long', 'ret', 16, 8, true)], doc: `${name.slice(9)}(2), after it ran.` };
  }
  return undefined;
}

/** All `category/name` that findTracepoint knows. */
export function tracepointNames(): string[] {
  const names = TRACEPOINTS.map((row) => `${row.category}/${row.name}`);
  for (const entry of NATIVE_ENTRIES) {
    if (syscallParams(entry) !== undefined) names.push(`syscalls/sys_enter_${entry}`, `syscalls/sys_exit_${entry}`);
  }
  return names;
}

/** Raw tracepoints and what their arguments are; `task` and `binprm` are addresses of kernel objects that cannot be read here. */
export const RAW_TRACEPOINTS: Readonly<
  Record<string, readonly ('regs' | 'id' | 'ret' | 'task' | 'parent' | 'child' | 'old_pid' | 'binprm' | 'group_dead')[]>
> = {
  sys_enter: ['regs', 'id'],
  sys_exit: ['regs', 'ret'],
  sched_process_exec: ['task', 'old_pid', 'binprm'],
  sched_process_fork: ['parent', 'child'],
  sched_process_exit: ['task', 'group_dead'],
};
