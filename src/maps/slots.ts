/**
 * Arrays of references (programs, perf events): a u32 slot an element, 0 while empty. What a slot's number means and how a file descriptor becomes
 * one is the owner's business.
 */
import { ERRNO } from '../base/index.ts';
import type { Mem } from '../mem/index.ts';
import { ARRAY, MAP } from './layout.ts';

/** Offset of slot `index`, which must be in range. */
function slotAt(mem: Mem, map: number, index: number): number {
  return mem.dv.getUint32(map + ARRAY.DATA, true) + index * 4;
}

/** What slot `index` holds; 0 when it is empty or out of range. */
export function readSlot(mem: Mem, map: number, index: number): number {
  if (index >= mem.dv.getUint32(map + MAP.MAX_ENTRIES, true)) return 0;
  const slot = slotAt(mem, map, index);
  if (slot >= mem.u8.length) mem.refresh();
  return Atomics.load(mem.i32, slot >>> 2) >>> 0;
}

/** Sets slot `index`, which must be in range. @returns what it held */
export function swapSlot(mem: Mem, map: number, index: number, value: number): number {
  const slot = slotAt(mem, map, index);
  if (slot >= mem.u8.length) mem.refresh();
  return Atomics.exchange(mem.i32, slot >>> 2, value | 0) >>> 0;
}

/** 0, or why slot `index` cannot be updated; comes before the file descriptor is looked at (kernel/bpf/arraymap.c, v6.18). */
export function checkSlotUpdate(mem: Mem, map: number, index: number, flags: bigint): number {
  if (flags !== 0n) return -ERRNO.EINVAL;
  return index >= mem.dv.getUint32(map + MAP.MAX_ENTRIES, true) ? -ERRNO.E2BIG : 0;
}
