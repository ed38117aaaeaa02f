/** BPF_MAP_TYPE_CGROUP_ARRAY: slots for cgroups, of which the engine has none to put in. */
import { ACCESS_FLAGS, checkFdArray } from './common.ts';
import { MAP_FLAG } from './layout.ts';
import type { MapTypeRow } from './types.ts';

const flags = MAP_FLAG.NUMA_NODE | ACCESS_FLAGS;

/** include/uapi/linux/bpf.h, kernel/bpf/arraymap.c (v6.18). */
export const cgroupArray: MapTypeRow = {
  id: 8,
  name: 'cgroup_array',
  since: '4.8',
  doc: 'References to cgroups.',
  flags,
  check: (attr) => checkFdArray(attr, flags),
};
