/**
 * Operations of arrays of references (programs, perf events): a u32 slot an element, 0 while empty. What a slot's number means and
 * how a file descriptor becomes one is the owner's business: bpf(2)'s update and delete hand over numbers, not descriptors.
 */
import { ERRNO } from '../base/index.ts';
import type { Mem } from '../mem/index.ts';
import { ARRAY_DATA, ARRAY_STRIDE, nextIndex } from './array-kernel.ts';
import type { MapEnv, MapKernel } from './types.ts';
import { MAP } from './types.ts';

/** Offset of slot `index`, which must be in range. */
function slotAt(mem: Mem, map: number, index: number): number {
  return mem.dv.getUint32(map + ARRAY_DATA, true) + index * 4;
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

/** @param sysLookup what bpf(2)'s lookup answers for a slot in use, by type */
export function slotKernel(options: { sysLookup: 'value' | 'unsupported' }): MapKernel {
  const update = (env: MapEnv, map: number, key: number, value: number, flags: bigint): number => {
    const index = env.mem.dv.getUint32(key, true);
    const error = checkSlotUpdate(env.mem, map, index, flags);
    if (error === 0) swapSlot(env.mem, map, index, env.mem.dv.getUint32(value, true));
    return error;
  };
  const remove = (env: MapEnv, map: number, key: number): number => {
    const index = env.mem.dv.getUint32(key, true);
    if (index >= env.mem.dv.getUint32(map + MAP.MAX_ENTRIES, true)) return -ERRNO.E2BIG;
    return swapSlot(env.mem, map, index, 0) === 0 ? -ERRNO.ENOENT : 0;
  };
  return {
    init(env, map) {
      const data = env.alloc(env.mem.dv.getUint32(map + MAP.MAX_ENTRIES, true) * 4);
      if (data === 0) return -ERRNO.ENOMEM;
      env.mem.dv.setUint32(map + ARRAY_DATA, data, true);
      env.mem.dv.setUint32(map + ARRAY_STRIDE, 4, true);
      return 0;
    },
    destroy: (env, map) => env.free(env.mem.dv.getUint32(map + ARRAY_DATA, true)),
    // Programs cannot look into these maps: the load is refused.
    lookup: () => 0,
    update: () => -ERRNO.EINVAL,
    delete: () => -ERRNO.EINVAL,
    sysLookup(env, map, key, value) {
      if (options.sysLookup === 'unsupported') return -ERRNO.ENOTSUPP;
      const held = readSlot(env.mem, map, env.mem.dv.getUint32(key, true));
      if (held === 0) return -ERRNO.ENOENT;
      env.mem.dv.setUint32(value, held, true);
      return 0;
    },
    sysUpdate: update,
    sysDelete: remove,
    getNextKey: nextIndex,
    sysValueSize: () => 4,
    regions: () => [],
  };
}
