/** Helpers on map elements, and the map operations they reach through the map's kernel. */
import { ERRNO } from '../base/index.ts';
import { foldElemFlags } from '../maps/kernel.ts';
import { MAP } from '../maps/types.ts';
import { toPointer } from '../mem/memory.ts';
import { arg } from './row.ts';
import { type HelperCall, type HelperImpls, type HelperProto, KEYS_AT, KEYS_MAX } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const MAP_HELPERS = [
  {
    id: 1,
    name: 'map_lookup_elem',
    since: '3.18',
    gplOnly: false,
    ret: 'map_value_or_null',
    cret: 'void *',
    args: [arg('void *', 'map', 'map'), arg('const void *', 'key', 'map_key')],
    doc: 'Looks a key up and gives a pointer to its value, or NULL when the key is absent.',
  },
  {
    id: 2,
    name: 'map_update_elem',
    since: '3.18',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('void *', 'map', 'map'),
      arg('const void *', 'key', 'map_key'),
      arg('const void *', 'value', 'map_value'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: 'Creates or replaces the value of a key; flags choose whether the key must or must not exist.',
  },
  {
    id: 3,
    name: 'map_delete_elem',
    since: '3.19',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'map', 'map'), arg('const void *', 'key', 'map_key')],
    doc: 'Removes a key from a map.',
  },
  {
    id: 87,
    name: 'map_push_elem',
    since: '4.20',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'map', 'map'), arg('const void *', 'value', 'map_value'), arg('__u64', 'flags', 'anything')],
    doc: 'Pushes a value onto a queue or stack, or adds it to a bloom filter.',
  },
  {
    id: 88,
    name: 'map_pop_elem',
    since: '4.20',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'map', 'map'), arg('void *', 'value', 'map_value_uninit')],
    doc: 'Takes the next value out of a queue or stack.',
  },
  {
    id: 89,
    name: 'map_peek_elem',
    since: '4.20',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'map', 'map'), arg('void *', 'value', 'map_value_uninit')],
    doc: 'Copies the next value of a queue or stack without removing it, or tests a value in a bloom filter.',
  },
  {
    id: 164,
    name: 'for_each_map_elem',
    since: '5.13',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('void *', 'map', 'map'),
      arg('void *', 'callback_fn', 'func'),
      arg('void *', 'callback_ctx', 'stack_or_null'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: 'Calls a callback for every element of a map until it returns 1.',
  },
  {
    id: 195,
    name: 'map_lookup_percpu_elem',
    since: '5.19',
    gplOnly: false,
    ret: 'map_value_or_null',
    cret: 'void *',
    args: [arg('void *', 'map', 'map'), arg('const void *', 'key', 'map_key'), arg('__u32', 'cpu', 'anything')],
    doc: 'Looks a key up in a per-CPU map and gives the value that belongs to the given CPU.',
  },
] as const satisfies readonly HelperProto[];

const ARRAY = 2;
const PERCPU_ARRAY = 6;

/** Arrays' keys stand nowhere: the callback gets a copy, one a level of callbacks that walk maps. */
function forEachSlot(call: HelperCall): number {
  const { mem, env } = call;
  const [map, func, context] = [call.off(1), call.u64(2), call.u64(3)];
  const max = mem.dv.getUint32(map + MAP.MAX_ENTRIES, true);
  const level = call.scratch + KEYS_AT;
  const depth = mem.dv.getUint32(level, true);
  if (depth >= KEYS_MAX) return -ERRNO.EINVAL;
  const key = level + 8 + depth * 8;
  mem.dv.setUint32(level, depth + 1, true);
  try {
    for (let i = 0; i < max; i++) {
      mem.dv.setUint32(key, i, true);
      const value = env.runtime.map_lookup(map, key) >>> 0;
      if (call.callback(func, [toPointer(map), toPointer(key), toPointer(value), context]) !== 0n) return i + 1;
    }
    return max;
  } finally {
    mem.dv.setUint32(level, depth, true);
  }
}

/** The next element is taken before the callback, which may delete its own. */
function forEachElement(call: HelperCall): number {
  const { runtime } = call.env;
  const [map, func, context] = [call.off(1), call.u64(2), call.u64(3)];
  let visited = 0;
  for (let elem = runtime.hash_next(map, 0) >>> 0; elem !== 0; ) {
    const next = runtime.hash_next(map, elem) >>> 0;
    const key = toPointer(runtime.hash_key(map, elem) >>> 0);
    const value = toPointer(runtime.hash_value(map, elem) >>> 0);
    visited++;
    if (call.callback(func, [toPointer(map), key, value, context]) !== 0n) break;
    elem = next;
  }
  return visited;
}

/** Map operations, by the kernel of the map that the descriptor names. */
export const MAP_IMPLS = {
  map_lookup_elem(call) {
    const map = call.off(1);
    return call.mapKernel(map).lookup(call.env, map, call.off(2));
  },
  map_update_elem(call) {
    const map = call.off(1);
    return call.mapKernel(map).update(call.env, map, call.off(2), call.off(3), call.u64(4));
  },
  map_delete_elem(call) {
    const map = call.off(1);
    return call.mapKernel(map).delete(call.env, map, call.off(2));
  },
  map_lookup_percpu_elem(call) {
    const map = call.off(1);
    const cpu = call.off(3);
    if (cpu >= call.mem.dv.getUint32(map + MAP.CPUS, true)) return 0;
    const value = call.mapKernel(map).lookup(call.env, map, call.off(2));
    if (value === 0) return 0;
    return value + (cpu - call.env.cpu) * call.mem.dv.getUint32(map + MAP.CPU_STRIDE, true);
  },
  map_push_elem: (call) => call.env.runtime.map_push(call.off(1), call.off(2), foldElemFlags(call.u64(3))),
  map_pop_elem: (call) => call.env.runtime.map_pop(call.off(1), call.off(2)),
  map_peek_elem: (call) => call.env.runtime.map_peek(call.off(1), call.off(2)),
  for_each_map_elem(call) {
    if (call.u64(4) !== 0n) return -ERRNO.EINVAL;
    const type = call.mem.dv.getUint32(call.off(1) + MAP.TYPE, true);
    return type === ARRAY || type === PERCPU_ARRAY ? forEachSlot(call) : forEachElement(call);
  },
} satisfies HelperImpls<(typeof MAP_HELPERS)[number]['name']>;
