/** Stack traces by the id that is made of their hash (facts: kernel/bpf/stackmap.c, v6.18). Who walks stacks is not this file's business. */
import { copy, equal, hashBytes } from './bytes';
import { alloc, release } from './env';
import { E2BIG, EEXIST, EINVAL, ENOENT, ENOMEM, MAP_LOCK, MAP_MAX_ENTRIES, MAP_PRIVATE, MAP_VALUE_SIZE } from './layout';
import { lock, unlock } from './lock';

/** Elements: u32 bytes in use + 1 (0: empty), u32 hash, then the addresses. */
const DATA: u32 = MAP_PRIVATE;
const BUCKETS: u32 = MAP_PRIVATE + 4;
const LENGTH: u32 = 0;
const HASH: u32 = 4;
const STACK: u32 = 8;
/** Flags of get_stackid that choose what happens to a stack with the same id (uapi bpf.h). */
const FAST_CMP: u32 = 0x200;
const REUSE: u32 = 0x400;

export function stackInit(map: u32): i32 {
  const entries = load<u32>(map, MAP_MAX_ENTRIES);
  const buckets: u64 = entries <= 1 ? 1 : (<u64>1) << (32 - clz(entries - 1));
  const size = buckets * (STACK + load<u32>(map, MAP_VALUE_SIZE));
  const data = size > 0xffff0000 ? 0 : alloc(<u32>size);
  if (data === 0) return -ENOMEM;
  store<u32>(map, data, DATA);
  store<u32>(map, <u32>buckets, BUCKETS);
  return 0;
}

export function stackDestroy(map: u32): void {
  release(load<u32>(map, DATA));
}

function bucket(map: u32, id: u32): u32 {
  return load<u32>(map, DATA) + id * (STACK + load<u32>(map, MAP_VALUE_SIZE));
}

function used(map: u32, id: u32): bool {
  return load<u32>(bucket(map, id), LENGTH) !== 0;
}

/** (map, addresses, bytes, flags) -> id, or -errno: keeps a stack of `bytes` bytes of addresses. */
export function stack_store(map: u32, addresses: u32, bytes: u32, flags: u32): i32 {
  const size = min(bytes, load<u32>(map, MAP_VALUE_SIZE)) & ~7;
  if (size === 0) return -EINVAL;
  const hash = hashBytes(addresses, size, 0);
  const id = hash & (load<u32>(map, BUCKETS) - 1);
  const at = bucket(map, id);
  lock(map + MAP_LOCK);
  const taken = load<u32>(at, LENGTH) !== 0;
  const sameHash = taken && load<u32>(at, HASH) === hash;
  let result = <i32>id;
  if (sameHash && ((flags & FAST_CMP) !== 0 || (load<u32>(at, LENGTH) === size + 1 && equal(at + STACK, addresses, size)))) {
    unlock(map + MAP_LOCK);
    return result;
  }
  if (taken && (flags & REUSE) === 0) {
    result = -EEXIST;
  } else {
    store<u32>(at, size + 1, LENGTH);
    store<u32>(at, hash, HASH);
    copy(at + STACK, addresses, size);
  }
  unlock(map + MAP_LOCK);
  return result;
}

/** bpf(2)'s lookup: the addresses, then zeros. */
export function stackSysLookup(map: u32, key: u32, value: u32): i32 {
  return read(map, key, value, false);
}

/** As stackSysLookup; the stack goes. */
export function stackTake(map: u32, key: u32, value: u32): i32 {
  return read(map, key, value, true);
}

function read(map: u32, key: u32, value: u32, remove: bool): i32 {
  const id = load<u32>(key);
  if (id >= load<u32>(map, BUCKETS)) return -ENOENT;
  const at = bucket(map, id);
  lock(map + MAP_LOCK);
  const length = load<u32>(at, LENGTH);
  if (length !== 0) {
    copy(value, at + STACK, length - 1);
    memory.fill(value + length - 1, 0, load<u32>(map, MAP_VALUE_SIZE) - (length - 1));
    if (remove) store<u32>(at, 0, LENGTH);
  }
  unlock(map + MAP_LOCK);
  return length === 0 ? -ENOENT : 0;
}

export function stackDelete(map: u32, key: u32): i32 {
  const id = load<u32>(key);
  if (id >= load<u32>(map, BUCKETS)) return -E2BIG;
  lock(map + MAP_LOCK);
  const was = used(map, id);
  store<u32>(bucket(map, id), 0, LENGTH);
  unlock(map + MAP_LOCK);
  return was ? 0 : -ENOENT;
}

export function stackNextKey(map: u32, key: u32, next: u32): i32 {
  const buckets = load<u32>(map, BUCKETS);
  let id: u32 = 0;
  if (key !== 0) {
    id = load<u32>(key);
    id = id >= buckets || !used(map, id) ? 0 : id + 1;
  }
  while (id < buckets && !used(map, id)) id++;
  if (id >= buckets) return -ENOENT;
  store<u32>(next, id);
  return 0;
}
