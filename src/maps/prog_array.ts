/** BPF_MAP_TYPE_PROG_ARRAY: slots hold program ids. Which programs fit a map is the engine's business. */
import type { Mem } from '../mem/index.ts';
import { ACCESS_FLAGS, checkFdArray } from './common.ts';
import { MAP_FLAG } from './layout.ts';
import { readSlot } from './slots.ts';
import type { MapTypeRow } from './types.ts';

const flags = MAP_FLAG.NUMA_NODE | ACCESS_FLAGS;

/** include/uapi/linux/bpf.h, kernel/bpf/arraymap.c (v6.18). */
export const progArray: MapTypeRow = {
  id: 3,
  name: 'prog_array',
  since: '4.2',
  doc: 'Programs by index, for tail calls.',
  flags,
  check: (attr) => checkFdArray(attr, flags),
};

/** Id of the program in slot `index` (unsigned 32 bits), 0 when there is none: what a tail call jumps to. */
export function progArrayGet(mem: Mem, map: number, index: number): number {
  return readSlot(mem, map, index);
}
