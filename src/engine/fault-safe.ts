/**
 * Reads at any address that cannot fail otherwise than by an errno: engine memory by its bounds, user memory through the current task
 * (mm/maccess.c and kernel/trace/bpf_trace.c, v6.18), the fields of task objects. Zeroing the destination after an error is the helpers' business.
 */
import { ERRNO } from '../base/index.ts';
import type { CurrentTask } from '../helpers/types.ts';
import { type Mem, TASK_SIZE, toOffset } from '../mem/index.ts';
import { readTaskObject, taskBytesLeft } from './kernel-types/index.ts';

/** Which side the caller named: bpf_probe_read_user, _kernel, or the one that picks by address. */
export type AddressSpace = 'any' | 'user' | 'kernel';

/** Bytes that are asked of a task at a time when looking for a string's end. */
export const STRING_STEP = 256;
const PAGE = 4096;

/** Where an address leads: an offset, the task's memory, or a negative errno. */
function locate(address: bigint, size: number, space: AddressSpace, mem: Mem): number | 'user' {
  const low = address < TASK_SIZE;
  if (space === 'kernel' && low) return -ERRNO.ERANGE;
  if (low && address !== 0n) return 'user';
  if (space === 'user' || address === 0n) return -ERRNO.EFAULT;
  // Between the two halves of the address space: no address at all.
  if (address < 0xffff_8000_0000_0000n) return -ERRNO.ERANGE;
  const offset = toOffset(address);
  if (offset === undefined) return -ERRNO.EFAULT;
  if (offset + size > mem.u8.length) mem.refresh();
  return offset + size > mem.u8.length ? -ERRNO.EFAULT : offset;
}

/** Copies `size` bytes from an address to memory at `dst`. @returns 0 or a negative errno */
export function readAny(mem: Mem, task: CurrentTask, dst: number, size: number, address: bigint, space: AddressSpace): number {
  const from = locate(address, size, space, mem);
  // A read of nothing succeeds, but the kernel variant looks at the address first.
  if (size === 0) return space === 'kernel' && typeof from === 'number' && from === -ERRNO.ERANGE ? from : 0;
  if (from !== 'user') {
    if (from === -ERRNO.EFAULT && space !== 'user') return readTaskObject(mem, task, dst, size, address) ?? from;
    if (from < 0) return from;
    mem.u8.copyWithin(dst, from, from + size);
    return 0;
  }
  const got = task.readUser(address, dst, size);
  if (got < 0) return got;
  return got === size ? 0 : -ERRNO.EFAULT;
}

/**
 * Copies a NUL-terminated string, cut to `size` bytes with its NUL; bytes of dst behind it stay as they are.
 * @param step STRING_STEP bytes of memory of the caller's
 * @returns bytes with the NUL, or a negative errno
 */
export function readStr(
  mem: Mem,
  task: CurrentTask,
  dst: number,
  size: number,
  address: bigint,
  space: AddressSpace,
  step: number,
): number {
  if (size === 0) return 0;
  const from = locate(address, 1, space, mem);
  if (from !== 'user') {
    const left = from === -ERRNO.EFAULT && space !== 'user' ? Math.min(size, taskBytesLeft(task, address)) : 0;
    if (left > 0 && readTaskObject(mem, task, dst, left, address) === 0) return endString(mem, dst, left, size);
    if (from < 0) return from;
    for (let i = 0; i < size; i++) {
      if (from + i >= mem.u8.length) return -ERRNO.EFAULT;
      const byte = i === size - 1 ? 0 : mem.dv.getUint8(from + i);
      mem.dv.setUint8(dst + i, byte);
      if (byte === 0) return i + 1;
    }
  }
  for (let done = 0; done < size; ) {
    const at = address + BigInt(done);
    // Up to the end of a page: the next one may be missing although the string ends before it.
    const want = Math.min(size - done, STRING_STEP, PAGE - Number(at & BigInt(PAGE - 1)));
    // Not straight to dst: what lies behind the string's end must not get there.
    const got = task.readUser(at, step, want);
    if (got <= 0) return got < 0 ? got : -ERRNO.EFAULT;
    const end = mem.u8.subarray(step, step + got).indexOf(0);
    mem.u8.copyWithin(dst + done, step, step + (end < 0 ? got : end + 1));
    if (end >= 0) return done + end + 1;
    done += got;
    if (got < want && done < size) return -ERRNO.EFAULT;
  }
  mem.dv.setUint8(dst + size - 1, 0);
  return size;
}

/** Ends the string in the `got` bytes at `dst`. @returns bytes with the NUL, or -EFAULT where it goes on behind them */
function endString(mem: Mem, dst: number, got: number, size: number): number {
  const end = mem.u8.subarray(dst, dst + got).indexOf(0);
  if (end >= 0) return end + 1;
  if (got < size) return -ERRNO.EFAULT;
  mem.dv.setUint8(dst + size - 1, 0);
  return size;
}
