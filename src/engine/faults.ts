/** The fault log in the shared memory: programs that ended by a violation, written by the thread that ran them, read by the engine. */
import { decodeText, encodeText } from '../base/index.ts';
import { HEADER, lock, type Mem, type ThreadEnv, unlock } from '../mem/index.ts';

/** Entries kept; older ones are overwritten. */
const ENTRIES = 64;
const ENTRY_SIZE = 256;
/** Log header: i32 lock, u32 faults ever. */
const LOCK = 0;
const COUNT = 4;
const FIRST = 64;
/** Fields of an entry. */
const PROG_ID = 0;
const CPU_NUMBER = 4;
const INSN = 8;
const LENGTH = 12;
const TIME = 16;
const REASON = 24;

/** One run that ended early. */
export interface FaultRecord {
  readonly progId: number;
  readonly cpu: number;
  /** Slot of the instruction. */
  readonly insn: number;
  /** Lower-case sentence. */
  readonly reason: string;
  /** Monotonic nanoseconds. */
  readonly time: bigint;
}

/** Makes the log. Once per memory. */
export function initFaults(env: ThreadEnv): void {
  env.mem.dv.setUint32(HEADER.FAULT_LOG, env.allocOrThrow(FIRST + ENTRIES * ENTRY_SIZE), true);
}

/** Appends a fault, on any thread. */
export function recordFault(env: ThreadEnv, fault: FaultRecord): void {
  const { mem } = env;
  const log = mem.dv.getUint32(HEADER.FAULT_LOG, true);
  lock(mem, log + LOCK, env.thread);
  const count = mem.dv.getUint32(log + COUNT, true);
  const entry = log + FIRST + (count % ENTRIES) * ENTRY_SIZE;
  const reason = encodeText(fault.reason).subarray(0, ENTRY_SIZE - REASON);
  mem.dv.setUint32(entry + PROG_ID, fault.progId, true);
  mem.dv.setUint32(entry + CPU_NUMBER, fault.cpu, true);
  mem.dv.setUint32(entry + INSN, fault.insn, true);
  mem.dv.setUint32(entry + LENGTH, reason.length, true);
  mem.dv.setBigUint64(entry + TIME, fault.time, true);
  mem.copyIn(entry + REASON, reason);
  mem.dv.setUint32(log + COUNT, count + 1, true);
  unlock(mem, log + LOCK);
}

/** Faults since the engine began, and the last of them, oldest first. */
export function readFaults(env: ThreadEnv): { readonly total: number; readonly recent: readonly FaultRecord[] } {
  const { mem } = env;
  const log = mem.dv.getUint32(HEADER.FAULT_LOG, true);
  lock(mem, log + LOCK, env.thread);
  const total = mem.dv.getUint32(log + COUNT, true);
  const recent: FaultRecord[] = [];
  for (let n = Math.max(0, total - ENTRIES); n < total; n++) recent.push(readEntry(mem, log + FIRST + (n % ENTRIES) * ENTRY_SIZE));
  unlock(mem, log + LOCK);
  return { total, recent };
}

function readEntry(mem: Mem, entry: number): FaultRecord {
  return {
    progId: mem.dv.getUint32(entry + PROG_ID, true),
    cpu: mem.dv.getUint32(entry + CPU_NUMBER, true),
    insn: mem.dv.getUint32(entry + INSN, true),
    reason: decodeText(mem.u8, entry + REASON, entry + REASON + mem.dv.getUint32(entry + LENGTH, true)),
    time: mem.dv.getBigUint64(entry + TIME, true),
  };
}
