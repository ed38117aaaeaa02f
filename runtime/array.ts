/** Arrays, plain and per-CPU: one block of slots, nothing ever added or removed. The JIT reads ARRAY_DATA and ARRAY_STRIDE itself. */
import { copy, roundUp8 } from './bytes';
import { alloc, cpu, release } from './env';
import {
  ARRAY_BLOCK,
  ARRAY_DATA,
  ARRAY_STRIDE,
  E2BIG,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  FLAG_MMAPABLE,
  MAP_CPU_STRIDE,
  MAP_CPUS,
  MAP_FLAGS,
  MAP_MAX_ENTRIES,
  MAP_PRIVATE,
  MAP_VALUE_SIZE,
} from './layout';
import { addRegion } from './region';
import { copyIn, EXIST, LOCK, LOCK_BIT, lockedCopyIn, NOEXIST } from './value';

const REGION_AT: u32 = MAP_PRIVATE + 16;
const PAGE: u32 = 4096;
/** No block is larger. */
const BLOCK_MAX: u64 = 0xffff0000;

/** Allocates `max_entries` slots of `stride` bytes. */
export function allocSlots(map: u32, stride: u32): i32 {
  const align: u32 = (load<u32>(map, MAP_FLAGS) & FLAG_MMAPABLE) !== 0 ? PAGE : 0;
  const size = <u64>load<u32>(map, MAP_MAX_ENTRIES) * stride;
  if (size + align > BLOCK_MAX) return -ENOMEM;
  // What is mapped is mapped in pages: nothing else stands in the last one.
  const block = alloc(align === 0 ? <u32>size : ((<u32>size + PAGE - 1) & ~(PAGE - 1)) + align);
  if (block === 0) return -ENOMEM;
  store<u32>(map, block, ARRAY_BLOCK);
  store<u32>(map, align === 0 ? block : (block + PAGE - 1) & ~(PAGE - 1), ARRAY_DATA);
  store<u32>(map, stride, ARRAY_STRIDE);
  return 0;
}

export function arrayInit(map: u32): i32 {
  const cpus = load<u32>(map, MAP_CPUS);
  const cpuStride = load<u32>(map, MAP_CPU_STRIDE);
  const size = load<u32>(map, MAP_VALUE_SIZE);
  const max = load<u32>(map, MAP_MAX_ENTRIES);
  const error = allocSlots(map, cpuStride === 0 ? roundUp8(size) : cpuStride * cpus);
  if (error !== 0) return error;
  const data = load<u32>(map, ARRAY_DATA);
  if (cpuStride === 0) addRegion(map, map + REGION_AT, data, max, roundUp8(size), size);
  else addRegion(map, map + REGION_AT, data, max * cpus, cpuStride, size);
  return 0;
}

export function arrayDestroy(map: u32): void {
  release(load<u32>(map, ARRAY_BLOCK));
}

function slot(map: u32, index: u32): u32 {
  return load<u32>(map, ARRAY_DATA) + index * load<u32>(map, ARRAY_STRIDE);
}

/** (map, key) -> the value's offset, 0 out of range. */
export function array_lookup(map: u32, key: u32): u32 {
  const index = load<u32>(key);
  return index < load<u32>(map, MAP_MAX_ENTRIES) ? slot(map, index) : 0;
}

/** As array_lookup; the value of the CPU that this thread holds. */
export function percpu_array_lookup(map: u32, key: u32): u32 {
  const index = load<u32>(key);
  return index < load<u32>(map, MAP_MAX_ENTRIES) ? slot(map, index) + cpu * load<u32>(map, MAP_CPU_STRIDE) : 0;
}

/** 0, or why an element cannot be updated (kernel/bpf/arraymap.c array_map_update_elem, v6.18). */
function checkUpdate(map: u32, index: u32, flags: u32): i32 {
  if ((flags & ~LOCK) > EXIST) return -EINVAL;
  if (index >= load<u32>(map, MAP_MAX_ENTRIES)) return -E2BIG;
  if ((flags & NOEXIST) !== 0) return -EEXIST;
  return (flags & LOCK) !== 0 && load<u32>(map, LOCK_BIT) === 0 ? -EINVAL : 0;
}

/** (map, key, value, flags) -> 0 or -errno. */
export function array_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  const index = load<u32>(key);
  const error = checkUpdate(map, index, flags);
  if (error !== 0) return error;
  if ((flags & LOCK) !== 0) lockedCopyIn(map, slot(map, index), value);
  else copyIn(map, slot(map, index), value);
  return 0;
}

/** As array_update; only the value of the CPU that this thread holds. */
export function percpu_array_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  const index = load<u32>(key);
  const error = checkUpdate(map, index, flags);
  if (error === 0) copyIn(map, slot(map, index) + cpu * load<u32>(map, MAP_CPU_STRIDE), value);
  return error;
}

/** The values of all CPUs at once. Flags know no lock here. */
export function percpuArraySysUpdate(map: u32, key: u32, value: u32, flags: u32): i32 {
  if (flags > EXIST) return -EINVAL;
  const index = load<u32>(key);
  const error = checkUpdate(map, index, flags);
  if (error === 0) copy(slot(map, index), value, load<u32>(map, ARRAY_STRIDE));
  return error;
}

export function percpuArraySysLookup(map: u32, key: u32, value: u32): i32 {
  const index = load<u32>(key);
  if (index >= load<u32>(map, MAP_MAX_ENTRIES)) return -ENOENT;
  copy(value, slot(map, index), load<u32>(map, ARRAY_STRIDE));
  return 0;
}

/** The next index as arrays count: out of range or no key gives 0. */
export function arrayNextKey(map: u32, key: u32, next: u32): i32 {
  const max = load<u32>(map, MAP_MAX_ENTRIES);
  const index = key === 0 ? u32.MAX_VALUE : load<u32>(key);
  if (index < max) {
    if (index === max - 1) return -ENOENT;
    store<u32>(next, index + 1);
  } else {
    store<u32>(next, 0);
  }
  return 0;
}
