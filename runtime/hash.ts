/** Hash tables, plain and per-CPU: element operations. The table is hash-table.ts. */
import { copy } from './bytes';
import { cpu } from './env';
import {
  at,
  BUCKET_LOCK,
  bucketOf,
  find,
  findLink,
  giveSpare,
  hashOf,
  hostSpare,
  keyOf,
  nextOf,
  programSpare,
  pushFree,
  setHash,
  setLinkAndUnlock,
  setNext,
  takeElem,
  takeSpare,
  valueIn,
  valuesOf,
} from './hash-table';
import { E2BIG, EEXIST, EINVAL, ENOENT, ENOMEM, MAP_CPU_STRIDE, MAP_CPUS, MAP_KEY_SIZE, MAP_VALUE_SIZE } from './layout';
import { lock, unlock } from './lock';
import { copyOut, EXIST, initIn, LOCK, LOCK_BIT, lockedCopyIn, lockedCopyOut, NOEXIST } from './value';

/** (map, key) -> the value's offset, or 0. */
export function hash_lookup(map: u32, key: u32): u32 {
  const elem = find(map, key);
  return elem === 0 ? 0 : valueIn(map, elem);
}

/** As hash_lookup; the value of the CPU that this thread holds. */
export function percpu_hash_lookup(map: u32, key: u32): u32 {
  const elem = find(map, key);
  return elem === 0 ? 0 : valuesOf(elem) + cpu * load<u32>(map, MAP_CPU_STRIDE);
}

/** Whether an update with these flags may go on, given whether the key exists: 0 or -errno. */
export function checkFlags(exists: bool, flags: u32): i32 {
  if (exists && (flags & ~LOCK) === NOEXIST) return -EEXIST;
  return !exists && (flags & ~LOCK) === EXIST ? -ENOENT : 0;
}

/** (map, key, value, flags) -> 0 or -errno. */
export function hash_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return update(map, key, value, flags, programSpare());
}

export function hashSysUpdate(map: u32, key: u32, value: u32, flags: u32): i32 {
  return update(map, key, value, flags, hostSpare(map));
}

function update(map: u32, key: u32, value: u32, flags: u32, spare: u32): i32 {
  if (flags > EXIST) {
    const error = checkLockFlag(map, flags);
    if (error !== 0) return error;
    if ((flags & NOEXIST) === 0) {
      const elem = find(map, key);
      if (elem !== 0) {
        lockedCopyIn(map, valueIn(map, elem), value);
        return 0;
      }
    }
  }
  const hash = hashOf(map, key);
  const bucket = bucketOf(map, hash);
  lock(bucket + BUCKET_LOCK);
  const link = findLink(map, bucket, key, hash);
  const old = at(link);
  const error = checkFlags(old !== 0, flags);
  if (error !== 0) {
    unlock(bucket + BUCKET_LOCK);
    return error;
  }
  if (old !== 0 && (flags & LOCK) !== 0) {
    lockedCopyIn(map, valueIn(map, old), value);
    unlock(bucket + BUCKET_LOCK);
    return 0;
  }
  const elem = old !== 0 ? takeSpare(map, spare) : takeElem(map);
  if (<i32>elem <= 0 && (elem === 0 || elem === -ENOMEM)) {
    unlock(bucket + BUCKET_LOCK);
    return elem === 0 && old === 0 ? -E2BIG : -ENOMEM;
  }
  setHash(elem, hash);
  copy(keyOf(map, elem), key, load<u32>(map, MAP_KEY_SIZE));
  initIn(map, valueIn(map, elem), value);
  if (old === 0) {
    setNext(elem, load<u32>(bucket));
    setLinkAndUnlock(bucket, bucket, elem);
    return 0;
  }
  // The new element takes the old one's place in the chain at once: a reader never misses the key.
  setNext(elem, nextOf(old));
  setLinkAndUnlock(bucket, link, elem);
  giveSpare(map, spare, old);
  return 0;
}

/** 0, or -EINVAL for flags that are none, or for LOCK where values have no lock. */
export function checkLockFlag(map: u32, flags: u32): i32 {
  if ((flags & ~LOCK) > EXIST) return -EINVAL;
  return (flags & LOCK) !== 0 && load<u32>(map, LOCK_BIT) === 0 ? -EINVAL : 0;
}

/** (map, key) -> 0 or -errno. */
export function hash_delete(map: u32, key: u32): i32 {
  return take(map, key, 0, 0);
}

/** Copies the value out, where `value` is not 0, and removes the element. */
export function hashTake(map: u32, key: u32, value: u32, flags: u32): i32 {
  return take(map, key, value, flags);
}

function take(map: u32, key: u32, value: u32, flags: u32): i32 {
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
  pushFree(map, elem);
  return 0;
}

/** (map, key, value, flags) -> 0 or -errno: the value of the CPU that this thread holds; those of others are zero in a new element. */
export function percpu_hash_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return updatePerCpu(map, key, value, flags, false);
}

export function percpuHashSysUpdate(map: u32, key: u32, value: u32, flags: u32): i32 {
  return updatePerCpu(map, key, value, flags, true);
}

function updatePerCpu(map: u32, key: u32, value: u32, flags: u32, all: bool): i32 {
  if (flags > EXIST) return -EINVAL;
  const hash = hashOf(map, key);
  const bucket = bucketOf(map, hash);
  lock(bucket + BUCKET_LOCK);
  const old = at(findLink(map, bucket, key, hash));
  let error = checkFlags(old !== 0, flags);
  if (error === 0) {
    if (old !== 0) {
      writePerCpu(map, old, value, all, false);
    } else {
      const elem = takeElem(map);
      if (elem !== 0 && elem !== -ENOMEM) {
        setHash(elem, hash);
        copy(keyOf(map, elem), key, load<u32>(map, MAP_KEY_SIZE));
        writePerCpu(map, elem, value, all, true);
        setNext(elem, load<u32>(bucket));
        setLinkAndUnlock(bucket, bucket, elem);
        return 0;
      }
      error = elem === 0 ? -E2BIG : -ENOMEM;
    }
  }
  unlock(bucket + BUCKET_LOCK);
  return error;
}

/** Writes an element's values: the own CPU's, or all from a block of all. */
export function writePerCpu(map: u32, elem: u32, value: u32, all: bool, fresh: bool): void {
  const values = valuesOf(elem);
  const stride = load<u32>(map, MAP_CPU_STRIDE);
  const whole = stride * load<u32>(map, MAP_CPUS);
  if (all) {
    copy(values, value, whole);
    return;
  }
  if (fresh) memory.fill(values, 0, whole);
  copy(values + cpu * stride, value, load<u32>(map, MAP_VALUE_SIZE));
}

/** Copies an element's value, or all its values, out. */
export function readAll(map: u32, elem: u32, value: u32, flags: u32): void {
  const stride = load<u32>(map, MAP_CPU_STRIDE);
  if (stride !== 0) copy(value, valuesOf(elem), stride * load<u32>(map, MAP_CPUS));
  else if ((flags & LOCK) !== 0) lockedCopyOut(map, value, valueIn(map, elem));
  else copyOut(map, value, valueIn(map, elem));
}

/** bpf(2)'s lookup, all hash kinds. */
export function hashSysLookup(map: u32, key: u32, value: u32, flags: u32): i32 {
  const elem = find(map, key);
  if (elem === 0) return -ENOENT;
  readAll(map, elem, value, flags);
  return 0;
}
