/**
 * The map kernels as a module: typed operations, which compiled programs import, and the same by the map's type, which JavaScript calls.
 * Offsets are unsigned, results 0 or a negative errno unless stated. README.md has the interface.
 */
export { array_lookup, array_update, percpu_array_lookup, percpu_array_update } from './array';
export { bloom_peek, bloom_push } from './bloom';
export { join, setCpu } from './env';
export { hash_delete, hash_lookup, hash_update, percpu_hash_lookup, percpu_hash_update } from './hash';
export { hash_buckets, hash_key, hash_next, hash_read_bucket, hash_value } from './hash-walk';
export { map_destroy, map_init, map_release, sys_delete, sys_lookup, sys_next_key, sys_take, sys_update } from './host-side';
export { lpm_delete, lpm_lookup, lpm_update } from './lpm-trie';
export { lru_hash_delete, lru_hash_lookup, lru_hash_update, lru_percpu_hash_lookup, lru_percpu_hash_update } from './lru-hash';
export { array_of_maps_lookup, hash_of_maps_lookup } from './of-maps';
export { perf_event_output, perf_output } from './perf';
export { csum_diff, prandom, spin_lock, spin_unlock, strncmp } from './program-helpers';
export { map_delete, map_lookup, map_peek, map_pop, map_push, map_update } from './program-side';
export { queue_peek, queue_pop, queue_push } from './queue';
export { ringbuf_discard, ringbuf_output, ringbuf_query, ringbuf_reserve, ringbuf_submit } from './ringbuf';
export { stack_store } from './stack-trace';
