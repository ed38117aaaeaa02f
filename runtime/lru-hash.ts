/** LRU hash tables, plain and per-CPU: element operations. Which element goes is lru.ts. */
import { copy } from './bytes';
import { cpu } from './env';
import { checkFlags, readAll, writePerCpu } from './hash';
import {
  at,
  BUCKET_LOCK,
  bucketOf,
  find,
  findLink,
  hashOf,
  keyOf,
  LRU_NODE,
  nextOf,
  setLink,
  setLinkAndUnlock,
  setNext,
  valueIn,
  valuesOf,
} from './hash-table';
import { EINVAL, ENOENT, ENOMEM, MAP_CPU_STRIDE, MAP_KEY_SIZE } from './layout';
import { lock, unlock } from './lock';
import { popLru, pushLru } from './lru';
import { mark } from './lru-list';
import { EXIST, initIn } from './value';

/** (map, key) -> the value's offset, or 0. The element counts as used. */
export function lru_hash_lookup(map: u32, key: u32): u32 {
  const elem = find(map, key);
  if (elem === 0) return 0;
  mark(elem + LRU_NODE);
  return valueIn(map, elem);
}

/** As lru_hash_lookup; the value of the CPU that this thread holds. */
export function lru_percpu_hash_lookup(map: u32, key: u32): u32 {
  const elem = find(map, key);
  if (elem === 0) return 0;
  mark(elem + LRU_NODE);
  return valuesOf(elem) + cpu * load<u32>(map, MAP_CPU_STRIDE);
}

/** (map, key, value, flags) -> 0 or -errno. The same for bpf(2). */
export function lru_hash_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  if (flags > EXIST) return -EINVAL;
  const hash = hashOf(map, key);
  // The new element first: getting it may lock any bucket.
  const elem = popLru(map, hash);
  if (elem === 0) return -ENOMEM;
  copy(keyOf(map, elem), key, load<u32>(map, MAP_KEY_SIZE));
  initIn(map, valueIn(map, elem), value);
  const bucket = bucketOf(map, hash);
  lock(bucket + BUCKET_LOCK);
  const link = findLink(map, bucket, key, hash);
  const old = at(link);
  const error = checkFlags(old !== 0, flags);
  if (error !== 0) {
    unlock(bucket + BUCKET_LOCK);
    pushLru(map, elem);
    return error;
  }
  if (old === 0) {
    setNext(elem, load<u32>(bucket));
    setLinkAndUnlock(bucket, bucket, elem);
    return 0;
  }
  mark(elem + LRU_NODE);
  setNext(elem, nextOf(old));
  setLinkAndUnlock(bucket, link, elem);
  pushLru(map, old);
  return 0;
}

/** (map, key, value, flags) -> 0 or -errno: the value of the CPU that this thread holds. */
export function lru_percpu_hash_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return updatePerCpu(map, key, value, flags, false);
}

export function lruPercpuSysUpdate(map: u32, key: u32, value: u32, flags: u32): i32 {
  return updatePerCpu(map, key, value, flags, true);
}

function updatePerCpu(map: u32, key: u32, value: u32, flags: u32, all: bool): i32 {
  if (flags > EXIST) return -EINVAL;
  const hash = hashOf(map, key);
  let elem: u32 = 0;
  if (flags !== EXIST) {
    elem = popLru(map, hash);
    if (elem === 0) return -ENOMEM;
  }
  const bucket = bucketOf(map, hash);
  lock(bucket + BUCKET_LOCK);
  const old = at(findLink(map, bucket, key, hash));
  const error = checkFlags(old !== 0, flags);
  if (error === 0) {
    if (old !== 0) {
      mark(old + LRU_NODE);
      writePerCpu(map, old, value, all, false);
    } else {
      copy(keyOf(map, elem), key, load<u32>(map, MAP_KEY_SIZE));
      writePerCpu(map, elem, value, all, true);
      setNext(elem, load<u32>(bucket));
      setLink(bucket, elem);
      elem = 0;
    }
  }
  unlock(bucket + BUCKET_LOCK);
  if (elem !== 0) pushLru(map, elem);
  return error;
}

/** (map, key) -> 0 or -errno. */
export function lru_hash_delete(map: u32, key: u32): i32 {
  return lruTake(map, key, 0, 0);
}

/** Copies the value out, where `value` is not 0, and removes the element. */
export function lruTake(map: u32, key: u32, value: u32, flags: u32): i32 {
  const hash = hashOf(map, key);
  const bucket = bucketOf(map, hash);
  lock(bucket + BUCKET_LOCK);
  const link = findLink(map, bucket, key, hash);
  const elem = at(link);
  if (elem === 0) {
    unlock(bucket + BUCKET_LOCK);
    return -ENOENT;
  }
  if (value !== 0) readAll(map, elem, value, flags);
  setLinkAndUnlock(bucket, link, nextOf(elem));
  pushLru(map, elem);
  return 0;
}
