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
import { bloom_peek, bloom_push, bloomDestroy, bloomInit } from './bloom';
import { hash_delete, hashSysLookup, hashSysUpdate, hashTake, percpuHashSysUpdate } from './hash';
import { destroyTable, initTable, releaseBuckets } from './hash-table';
import { hashNextKey } from './hash-walk';
import {
  EINVAL,
  ENOENT,
  ENOTSUPP,
  EOPNOTSUPP,
  MAP_LOCK,
  MAP_TYPE,
  TYPE_ARRAY,
  TYPE_ARRAY_OF_MAPS,
  TYPE_BLOOM_FILTER,
  TYPE_CGROUP_ARRAY,
  TYPE_HASH,
  TYPE_HASH_OF_MAPS,
  TYPE_LPM_TRIE,
  TYPE_LRU_HASH,
  TYPE_LRU_PERCPU_HASH,
  TYPE_PERCPU_ARRAY,
  TYPE_PERCPU_HASH,
  TYPE_PERF_EVENT_ARRAY,
  TYPE_PROG_ARRAY,
  TYPE_QUEUE,
  TYPE_RINGBUF,
  TYPE_STACK,
  TYPE_STACK_TRACE,
} from './layout';
import { releaseDead } from './lock';
import { lpm_delete, lpm_update, lpmDestroy, lpmNextKey, lpmSysLookup } from './lpm-trie';
import { destroyLru, initLru, releaseLru } from './lru';
import { lru_hash_delete, lru_hash_update, lruPercpuSysUpdate, lruTake } from './lru-hash';
import { queue_peek, queue_pop, queue_push, queueDestroy, queueInit } from './queue';
import { ringDestroy, ringInit } from './ringbuf';
import { stackDelete, stackDestroy, stackInit, stackNextKey, stackSysLookup, stackTake } from './stack-trace';
import { copyOut, LOCK, lockedCopyOut } from './value';

/** Fills the private part of a descriptor whose common part is set, and allocates. */
export function map_init(map: u32): i32 {
  let error: i32;
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
    case TYPE_PERCPU_HASH:
    case TYPE_HASH_OF_MAPS:
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
    case TYPE_CGROUP_ARRAY:
    case TYPE_ARRAY_OF_MAPS:
      error = allocSlots(map, 4);
      break;
    case TYPE_QUEUE:
    case TYPE_STACK:
      error = queueInit(map);
      break;
    case TYPE_BLOOM_FILTER:
      error = bloomInit(map);
      break;
    case TYPE_LPM_TRIE:
      error = 0;
      break;
    case TYPE_RINGBUF:
      error = ringInit(map);
      break;
    case TYPE_STACK_TRACE:
      error = stackInit(map);
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
    case TYPE_HASH_OF_MAPS:
      destroyTable(map);
      break;
    case TYPE_QUEUE:
    case TYPE_STACK:
      queueDestroy(map);
      break;
    case TYPE_BLOOM_FILTER:
      bloomDestroy(map);
      break;
    case TYPE_LPM_TRIE:
      lpmDestroy(map);
      break;
    case TYPE_RINGBUF:
      ringDestroy(map);
      break;
    case TYPE_STACK_TRACE:
      stackDestroy(map);
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
    case TYPE_HASH_OF_MAPS:
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
    case TYPE_HASH_OF_MAPS:
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
    case TYPE_QUEUE:
    case TYPE_STACK:
      return queue_peek(map, value);
    case TYPE_BLOOM_FILTER:
      return bloom_peek(map, value);
    case TYPE_LPM_TRIE:
      return lpmSysLookup(map, key, value);
    case TYPE_STACK_TRACE:
      return stackSysLookup(map, key, value);
    case TYPE_PROG_ARRAY:
    case TYPE_ARRAY_OF_MAPS: {
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
    case TYPE_HASH_OF_MAPS:
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
    case TYPE_QUEUE:
    case TYPE_STACK:
      return queue_push(map, value, flags);
    case TYPE_BLOOM_FILTER:
      return bloom_push(map, value, flags);
    case TYPE_LPM_TRIE:
      return lpm_update(map, key, value, flags);
    case TYPE_STACK_TRACE:
      return -EINVAL;
    default:
      return -ENOTSUPP;
  }
}

export function sys_delete(map: u32, key: u32): i32 {
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
    case TYPE_PERCPU_HASH:
    case TYPE_HASH_OF_MAPS:
      return hash_delete(map, key);
    case TYPE_LRU_HASH:
    case TYPE_LRU_PERCPU_HASH:
      return lru_hash_delete(map, key);
    case TYPE_LPM_TRIE:
      return lpm_delete(map, key);
    case TYPE_STACK_TRACE:
      return stackDelete(map, key);
    case TYPE_BLOOM_FILTER:
      return -EOPNOTSUPP;
    case TYPE_RINGBUF:
      return -ENOTSUPP;
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
    case TYPE_QUEUE:
    case TYPE_STACK:
      return queue_pop(map, value);
    case TYPE_STACK_TRACE:
      return stackTake(map, key, value);
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
    case TYPE_HASH_OF_MAPS:
      return hashNextKey(map, key, next);
    case TYPE_LPM_TRIE:
      return lpmNextKey(map, key, next);
    case TYPE_STACK_TRACE:
      return stackNextKey(map, key, next);
    case TYPE_QUEUE:
    case TYPE_STACK:
      return -EINVAL;
    case TYPE_BLOOM_FILTER:
      return -EOPNOTSUPP;
    case TYPE_RINGBUF:
      return -ENOTSUPP;
    default:
      return arrayNextKey(map, key, next);
  }
}
