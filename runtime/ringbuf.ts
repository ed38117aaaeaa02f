/**
 * Ring buffers: records of all CPUs in one ring (facts: kernel/bpf/ringbuf.c, v6.18). The block is laid out as the kernel's: a page of its own, the
 * consumer's page, the producer's page, then the data area, here at twice its size instead of mapped twice. A record that crosses the end is written
 * through, and its end copied to the beginning before BUSY goes, so that readers may wrap as they like.
 */
import { copy } from './bytes';
import { alloc, release } from './env';
import {
  EAGAIN,
  EINVAL,
  ENOMEM,
  MAP_LOCK,
  MAP_MAX_ENTRIES,
  MAP_PRIVATE,
  RING_BLOCK,
  RING_CONSUMER,
  RING_DATA,
  RING_PRODUCER,
  RING_WAKEUPS,
} from './layout';
import { lock, unlock } from './lock';
import { addRegion } from './region';

/** The map's descriptor, at the beginning of the ring's own page. */
const OWNER: u32 = 0;
/** u64: position of the oldest record that may still be busy. */
const PENDING: u32 = 8;
const PAGE_SHIFT: u32 = 12;
const PAGE: u32 = 1 << PAGE_SHIFT;

const REGION_AT: u32 = MAP_PRIVATE + 16;
const ALLOCATED: u32 = MAP_PRIVATE + 4;
const HEADER: u32 = 8;
const BUSY: u32 = 0x80000000;
const DISCARD: u32 = 0x40000000;
const RECORD_MAX: u32 = 0x3fffffff;
/** Flags of submit and output (uapi bpf.h BPF_RB_*). */
const NO_WAKEUP: u32 = 1;
const FORCE_WAKEUP: u32 = 2;

export function ringInit(map: u32): i32 {
  const size = load<u32>(map, MAP_MAX_ENTRIES);
  const bytes = <u64>RING_DATA + <u64>size * 2 + PAGE;
  const block = bytes > 0xffff0000 ? 0 : alloc(<u32>bytes);
  if (block === 0) return -ENOMEM;
  // Records lead back to their ring by pages.
  const ring = (block + PAGE - 1) & ~(PAGE - 1);
  store<u32>(map, block, ALLOCATED);
  store<u32>(map, ring, RING_BLOCK);
  store<u32>(ring, map, OWNER);
  addRegion(map, map + REGION_AT, ring + RING_DATA, 1, size * 2, size * 2);
  return 0;
}

export function ringDestroy(map: u32): void {
  release(load<u32>(map, ALLOCATED));
}

function recordSize(size: u32): u32 {
  return (size + HEADER + 7) & ~7;
}

/** (map, size, flags) -> offset of the record's data, or 0 when there is no room. */
export function ringbuf_reserve(map: u32, size: u32, flags: u32): u32 {
  if (flags !== 0 || size > RECORD_MAX) return 0;
  return reserve(map, size);
}

function reserve(map: u32, size: u32): u32 {
  const ring = load<u32>(map, RING_BLOCK);
  const total = load<u32>(map, MAP_MAX_ENTRIES);
  const mask = <u64>total - 1;
  const length = recordSize(size);
  if (length > total) return 0;
  const consumer = atomic.load<u64>(ring, RING_CONSUMER);
  lock(map + MAP_LOCK);
  const producer = load<u64>(ring, RING_PRODUCER);
  let pending = load<u64>(ring, PENDING);
  while (pending < producer) {
    const word = atomic.load<u32>(ring + RING_DATA + <u32>(pending & mask));
    if ((word & BUSY) !== 0) break;
    pending += recordSize(word & ~DISCARD);
  }
  store<u64>(ring, pending, PENDING);
  const end = producer + length;
  if (end - consumer > mask || end - pending > mask) {
    unlock(map + MAP_LOCK);
    return 0;
  }
  const at = <u32>(producer & mask);
  const header = ring + RING_DATA + at;
  store<u32>(header, size | BUSY);
  store<u32>(header, (RING_DATA + at) >> PAGE_SHIFT, 4);
  atomic.store<u64>(ring, end, RING_PRODUCER);
  unlock(map + MAP_LOCK);
  return header + HEADER;
}

function commit(sample: u32, flags: u32, discard: u32): void {
  const header = sample - HEADER;
  const ring = (header & ~(PAGE - 1)) - (load<u32>(header, 4) << PAGE_SHIFT);
  const total = load<u32>(load<u32>(ring, OWNER), MAP_MAX_ENTRIES);
  const size = load<u32>(header) & ~BUSY;
  const at = header - (ring + RING_DATA);
  const end = at + HEADER + size;
  if (end > total && discard === 0) copy(ring + RING_DATA, ring + RING_DATA + total, end - total);
  atomic.xchg<u32>(header, size | discard);
  if ((flags & FORCE_WAKEUP) !== 0) {
    wake(ring);
  } else if ((flags & NO_WAKEUP) === 0 && (<u32>atomic.load<u64>(ring, RING_CONSUMER) & (total - 1)) === at) {
    wake(ring);
  }
}

/** Wakes readers: they sleep on the count of wake-ups, which they read before they looked at the ring. */
function wake(ring: u32): void {
  atomic.add<u32>(ring, 1, RING_WAKEUPS);
  atomic.notify(ring + RING_WAKEUPS, -1);
}

/** (data, flags): publishes a reserved record. */
export function ringbuf_submit(sample: u32, flags: u32): void {
  commit(sample, flags, 0);
}

/** (data, flags): gives a reserved record back; readers skip it. */
export function ringbuf_discard(sample: u32, flags: u32): void {
  commit(sample, flags, DISCARD);
}

/** (map, data, size, flags) -> 0 or -errno. */
export function ringbuf_output(map: u32, data: u32, size: u32, flags: u32): i32 {
  if ((flags & ~(NO_WAKEUP | FORCE_WAKEUP)) !== 0) return -EINVAL;
  const sample = size > RECORD_MAX ? 0 : reserve(map, size);
  if (sample === 0) return -EAGAIN;
  copy(sample, data, size);
  commit(sample, flags, 0);
  return 0;
}

/** (map, what) -> unread bytes, size, consumer's or producer's position (BPF_RB_AVAIL_DATA, ...), as u64. */
export function ringbuf_query(map: u32, what: u32): u64 {
  const ring = load<u32>(map, RING_BLOCK);
  switch (what) {
    case 0: {
      const consumer = atomic.load<u64>(ring, RING_CONSUMER);
      return atomic.load<u64>(ring, RING_PRODUCER) - consumer;
    }
    case 1:
      return load<u32>(map, MAP_MAX_ENTRIES);
    case 2:
      return atomic.load<u64>(ring, RING_CONSUMER);
    case 3:
      return atomic.load<u64>(ring, RING_PRODUCER);
    default:
      return 0;
  }
}
