/** Map types: their table, their operations, and making maps. One file per type beside this. */
export { checkMapBtf } from './btf.ts';
export { checkedLate, mapCapability, missingForMap } from './capabilities.ts';
export { ACCESS_FLAGS, ELEM_FLAG, numaNode, roundUp8 } from './common.ts';
export { createMap, destroyMap } from './create.ts';
export { foldElemFlags, mapKernel } from './kernel.ts';
export { checkCreation } from './known-checks.ts';
export * from './layout.ts';
export { holdsMaps, innerMaps } from './of-maps.ts';
export * from './perf_event_array.ts';
export * from './perf-layout.ts';
export { progArrayGet } from './prog_array.ts';
export { checkSlotUpdate, readSlot, swapSlot } from './slots.ts';
export * from './table.ts';
export * from './types.ts';
