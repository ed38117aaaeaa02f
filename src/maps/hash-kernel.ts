/**
 * Operations of hash tables: plain, per-CPU, and both with eviction of the least recently used. Lookups take no lock; changes take
 * the map's. Elements keep their place for the map's life and are used again, as in the kernel's preallocated tables
 * (kernel/bpf/hashtab.c, v6.18); without preallocation they come in slabs. Creation rules are in common.ts.
 */
import { ERRNO } from '../base/index.ts';
import { lock, type Mem, unlock } from '../mem/index.ts';
import { badUpdateFlags, copyBytes, ELEM_FLAG, equalBytes, hashBytes, MAP_FLAG, roundUp8, writableByPrograms } from './common.ts';
import type { MapEnv, MapKernel, Region } from './types.ts';
import { MAP } from './types.ts';

/** Private part of the descriptor, u32. */
const BUCKETS = MAP.PRIVATE;
const BUCKET_MASK = MAP.PRIVATE + 4;
const SEED = MAP.PRIVATE + 8;
const COUNT = MAP.PRIVATE + 12;
/** Head of the list of free elements. */
const FREE_HEAD = MAP.PRIVATE + 16;
/** Newest slab, and how many of its elements were ever used. */
const SLAB = MAP.PRIVATE + 20;
const SLAB_USED = MAP.PRIVATE + 24;
/** Elements in all slabs, and how many there may be. */
const ELEMS = MAP.PRIVATE + 28;
const ELEMS_MAX = MAP.PRIVATE + 32;
const ELEM_SIZE = MAP.PRIVATE + 36;
/** Offset of the value in an element; unused by per-CPU kinds. */
const VALUE_AT = MAP.PRIVATE + 40;
/** Ends of the list by use, LRU kinds: elements come in at the head. */
const LRU_HEAD = MAP.PRIVATE + 44;
const LRU_TAIL = MAP.PRIVATE + 48;

/** Fields of an element, u32. NEXT survives removal, so that a reader that stands on the element finds its way. */
const NEXT = 0;
const HASH = 4;
/** Per-CPU kinds: offset of CPU 0's value. */
const VALUES = 8;
/** LRU kinds: looked up by a program since it was last considered. */
const USED = 12;
/** Link of the free list; LRU kinds: towards the head and the tail while in use. */
const FREE_NEXT = 16;
const NEWER = 16;
const OLDER = 20;
const KEY = 24;

/** Fields of a slab, u32; elements follow at SLAB_ELEMS. */
const SLAB_NEXT = 0;
const SLAB_COUNT = 4;
const SLAB_VALUES = 8;
const SLAB_ELEMS = 64;
/** Elements of the first slab of a table without preallocation; each further slab doubles the table. */
const FIRST_SLAB = 16;

/** What differs between the four hash types. */
export interface HashKind {
  readonly perCpu: boolean;
  readonly lru: boolean;
}

/**
 * A chain ends in an odd number that names its bucket: a reader that was led into another chain, because its element was used again
 * elsewhere, notices and starts again (after the kernel's hlist_nulls). A bucket that was never used is 0.
 */
function endOf(bucket: number): number {
  return bucket * 2 + 1;
}

function u32(mem: Mem, offset: number): number {
  return mem.dv.getUint32(offset, true);
}

function set(mem: Mem, offset: number, value: number): void {
  mem.dv.setUint32(offset, value, true);
}

/** Stores so that other threads see everything written before. */
function publish(mem: Mem, offset: number, value: number): void {
  Atomics.store(mem.i32, offset >>> 2, value | 0);
}

/** The element of a key, or 0. Safe without the lock. */
function find(mem: Mem, map: number, key: number, hash: number): number {
  const keySize = u32(mem, map + MAP.KEY_SIZE);
  const elemSize = u32(mem, map + ELEM_SIZE);
  const bucket = (hash & u32(mem, map + BUCKET_MASK)) >>> 0;
  const head = u32(mem, map + BUCKETS) + bucket * 4;
  if (head >= mem.u8.length) mem.refresh();
  for (;;) {
    let elem = u32(mem, head);
    if (elem === 0) return 0;
    while ((elem & 1) === 0) {
      // Another thread may have grown the memory for this element.
      if (elem + elemSize > mem.u8.length) mem.refresh();
      if (mem.dv.getInt32(elem + HASH, true) === hash && equalBytes(mem, elem + KEY, key, keySize)) return elem;
      elem = u32(mem, elem + NEXT);
    }
    if (elem === endOf(bucket)) return 0;
  }
}

function hashOf(mem: Mem, map: number, key: number): number {
  return hashBytes(mem, key, u32(mem, map + MAP.KEY_SIZE), mem.dv.getInt32(map + SEED, true));
}

/** Puts an element, already filled, at the head of its chain. */
function chain(mem: Mem, map: number, elem: number, hash: number): void {
  const bucket = (hash & u32(mem, map + BUCKET_MASK)) >>> 0;
  const head = u32(mem, map + BUCKETS) + bucket * 4;
  set(mem, elem + NEXT, u32(mem, head) || endOf(bucket));
  publish(mem, head, elem);
}

/** Takes an element out of its chain. */
function unchain(mem: Mem, map: number, elem: number): void {
  let link = u32(mem, map + BUCKETS) + ((u32(mem, elem + HASH) & u32(mem, map + BUCKET_MASK)) >>> 0) * 4;
  for (let at = u32(mem, link); (at & 1) === 0; at = u32(mem, link)) {
    if (at === elem) {
      publish(mem, link, u32(mem, elem + NEXT));
      return;
    }
    link = at + NEXT;
  }
}

function lruAdd(mem: Mem, map: number, elem: number): void {
  const head = u32(mem, map + LRU_HEAD);
  set(mem, elem + USED, 0);
  set(mem, elem + NEWER, 0);
  set(mem, elem + OLDER, head);
  set(mem, head === 0 ? map + LRU_TAIL : head + NEWER, elem);
  set(mem, map + LRU_HEAD, elem);
}

function lruRemove(mem: Mem, map: number, elem: number): void {
  const newer = u32(mem, elem + NEWER);
  const older = u32(mem, elem + OLDER);
  set(mem, newer === 0 ? map + LRU_HEAD : newer + OLDER, older);
  set(mem, older === 0 ? map + LRU_TAIL : older + NEWER, newer);
}

/** The element that goes: the oldest that no program looked up since it was last considered. */
function lruVictim(mem: Mem, map: number): number {
  for (;;) {
    const oldest = u32(mem, map + LRU_TAIL);
    if (oldest === 0 || u32(mem, oldest + USED) === 0) return oldest;
    lruRemove(mem, map, oldest);
    lruAdd(mem, map, oldest);
  }
}

/** Adds a slab of `count` elements. @returns 0 or -ENOMEM */
function addSlab(env: MapEnv, map: number, count: number, kind: HashKind): number {
  const { mem } = env;
  const slab = env.alloc(SLAB_ELEMS + count * u32(mem, map + ELEM_SIZE));
  if (slab === 0) return -ERRNO.ENOMEM;
  if (kind.perCpu) {
    const values = env.alloc(count * u32(mem, map + MAP.CPUS) * u32(mem, map + MAP.CPU_STRIDE));
    if (values === 0) {
      env.free(slab);
      return -ERRNO.ENOMEM;
    }
    set(mem, slab + SLAB_VALUES, values);
  }
  set(mem, slab + SLAB_COUNT, count);
  set(mem, slab + SLAB_NEXT, u32(mem, map + SLAB));
  set(mem, map + SLAB_USED, 0);
  set(mem, map + ELEMS, u32(mem, map + ELEMS) + count);
  publish(mem, map + SLAB, slab);
  return 0;
}

/** An element nobody uses, or 0 when there is none and no slab can be added. */
function takeElem(env: MapEnv, map: number, kind: HashKind): number {
  const { mem } = env;
  const free = u32(mem, map + FREE_HEAD);
  if (free !== 0) {
    set(mem, map + FREE_HEAD, u32(mem, free + FREE_NEXT));
    return free;
  }
  let used = u32(mem, map + SLAB_USED);
  let slab = u32(mem, map + SLAB);
  if (slab === 0 || used === u32(mem, slab + SLAB_COUNT)) {
    const have = u32(mem, map + ELEMS);
    const count = Math.min(u32(mem, map + ELEMS_MAX) - have, Math.max(FIRST_SLAB, have));
    if (count === 0 || addSlab(env, map, count, kind) !== 0) return 0;
    slab = u32(mem, map + SLAB);
    used = 0;
  }
  const elem = slab + SLAB_ELEMS + used * u32(mem, map + ELEM_SIZE);
  if (kind.perCpu) {
    const perElem = u32(mem, map + MAP.CPUS) * u32(mem, map + MAP.CPU_STRIDE);
    set(mem, elem + VALUES, u32(mem, slab + SLAB_VALUES) + used * perElem);
  }
  set(mem, map + SLAB_USED, used + 1);
  return elem;
}

function giveElem(mem: Mem, map: number, elem: number): void {
  set(mem, elem + FREE_NEXT, u32(mem, map + FREE_HEAD));
  set(mem, map + FREE_HEAD, elem);
}

/** Removes an element that is in the table. */
function remove(mem: Mem, map: number, elem: number, kind: HashKind): void {
  unchain(mem, map, elem);
  if (kind.lru) lruRemove(mem, map, elem);
  giveElem(mem, map, elem);
  set(mem, map + COUNT, u32(mem, map + COUNT) - 1);
}

function init(env: MapEnv, map: number, kind: HashKind): number {
  const { mem } = env;
  const max = u32(mem, map + MAP.MAX_ENTRIES);
  const flags = u32(mem, map + MAP.FLAGS);
  const buckets = 2 ** Math.ceil(Math.log2(max));
  const table = env.alloc(buckets * 4);
  if (table === 0) return -ERRNO.ENOMEM;
  const valueAt = KEY + roundUp8(u32(mem, map + MAP.KEY_SIZE));
  set(mem, map + BUCKETS, table);
  set(mem, map + BUCKET_MASK, buckets - 1);
  set(mem, map + SEED, (flags & MAP_FLAG.ZERO_SEED) !== 0 ? 0 : Math.floor(Math.random() * 2 ** 32));
  set(mem, map + VALUE_AT, valueAt);
  set(mem, map + ELEM_SIZE, kind.perCpu ? valueAt : valueAt + roundUp8(u32(mem, map + MAP.VALUE_SIZE)));
  // A spare element a CPU: replacing a value takes the new element before it gives the old one back, also in a full table.
  set(mem, map + ELEMS_MAX, max + u32(mem, map + MAP.CPUS));
  if ((flags & MAP_FLAG.NO_PREALLOC) !== 0) return 0;
  const error = addSlab(env, map, u32(mem, map + ELEMS_MAX), kind);
  if (error !== 0) env.free(table);
  return error;
}

function destroy(env: MapEnv, map: number): void {
  const { mem } = env;
  env.free(u32(mem, map + BUCKETS));
  for (let slab = u32(mem, map + SLAB); slab !== 0; ) {
    const next = u32(mem, slab + SLAB_NEXT);
    const values = u32(mem, slab + SLAB_VALUES);
    if (values !== 0) env.free(values);
    env.free(slab);
    slab = next;
  }
}

/** Who updates: a program its CPU's value, bpf(2) all CPUs' values. */
type Side = 'program' | 'syscall';

function write(env: MapEnv, map: number, elem: number, value: number, side: Side, fresh: boolean, kind: HashKind): void {
  const { mem } = env;
  const size = u32(mem, map + MAP.VALUE_SIZE);
  mem.refresh();
  if (!kind.perCpu) {
    copyBytes(mem, elem + u32(mem, map + VALUE_AT), value, size);
    return;
  }
  const stride = u32(mem, map + MAP.CPU_STRIDE);
  const all = stride * u32(mem, map + MAP.CPUS);
  const values = u32(mem, elem + VALUES);
  if (side === 'syscall') {
    copyBytes(mem, values, value, all);
  } else {
    if (fresh) mem.u8.fill(0, values, values + all);
    copyBytes(mem, values + env.cpu * stride, value, size);
  }
}

function update(env: MapEnv, map: number, key: number, value: number, flags: bigint, side: Side, kind: HashKind): number {
  if (badUpdateFlags(flags)) return -ERRNO.EINVAL;
  const { mem } = env;
  const hash = hashOf(mem, map, key);
  lock(mem, map + MAP.LOCK, env.thread);
  try {
    const old = find(mem, map, key, hash);
    if (old !== 0 && flags === ELEM_FLAG.NOEXIST) return -ERRNO.EEXIST;
    if (old === 0 && flags === ELEM_FLAG.EXIST) return -ERRNO.ENOENT;
    if (old !== 0 && kind.perCpu) {
      write(env, map, old, value, side, false, kind);
      if (kind.lru) set(mem, old + USED, 1);
      return 0;
    }
    if (old === 0 && u32(mem, map + COUNT) >= u32(mem, map + MAP.MAX_ENTRIES)) {
      if (!kind.lru) return -ERRNO.E2BIG;
      remove(mem, map, lruVictim(mem, map), kind);
    }
    const elem = takeElem(env, map, kind);
    if (elem === 0) return -ERRNO.ENOMEM;
    set(mem, elem + HASH, hash);
    copyBytes(mem, elem + KEY, key, u32(mem, map + MAP.KEY_SIZE));
    write(env, map, elem, value, side, true, kind);
    // The new element before the old one goes: a reader never misses the key.
    chain(mem, map, elem, hash);
    if (kind.lru) lruAdd(mem, map, elem);
    set(mem, map + COUNT, u32(mem, map + COUNT) + 1);
    if (old !== 0) remove(mem, map, old, kind);
    return 0;
  } finally {
    unlock(mem, map + MAP.LOCK);
  }
}

function deleteElem(env: MapEnv, map: number, key: number, value: number, kind: HashKind): number {
  const { mem } = env;
  const hash = hashOf(mem, map, key);
  lock(mem, map + MAP.LOCK, env.thread);
  try {
    const elem = find(mem, map, key, hash);
    if (elem === 0) return -ERRNO.ENOENT;
    if (value !== 0) readAll(mem, map, elem, value, kind);
    remove(mem, map, elem, kind);
    return 0;
  } finally {
    unlock(mem, map + MAP.LOCK);
  }
}

function readAll(mem: Mem, map: number, elem: number, value: number, kind: HashKind): void {
  mem.refresh();
  if (kind.perCpu) copyBytes(mem, value, u32(mem, elem + VALUES), u32(mem, map + MAP.CPU_STRIDE) * u32(mem, map + MAP.CPUS));
  else copyBytes(mem, value, elem + u32(mem, map + VALUE_AT), u32(mem, map + MAP.VALUE_SIZE));
}

function getNextKey(env: MapEnv, map: number, key: number, next: number): number {
  const { mem } = env;
  lock(mem, map + MAP.LOCK, env.thread);
  try {
    mem.refresh();
    const table = u32(mem, map + BUCKETS);
    const mask = u32(mem, map + BUCKET_MASK);
    const current = key === 0 ? 0 : find(mem, map, key, hashOf(mem, map, key));
    let bucket = -1;
    let elem = 0;
    if (current !== 0) {
      bucket = (u32(mem, current + HASH) & mask) >>> 0;
      elem = u32(mem, current + NEXT);
    }
    while (elem === 0 || (elem & 1) !== 0) {
      if (++bucket > mask) return -ERRNO.ENOENT;
      elem = u32(mem, table + bucket * 4);
    }
    copyBytes(mem, next, elem + KEY, u32(mem, map + MAP.KEY_SIZE));
    return 0;
  } finally {
    unlock(mem, map + MAP.LOCK);
  }
}

function regions(env: MapEnv, map: number, kind: HashKind): readonly Region[] {
  const { mem } = env;
  mem.refresh();
  const out: Region[] = [];
  const size = u32(mem, map + MAP.VALUE_SIZE);
  const writable = writableByPrograms(mem, map);
  for (let slab = u32(mem, map + SLAB); slab !== 0; slab = u32(mem, slab + SLAB_NEXT)) {
    const count = u32(mem, slab + SLAB_COUNT);
    if (kind.perCpu) {
      const cpus = u32(mem, map + MAP.CPUS);
      out.push({ base: u32(mem, slab + SLAB_VALUES), count: count * cpus, stride: u32(mem, map + MAP.CPU_STRIDE), size, writable });
    } else {
      const stride = u32(mem, map + ELEM_SIZE);
      out.push({ base: slab + SLAB_ELEMS + u32(mem, map + VALUE_AT), count, stride, size, writable });
    }
  }
  return out;
}

/** The kernel of one hash type. */
export function hashKernel(kind: HashKind): MapKernel {
  return {
    init: (env, map) => init(env, map, kind),
    destroy,
    lookup(env, map, key) {
      const { mem } = env;
      const elem = find(mem, map, key, hashOf(mem, map, key));
      if (elem === 0) return 0;
      if (kind.lru && u32(mem, elem + USED) === 0) set(mem, elem + USED, 1);
      if (!kind.perCpu) return elem + u32(mem, map + VALUE_AT);
      const stride = u32(mem, map + MAP.CPU_STRIDE);
      const value = u32(mem, elem + VALUES) + env.cpu * stride;
      if (value + stride > mem.u8.length) mem.refresh();
      return value;
    },
    update: (env, map, key, value, flags) => update(env, map, key, value, flags, 'program', kind),
    delete: (env, map, key) => deleteElem(env, map, key, 0, kind),
    sysLookup(env, map, key, value) {
      const { mem } = env;
      const elem = find(mem, map, key, hashOf(mem, map, key));
      if (elem === 0) return -ERRNO.ENOENT;
      readAll(mem, map, elem, value, kind);
      return 0;
    },
    sysUpdate: (env, map, key, value, flags) => update(env, map, key, value, flags, 'syscall', kind),
    sysDelete: (env, map, key) => deleteElem(env, map, key, 0, kind),
    sysLookupAndDelete: (env, map, key, value) => deleteElem(env, map, key, value, kind),
    getNextKey,
    sysValueSize(env, map) {
      const { mem } = env;
      return kind.perCpu ? u32(mem, map + MAP.CPU_STRIDE) * u32(mem, map + MAP.CPUS) : u32(mem, map + MAP.VALUE_SIZE);
    },
    regions: (env, map) => regions(env, map, kind),
  };
}
