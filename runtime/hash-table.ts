/**
 * What the hash kinds share: the table of buckets, its elements, and making them. A bucket is a chain's head and a lock; lookups take no lock.
 * Elements keep their place for the map's life and are used again, as in the kernel's preallocated tables (kernel/bpf/hashtab.c, v6.18);
 * without preallocation they come in slabs. A link (a bucket, an element) begins with the offset of the next element.
 */
import { equal, hashBytes, roundUp8 } from './bytes';
import { alloc, cpu, random, release } from './env';
import {
  E2BIG,
  ENOMEM,
  FLAG_NO_COMMON_LRU,
  FLAG_NO_PREALLOC,
  FLAG_ZERO_SEED,
  MAP_CPU_STRIDE,
  MAP_CPUS,
  MAP_FLAGS,
  MAP_KEY_SIZE,
  MAP_LOCK,
  MAP_MAX_ENTRIES,
  MAP_PRIVATE,
  MAP_VALUE_SIZE,
} from './layout';
import { lock, releaseDead, unlock, WAITERS } from './lock';
import { addReadOnly, addRegion, addSlab, freeSlabs, SLAB_ELEMS, SLAB_KEYS, SLAB_VALUES } from './region';

/** Private part of the descriptor. */
const BUCKETS: u32 = MAP_PRIVATE;
const BUCKET_MASK: u32 = MAP_PRIVATE + 4;
const SEED: u32 = MAP_PRIVATE + 8;
const KEY_AT: u32 = MAP_PRIVATE + 16;
const VALUE_AT: u32 = MAP_PRIVATE + 20;
const ELEM_SIZE: u32 = MAP_PRIVATE + 24;
/** A spare element for each CPU, and one for the host: replacing a value takes the new element before it gives the old one back. */
const SPARES: u32 = MAP_PRIVATE + 28;
/** u64: head of the list of free elements, and above it a count that tells a head from the same head later. */
const FREE: u32 = MAP_PRIVATE + 32;
/** Elements made for the free list. */
const ELEMS: u32 = MAP_PRIVATE + 40;
/** LRU kinds: see lru.ts. */
export const LRU: u32 = MAP_PRIVATE + 44;

const HEAD: u32 = 0;
/** Of a bucket. */
export const BUCKET_LOCK: u32 = 4;
const BUCKET_SIZE: u32 = 8;
const SPARE_SIZE: u32 = 64;

/** Fields of an element. NEXT survives removal, so that a reader that stands on the element finds its way. */
const NEXT: u32 = 0;
const HASH: u32 = 4;
/** Per-CPU kinds: offset of CPU 0's value. */
const VALUES: u32 = 8;
const FREE_NEXT: u32 = 12;
const KEY: u32 = 16;
/** LRU kinds: the node of lru.ts stands before the key. */
export const LRU_NODE: u32 = 12;
const LRU_KEY: u32 = 24;
/** Elements of the first slab of a table without preallocation; each further slab doubles the table. */
const FIRST_SLAB: u32 = 16;
const BLOCK_MAX: u64 = 0xffff0000;
/** The kernel's buckets of 16 bytes take less than 2^32. */
const BUCKETS_MAX: u32 = 1 << 27;

export function isPerCpu(map: u32): bool {
  return load<u32>(map, MAP_CPU_STRIDE) !== 0;
}

/**
 * A chain ends in an odd number that names its bucket: a reader that was led into another chain, because its element was used again
 * elsewhere, notices and starts again (after the kernel's hlist_nulls).
 */
function endOf(bucket: u32): u32 {
  return bucket | 1;
}

export function hashOf(map: u32, key: u32): u32 {
  return hashBytes(key, load<u32>(map, MAP_KEY_SIZE), load<u64>(map, SEED));
}

export function bucketOf(map: u32, hash: u32): u32 {
  return load<u32>(map, BUCKETS) + (hash & load<u32>(map, BUCKET_MASK)) * BUCKET_SIZE;
}

/** The element of a key, or 0. Safe without a lock. */
export function find(map: u32, key: u32): u32 {
  const hash = hashOf(map, key);
  const bucket = bucketOf(map, hash);
  const size = load<u32>(map, MAP_KEY_SIZE);
  const keyAt = load<u32>(map, KEY_AT);
  while (true) {
    let elem = load<u32>(bucket);
    while ((elem & 1) === 0) {
      if (load<u32>(elem, HASH) === hash && equal(elem + keyAt, key, size)) return elem;
      elem = load<u32>(elem, NEXT);
    }
    if (elem === endOf(bucket)) return 0;
  }
}

/** The link to a key's element, or the last link. The bucket is locked. */
export function findLink(map: u32, bucket: u32, key: u32, hash: u32): u32 {
  const size = load<u32>(map, MAP_KEY_SIZE);
  const keyAt = load<u32>(map, KEY_AT);
  let link = bucket;
  let elem = load<u32>(link);
  while ((elem & 1) === 0) {
    if (load<u32>(elem, HASH) === hash && equal(elem + keyAt, key, size)) return link;
    link = elem;
    elem = load<u32>(link);
  }
  return link;
}

/** What a link leads to: an element, or 0 at the chain's end. */
export function at(link: u32): u32 {
  const elem = load<u32>(link);
  return (elem & 1) === 0 ? elem : 0;
}

/** Sets a link of a locked bucket, so that readers see all that was written before, and unlocks the bucket: one exchange where it can be. */
export function setLinkAndUnlock(bucket: u32, link: u32, to: u32): void {
  if (link === bucket) {
    if ((<i32>(atomic.xchg<u64>(bucket, <u64>to) >> 32) & WAITERS) !== 0) atomic.notify(bucket + BUCKET_LOCK, 1);
  } else {
    atomic.store<u32>(link, to);
    unlock(bucket + BUCKET_LOCK);
  }
}

/** Sets a link of a locked bucket. */
export function setLink(link: u32, to: u32): void {
  atomic.store<u32>(link, to);
}

export function nextOf(elem: u32): u32 {
  return load<u32>(elem, NEXT);
}

export function setNext(elem: u32, next: u32): void {
  store<u32>(elem, next, NEXT);
}

export function hashAt(elem: u32): u32 {
  return load<u32>(elem, HASH);
}

export function setHash(elem: u32, hash: u32): void {
  store<u32>(elem, hash, HASH);
}

export function keyOf(map: u32, elem: u32): u32 {
  return elem + load<u32>(map, KEY_AT);
}

export function valueIn(map: u32, elem: u32): u32 {
  return elem + load<u32>(map, VALUE_AT);
}

/** CPU 0's value. */
export function valuesOf(elem: u32): u32 {
  return load<u32>(elem, VALUES);
}

/** Takes a free element, 0 for none. */
export function popFree(map: u32): u32 {
  let word = atomic.load<u64>(map, FREE);
  while (true) {
    const elem = <u32>word;
    if (elem === 0) return 0;
    const next = (((word >> 32) + 1) << 32) | load<u32>(elem, FREE_NEXT);
    const seen = atomic.cmpxchg<u64>(map, word, next, FREE);
    if (seen === word) return elem;
    word = seen;
  }
}

/** Gives a chain of elements, linked by FREE_NEXT, back. */
function pushChain(map: u32, first: u32, last: u32): void {
  let word = atomic.load<u64>(map, FREE);
  while (true) {
    store<u32>(last, <u32>word, FREE_NEXT);
    const next = (((word >> 32) + 1) << 32) | first;
    const seen = atomic.cmpxchg<u64>(map, word, next, FREE);
    if (seen === word) return;
    word = seen;
  }
}

export function pushFree(map: u32, elem: u32): void {
  pushChain(map, elem, elem);
}

/** Takes a free element for a new key, making some where the table is not preallocated; 0 when the table is full, -ENOMEM without memory. */
export function takeElem(map: u32): i32 {
  while (true) {
    const elem = popFree(map);
    if (elem !== 0 || (load<u32>(map, MAP_FLAGS) & FLAG_NO_PREALLOC) === 0) return elem;
    lock(map + MAP_LOCK);
    let made = 0;
    if (<u32>atomic.load<u64>(map, FREE) === 0) {
      const have = load<u32>(map, ELEMS);
      const count = min(load<u32>(map, MAP_MAX_ENTRIES) - have, max(FIRST_SLAB, have));
      made = count === 0 ? 1 : growFree(map, count);
    }
    unlock(map + MAP_LOCK);
    if (made !== 0) return made === 1 ? 0 : made;
  }
}

/** The element that a replacement uses: the spare one of a CPU (the host's stands behind the last CPU's). 0 without memory. */
export function takeSpare(map: u32, who: u32): u32 {
  const spare = load<u32>(load<u32>(map, SPARES) + who * SPARE_SIZE);
  if (spare !== 0) return spare;
  lock(map + MAP_LOCK);
  const slab = makeSlab(map, 1);
  unlock(map + MAP_LOCK);
  return slab === 0 ? 0 : slab + SLAB_ELEMS;
}

export function giveSpare(map: u32, who: u32, elem: u32): void {
  store<u32>(load<u32>(map, SPARES) + who * SPARE_SIZE, elem);
}

/** Makes `count` elements; 0 without memory. */
export function makeSlab(map: u32, count: u32): u32 {
  const elemSize = load<u32>(map, ELEM_SIZE);
  const size = <u64>SLAB_ELEMS + <u64>count * elemSize;
  const perElem = load<u32>(map, MAP_CPU_STRIDE) * load<u32>(map, MAP_CPUS);
  const all = <u64>count * perElem;
  if (size > BLOCK_MAX || all > BLOCK_MAX) return 0;
  const slab = alloc(<u32>size);
  if (slab === 0) return 0;
  let values: u32 = 0;
  if (perElem !== 0) {
    values = alloc(<u32>all);
    if (values === 0) {
      release(slab);
      return 0;
    }
    store<u32>(slab, values, SLAB_VALUES);
    for (let i: u32 = 0; i < count; i++) store<u32>(slab + SLAB_ELEMS + i * elemSize, values + i * perElem, VALUES);
  }
  addSlab(map, slab);
  addReadOnly(map, slab + SLAB_KEYS, keyOf(map, slab + SLAB_ELEMS), count, elemSize, load<u32>(map, MAP_KEY_SIZE));
  const valueSize = load<u32>(map, MAP_VALUE_SIZE);
  if (values === 0) addRegion(map, slab, slab + SLAB_ELEMS + load<u32>(map, VALUE_AT), count, elemSize, valueSize);
  else addRegion(map, slab, values, count * load<u32>(map, MAP_CPUS), load<u32>(map, MAP_CPU_STRIDE), valueSize);
  return slab;
}

/** Bytes from one element to the next. */
export function elemSize(map: u32): u32 {
  return load<u32>(map, ELEM_SIZE);
}

function growFree(map: u32, count: u32): i32 {
  const slab = makeSlab(map, count);
  if (slab === 0) return -ENOMEM;
  const size = load<u32>(map, ELEM_SIZE);
  const first = slab + SLAB_ELEMS;
  for (let i: u32 = 0; i + 1 < count; i++) store<u32>(first + i * size, first + (i + 1) * size, FREE_NEXT);
  pushChain(map, first, first + (count - 1) * size);
  store<u32>(map, load<u32>(map, ELEMS) + count, ELEMS);
  return 0;
}

/** Makes the buckets, and for kinds without LRU the elements. */
export function initTable(map: u32, lru: bool): i32 {
  const flags = load<u32>(map, MAP_FLAGS);
  let entries = load<u32>(map, MAP_MAX_ENTRIES);
  if (lru && (flags & FLAG_NO_COMMON_LRU) !== 0) {
    // Each CPU has the same number of elements.
    const cpus = load<u32>(map, MAP_CPUS);
    entries = ((entries + cpus - 1) / cpus) * cpus;
    store<u32>(map, entries, MAP_MAX_ENTRIES);
  }
  if (entries > BUCKETS_MAX) return -E2BIG;
  const buckets: u32 = entries <= 1 ? 1 : 1 << (32 - clz(entries - 1));
  const size = <u64>buckets * BUCKET_SIZE;
  if (size > BLOCK_MAX) return -ENOMEM;
  const keyAt = lru ? LRU_KEY : KEY;
  const valueAt = <u64>keyAt + roundUp8(load<u32>(map, MAP_KEY_SIZE));
  store<u32>(map, keyAt, KEY_AT);
  store<u32>(map, <u32>valueAt, VALUE_AT);
  store<u32>(map, <u32>valueAt + (isPerCpu(map) ? 0 : roundUp8(load<u32>(map, MAP_VALUE_SIZE))), ELEM_SIZE);
  store<u64>(map, (flags & FLAG_ZERO_SEED) !== 0 ? 0 : ((<u64>random()) << 32) | random(), SEED);
  store<u32>(map, buckets - 1, BUCKET_MASK);
  const table = alloc(<u32>size);
  if (table === 0) return -ENOMEM;
  store<u32>(map, table, BUCKETS);
  for (let i: u32 = 0; i < buckets; i++) store<u32>(table + i * BUCKET_SIZE, endOf(table + i * BUCKET_SIZE), HEAD);
  if (lru) return 0;
  const spares = alloc((load<u32>(map, MAP_CPUS) + 1) * SPARE_SIZE);
  if (spares === 0) return -ENOMEM;
  store<u32>(map, spares, SPARES);
  if ((flags & FLAG_NO_PREALLOC) !== 0) return 0;
  const error = growFree(map, entries);
  if (error !== 0) return error;
  // Per-CPU kinds replace nothing: a CPU's value changes in its place.
  if (isPerCpu(map)) return 0;
  const slab = makeSlab(map, load<u32>(map, MAP_CPUS) + 1);
  if (slab === 0) return -ENOMEM;
  for (let i: u32 = 0; i <= load<u32>(map, MAP_CPUS); i++) giveSpare(map, i, slab + SLAB_ELEMS + i * load<u32>(map, ELEM_SIZE));
  return 0;
}

/** Frees what initTable made, whole or in part. */
export function destroyTable(map: u32): void {
  freeSlabs(map);
  release(load<u32>(map, BUCKETS));
  release(load<u32>(map, SPARES));
}

export function bucketCount(map: u32): u32 {
  return load<u32>(map, BUCKET_MASK) + 1;
}

export function bucketAt(map: u32, index: u32): u32 {
  return load<u32>(map, BUCKETS) + index * BUCKET_SIZE;
}

/** Frees the buckets' locks that `thread`, which is dead, holds. */
export function releaseBuckets(map: u32, thread: i32): bool {
  let found = false;
  const count = bucketCount(map);
  for (let i: u32 = 0; i < count; i++) if (releaseDead(bucketAt(map, i) + BUCKET_LOCK, thread)) found = true;
  return found;
}

/** Number of the spare element of the CPU that this thread holds. */
export function programSpare(): u32 {
  return cpu;
}

/** Number of the host's spare element. */
export function hostSpare(map: u32): u32 {
  return load<u32>(map, MAP_CPUS);
}
