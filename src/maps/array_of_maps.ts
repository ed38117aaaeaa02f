/** BPF_MAP_TYPE_ARRAY_OF_MAPS: slots hold offsets of inner maps' descriptors. Which maps fit is the engine's business. */
import { ACCESS_FLAGS, checkFdArray } from './common.ts';
import { MAP_FLAG } from './layout.ts';
import type { MapTypeRow } from './types.ts';

const flags = MAP_FLAG.NUMA_NODE | ACCESS_FLAGS;

/** include/uapi/linux/bpf.h, kernel/bpf/arraymap.c (v6.18). */
export const arrayOfMaps: MapTypeRow = {
  id: 12,
  name: 'array_of_maps',
  since: '4.12',
  doc: 'Maps by index.',
  flags,
  check: (attr) => checkFdArray(attr, flags),
};
