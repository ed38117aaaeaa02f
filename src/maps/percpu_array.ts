/** BPF_MAP_TYPE_PERCPU_ARRAY. Operations are in runtime/array.ts. */
import { ACCESS_FLAGS, checkArray } from './common.ts';
import { MAP_FLAG } from './layout.ts';
import type { MapTypeRow } from './types.ts';

const flags = MAP_FLAG.NUMA_NODE | ACCESS_FLAGS;

/** include/uapi/linux/bpf.h, kernel/bpf/arraymap.c (v6.18). */
export const percpuArray: MapTypeRow = {
  id: 6,
  name: 'percpu_array',
  since: '4.6',
  doc: 'Array with one value for each possible CPU in every element.',
  perCpu: true,
  flags,
  check: (attr) => checkArray(attr, flags, { perCpu: true }),
};
