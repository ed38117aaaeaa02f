/** Tasks that no process stands behind: the one of fire() and of PROG_TEST_RUN. Real ones come from the sources. */
import { ERRNO, encodeText } from '../base/index.ts';
import type { CurrentTask, PidNamespace } from '../helpers/types.ts';
import type { Mem } from '../mem/index.ts';

/** Bytes of a made-up task's user memory. */
export interface UserMemory {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

/** A made-up task. */
export interface TaskSpec {
  /** Thread id; default 1. */
  readonly pid?: number;
  /** Default: pid. */
  readonly tgid?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Default `fire`; cut to 15 bytes. */
  readonly comm?: string;
  /** What its user addresses hold; all others fault. */
  readonly memory?: readonly UserMemory[];
  /** Boot-time nanoseconds at which it started. */
  readonly startTime?: bigint;
  /** The pid namespace; default: the first one, as its file shows it, with the task's own numbers. */
  readonly pidNamespace?: PidNamespace;
  /** Gets the signals that programs send. @returns 0 or a negative errno */
  readonly onSignal?: (signal: number, target: 'process' | 'thread') => number;
}

/** Device and inode of the first pid namespace's file: nsfs on most machines, PROC_PID_INIT_INO (include/linux/proc_ns.h v6.18). */
const INIT_PIDNS = { dev: 4n, ino: 0xeffffffcn };

/** A task from its specification. */
export function makeTask(mem: Mem, spec: TaskSpec = {}): CurrentTask {
  const comm = encodeText(spec.comm ?? 'fire').slice(0, 15);
  const tid = spec.pid ?? 1;
  const areas = spec.memory ?? [];
  return {
    tid,
    tgid: spec.tgid ?? tid,
    uid: () => spec.uid ?? 0,
    gid: () => spec.gid ?? 0,
    comm: () => comm,
    startTime: () => spec.startTime ?? 0n,
    pidNamespace: () => spec.pidNamespace ?? { ...INIT_PIDNS, tid, tgid: spec.tgid ?? tid },
    sendSignal: spec.onSignal ?? (() => 0),
    writeUser(address, src, size) {
      for (const area of areas) {
        const from = address - area.address;
        if (from < 0n || from + BigInt(size) > BigInt(area.bytes.length)) continue;
        area.bytes.set(mem.u8.subarray(src, src + size), Number(from));
        return size;
      }
      return -ERRNO.EFAULT;
    },
    readUser(address, dst, size) {
      for (const area of areas) {
        const from = address - area.address;
        if (from < 0n || from >= BigInt(area.bytes.length)) continue;
        const bytes = area.bytes.subarray(Number(from), Number(from) + size);
        mem.copyIn(dst, bytes);
        return bytes.length;
      }
      return -ERRNO.EFAULT;
    },
  };
}
