/** Operations by programs on a map whose type is not known when they are compiled. */
import { array_lookup, array_update, percpu_array_lookup, percpu_array_update } from './array';
import { bloom_peek, bloom_push } from './bloom';
import { hash_delete, hash_lookup, hash_update, percpu_hash_lookup, percpu_hash_update } from './hash';
import {
  EINVAL,
  ENOTSUPP,
  EOPNOTSUPP,
  MAP_TYPE,
  TYPE_ARRAY,
  TYPE_ARRAY_OF_MAPS,
  TYPE_BLOOM_FILTER,
  TYPE_HASH,
  TYPE_HASH_OF_MAPS,
  TYPE_LPM_TRIE,
  TYPE_LRU_HASH,
  TYPE_LRU_PERCPU_HASH,
  TYPE_PERCPU_ARRAY,
  TYPE_PERCPU_HASH,
} from './layout';
import { lpm_delete, lpm_lookup, lpm_update } from './lpm-trie';
import { lru_hash_delete, lru_hash_lookup, lru_hash_update, lru_percpu_hash_lookup, lru_percpu_hash_update } from './lru-hash';
import { array_of_maps_lookup, hash_of_maps_lookup } from './of-maps';
import { queue_peek, queue_pop, queue_push } from './queue';

/** bpf_map_lookup_elem: (map, key) -> the value's offset, or 0. */
export function map_lookup(map: u32, key: u32): u32 {
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
      return hash_lookup(map, key);
    case TYPE_ARRAY:
      return array_lookup(map, key);
    case TYPE_PERCPU_HASH:
      return percpu_hash_lookup(map, key);
    case TYPE_PERCPU_ARRAY:
      return percpu_array_lookup(map, key);
    case TYPE_LRU_HASH:
      return lru_hash_lookup(map, key);
    case TYPE_LRU_PERCPU_HASH:
      return lru_percpu_hash_lookup(map, key);
    case TYPE_LPM_TRIE:
      return lpm_lookup(map, key);
    case TYPE_ARRAY_OF_MAPS:
      return array_of_maps_lookup(map, key);
    case TYPE_HASH_OF_MAPS:
      return hash_of_maps_lookup(map, key);
    default:
      return 0;
  }
}

/** bpf_map_update_elem: (map, key, value, flags) -> 0 or -errno. */
export function map_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
      return hash_update(map, key, value, flags);
    case TYPE_ARRAY:
      return array_update(map, key, value, flags);
    case TYPE_PERCPU_HASH:
      return percpu_hash_update(map, key, value, flags);
    case TYPE_PERCPU_ARRAY:
      return percpu_array_update(map, key, value, flags);
    case TYPE_LRU_HASH:
      return lru_hash_update(map, key, value, flags);
    case TYPE_LRU_PERCPU_HASH:
      return lru_percpu_hash_update(map, key, value, flags);
    case TYPE_LPM_TRIE:
      return lpm_update(map, key, value, flags);
    default:
      return -ENOTSUPP;
  }
}

/** bpf_map_delete_elem: (map, key) -> 0 or -errno. */
export function map_delete(map: u32, key: u32): i32 {
  switch (load<u32>(map, MAP_TYPE)) {
    case TYPE_HASH:
    case TYPE_PERCPU_HASH:
      return hash_delete(map, key);
    case TYPE_LRU_HASH:
    case TYPE_LRU_PERCPU_HASH:
      return lru_hash_delete(map, key);
    case TYPE_LPM_TRIE:
      return lpm_delete(map, key);
    default:
      return -EINVAL;
  }
}

/** bpf_map_push_elem: (map, value, flags) -> 0 or -errno. */
export function map_push(map: u32, value: u32, flags: u32): i32 {
  return load<u32>(map, MAP_TYPE) === TYPE_BLOOM_FILTER ? bloom_push(map, value, flags) : queue_push(map, value, flags);
}

/** bpf_map_pop_elem: (map, value) -> 0 or -errno. */
export function map_pop(map: u32, value: u32): i32 {
  return load<u32>(map, MAP_TYPE) === TYPE_BLOOM_FILTER ? -EOPNOTSUPP : queue_pop(map, value);
}

/** bpf_map_peek_elem: (map, value) -> 0 or -errno. */
export function map_peek(map: u32, value: u32): i32 {
  return load<u32>(map, MAP_TYPE) === TYPE_BLOOM_FILTER ? bloom_peek(map, value) : queue_peek(map, value);
}
