/**
 * Perf events and their rings in the shared memory: descriptors, the mapped metadata page, records with wake-ups. Any thread may write.
 * A wake-up notifies the 32-bit word at the metadata page's data_head (Atomics.wait and waitAsync).
 * Opening and closing events is perf-commands.ts, the helpers' own argument rules are in helpers/.
 */
import { ERRNO } from '../base/index.ts';
import type { Clock, CurrentTask, PerfAccess } from '../helpers/types.ts';
import { EVENT, PERF_PAGE, PERF_SW, PERF_TYPE_SOFTWARE, perfEventArrayGet, SAMPLE } from '../maps/index.ts';
import type { Mem, ThreadEnv } from '../mem/index.ts';

export { EVENT, PERF_PAGE, PERF_SW, PERF_TYPE_SOFTWARE, SAMPLE } from '../maps/index.ts';

/** What a sample says beside its data. */
export interface SampleFacts {
  readonly task: CurrentTask;
  readonly cpu: number;
  readonly clock: Clock;
}

function u32(mem: Mem, offset: number): number {
  return mem.dv.getUint32(offset, true);
}

/** Appends a sample. @returns 0; -ENOSPC when the ring is full or not mapped; -E2BIG for a record of 64 KiB */
export function perfOutput(env: ThreadEnv, event: number, data: number, size: number, { task, cpu, clock }: SampleFacts): number {
  const timed = (u32(env.mem, event + EVENT.SAMPLE_TYPE) & SAMPLE.TIME) !== 0;
  return env.runtime.perf_output(event, data, size, (BigInt(task.tgid) << 32n) | BigInt(task.tid), cpu, timed ? clock.monotonic() : 0n);
}

/** Makes the event's ring: metadata page and data area at twice its size. @returns offset of the page, or 0 without memory */
export function mapRing(env: ThreadEnv, event: number, dataSize: number): number {
  const { mem } = env;
  const page = env.alloc(PERF_PAGE.SIZE + dataSize * 2);
  if (page === 0) return 0;
  const { dv } = mem;
  dv.setBigUint64(page + PERF_PAGE.DATA_OFFSET, BigInt(PERF_PAGE.SIZE), true);
  dv.setBigUint64(page + PERF_PAGE.DATA_SIZE, BigInt(dataSize), true);
  dv.setUint32(event + EVENT.DATA_SIZE, dataSize, true);
  const asked = Math.min(dataSize, u32(mem, event + EVENT.ASKED_WATERMARK));
  dv.setUint32(event + EVENT.WATERMARK, asked === 0 ? dataSize / 2 : asked, true);
  Atomics.store(mem.i32, (event + EVENT.RING) >>> 2, page | 0);
  return page;
}

/** Nanoseconds that the event has been enabled. */
export function enabledTime(mem: Mem, event: number, now: bigint): bigint {
  const total = mem.dv.getBigUint64(event + EVENT.ENABLED_TOTAL, true);
  if (u32(mem, event + EVENT.ENABLED) === 0) return total;
  return total + (now - mem.dv.getBigUint64(event + EVENT.ENABLED_AT, true));
}

/** Enables or disables the event, keeping its time. */
export function setEnabled(mem: Mem, event: number, enabled: boolean, now: bigint): void {
  if ((u32(mem, event + EVENT.ENABLED) !== 0) === enabled) return;
  if (enabled) mem.dv.setBigUint64(event + EVENT.ENABLED_AT, now, true);
  else mem.dv.setBigUint64(event + EVENT.ENABLED_TOTAL, enabledTime(mem, event, now), true);
  Atomics.store(mem.i32, (event + EVENT.ENABLED) >>> 2, enabled ? 1 : 0);
}

/** Perf events as helpers reach them, for the run that `run` tells of. */
export function perfAccess(env: ThreadEnv, clock: Clock, run: { readonly task: CurrentTask; readonly cpu: number }): PerfAccess {
  const { mem } = env;
  const onCpu = (event: number): number => {
    if (u32(mem, event + EVENT.ENABLED) === 0) return -1;
    const cpu = mem.dv.getInt32(event + EVENT.CPU, true);
    const pid = mem.dv.getInt32(event + EVENT.PID, true);
    // An event of a task runs where its task does.
    if (pid >= 0) return pid === run.task.tid && (cpu < 0 || cpu === run.cpu) ? run.cpu : -1;
    return cpu;
  };
  return {
    event: (map, index) => perfEventArrayGet(mem, map, index),
    isBpfOutput: (event) =>
      u32(mem, event + EVENT.TYPE) === PERF_TYPE_SOFTWARE && mem.dv.getBigUint64(event + EVENT.CONFIG, true) === BigInt(PERF_SW.BPF_OUTPUT),
    onCpu,
    output: (event, data, size) => perfOutput(env, event, data, size, { task: run.task, cpu: run.cpu, clock }),
    read(event) {
      const cpu = mem.dv.getInt32(event + EVENT.CPU, true);
      const pid = mem.dv.getInt32(event + EVENT.PID, true);
      if (pid >= 0 ? pid !== run.task.tid : cpu !== run.cpu) return -ERRNO.EINVAL;
      const enabled = enabledTime(mem, event, clock.monotonic());
      const config = Number(mem.dv.getBigUint64(event + EVENT.CONFIG, true));
      const clocks = config === PERF_SW.CPU_CLOCK || config === PERF_SW.TASK_CLOCK;
      return { counter: clocks ? enabled : 0n, enabled, running: enabled };
    },
  };
}
