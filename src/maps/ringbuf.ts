/** BPF_MAP_TYPE_RINGBUF. Operations are in runtime/ringbuf.ts. */
import { ERRNO } from '../base/index.ts';
import { MAP_FLAG } from './layout.ts';
import type { MapTypeRow } from './types.ts';

const flags = MAP_FLAG.NUMA_NODE;
const PAGE = 4096;

/** include/uapi/linux/bpf.h, kernel/bpf/ringbuf.c (v6.18). */
export const ringbuf: MapTypeRow = {
  id: 27,
  name: 'ringbuf',
  since: '5.8',
  doc: 'Records from all CPUs to user space in one ring.',
  flags,
  check(attr) {
    const size = attr.maxEntries;
    if (((attr.flags ?? 0) & ~flags) !== 0 || attr.keySize !== 0 || attr.valueSize !== 0) return -ERRNO.EINVAL;
    return size < PAGE || 2 ** Math.floor(Math.log2(size)) !== size ? -ERRNO.EINVAL : 0;
  },
};
