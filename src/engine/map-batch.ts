/** BPF_MAP_*_BATCH: many elements in one command (kernel/bpf/syscall.c generic_map_*_batch, hashtab.c, v6.18). */
import { ERRNO, SyscallError } from '../base/index.ts';
import type { MapBatch, MapBatchAttr, MapBatchDone } from '../host/host.ts';
import { ELEM_FLAG, foldElemFlags, MAP } from '../maps/index.ts';
import type { EngineCore } from './core.ts';
import { type Access, accessMap, checkLock, lookup, remove, typeOf, update } from './map-elements.ts';
import { referenceId } from './map-slots.ts';
import type { MapObject } from './objects.ts';

const ARRAYS = [2, 6, 12];
const HASHES = [1, 5, 9, 10, 13];
const LPM_TRIE = 11;
/** Types that are read and written in batches, and those that delete so. */
const BATCHED = [...ARRAYS, ...HASHES, LPM_TRIE];
const DELETED = [...HASHES, LPM_TRIE];
/** Elements of a bucket that are read at the first try. */
const BUCKET_ROOM = 16;
/** Bytes of the place that a walk over a hash table goes on from: a bucket's number. */
const BUCKET_BYTES = 4;

interface Batched {
  readonly map: MapObject;
  readonly keySize: number;
  readonly valueSize: number;
}

function batched(core: EngineCore, access: Access, types: readonly number[], flags: bigint): Batched {
  const { map } = accessMap(core, access);
  const { command } = access;
  if (!types.includes(typeOf(core, map))) throw core.error(command, 'ENOTSUPP', 'maps of this type have no such batches');
  if ((flags & ~ELEM_FLAG.LOCK) !== 0n) throw core.error(command, 'EINVAL', `element flags 0x${flags.toString(16)} are not known`);
  checkLock(core, command, map, flags);
  const keySize = core.mem.dv.getUint32(map.offset + MAP.KEY_SIZE, true);
  return { map, keySize, valueSize: map.kernel.sysValueSize(core.env, map.offset) };
}

/** Memory for `size` bytes while `use` runs. */
function withBlock<T>(core: EngineCore, command: string, size: number, use: (at: number) => T): T {
  const at = core.env.alloc(size);
  if (at === 0) throw core.error(command, 'ENOMEM', `no memory for a batch of ${size} bytes`);
  core.mem.refresh();
  try {
    return use(at);
  } finally {
    core.env.free(at);
  }
}

const none = (core: EngineCore, attr: MapBatchAttr): MapBatch => ({
  count: 0,
  keys: core.mem.copyOut(0, 0),
  values: core.mem.copyOut(0, 0),
  next: attr.from,
  end: false,
});

/** BPF_MAP_LOOKUP_BATCH, and BPF_MAP_LOOKUP_AND_DELETE_BATCH. */
export function mapLookupBatch(core: EngineCore, fd: number, attr: MapBatchAttr, then: 'keep' | 'delete'): MapBatch {
  const command = then === 'keep' ? 'BPF_MAP_LOOKUP_BATCH' : 'BPF_MAP_LOOKUP_AND_DELETE_BATCH';
  const flags = attr.elemFlags ?? 0n;
  const access: Access = { command, fd, access: then === 'keep' ? 'read' : 'both' };
  const b = batched(core, access, then === 'keep' ? BATCHED : HASHES, flags);
  const hash = HASHES.includes(typeOf(core, b.map));
  if (hash && (attr.flags ?? 0n) !== 0n) throw core.error(command, 'EINVAL', `batch flags ${attr.flags}, expected none`);
  if (attr.count === 0) return none(core, attr);
  const size = hash ? BUCKET_BYTES : b.keySize;
  if (attr.from !== undefined && attr.from.length !== size) {
    throw core.error(command, 'EINVAL', `a batch begins at ${attr.from.length} bytes, expected ${size}`);
  }
  return hash ? lookupBuckets(core, command, b, attr, then) : lookupKeys(core, command, b, attr);
}

/** By keys in order; a key that went meanwhile is left out. */
function lookupKeys(core: EngineCore, command: string, b: Batched, attr: MapBatchAttr): MapBatch {
  const { map, keySize, valueSize } = b;
  const { env } = core;
  const keys: Uint8Array[] = [];
  const values: Uint8Array[] = [];
  let next = attr.from;
  return withBlock(core, command, keySize * 2 + valueSize + 32, (at) => {
    const key = at + Math.ceil(keySize / 16) * 16;
    const value = at + Math.ceil(keySize / 16) * 32;
    while (keys.length < attr.count) {
      if (next !== undefined) core.mem.copyIn(at, next);
      const result = map.kernel.getNextKey(env, map.offset, next === undefined ? 0 : at, key);
      if (result === -ERRNO.ENOENT) return gathered(keys, values, next, true);
      if (result < 0) throw core.error(command, -result, 'there is no next key');
      next = core.mem.copyOut(key, keySize);
      if (!lookup(core, command, map, key, value, attr.elemFlags ?? 0n)) continue;
      keys.push(next);
      values.push(core.mem.copyOut(value, valueSize));
    }
    return gathered(keys, values, next, false);
  });
}

/** Hash tables go by whole buckets: one that does not fit any more is the next batch's, and ENOSPC when nothing fitted. */
function lookupBuckets(core: EngineCore, command: string, b: Batched, attr: MapBatchAttr, then: 'keep' | 'delete'): MapBatch {
  const { map, keySize, valueSize } = b;
  const { runtime } = core.env;
  const buckets = runtime.hash_buckets(map.offset) >>> 0;
  const keys: Uint8Array[] = [];
  const values: Uint8Array[] = [];
  let bucket = attr.from === undefined ? 0 : new DataView(attr.from.buffer, attr.from.byteOffset).getUint32(0, true);
  const place = (): Uint8Array => new Uint8Array(Uint32Array.of(bucket).buffer);
  const flags = foldElemFlags(attr.elemFlags ?? 0n);
  let found = 0;
  /** Reads the bucket into memory for `room` elements. @returns whether they fitted */
  const read = (room: number): boolean =>
    withBlock(core, command, room * (keySize + valueSize) + 16, (at) => {
      const valuesAt = at + Math.ceil((room * keySize) / 8) * 8;
      found = runtime.hash_read_bucket(map.offset, bucket, at, valuesAt, valueSize, room, flags) >>> 0;
      if (found > room) return false;
      for (let i = 0; i < found; i++) {
        const value = valuesAt + i * valueSize;
        referenceId(core, map, value);
        keys.push(core.mem.copyOut(at + i * keySize, keySize));
        values.push(core.mem.copyOut(value, valueSize));
        if (then === 'delete') remove(core, command, map, at + i * keySize);
      }
      return true;
    });
  for (; bucket < buckets; bucket++) {
    if (runtime.hash_read_bucket(map.offset, bucket, 0, 0, valueSize, 0, flags) === 0) continue;
    const left = attr.count - keys.length;
    // Chains are short; where others make them longer meanwhile, the bucket is read again with more room.
    for (let room = Math.min(left, BUCKET_ROOM); !read(room); room = Math.min(left, found)) {
      if (found <= left) continue;
      if (keys.length === 0) throw core.error(command, 'ENOSPC', `bucket ${bucket} has ${found} elements, the batch room for ${left}`);
      return gathered(keys, values, place(), false);
    }
  }
  return gathered(keys, values, place(), true);
}

function gathered(keys: readonly Uint8Array[], values: readonly Uint8Array[], next: Uint8Array | undefined, end: boolean): MapBatch {
  return { count: keys.length, keys: joined(keys), values: joined(values), next, end };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Does `each` for every key that stands in memory. An element's error ends the batch and says how many were done. */
function forKeys(
  core: EngineCore,
  command: string,
  b: Batched,
  keys: Uint8Array,
  values: Uint8Array | undefined,
  each: (key: number, value: number) => void,
): MapBatchDone {
  const { keySize, valueSize } = b;
  const count = keys.length / keySize;
  if (!Number.isInteger(count)) throw core.error(command, 'EINVAL', `${keys.length} bytes of keys, expected a multiple of ${keySize}`);
  if (values !== undefined && values.length !== count * valueSize) {
    throw core.error(command, 'EINVAL', `${values.length} bytes of values, expected ${count * valueSize}`);
  }
  return withBlock(core, command, keySize + valueSize + 16, (at) => {
    const value = at + Math.ceil(keySize / 8) * 8;
    for (let i = 0; i < count; i++) {
      core.mem.copyIn(at, keys.subarray(i * keySize, (i + 1) * keySize));
      if (values !== undefined) core.mem.copyIn(value, values.subarray(i * valueSize, (i + 1) * valueSize));
      try {
        each(at, value);
      } catch (error) {
        if (error instanceof SyscallError) return { count: i, error };
        throw error;
      }
    }
    return { count, error: undefined };
  });
}

/** BPF_MAP_UPDATE_BATCH. */
export function mapUpdateBatch(core: EngineCore, fd: number, keys: Uint8Array, values: Uint8Array, elemFlags = 0n): MapBatchDone {
  const command = 'BPF_MAP_UPDATE_BATCH';
  const b = batched(core, { command, fd, access: 'write' }, BATCHED, elemFlags);
  const { file } = core.want(command, fd, 'map');
  return forKeys(core, command, b, keys, values, (key, value) => update(core, command, file, b.map, key, value, elemFlags));
}

/** BPF_MAP_DELETE_BATCH. */
export function mapDeleteBatch(core: EngineCore, fd: number, keys: Uint8Array, elemFlags = 0n): MapBatchDone {
  const command = 'BPF_MAP_DELETE_BATCH';
  const b = batched(core, { command, fd, access: 'write' }, DELETED, elemFlags);
  return forKeys(core, command, b, keys, undefined, (key) => {
    if (!remove(core, command, b.map, key)) throw core.error(command, 'ENOENT', 'there is no such key');
  });
}
