/** BPF_MAP_TYPE_LPM_TRIE. Operations are in runtime/lpm-trie.ts. */
import { ERRNO } from '../base/index.ts';
import { ACCESS_FLAGS, progAccessOk } from './common.ts';
import { MAP_FLAG } from './layout.ts';
import type { MapTypeRow } from './types.ts';

const flags = MAP_FLAG.NO_PREALLOC | MAP_FLAG.NUMA_NODE | ACCESS_FLAGS;
/** u32 prefix length, then 1 to 256 bytes. */
const KEY_MIN = 5;
const KEY_MAX = 260;
/** Largest kmalloc less the longest data and the header of the kernel's nodes. */
const VALUE_MAX = (4 << 20) - 256 - 24;

/** include/uapi/linux/bpf.h, kernel/bpf/lpm_trie.c (v6.18). */
export const lpmTrie: MapTypeRow = {
  id: 11,
  name: 'lpm_trie',
  since: '4.11',
  doc: 'Longest-prefix match, as for routing.',
  flags,
  check(attr) {
    const asked = attr.flags ?? 0;
    if (attr.maxEntries === 0 || (asked & MAP_FLAG.NO_PREALLOC) === 0 || (asked & ~flags) !== 0 || !progAccessOk(asked))
      return -ERRNO.EINVAL;
    if (attr.keySize < KEY_MIN || attr.keySize > KEY_MAX) return -ERRNO.EINVAL;
    return attr.valueSize < 1 || attr.valueSize > VALUE_MAX ? -ERRNO.EINVAL : 0;
  },
};
