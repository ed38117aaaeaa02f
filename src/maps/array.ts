/** BPF_MAP_TYPE_ARRAY. Operations are in runtime/array.ts. */
import { ACCESS_FLAGS, checkArray } from './common.ts';
import { MAP_FLAG } from './layout.ts';
import type { MapTypeRow } from './types.ts';

const flags = MAP_FLAG.NUMA_NODE | MAP_FLAG.MMAPABLE | MAP_FLAG.INNER_MAP | ACCESS_FLAGS;

/** include/uapi/linux/bpf.h, kernel/bpf/arraymap.c (v6.18). */
export const array: MapTypeRow = {
  id: 2,
  name: 'array',
  since: '3.19',
  doc: 'Fixed number of values, all present and zero at first, indexed by a 32-bit number.',
  flags,
  check: (attr) => checkArray(attr, flags),
};
