/** Grace periods: memory that programs may still point into is used again once every CPU that ran a program then has come to that run's end. */
import { CPU_LOCK, CPU_REPEATS, CPU_SEQ, CPU_SIZE, HEADER_CPU_TABLE } from './layout';

/** Bytes that a note takes for a CPU: whether it ran, and how many runs it had ended. */
export const NOTE: u32 = 8;

function record(cpu: u32): u32 {
  return load<u32>(HEADER_CPU_TABLE) + cpu * CPU_SIZE;
}

/** Runs of a CPU that have ended. Both parts only grow: the sum moves when either does. */
function ended(cpu: u32): u32 {
  return atomic.load<u32>(record(cpu), CPU_SEQ) + atomic.load<u32>(record(cpu), CPU_REPEATS);
}

/** Notes what runs now. What was taken out of all programs' reach before is theirs until runsEnded. */
export function noteRuns(note: u32, cpus: u32): void {
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    store<u32>(note + cpu * NOTE, atomic.load<u32>(record(cpu), CPU_LOCK) === 0 ? 0 : 1);
    store<u32>(note + cpu * NOTE + 4, ended(cpu));
  }
}

/** Whether all runs that the note holds have ended. */
export function runsEnded(note: u32, cpus: u32): bool {
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const at = note + cpu * NOTE;
    if (load<u32>(at) === 0 || ended(cpu) !== load<u32>(at + 4) || atomic.load<u32>(record(cpu), CPU_LOCK) === 0) continue;
    return false;
  }
  return true;
}
