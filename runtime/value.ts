/** Values with fields that belong to the kernel (spin locks, timers, kptrs): a copy goes around them (kernel/bpf.h copy_map_value, v6.18). */
import { copy } from './bytes';
import { MAP_FIELDS, MAP_VALUE_LOCK, MAP_VALUE_SIZE } from './layout';
import { lock, unlock } from './lock';

/** Element flags (uapi bpf.h BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK). Callers fold flags above bit 31 into it. */
export const NOEXIST: u32 = 1;
export const EXIST: u32 = 2;
export const LOCK: u32 = 4;
/** Non-zero where values have a spin lock. */
export const LOCK_BIT: u32 = MAP_VALUE_LOCK;

/** Copies a value in: special fields of the destination stay. */
export function copyIn(map: u32, to: u32, from: u32): void {
  const fields = load<u32>(map, MAP_FIELDS);
  if (fields === 0) copy(to, from, load<u32>(map, MAP_VALUE_SIZE));
  else copyAround(fields, to, from, load<u32>(map, MAP_VALUE_SIZE));
}

/** Copies a value out for user space: special fields read as zero. */
export function copyOut(map: u32, to: u32, from: u32): void {
  const fields = load<u32>(map, MAP_FIELDS);
  const size = load<u32>(map, MAP_VALUE_SIZE);
  if (fields === 0) {
    copy(to, from, size);
  } else {
    memory.fill(to, 0, size);
    copyAround(fields, to, from, size);
  }
}

/** The table of fields: their number, then offset and size of each, by offset. */
function copyAround(fields: u32, to: u32, from: u32, size: u32): void {
  const count = load<u32>(fields);
  let at: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const field = load<u32>(fields + 4 + i * 8);
    copy(to + at, from + at, field - at);
    at = field + load<u32>(fields + 8 + i * 8);
  }
  copy(to + at, from + at, size - at);
}

/** A new value: special fields start as zero. */
export function initIn(map: u32, to: u32, from: u32): void {
  if (load<u32>(map, MAP_FIELDS) !== 0) memory.fill(to, 0, load<u32>(map, MAP_VALUE_SIZE));
  copyIn(map, to, from);
}

function spinLock(map: u32, value: u32): u32 {
  return value + load<u32>(map, MAP_VALUE_LOCK) - 1;
}

/** copyIn while holding the value's own lock. */
export function lockedCopyIn(map: u32, to: u32, from: u32): void {
  lock(spinLock(map, to));
  copyIn(map, to, from);
  unlock(spinLock(map, to));
}

/** copyOut while holding the value's own lock. */
export function lockedCopyOut(map: u32, to: u32, from: u32): void {
  lock(spinLock(map, from));
  copyOut(map, to, from);
  unlock(spinLock(map, from));
}
