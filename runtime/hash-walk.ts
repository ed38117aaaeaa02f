/** Walking hash tables, all kinds: the next key, and whole buckets for batches. The order is the table's own. */
import { copy } from './bytes';
import { cpu } from './env';
import { readAll } from './hash';
import {
  at,
  BUCKET_LOCK,
  bucketAt,
  bucketCount,
  bucketOf,
  findLink,
  hashOf,
  isPerCpu,
  keyOf,
  nextOf,
  valueIn,
  valuesOf,
} from './hash-table';
import { ENOENT, MAP_CPU_STRIDE, MAP_KEY_SIZE } from './layout';
import { lock, unlock } from './lock';

/** Writes the key after `key` (0, or absent: the first) at `next`. */
export function hashNextKey(map: u32, key: u32, next: u32): i32 {
  let bucket = bucketAt(map, 0);
  const end = bucketAt(map, bucketCount(map));
  if (key !== 0) {
    const hash = hashOf(map, key);
    const own = bucketOf(map, hash);
    lock(own + BUCKET_LOCK);
    const elem = at(findLink(map, own, key, hash));
    if (elem !== 0) {
      const after = nextOf(elem);
      if ((after & 1) === 0) return found(map, own, after, next);
      bucket = own + (bucketAt(map, 1) - bucketAt(map, 0));
    }
    unlock(own + BUCKET_LOCK);
  }
  for (; bucket < end; bucket += bucketAt(map, 1) - bucketAt(map, 0)) {
    if ((load<u32>(bucket) & 1) !== 0) continue;
    lock(bucket + BUCKET_LOCK);
    const elem = at(bucket);
    if (elem !== 0) return found(map, bucket, elem, next);
    unlock(bucket + BUCKET_LOCK);
  }
  return -ENOENT;
}

function found(map: u32, bucket: u32, elem: u32, next: u32): i32 {
  copy(next, keyOf(map, elem), load<u32>(map, MAP_KEY_SIZE));
  unlock(bucket + BUCKET_LOCK);
  return 0;
}

/** Number of buckets, for batches. */
export function hash_buckets(map: u32): u32 {
  return bucketCount(map);
}

/**
 * Copies the elements of one bucket out, at most `room` of them: keys at `keys`, values `valueSize` bytes apart at `values`.
 * @returns how many there are; nothing is copied when they are more than `room`
 */
export function hash_read_bucket(map: u32, index: u32, keys: u32, values: u32, valueSize: u32, room: u32, flags: u32): u32 {
  const bucket = bucketAt(map, index);
  if ((load<u32>(bucket) & 1) !== 0) return 0;
  const keySize = load<u32>(map, MAP_KEY_SIZE);
  lock(bucket + BUCKET_LOCK);
  let count: u32 = 0;
  for (let elem = load<u32>(bucket); (elem & 1) === 0; elem = nextOf(elem)) count++;
  if (count <= room) {
    let n: u32 = 0;
    for (let elem = load<u32>(bucket); (elem & 1) === 0; elem = nextOf(elem)) {
      copy(keys + n * keySize, keyOf(map, elem), keySize);
      readAll(map, elem, values + n * valueSize, flags);
      n++;
    }
  }
  unlock(bucket + BUCKET_LOCK);
  return count;
}

/** (map, elem) -> the element after `elem` (0: the first), 0 after the last. For bpf_for_each_map_elem: take the next before the callback runs. */
export function hash_next(map: u32, elem: u32): u32 {
  const end = bucketAt(map, bucketCount(map));
  let link = elem === 0 ? bucketAt(map, 0) : elem;
  while (true) {
    const next = load<u32>(link);
    if ((next & 1) === 0) return next;
    link = (next & ~1) + (bucketAt(map, 1) - bucketAt(map, 0));
    if (link >= end) return 0;
  }
}

/** (map, elem) -> its key. */
export function hash_key(map: u32, elem: u32): u32 {
  return keyOf(map, elem);
}

/** (map, elem) -> its value; of the CPU that this thread holds, where there is one a CPU. */
export function hash_value(map: u32, elem: u32): u32 {
  return isPerCpu(map) ? valuesOf(elem) + cpu * load<u32>(map, MAP_CPU_STRIDE) : valueIn(map, elem);
}
