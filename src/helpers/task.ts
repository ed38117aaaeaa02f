/** Helpers that tell who runs, and signal it. */
import { ERRNO } from '../base/index.ts';
import { arg } from './row.ts';
import type { HelperCall, HelperImpls, HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const TASK_HELPERS = [
  {
    id: 14,
    name: 'get_current_pid_tgid',
    since: '4.2',
    gplOnly: false,
    ret: 'integer',
    cret: '__u64',
    args: [],
    doc: 'Gives the process id in the upper and the thread id in the lower 32 bits.',
  },
  {
    id: 15,
    name: 'get_current_uid_gid',
    since: '4.2',
    gplOnly: false,
    ret: 'integer',
    cret: '__u64',
    args: [],
    doc: 'Gives the group id in the upper and the user id in the lower 32 bits.',
  },
  {
    id: 16,
    name: 'get_current_comm',
    since: '4.2',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'buf', 'mem_uninit'), arg('__u32', 'size_of_buf', 'size')],
    doc: 'Copies the name of the current thread, NUL-terminated and zero-padded.',
  },
  {
    id: 35,
    name: 'get_current_task',
    since: '4.8',
    gplOnly: true,
    ret: 'integer',
    cret: '__u64',
    args: [],
    doc: 'Gives the address of the current task as a number.',
  },
  {
    id: 109,
    name: 'send_signal',
    since: '5.3',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('__u32', 'sig', 'anything')],
    doc: 'Sends a signal to the current process.',
  },
  {
    id: 117,
    name: 'send_signal_thread',
    since: '5.6',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('__u32', 'sig', 'anything')],
    doc: 'Sends a signal to the current thread.',
  },
  {
    id: 120,
    name: 'get_ns_current_pid_tgid',
    since: '5.7',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('__u64', 'dev', 'anything'),
      arg('__u64', 'ino', 'anything'),
      arg('struct bpf_pidns_info *', 'nsdata', 'mem_uninit'),
      arg('__u32', 'size', 'size'),
    ],
    doc: 'Gives process and thread id as the given pid namespace numbers them.',
  },
  {
    id: 158,
    name: 'get_current_task_btf',
    since: '5.11',
    gplOnly: true,
    ret: 'btf_id_trusted',
    retBtf: 'task_struct',
    cret: 'struct task_struct *',
    args: [],
    doc: 'Gives the current task as a typed pointer.',
  },
  {
    id: 175,
    name: 'task_pt_regs',
    since: '5.15',
    gplOnly: true,
    ret: 'btf_id',
    retBtf: 'pt_regs',
    cret: 'long',
    args: [arg('struct task_struct *', 'task', 'btf_id', { btf: 'task_struct' })],
    doc: 'Gives the user-space registers of a task.',
  },
  {
    id: 180,
    name: 'find_vma',
    since: '5.17',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('struct task_struct *', 'task', 'btf_id', { btf: 'task_struct' }),
      arg('__u64', 'addr', 'anything'),
      arg('void *', 'callback_fn', 'func'),
      arg('void *', 'callback_ctx', 'stack_or_null'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: 'Finds the memory mapping that holds an address and calls a callback on it.',
  },
] as const satisfies readonly HelperProto[];

/**
 * Where current-task pointers begin: kernel-like, one per thread, and outside the engine's memory, so that reading through one
 * faults instead of giving another object's bytes.
 */
const TASK_POINTERS = 0xffff_9000_0000_0000n;
const TASK_STRIDE = 0x4000n;

/** The address that programs get for a thread's task_struct: distinct per thread, unreadable. */
export function taskPointer(tid: number): bigint {
  return TASK_POINTERS + BigInt(tid >>> 0) * TASK_STRIDE;
}

/** Most signals that there are (_NSIG). */
const SIGNALS = 64;
/** struct bpf_pidns_info: u32 pid and tgid. */
const PIDNS_SIZE = 8;

/** A signal of 0 asks only whether one could be sent. A made-up task takes any signal and nobody notices. */
function sendSignal(call: HelperCall, target: 'process' | 'thread'): number {
  const signal = call.off(1);
  if (signal > SIGNALS) return -ERRNO.EINVAL;
  return signal === 0 ? 0 : (call.task.sendSignal?.(signal, target) ?? 0);
}

/** The numbers of the current task in the namespace asked for, which must be its own (kernel/bpf/helpers.c v6.18). */
function nsPidTgid(call: HelperCall): number {
  if (call.off(4) !== PIDNS_SIZE || call.u64(1) > 0xffff_ffffn) return -ERRNO.EINVAL;
  const ns = call.task.pidNamespace?.();
  if (ns === undefined) return -ERRNO.ENOENT;
  if (ns.dev !== call.u64(1) || ns.ino !== call.u64(2)) return -ERRNO.EINVAL;
  const { dv } = call.mem;
  dv.setUint32(call.off(3), ns.tid, true);
  dv.setUint32(call.off(3) + 4, ns.tgid, true);
  return 0;
}

/** Facts about the current task, as its event's source knows them. */
export const TASK_IMPLS = {
  get_current_pid_tgid: (call) => (BigInt(call.task.tgid) << 32n) | BigInt(call.task.tid >>> 0),
  get_current_uid_gid: (call) => (BigInt(call.task.gid() >>> 0) << 32n) | BigInt(call.task.uid() >>> 0),
  get_current_comm(call) {
    const buf = call.off(1);
    const size = call.off(2);
    const comm = call.task.comm();
    const length = Math.min(comm.length, 15, size - 1);
    call.mem.u8.set(comm.subarray(0, length), buf);
    call.mem.u8.fill(0, buf + length, buf + size);
    return 0;
  },
  get_current_task: (call) => taskPointer(call.task.tid),
  get_current_task_btf: (call) => taskPointer(call.task.tid),
  send_signal: (call) => sendSignal(call, 'process'),
  send_signal_thread: (call) => sendSignal(call, 'thread'),
  get_ns_current_pid_tgid(call) {
    const result = nsPidTgid(call);
    if (result < 0) call.mem.u8.fill(0, call.off(3), call.off(3) + call.off(4));
    return result;
  },
} satisfies HelperImpls<(typeof TASK_HELPERS)[number]['name']>;
