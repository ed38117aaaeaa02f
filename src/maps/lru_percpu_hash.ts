/** BPF_MAP_TYPE_LRU_PERCPU_HASH. Operations are in runtime/lru-hash.ts, creation rules in common.ts. */
import { checkHash, HASH_FLAGS } from './common.ts';
import type { MapTypeRow } from './types.ts';

const kind = { perCpu: true, lru: true };

/** include/uapi/linux/bpf.h, kernel/bpf/hashtab.c (v6.18). */
export const lruPercpuHash: MapTypeRow = {
  id: 10,
  name: 'lru_percpu_hash',
  since: '4.10',
  doc: 'Per-CPU hash table that drops the least recently used element when it is full.',
  perCpu: true,
  flags: HASH_FLAGS,
  check: (attr) => checkHash(attr, kind),
};
