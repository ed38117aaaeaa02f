/**
 * Records of the memory that programs may reach through a map: the interpreter asks them, and what a map allocated for elements hangs on them.
 * A slab is a block that begins with its record; its elements follow at SLAB_ELEMS.
 */
import { release } from './env';
import { MAP_REGIONS, REGION_BASE, REGION_COUNT, REGION_NEXT, REGION_SIZE, REGION_STRIDE } from './layout';

/** Offset of a slab's second block, 0 for none. */
export const SLAB_VALUES: u32 = 20;
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

/** Frees all slabs of a map. */
export function freeSlabs(map: u32): void {
  let slab = load<u32>(map, MAP_REGIONS);
  while (slab !== 0) {
    const next = load<u32>(slab, REGION_NEXT);
    const values = load<u32>(slab, SLAB_VALUES);
    release(values);
    release(slab);
    slab = next;
  }
}
