/** BPF_MAP_TYPE_BLOOM_FILTER. Operations are in runtime/bloom.ts. */
import { ERRNO } from '../base/index.ts';
import { ACCESS_FLAGS, progAccessOk } from './common.ts';
import { MAP_FLAG } from './layout.ts';
import type { MapTypeRow } from './types.ts';

const flags = MAP_FLAG.NUMA_NODE | MAP_FLAG.ZERO_SEED | ACCESS_FLAGS;
/** Largest kmalloc. */
const VALUE_MAX = 4 << 20;
/** Bits of map_extra: the number of hash functions. */
const HASHES = 0xfn;

/** include/uapi/linux/bpf.h, kernel/bpf/bloom_filter.c (v6.18). */
export const bloomFilter: MapTypeRow = {
  id: 30,
  name: 'bloom_filter',
  since: '5.16',
  doc: 'Set that may answer yes for what was never added.',
  flags,
  check(attr) {
    if (attr.valueSize > VALUE_MAX) return -ERRNO.E2BIG;
    if (attr.keySize !== 0 || attr.valueSize === 0 || attr.maxEntries === 0) return -ERRNO.EINVAL;
    if (((attr.flags ?? 0) & ~flags) !== 0 || !progAccessOk(attr.flags ?? 0)) return -ERRNO.EINVAL;
    return ((attr.mapExtra ?? 0n) & ~HASHES) !== 0n ? -ERRNO.EINVAL : 0;
  },
};
