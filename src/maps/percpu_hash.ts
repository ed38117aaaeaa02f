/** BPF_MAP_TYPE_PERCPU_HASH. Operations are in runtime/hash.ts, creation rules in common.ts. */
import { checkHash, HASH_FLAGS } from './common.ts';
import type { MapTypeRow } from './types.ts';

const kind = { perCpu: true, lru: false };

/** include/uapi/linux/bpf.h, kernel/bpf/hashtab.c (v6.18). */
export const percpuHash: MapTypeRow = {
  id: 5,
  name: 'percpu_hash',
  since: '4.6',
  doc: 'Hash table with one value for each possible CPU in every element.',
  perCpu: true,
  flags: HASH_FLAGS,
  check: (attr) => checkHash(attr, kind),
};
