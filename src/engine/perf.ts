/**
 * Perf events and their rings in the shared memory: descriptors, the mapped metadata page, records with wake-ups. Any thread may write.
 * A wake-up notifies the 32-bit word at the metadata page's data_head (Atomics.wait and waitAsync).
 * Opening and closing events is perf-commands.ts, the helpers' own argument rules are in helpers/.
 */
import { ERRNO } from '../base/index.ts';
import type { Clock, CurrentTask, PerfAccess } from '../helpers/types.ts';
import { perfEventArrayGet } from '../maps/index.ts';
import { lock, type Mem, type ThreadEnv, unlock } from '../mem/index.ts';

/** Descriptor of an event: u32 unless stated. */
export const EVENT = {
  TYPE: 0,
  /** i32 lock word of the ring. */
  LOCK: 4,
  CONFIG: 8,
  /** i32, -1: any. */
  CPU: 16,
  /** i32 thread id, -1: any. */
  PID: 20,
  /** u64. */
  SAMPLE_TYPE: 24,
  /** Non-zero while enabled. */
  ENABLED: 32,
  /** Offset of the metadata page, bytes of the data area; 0 until mapped. */
  RING: 36,
  DATA_SIZE: 40,
  /** wakeup_events, and the watermark in bytes of the ring. */
  WAKEUP_EVENTS: 44,
  WATERMARK: 48,
  /** Samples since the last wake-up by count. */
  SAMPLES: 52,
  /** u64: id, records lost since the last that fitted, head at which the watermark fired last, wake-ups. */
  EVENT_ID: 56,
  LOST: 64,
  MARK: 72,
  WAKEUPS: 80,
  /** u64 nanoseconds: when it was last enabled, and the total before that. */
  ENABLED_AT: 88,
  ENABLED_TOTAL: 96,
  /** u64 wakeup_watermark as asked. */
  ASKED_WATERMARK: 104,
  SIZE: 128,
} as const;

/** Offsets in the metadata page (uapi perf_event.h struct perf_event_mmap_page). */
export const PERF_PAGE = { SIZE: 4096, DATA_HEAD: 1024, DATA_TAIL: 1032, DATA_OFFSET: 1040, DATA_SIZE: 1048 } as const;

/** perf_type_id (uapi perf_event.h). */
export const PERF_TYPE_SOFTWARE = 1;
/** perf_sw_ids (uapi perf_event.h). */
export const PERF_SW = { CPU_CLOCK: 0, TASK_CLOCK: 1, DUMMY: 9, BPF_OUTPUT: 10, MAX: 12 } as const;

/** perf_event_sample_format bits that records can carry. */
export const SAMPLE = {
  IP: 0x1,
  TID: 0x2,
  TIME: 0x4,
  ADDR: 0x8,
  READ: 0x10,
  CALLCHAIN: 0x20,
  ID: 0x40,
  CPU: 0x80,
  PERIOD: 0x100,
  STREAM_ID: 0x200,
  RAW: 0x400,
  IDENTIFIER: 0x10000,
} as const;

const RECORD_LOST = 2;
const RECORD_SAMPLE = 9;
const MISC_KERNEL = 1;
const LOST_SIZE = 24;
const RECORD_MAX = 0xffff;

/** What a sample says beside its data. */
export interface SampleFacts {
  readonly task: CurrentTask;
  readonly cpu: number;
  readonly time: bigint;
}

function u32(mem: Mem, offset: number): number {
  return mem.dv.getUint32(offset, true);
}

/** Bytes of a sample record with `size` bytes of raw data. */
function sampleSize(type: number, size: number): number {
  let bytes = 8;
  for (const bit of [SAMPLE.IDENTIFIER, SAMPLE.IP, SAMPLE.TID, SAMPLE.TIME, SAMPLE.ADDR, SAMPLE.ID, SAMPLE.STREAM_ID]) {
    if ((type & bit) !== 0) bytes += 8;
  }
  for (const bit of [SAMPLE.CPU, SAMPLE.PERIOD, SAMPLE.READ, SAMPLE.CALLCHAIN]) if ((type & bit) !== 0) bytes += 8;
  return (type & SAMPLE.RAW) !== 0 ? bytes + rawSize(size) + 4 : bytes;
}

/** The raw_size field: with its own four bytes it fills whole words (kernel/events/core.c perf_prepare_sample). */
function rawSize(size: number): number {
  return Math.ceil((size + 4) / 8) * 8 - 4;
}

/** Writes the sample at memory offset `at`. */
function writeSample(mem: Mem, event: number, at: number, total: number, data: number, size: number, facts: SampleFacts): void {
  const { dv } = mem;
  const type = u32(mem, event + EVENT.SAMPLE_TYPE);
  const id = dv.getBigUint64(event + EVENT.EVENT_ID, true);
  dv.setUint32(at, RECORD_SAMPLE, true);
  dv.setUint16(at + 4, MISC_KERNEL, true);
  dv.setUint16(at + 6, total, true);
  let p = at + 8;
  const u64 = (bit: number, value: bigint): void => {
    if ((type & bit) === 0) return;
    dv.setBigUint64(p, BigInt.asUintN(64, value), true);
    p += 8;
  };
  u64(SAMPLE.IDENTIFIER, id);
  u64(SAMPLE.IP, 0n);
  u64(SAMPLE.TID, (BigInt(facts.task.tid) << 32n) | BigInt(facts.task.tgid));
  u64(SAMPLE.TIME, facts.time);
  u64(SAMPLE.ADDR, 0n);
  u64(SAMPLE.ID, id);
  u64(SAMPLE.STREAM_ID, id);
  u64(SAMPLE.CPU, BigInt(facts.cpu));
  u64(SAMPLE.PERIOD, 0n);
  u64(SAMPLE.READ, 0n);
  u64(SAMPLE.CALLCHAIN, 0n);
  if ((type & SAMPLE.RAW) !== 0) {
    const raw = rawSize(size);
    dv.setUint32(p, raw, true);
    mem.u8.copyWithin(p + 4, data, data + size);
    mem.u8.fill(0, p + 4 + size, p + 4 + raw);
  }
}

/**
 * Appends a sample. A record that crosses the end of the data area is written through into the area's double and its end copied back.
 * @returns 0; -ENOSPC when the ring is full or not mapped; -E2BIG for a record of 64 KiB
 */
export function perfOutput(env: ThreadEnv, event: number, data: number, size: number, facts: SampleFacts): number {
  const { mem } = env;
  const total = sampleSize(u32(mem, event + EVENT.SAMPLE_TYPE), size);
  if (total > RECORD_MAX) return -ERRNO.E2BIG;
  lock(mem, event + EVENT.LOCK, env.thread);
  try {
    const page = u32(mem, event + EVENT.RING);
    if (page === 0) return -ERRNO.ENOSPC;
    const dataSize = u32(mem, event + EVENT.DATA_SIZE);
    if (page + PERF_PAGE.SIZE + dataSize * 2 > mem.u8.length) mem.refresh();
    const { dv } = mem;
    const head = dv.getBigUint64(page + PERF_PAGE.DATA_HEAD, true);
    const tail = BigInt.asUintN(64, Atomics.load(mem.i64, (page + PERF_PAGE.DATA_TAIL) >>> 3));
    const lost = dv.getBigUint64(event + EVENT.LOST, true);
    const need = lost === 0n ? total : total + LOST_SIZE;
    const room = Number(BigInt.asUintN(64, tail - head - 1n) & BigInt(dataSize - 1));
    if (room < need) {
      dv.setBigUint64(event + EVENT.LOST, lost + 1n, true);
      return -ERRNO.ENOSPC;
    }
    const area = page + PERF_PAGE.SIZE;
    const start = Number(head & BigInt(dataSize - 1));
    let at = area + start;
    if (lost !== 0n) {
      dv.setUint32(at, RECORD_LOST, true);
      dv.setUint16(at + 4, 0, true);
      dv.setUint16(at + 6, LOST_SIZE, true);
      dv.setBigUint64(at + 8, dv.getBigUint64(event + EVENT.EVENT_ID, true), true);
      dv.setBigUint64(at + 16, lost, true);
      dv.setBigUint64(event + EVENT.LOST, 0n, true);
      at += LOST_SIZE;
    }
    writeSample(mem, event, at, total, data, size, facts);
    const over = start + need - dataSize;
    if (over > 0) mem.u8.copyWithin(area, area + dataSize, area + dataSize + over);
    const newHead = head + BigInt(need);
    Atomics.store(mem.i64, (page + PERF_PAGE.DATA_HEAD) >>> 3, BigInt.asIntN(64, newHead));
    if (wantsWakeup(mem, event, newHead)) Atomics.notify(mem.i32, (page + PERF_PAGE.DATA_HEAD) >>> 2);
    return 0;
  } finally {
    unlock(mem, event + EVENT.LOCK);
  }
}

/** Counts a sample towards the wake-up (kernel/events/ring_buffer.c, core.c __perf_event_output, v6.18). */
function wantsWakeup(mem: Mem, event: number, head: bigint): boolean {
  const { dv } = mem;
  let wake = false;
  const watermark = BigInt(u32(mem, event + EVENT.WATERMARK));
  const mark = dv.getBigUint64(event + EVENT.MARK, true);
  if (head - mark > watermark) {
    dv.setBigUint64(event + EVENT.MARK, mark + watermark, true);
    wake = true;
  }
  const every = u32(mem, event + EVENT.WAKEUP_EVENTS);
  if (every > 0) {
    const samples = u32(mem, event + EVENT.SAMPLES) + 1;
    dv.setUint32(event + EVENT.SAMPLES, samples >= every ? samples - every : samples, true);
    if (samples >= every) wake = true;
  }
  if (wake) dv.setBigUint64(event + EVENT.WAKEUPS, dv.getBigUint64(event + EVENT.WAKEUPS, true) + 1n, true);
  return wake;
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
    output: (event, data, size) => perfOutput(env, event, data, size, { task: run.task, cpu: run.cpu, time: clock.monotonic() }),
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
