/**
 * Samples of perf events in their rings (facts: kernel/events/core.c, ring_buffer.c, v6.18). The data area has twice its size: a record that crosses the
 * end is written through and its end copied back. A wake-up notifies the low word of data_head.
 */
import { copy } from './bytes';
import {
  ARRAY_DATA,
  CPU_PERF_NEST,
  E2BIG,
  EBUSY,
  EINVAL,
  ENOENT,
  ENOSPC,
  EOPNOTSUPP,
  EVENT_CONFIG,
  EVENT_CPU,
  EVENT_DATA_SIZE,
  EVENT_ENABLED,
  EVENT_EVENT_ID,
  EVENT_LOCK,
  EVENT_LOST,
  EVENT_MARK,
  EVENT_PID,
  EVENT_RING,
  EVENT_SAMPLE_TYPE,
  EVENT_SAMPLES,
  EVENT_TYPE,
  EVENT_WAKEUP_EVENTS,
  EVENT_WAKEUPS,
  EVENT_WATERMARK,
  MAP_MAX_ENTRIES,
  PERF_PAGE_DATA_HEAD,
  PERF_PAGE_DATA_TAIL,
  PERF_PAGE_SIZE,
  SAMPLE_ADDR,
  SAMPLE_CALLCHAIN,
  SAMPLE_CPU,
  SAMPLE_ID,
  SAMPLE_IDENTIFIER,
  SAMPLE_IP,
  SAMPLE_PERIOD,
  SAMPLE_RAW,
  SAMPLE_READ,
  SAMPLE_STREAM_ID,
  SAMPLE_TID,
  SAMPLE_TIME,
} from './layout';
import { lock, unlock } from './lock';

const RECORD_LOST: u32 = 2;
const RECORD_SAMPLE: u32 = 9;
const MISC_KERNEL: u32 = 1;
const LOST_SIZE: u32 = 24;
const RECORD_MAX: u32 = 0xffff;
/** Fields of 8 bytes. */
const WORDS: u32 =
  SAMPLE_IDENTIFIER |
  SAMPLE_IP |
  SAMPLE_TID |
  SAMPLE_TIME |
  SAMPLE_ADDR |
  SAMPLE_ID |
  SAMPLE_STREAM_ID |
  SAMPLE_CPU |
  SAMPLE_PERIOD |
  SAMPLE_READ |
  SAMPLE_CALLCHAIN;
const TYPE_SOFTWARE: u32 = 1;
const SW_BPF_OUTPUT: u64 = 10;
const CURRENT_CPU: u64 = 0xffffffff;
const NEST_MAX: u32 = 3;

/** The raw_size field: with its own four bytes it fills whole words. */
function rawSize(size: u32): u32 {
  return ((size + 4 + 7) & ~7) - 4;
}

function sampleSize(type: u32, size: u32): u32 {
  const words = 8 + popcnt(type & WORDS) * 8;
  return (type & SAMPLE_RAW) !== 0 ? words + rawSize(size) + 4 : words;
}

function put(at: u32, wanted: u32, value: u64): u32 {
  if (wanted === 0) return at;
  store<u64>(at, value);
  return at + 8;
}

function writeSample(event: u32, start: u32, total: u32, data: u32, size: u32, pidTgid: u64, cpu: u32, time: u64): void {
  const type = load<u32>(event, EVENT_SAMPLE_TYPE);
  const id = load<u64>(event, EVENT_EVENT_ID);
  store<u32>(start, RECORD_SAMPLE);
  store<u32>(start, MISC_KERNEL | (total << 16), 4);
  let at = put(start + 8, type & SAMPLE_IDENTIFIER, id);
  at = put(at, type & SAMPLE_IP, 0);
  at = put(at, type & SAMPLE_TID, rotl<u64>(pidTgid, 32));
  at = put(at, type & SAMPLE_TIME, time);
  at = put(at, type & SAMPLE_ADDR, 0);
  at = put(at, type & SAMPLE_ID, id);
  at = put(at, type & SAMPLE_STREAM_ID, id);
  at = put(at, type & SAMPLE_CPU, cpu);
  at = put(at, type & SAMPLE_PERIOD, 0);
  at = put(at, type & SAMPLE_READ, 0);
  at = put(at, type & SAMPLE_CALLCHAIN, 0);
  if ((type & SAMPLE_RAW) === 0) return;
  const raw = rawSize(size);
  // The last word first: what the data does not cover of it stays zero.
  store<u64>(at + raw - 4, 0);
  store<u32>(at, raw);
  copy(at + 4, data, size);
}

/**
 * (event, data, size, tgid and tid, cpu, time) -> 0 or -errno: appends a sample. -ENOSPC when the ring is full or not mapped, -E2BIG for a record of
 * 64 KiB.
 */
export function perf_output(event: u32, data: u32, size: u32, pidTgid: u64, cpu: u32, time: u64): i32 {
  if (size > RECORD_MAX) return -E2BIG;
  const total = sampleSize(load<u32>(event, EVENT_SAMPLE_TYPE), size);
  if (total > RECORD_MAX) return -E2BIG;
  lock(event + EVENT_LOCK);
  const page = load<u32>(event, EVENT_RING);
  if (page === 0) {
    unlock(event + EVENT_LOCK);
    return -ENOSPC;
  }
  const dataSize = load<u32>(event, EVENT_DATA_SIZE);
  const mask = <u64>dataSize - 1;
  const head = load<u64>(page, PERF_PAGE_DATA_HEAD);
  const tail = atomic.load<u64>(page, PERF_PAGE_DATA_TAIL);
  const lost = load<u64>(event, EVENT_LOST);
  const need = lost === 0 ? total : total + LOST_SIZE;
  if (((tail - head - 1) & mask) < need) {
    store<u64>(event, lost + 1, EVENT_LOST);
    unlock(event + EVENT_LOCK);
    return -ENOSPC;
  }
  const area = page + PERF_PAGE_SIZE;
  const start = <u32>(head & mask);
  let at = area + start;
  if (lost !== 0) {
    store<u32>(at, RECORD_LOST);
    store<u32>(at, LOST_SIZE << 16, 4);
    store<u64>(at, load<u64>(event, EVENT_EVENT_ID), 8);
    store<u64>(at, lost, 16);
    store<u64>(event, 0, EVENT_LOST);
    at += LOST_SIZE;
  }
  writeSample(event, at, total, data, size, pidTgid, cpu, time);
  if (start + need > dataSize) copy(area, area + dataSize, start + need - dataSize);
  const end = head + need;
  atomic.store<u64>(page, end, PERF_PAGE_DATA_HEAD);
  if (wantsWakeup(event, end)) atomic.notify(page + PERF_PAGE_DATA_HEAD, -1);
  unlock(event + EVENT_LOCK);
  return 0;
}

/** Counts a sample towards the wake-up. */
function wantsWakeup(event: u32, head: u64): bool {
  let wake = false;
  const watermark = <u64>load<u32>(event, EVENT_WATERMARK);
  const mark = load<u64>(event, EVENT_MARK);
  if (head - mark > watermark) {
    store<u64>(event, mark + watermark, EVENT_MARK);
    wake = true;
  }
  const every = load<u32>(event, EVENT_WAKEUP_EVENTS);
  if (every > 0) {
    const samples = load<u32>(event, EVENT_SAMPLES) + 1;
    store<u32>(event, samples >= every ? samples - every : samples, EVENT_SAMPLES);
    if (samples >= every) wake = true;
  }
  if (wake) store<u64>(event, load<u64>(event, EVENT_WAKEUPS) + 1, EVENT_WAKEUPS);
  return wake;
}

/** CPU on which the event counts now, -1 for none. */
function onCpu(event: u32, tid: i32, cpu: i32): i32 {
  if (load<u32>(event, EVENT_ENABLED) === 0) return -1;
  const own = load<i32>(event, EVENT_CPU);
  const pid = load<i32>(event, EVENT_PID);
  // An event of a task runs where its task does.
  if (pid >= 0) return pid === tid && (own < 0 || own === cpu) ? cpu : -1;
  return own;
}

/**
 * bpf_perf_event_output: (map, flags, data, size, tgid and tid, the CPU's record, cpu) -> 0 or -errno, or 1 when the sample wants the time, which
 * nobody here knows: nothing has been done then. The checks come in the kernel's order (kernel/trace/bpf_trace.c, v6.18).
 */
export function perf_event_output(map: u32, flags: u64, data: u32, size: u32, pidTgid: u64, record: u32, cpu: u32): i32 {
  if (load<u32>(record, CPU_PERF_NEST) >= NEST_MAX) return -EBUSY;
  if (flags > CURRENT_CPU) return -EINVAL;
  const index = flags === CURRENT_CPU ? cpu : <u32>flags;
  if (index >= load<u32>(map, MAP_MAX_ENTRIES)) return -E2BIG;
  const event = atomic.load<u32>(load<u32>(map, ARRAY_DATA) + index * 4);
  if (event === 0) return -ENOENT;
  if (load<u32>(event, EVENT_TYPE) !== TYPE_SOFTWARE || load<u64>(event, EVENT_CONFIG) !== SW_BPF_OUTPUT) return -EINVAL;
  if (onCpu(event, <i32>pidTgid, cpu) !== <i32>cpu) return -EOPNOTSUPP;
  if ((load<u32>(event, EVENT_SAMPLE_TYPE) & SAMPLE_TIME) !== 0) return 1;
  return perf_output(event, data, size, pidTgid, cpu, 0);
}
