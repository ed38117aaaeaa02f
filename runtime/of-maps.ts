/** Maps of maps: their values are offsets of inner maps' descriptors, which programs get instead of the values' offsets. */
import { array_lookup } from './array';
import { hash_lookup } from './hash';

/** (map, key) -> the inner map, or 0. */
export function array_of_maps_lookup(map: u32, key: u32): u32 {
  const slot = array_lookup(map, key);
  return slot === 0 ? 0 : atomic.load<u32>(slot);
}

/** (map, key) -> the inner map, or 0. */
export function hash_of_maps_lookup(map: u32, key: u32): u32 {
  const value = hash_lookup(map, key);
  return value === 0 ? 0 : load<u32>(value);
}
