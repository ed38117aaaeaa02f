/**
 * Records of the memory that programs may reach through a map, which the interpreter asks for, and the blocks that a map allocates for elements:
 * a slab begins with two such records, its elements follow at SLAB_ELEMS.
 */
import { release } from './env';
import { MAP_REGIONS, MAP_SLABS, REGION_BASE, REGION_COUNT, REGION_NEXT, REGION_READ_ONLY, REGION_SIZE, REGION_STRIDE } from './layout';

/** Offset of a slab's second block, 0 for none. */
export const SLAB_VALUES: u32 = 24;
/** The slab's second record. */
export const SLAB_KEYS: u32 = 32;
const SLAB_NEXT: u32 = 56;
export const SLAB_ELEMS: u32 = 64;

/** Fills a record and hangs it on the map. One writer at a time; readers on any thread. */
export function addRegion(map: u32, record: u32, base: u32, count: u32, stride: u32, size: u32): void {
  store<u32>(record, load<u32>(map, MAP_REGIONS), REGION_NEXT);
  store<u32>(record, base, REGION_BASE);
  store<u32>(record, count, REGION_COUNT);
  store<u32>(record, stride, REGION_STRIDE);
  store<u32>(record, size, REGION_SIZE);
  atomic.store<u32>(map, record, MAP_REGIONS);
}

/** As addRegion, for memory that no program writes. */
export function addReadOnly(map: u32, record: u32, base: u32, count: u32, stride: u32, size: u32): void {
  store<u32>(record, 1, REGION_READ_ONLY);
  addRegion(map, record, base, count, stride, size);
}

/** Hangs a slab on the map, to be freed with it. */
export function addSlab(map: u32, slab: u32): void {
  store<u32>(slab, load<u32>(map, MAP_SLABS), SLAB_NEXT);
  store<u32>(map, slab, MAP_SLABS);
}

/** Frees all slabs of a map. */
export function freeSlabs(map: u32): void {
  let slab = load<u32>(map, MAP_SLABS);
  while (slab !== 0) {
    const next = load<u32>(slab, SLAB_NEXT);
    release(load<u32>(slab, SLAB_VALUES));
    release(slab);
    slab = next;
  }
}
