/** The table of map types. */
import { array } from './array.ts';
import { arrayOfMaps } from './array_of_maps.ts';
import { bloomFilter } from './bloom_filter.ts';
import { cgroupArray } from './cgroup_array.ts';
import { hash } from './hash.ts';
import { hashOfMaps } from './hash_of_maps.ts';
import { knownOnly } from './known.ts';
import { lpmTrie } from './lpm_trie.ts';
import { lruHash } from './lru_hash.ts';
import { lruPercpuHash } from './lru_percpu_hash.ts';
import { percpuArray } from './percpu_array.ts';
import { percpuHash } from './percpu_hash.ts';
import { perfEventArray } from './perf_event_array.ts';
import { progArray } from './prog_array.ts';
import { queue } from './queue.ts';
import { ringbuf } from './ringbuf.ts';
import { stack } from './stack.ts';
import { stackTrace } from './stack_trace.ts';
import type { MapTypeRow } from './types.ts';

/** Every map type of the modern kernel; the row of type `id` is at index `id`. */
export const MAP_TYPES: readonly MapTypeRow[] = [
  hash,
  array,
  progArray,
  perfEventArray,
  percpuHash,
  percpuArray,
  lruHash,
  lruPercpuHash,
  arrayOfMaps,
  bloomFilter,
  cgroupArray,
  hashOfMaps,
  lpmTrie,
  queue,
  ringbuf,
  stack,
  stackTrace,
  ...knownOnly,
].sort((a, b) => a.id - b.id);

const BY_NAME = new Map(MAP_TYPES.map((row) => [row.name, row]));

/** The row of a type number, if the kernel has it. */
export function mapTypeRow(id: number): MapTypeRow | undefined {
  return MAP_TYPES[id];
}

/** The row of a type name (`percpu_hash`). */
export function mapTypeByName(name: string): MapTypeRow | undefined {
  return BY_NAME.get(name);
}
