/** Helpers on map elements, and the map operations they reach through the map's kernel. */
import { MAP } from '../maps/types.ts';
import { arg } from './row.ts';
import type { HelperImpls, HelperProto } from './types.ts';

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
} satisfies HelperImpls<(typeof MAP_HELPERS)[number]['name']>;
