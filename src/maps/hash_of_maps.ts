/** BPF_MAP_TYPE_HASH_OF_MAPS: values are offsets of inner maps' descriptors. Which maps fit is the engine's business. */
import { ERRNO } from '../base/index.ts';
import { checkHash, HASH_FLAGS } from './common.ts';
import type { MapTypeRow } from './types.ts';

const kind = { perCpu: false, lru: false, ofMaps: true };

/** include/uapi/linux/bpf.h, kernel/bpf/hashtab.c fd_htab_map_alloc_check (v6.18). */
export const hashOfMaps: MapTypeRow = {
  id: 13,
  name: 'hash_of_maps',
  since: '4.12',
  doc: 'Maps by key.',
  flags: HASH_FLAGS,
  check: (attr) => (attr.valueSize !== 4 ? -ERRNO.EINVAL : checkHash(attr, kind)),
};
