/** BPF_MAP_TYPE_HASH. Operations are in runtime/hash.ts, creation rules in common.ts. */
import { checkHash, HASH_FLAGS } from './common.ts';
import type { MapTypeRow } from './types.ts';

const kind = { perCpu: false, lru: false };

/** include/uapi/linux/bpf.h, kernel/bpf/hashtab.c (v6.18). */
export const hash: MapTypeRow = {
  id: 1,
  name: 'hash',
  since: '3.19',
  doc: 'Table from keys of any size to values, up to max_entries elements.',
  flags: HASH_FLAGS,
  check: (attr) => checkHash(attr, kind),
};
