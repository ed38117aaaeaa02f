/** Map types: their table, their operations, and making maps. One file per type beside this. */
export { checkMapBtf } from './btf.ts';
export { ACCESS_FLAGS, ELEM_FLAG, MAP_FLAG, numaNode, roundUp8 } from './common.ts';
export { createMap, destroyMap } from './create.ts';
export * from './perf_event_array.ts';
export { progArrayGet } from './prog_array.ts';
export { checkSlotUpdate, readSlot, swapSlot } from './slot-kernel.ts';
export * from './table.ts';
export * from './types.ts';
