/** BPF_MAP_TYPE_LRU_HASH. Operations are in runtime/lru-hash.ts, creation rules in common.ts. */
import { checkHash, HASH_FLAGS } from './common.ts';
import type { MapTypeRow } from './types.ts';

const kind = { perCpu: false, lru: true };

/** include/uapi/linux/bpf.h, kernel/bpf/hashtab.c (v6.18). */
export const lruHash: MapTypeRow = {
  id: 9,
  name: 'lru_hash',
  since: '4.10',
  doc: 'Hash table that drops the least recently used element when it is full.',
  flags: HASH_FLAGS,
  check: (attr) => checkHash(attr, kind),
};
