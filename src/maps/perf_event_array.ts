/** BPF_MAP_TYPE_PERF_EVENT_ARRAY: slots hold memory offsets of perf events' descriptors. What an event is, is the engine's business. */
import type { Mem } from '../mem/index.ts';
import { ACCESS_FLAGS, checkFdArray } from './common.ts';
import { MAP_FLAG } from './layout.ts';
import { readSlot } from './slots.ts';
import type { MapTypeRow } from './types.ts';

const flags = MAP_FLAG.NUMA_NODE | MAP_FLAG.PRESERVE_ELEMS | ACCESS_FLAGS;

/** include/uapi/linux/bpf.h, kernel/bpf/arraymap.c (v6.18). */
export const perfEventArray: MapTypeRow = {
  id: 4,
  name: 'perf_event_array',
  since: '4.3',
  doc: 'Perf events by index, usually one for each CPU: counters to read and rings to write records to.',
  flags,
  check: (attr) => checkFdArray(attr, flags),
};

/** Offset of the descriptor of the event in slot `index`, 0 when there is none. */
export function perfEventArrayGet(mem: Mem, map: number, index: number): number {
  return readSlot(mem, map, index);
}
