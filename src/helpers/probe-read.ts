/** Helpers that copy from and to addresses that may be bad: a fault is an error code, never a crash. */
import { ERRNO } from '../base/index.ts';
import { TASK_SIZE } from '../mem/index.ts';
import { arg } from './row.ts';
import { taskPointer } from './task.ts';
import type { HelperCall, HelperImpls, HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const PROBE_READ_HELPERS = [
  {
    id: 4,
    name: 'probe_read',
    since: '4.1',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'dst', 'mem_uninit'), arg('__u32', 'size', 'size_or_zero'), arg('const void *', 'unsafe_ptr', 'anything')],
    doc: 'Copies memory from an address of the traced program or of the kernel, whichever it is.',
  },
  {
    id: 36,
    name: 'probe_write_user',
    since: '4.8',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'dst', 'anything'), arg('const void *', 'src', 'mem'), arg('__u32', 'len', 'size')],
    doc: 'Writes into the memory of the current process.',
  },
  {
    id: 45,
    name: 'probe_read_str',
    since: '4.11',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'dst', 'mem_uninit'), arg('__u32', 'size', 'size_or_zero'), arg('const void *', 'unsafe_ptr', 'anything')],
    doc: 'Copies a NUL-terminated string from an address of the traced program or of the kernel, whichever it is.',
  },
  {
    id: 112,
    name: 'probe_read_user',
    since: '5.5',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'dst', 'mem_uninit'), arg('__u32', 'size', 'size_or_zero'), arg('const void *', 'unsafe_ptr', 'anything')],
    doc: 'Copies memory from an address of the current process.',
  },
  {
    id: 113,
    name: 'probe_read_kernel',
    since: '5.5',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'dst', 'mem_uninit'), arg('__u32', 'size', 'size_or_zero'), arg('const void *', 'unsafe_ptr', 'anything')],
    doc: 'Copies memory from a kernel address.',
  },
  {
    id: 114,
    name: 'probe_read_user_str',
    since: '5.5',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'dst', 'mem_uninit'), arg('__u32', 'size', 'size_or_zero'), arg('const void *', 'unsafe_ptr', 'anything')],
    doc: 'Copies a NUL-terminated string from an address of the current process.',
  },
  {
    id: 115,
    name: 'probe_read_kernel_str',
    since: '5.5',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'dst', 'mem_uninit'), arg('__u32', 'size', 'size_or_zero'), arg('const void *', 'unsafe_ptr', 'anything')],
    doc: 'Copies a NUL-terminated string from a kernel address.',
  },
  {
    id: 148,
    name: 'copy_from_user',
    since: '5.10',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'dst', 'mem_uninit'), arg('__u32', 'size', 'size_or_zero'), arg('const void *', 'user_ptr', 'anything')],
    sleepable: true,
    doc: 'Copies memory of the current process, waiting for pages that are not present.',
  },
  {
    id: 191,
    name: 'copy_from_user_task',
    since: '5.18',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('void *', 'dst', 'mem_uninit'),
      arg('__u32', 'size', 'size_or_zero'),
      arg('const void *', 'user_ptr', 'anything'),
      arg('struct task_struct *', 'tsk', 'btf_id', { btf: 'task_struct' }),
      arg('__u64', 'flags', 'anything'),
    ],
    sleepable: true,
    doc: 'Copies memory of the given task, waiting for pages that are not present.',
  },
] as const satisfies readonly HelperProto[];

type Space = 'any' | 'user' | 'kernel';

/** Start of the kernel half; what lies between it and user space is no address at all (x86-64, 4-level paging). */
const KERNEL_START = 0xffff_8000_0000_0000n;

/**
 * Which half an address is read from, or a negative errno when it can be neither. The kernel refuses to treat a user or
 * non-canonical address as its own with ERANGE, but only EFAULT says so on the user side (arch/x86/mm/maccess.c, mm/maccess.c v6.18; asked of the kernel).
 */
function halfOf(address: bigint, space: Space): 'user' | 'kernel' | number {
  if (space === 'user' || (space === 'any' && address < TASK_SIZE)) return address <= TASK_SIZE ? 'user' : -ERRNO.EFAULT;
  return address >= KERNEL_START ? 'kernel' : -ERRNO.ERANGE;
}

function probeRead(call: HelperCall, space: Space): number {
  const dst = call.off(1);
  const size = call.off(2);
  const address = call.u64(3);
  const half = halfOf(address, space);
  const result = typeof half === 'number' ? half : size === 0 ? 0 : call.readAny(dst, size, address, half);
  if (result < 0) call.mem.u8.fill(0, dst, dst + size);
  return result;
}

function probeReadStr(call: HelperCall, space: Space): number {
  const dst = call.off(1);
  const size = call.off(2);
  if (size === 0) return 0;
  const address = call.u64(3);
  const half = halfOf(address, space);
  const result = typeof half === 'number' ? half : call.readStr(dst, size, address, half);
  if (result < 0) {
    call.mem.u8.fill(0, dst, dst + size);
  } else if (half === 'user') {
    // The kernel copies user strings by whole words where they fit, with zeros after the NUL.
    const wordEnd = ((result - 1) & ~7) + 8;
    if (wordEnd <= size) call.mem.u8.fill(0, dst + result, dst + wordEnd);
  }
  return result;
}

/** Reads of user memory alone; any other address is no user's. The processes behind the engine's events wait, so no page has to be waited for. */
function copyFromUser(call: HelperCall): number {
  const dst = call.off(1);
  const size = call.off(2);
  if (size === 0) return 0;
  const result = call.readAny(dst, size, call.u64(3), 'user');
  if (result === 0) return 0;
  call.mem.u8.fill(0, dst, dst + size);
  return -ERRNO.EFAULT;
}

/** The task must be the current one or of its process: the engine cannot reach the memory of others. */
function copyFromUserTask(call: HelperCall): number {
  if (call.u64(5) !== 0n) return -ERRNO.EINVAL;
  const { tid, tgid } = call.task;
  const task = call.u64(4);
  if (task === taskPointer(tid) || task === taskPointer(tgid)) return copyFromUser(call);
  call.mem.u8.fill(0, call.off(1), call.off(1) + call.off(2));
  return -ERRNO.EFAULT;
}

/** Nothing is written beyond what the process itself could write, and all of it or an error. */
function writeUser(call: HelperCall): number {
  const size = call.off(3);
  const { task } = call;
  if (task.writeUser === undefined) return -ERRNO.EPERM;
  const address = call.u64(1);
  if (address >= TASK_SIZE) return -ERRNO.EFAULT;
  return task.writeUser(address, call.off(2), size) === size ? 0 : -ERRNO.EFAULT;
}

/** Fault-safe reads: 0 or the string's length with its NUL; on error the buffer is zeroed (kernel/trace/bpf_trace.c v6.18). */
export const PROBE_READ_IMPLS = {
  probe_read: (call) => probeRead(call, 'any'),
  probe_read_str: (call) => probeReadStr(call, 'any'),
  probe_read_user: (call) => probeRead(call, 'user'),
  probe_read_kernel: (call) => probeRead(call, 'kernel'),
  probe_read_user_str: (call) => probeReadStr(call, 'user'),
  probe_read_kernel_str: (call) => probeReadStr(call, 'kernel'),
  copy_from_user: copyFromUser,
  copy_from_user_task: copyFromUserTask,
  probe_write_user: writeUser,
} satisfies HelperImpls<(typeof PROBE_READ_HELPERS)[number]['name']>;
