/** Queues and stacks: a ring of max_entries + 1 places under the map's lock (facts: kernel/bpf/queue_stack_maps.c, v6.18). */
import { copy } from './bytes';
import { alloc, release } from './env';
import { E2BIG, EINVAL, ENOENT, ENOMEM, MAP_LOCK, MAP_MAX_ENTRIES, MAP_PRIVATE, MAP_TYPE, MAP_VALUE_SIZE, TYPE_QUEUE } from './layout';
import { lock, unlock } from './lock';
import { EXIST } from './value';

const DATA: u32 = MAP_PRIVATE;
/** Place of the next value to come. */
const HEAD: u32 = MAP_PRIVATE + 4;
/** Place of the oldest value. */
const TAIL: u32 = MAP_PRIVATE + 8;
const BLOCK_MAX: u64 = 0xffff0000;

export function queueInit(map: u32): i32 {
  const size = (<u64>load<u32>(map, MAP_MAX_ENTRIES) + 1) * load<u32>(map, MAP_VALUE_SIZE);
  const data = size > BLOCK_MAX ? 0 : alloc(<u32>size);
  if (data === 0) return -ENOMEM;
  store<u32>(map, data, DATA);
  return 0;
}

export function queueDestroy(map: u32): void {
  release(load<u32>(map, DATA));
}

function place(map: u32, index: u32): u32 {
  return load<u32>(map, DATA) + index * load<u32>(map, MAP_VALUE_SIZE);
}

function after(map: u32, index: u32): u32 {
  return index === load<u32>(map, MAP_MAX_ENTRIES) ? 0 : index + 1;
}

/** (map, value, flags) -> 0 or -errno; BPF_EXIST drops the oldest value when there is no room. */
export function queue_push(map: u32, value: u32, flags: u32): i32 {
  if (flags !== 0 && flags !== EXIST) return -EINVAL;
  lock(map + MAP_LOCK);
  const head = load<u32>(map, HEAD);
  const next = after(map, head);
  const tail = load<u32>(map, TAIL);
  if (next === tail) {
    if (flags === 0) {
      unlock(map + MAP_LOCK);
      return -E2BIG;
    }
    store<u32>(map, after(map, tail), TAIL);
  }
  copy(place(map, head), value, load<u32>(map, MAP_VALUE_SIZE));
  store<u32>(map, next, HEAD);
  unlock(map + MAP_LOCK);
  return 0;
}

/** (map, value) -> 0 or -errno: the next value, which stays; zeros when there is none. */
export function queue_peek(map: u32, value: u32): i32 {
  return next(map, value, false);
}

/** (map, value) -> 0 or -errno: as queue_peek; the value goes. */
export function queue_pop(map: u32, value: u32): i32 {
  return next(map, value, true);
}

function next(map: u32, value: u32, remove: bool): i32 {
  const size = load<u32>(map, MAP_VALUE_SIZE);
  lock(map + MAP_LOCK);
  const head = load<u32>(map, HEAD);
  const tail = load<u32>(map, TAIL);
  if (head === tail) {
    unlock(map + MAP_LOCK);
    memory.fill(value, 0, size);
    return -ENOENT;
  }
  const queue = load<u32>(map, MAP_TYPE) === TYPE_QUEUE;
  const newest = head === 0 ? load<u32>(map, MAP_MAX_ENTRIES) : head - 1;
  copy(value, place(map, queue ? tail : newest), size);
  if (remove) {
    if (queue) store<u32>(map, after(map, tail), TAIL);
    else store<u32>(map, newest, HEAD);
  }
  unlock(map + MAP_LOCK);
  return 0;
}
