/** BPF_MAP_TYPE_STACK_TRACE. Operations are in runtime/stack-trace.ts. */
import { ERRNO } from '../base/index.ts';
import { MAP_FLAG } from './layout.ts';
import type { MapTypeRow } from './types.ts';

const flags = MAP_FLAG.NUMA_NODE | MAP_FLAG.RDONLY | MAP_FLAG.WRONLY | MAP_FLAG.STACK_BUILD_ID;
/** sysctl kernel.perf_event_max_stack as it is by default. */
const MAX_STACK = 127;
/** Bytes of an address, and of a struct bpf_stack_build_id. */
const ADDRESS = 8;
const BUILD_ID = 32;

/** include/uapi/linux/bpf.h, kernel/bpf/stackmap.c (v6.18). */
export const stackTrace: MapTypeRow = {
  id: 7,
  name: 'stack_trace',
  since: '4.6',
  doc: 'Stack traces by the id that get_stackid returns.',
  flags,
  check(attr) {
    const asked = attr.flags ?? 0;
    const unit = (asked & MAP_FLAG.STACK_BUILD_ID) === 0 ? ADDRESS : BUILD_ID;
    if ((asked & ~flags) !== 0 || attr.maxEntries === 0 || attr.keySize !== 4) return -ERRNO.EINVAL;
    if (attr.valueSize < ADDRESS || attr.valueSize % unit !== 0 || attr.valueSize / unit > MAX_STACK) return -ERRNO.EINVAL;
    return attr.maxEntries > 2 ** 31 ? -ERRNO.E2BIG : 0;
  },
};
