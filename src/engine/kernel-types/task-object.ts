/**
 * task_struct and cred as programs can read them: the facts that the event's source knows of the task that runs, at the addresses that
 * get_current_task and the scheduler's tracepoints give. Any other byte of a task faults. The offsets are the engine's own: programs find them by CO-RE.
 */
import { ERRNO } from '../../base/index.ts';
import { taskPointer } from '../../helpers/index.ts';
import type { CurrentTask } from '../../helpers/types.ts';
import type { Mem } from '../../mem/index.ts';
import type { AggregateRow } from './declare.ts';

/** Where a task's cred lies from its task_struct on; within the distance between tasks. */
const CRED = 0x2000;
const TASK_SIZE = 0x1000;
const COMM_SIZE = 16;

/** Offsets in struct task_struct. */
const TASK = { pid: 0, tgid: 4, start_boottime: 8, group_leader: 16, real_cred: 24, cred: 32, comm: 40 } as const;
/** Offsets in struct cred. */
const IDS = { uid: 0, gid: 4 } as const;

/** struct task_struct as the engine has it. */
export const TASK_STRUCT: AggregateRow = {
  size: TASK_SIZE,
  members: [
    ['pid_t', 'pid', TASK.pid],
    ['pid_t', 'tgid', TASK.tgid],
    ['u64', 'start_boottime', TASK.start_boottime],
    ['struct task_struct *', 'group_leader', TASK.group_leader],
    ['const struct cred *', 'real_cred', TASK.real_cred],
    ['const struct cred *', 'cred', TASK.cred],
    [`char[${COMM_SIZE}]`, 'comm', TASK.comm],
  ],
};

/** struct cred as the engine has it: the real ids, which bpf_get_current_uid_gid gives too. */
export const CRED_STRUCT: AggregateRow = {
  members: [
    ['kuid_t', 'uid', IDS.uid],
    ['kgid_t', 'gid', IDS.gid],
  ],
};

/**
 * Reads `size` bytes of a task's object to `dst`. A read must lie in one field.
 * @returns 0; -EFAULT for what is not known; undefined when the address is no task's
 */
export function readTaskObject(mem: Mem, task: CurrentTask, dst: number, size: number, address: bigint): number | undefined {
  const current = fieldAt(address - taskPointer(task.tid));
  const leader = task.tgid === task.tid ? undefined : fieldAt(address - taskPointer(task.tgid));
  const field = current ?? leader;
  if (field === undefined) return undefined;
  const bytes = current === undefined ? leaderBytes(task, field.start) : currentBytes(task, field.start);
  if (bytes === undefined || field.offset + size > bytes.length) return -ERRNO.EFAULT;
  mem.copyIn(dst, bytes.subarray(field.offset, field.offset + size));
  return 0;
}

/** Bytes from an address to the end of its field: how far a string may be read. 0 when there is no field. */
export function taskBytesLeft(task: CurrentTask, address: bigint): number {
  const field = fieldAt(address - taskPointer(task.tid));
  const bytes = field && currentBytes(task, field.start);
  return bytes === undefined || field === undefined ? 0 : Math.max(0, bytes.length - field.offset);
}

const STARTS: readonly number[] = [...Object.values(TASK), ...Object.values(IDS).map((at) => CRED + at)];

/** The field that an offset from a task's pointer is in or behind. */
function fieldAt(distance: bigint): { readonly start: number; readonly offset: number } | undefined {
  if (distance < 0n || distance >= BigInt(CRED + TASK_SIZE)) return undefined;
  const at = Number(distance);
  let start = 0;
  for (const candidate of STARTS) if (candidate <= at && candidate > start) start = candidate;
  return { start, offset: at - start };
}

/** A field's bytes, of the task that runs. */
function currentBytes(task: CurrentTask, start: number): Uint8Array | undefined {
  switch (start) {
    case TASK.start_boottime:
      return u64(task.startTime());
    case TASK.real_cred:
    case TASK.cred:
      return u64(taskPointer(task.tid) + BigInt(CRED));
    case TASK.comm: {
      const comm = new Uint8Array(COMM_SIZE);
      comm.set(task.comm().subarray(0, COMM_SIZE - 1));
      return comm;
    }
    case CRED + IDS.uid:
      return u32(task.uid());
    case CRED + IDS.gid:
      return u32(task.gid());
    case TASK.pid:
      return u32(task.tid);
    default:
      return leaderBytes(task, start);
  }
}

/** A field's bytes, of the first thread of the process: what its other threads know of it. */
function leaderBytes(task: CurrentTask, start: number): Uint8Array | undefined {
  switch (start) {
    case TASK.pid:
    case TASK.tgid:
      return u32(task.tgid);
    case TASK.group_leader:
      return u64(taskPointer(task.tgid));
    default:
      return undefined;
  }
}

function u32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value, true);
  return out;
}

function u64(value: bigint): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, value, true);
  return out;
}
