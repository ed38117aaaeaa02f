/** Making, unmaking and repairing maps, and the element commands of bpf(2), by the map's type. Checks of creation attributes and of files come before. */
import {
  allocSlots,
  array_lookup,
  array_update,
  arrayDestroy,
  arrayInit,
  arrayNextKey,
  percpuArraySysLookup,
  percpuArraySysUpdate,
} from './array';
import { hash_delete, hashSysLookup, hashSysUpdate, hashTake, percpuHashSysUpdate } from './hash';
import { destroyTable, initTable, releaseBuckets } from './hash-table';
import { hashNextKey } from './hash-walk';
import {
  EINVAL,
  ENOENT,
  ENOTSUPP,
  MAP_LOCK,
  MAP_TYPE,
  TYPE_ARRAY,
  TYPE_HASH,
  TYPE_LRU_HASH,
  TYPE_LRU_PERCPU_HASH,
  TYPE_PERCPU_ARRAY,
  TYPE_PERCPU_HASH,
  TYPE_PERF_EVENT_ARRAY,
  TYPE_PROG_ARRAY,
} from './layout';
import { releaseDead } from './lock';
import { destroyLru, initLru, releaseLru } from './lru';
import { lru_hash_delete, lru_hash_update, lruPercpuSysUpdate, lruTake } from './lru-hash';
import { copyOut, LOCK, lockedCopyOut } from './value';

/** Fills the private part of a descriptor whose common part is set, and allocates. */
export function map_init(map: u32): i32 {
  let error: i32;
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
    case TYPE_PERCPU_HASH:
      error = initTable(map, false);
      break;
    case TYPE_LRU_HASH:
    case TYPE_LRU_PERCPU_HASH:
      error = initTable(map, true);
      if (error === 0) error = initLru(map);
      break;
    case TYPE_ARRAY:
    case TYPE_PERCPU_ARRAY:
      error = arrayInit(map);
      break;
    case TYPE_PROG_ARRAY:
    case TYPE_PERF_EVENT_ARRAY:
      error = allocSlots(map, 4);
      break;
    default:
      return -EINVAL;
  }
  if (error !== 0) map_destroy(map);
  return error;
}

/** Frees what map_init allocated. */
export function map_destroy(map: u32): void {
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_LRU_HASH:
    case TYPE_LRU_PERCPU_HASH:
      destroyLru(map);
      destroyTable(map);
      break;
    case TYPE_HASH:
    case TYPE_PERCPU_HASH:
      destroyTable(map);
      break;
    default:
      arrayDestroy(map);
  }
}

/** Frees the locks of a map that `thread`, which is dead or was stopped, holds. @returns 1 if there were any: the map's contents are suspect */
export function map_release(map: u32, thread: i32): i32 {
  let found = releaseDead(map + MAP_LOCK, thread);
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_LRU_HASH:
    case TYPE_LRU_PERCPU_HASH:
      if (releaseLru(map, thread)) found = true;
      if (releaseBuckets(map, thread)) found = true;
      break;
    case TYPE_HASH:
    case TYPE_PERCPU_HASH:
      if (releaseBuckets(map, thread)) found = true;
      break;
  }
  return found ? 1 : 0;
}

/** (map, key, value, flags): copies the value, or all CPUs' values, to `value`. */
export function sys_lookup(map: u32, key: u32, value: u32, flags: u32): i32 {
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
    case TYPE_PERCPU_HASH:
    case TYPE_LRU_HASH:
    case TYPE_LRU_PERCPU_HASH:
      return hashSysLookup(map, key, value, flags);
    case TYPE_ARRAY: {
      const slot = array_lookup(map, key);
      if (slot === 0) return -ENOENT;
      if ((flags & LOCK) !== 0) lockedCopyOut(map, value, slot);
      else copyOut(map, value, slot);
      return 0;
    }
    case TYPE_PERCPU_ARRAY:
      return percpuArraySysLookup(map, key, value);
    case TYPE_PROG_ARRAY: {
      const slot = array_lookup(map, key);
      const held = slot === 0 ? 0 : atomic.load<u32>(slot);
      if (held === 0) return -ENOENT;
      store<u32>(value, held);
      return 0;
    }
    default:
      return -ENOTSUPP;
  }
}

export function sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
      return hashSysUpdate(map, key, value, flags);
    case TYPE_PERCPU_HASH:
      return percpuHashSysUpdate(map, key, value, flags);
    case TYPE_LRU_HASH:
      return lru_hash_update(map, key, value, flags);
    case TYPE_LRU_PERCPU_HASH:
      return lruPercpuSysUpdate(map, key, value, flags);
    case TYPE_ARRAY:
      return array_update(map, key, value, flags);
    case TYPE_PERCPU_ARRAY:
      return percpuArraySysUpdate(map, key, value, flags);
    default:
      return -ENOTSUPP;
  }
}

export function sys_delete(map: u32, key: u32): i32 {
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
    case TYPE_PERCPU_HASH:
      return hash_delete(map, key);
    case TYPE_LRU_HASH:
    case TYPE_LRU_PERCPU_HASH:
      return lru_hash_delete(map, key);
    default:
      return -EINVAL;
  }
}

/** Copies the value out and removes the element in one step. */
export function sys_take(map: u32, key: u32, value: u32, flags: u32): i32 {
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
    case TYPE_PERCPU_HASH:
      return hashTake(map, key, value, flags);
    case TYPE_LRU_HASH:
    case TYPE_LRU_PERCPU_HASH:
      return lruTake(map, key, value, flags);
    default:
      return -ENOTSUPP;
  }
}

/** Writes the key after `key` (0: the first) at `next`. */
export function sys_next_key(map: u32, key: u32, next: u32): i32 {
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
    case TYPE_PERCPU_HASH:
    case TYPE_LRU_HASH:
    case TYPE_LRU_PERCPU_HASH:
      return hashNextKey(map, key, next);
    default:
      return arrayNextKey(map, key, next);
  }
}
