/** Operations of arrays, plain and per-CPU: one block of slots, nothing ever added or removed. Creation rules are the types' own. */
import { ERRNO } from '../base/index.ts';
import type { Mem } from '../mem/index.ts';
import { copyBytes, ELEM_FLAG, roundUp8, writableByPrograms } from './common.ts';
import type { MapEnv, MapKernel, Region } from './types.ts';
import { MAP } from './types.ts';

/** u32: offset of the slots. */
export const ARRAY_DATA = MAP.PRIVATE;
/** u32: bytes from one element to the next, all CPUs included. */
export const ARRAY_STRIDE = MAP.PRIVATE + 4;

/** Offset of element `index`'s first byte (CPU 0's for per-CPU arrays). */
function element(mem: Mem, map: number, index: number): number {
  const stride = mem.dv.getUint32(map + ARRAY_STRIDE, true);
  const offset = mem.dv.getUint32(map + ARRAY_DATA, true) + index * stride;
  // Another thread may have grown the memory for this map.
  if (offset + stride > mem.u8.length) mem.refresh();
  return offset;
}

/** 0, or why element `index` cannot be updated (kernel/bpf/arraymap.c array_map_update_elem, v6.18). */
function checkUpdate(mem: Mem, map: number, index: number, flags: bigint, locks: 'locks' | 'no-locks'): number {
  const f = BigInt.asUintN(64, flags);
  if ((locks === 'locks' ? f & ~ELEM_FLAG.LOCK : f) > ELEM_FLAG.EXIST) return -ERRNO.EINVAL;
  if (index >= mem.dv.getUint32(map + MAP.MAX_ENTRIES, true)) return -ERRNO.E2BIG;
  if ((f & ELEM_FLAG.NOEXIST) !== 0n) return -ERRNO.EEXIST;
  return (f & ELEM_FLAG.LOCK) !== 0n ? -ERRNO.EINVAL : 0;
}

/** The next index as arrays count: out of range or no key gives 0. */
export function nextIndex(env: MapEnv, map: number, key: number, next: number): number {
  const { dv } = env.mem;
  const max = dv.getUint32(map + MAP.MAX_ENTRIES, true);
  const index = key === 0 ? 0xffff_ffff : dv.getUint32(key, true);
  if (index >= max) {
    dv.setUint32(next, 0, true);
    return 0;
  }
  if (index === max - 1) return -ERRNO.ENOENT;
  dv.setUint32(next, index + 1, true);
  return 0;
}

function allocate(env: MapEnv, map: number, stride: number): number {
  const max = env.mem.dv.getUint32(map + MAP.MAX_ENTRIES, true);
  const data = env.alloc(max * stride);
  if (data === 0) return -ERRNO.ENOMEM;
  env.mem.dv.setUint32(map + ARRAY_DATA, data, true);
  env.mem.dv.setUint32(map + ARRAY_STRIDE, stride, true);
  return 0;
}

function destroy(env: MapEnv, map: number): void {
  env.free(env.mem.dv.getUint32(map + ARRAY_DATA, true));
}

/** Plain arrays. */
export const arrayKernel: MapKernel = {
  init: (env, map) => allocate(env, map, roundUp8(env.mem.dv.getUint32(map + MAP.VALUE_SIZE, true))),
  destroy,
  lookup(env, map, key) {
    const { mem } = env;
    const index = mem.dv.getUint32(key, true);
    return index < mem.dv.getUint32(map + MAP.MAX_ENTRIES, true) ? element(mem, map, index) : 0;
  },
  update(env, map, key, value, flags) {
    const { mem } = env;
    const index = mem.dv.getUint32(key, true);
    const error = checkUpdate(mem, map, index, flags, 'locks');
    if (error === 0) copyBytes(mem, element(mem, map, index), value, mem.dv.getUint32(map + MAP.VALUE_SIZE, true));
    return error;
  },
  delete: () => -ERRNO.EINVAL,
  sysLookup(env, map, key, value) {
    const slot = arrayKernel.lookup(env, map, key);
    if (slot === 0) return -ERRNO.ENOENT;
    copyBytes(env.mem, value, slot, env.mem.dv.getUint32(map + MAP.VALUE_SIZE, true));
    return 0;
  },
  sysUpdate: (env, map, key, value, flags) => arrayKernel.update(env, map, key, value, flags),
  sysDelete: () => -ERRNO.EINVAL,
  getNextKey: nextIndex,
  sysValueSize: (env, map) => env.mem.dv.getUint32(map + MAP.VALUE_SIZE, true),
  regions(env, map): readonly Region[] {
    const { dv } = env.mem;
    return [
      {
        base: dv.getUint32(map + ARRAY_DATA, true),
        count: dv.getUint32(map + MAP.MAX_ENTRIES, true),
        stride: dv.getUint32(map + ARRAY_STRIDE, true),
        size: dv.getUint32(map + MAP.VALUE_SIZE, true),
        writable: writableByPrograms(env.mem, map),
      },
    ];
  },
};

/** Per-CPU arrays: an element is one slot of CPU_STRIDE bytes for each possible CPU. */
export const percpuArrayKernel: MapKernel = {
  init(env, map) {
    const { dv } = env.mem;
    return allocate(env, map, dv.getUint32(map + MAP.CPU_STRIDE, true) * dv.getUint32(map + MAP.CPUS, true));
  },
  destroy,
  lookup(env, map, key) {
    const { mem } = env;
    const index = mem.dv.getUint32(key, true);
    if (index >= mem.dv.getUint32(map + MAP.MAX_ENTRIES, true)) return 0;
    return element(mem, map, index) + env.cpu * mem.dv.getUint32(map + MAP.CPU_STRIDE, true);
  },
  update(env, map, key, value, flags) {
    const { mem } = env;
    const index = mem.dv.getUint32(key, true);
    const error = checkUpdate(mem, map, index, flags, 'locks');
    if (error !== 0) return error;
    const slot = element(mem, map, index) + env.cpu * mem.dv.getUint32(map + MAP.CPU_STRIDE, true);
    copyBytes(mem, slot, value, mem.dv.getUint32(map + MAP.VALUE_SIZE, true));
    return 0;
  },
  delete: () => -ERRNO.EINVAL,
  sysLookup(env, map, key, value) {
    const { mem } = env;
    const index = mem.dv.getUint32(key, true);
    if (index >= mem.dv.getUint32(map + MAP.MAX_ENTRIES, true)) return -ERRNO.ENOENT;
    copyBytes(mem, value, element(mem, map, index), mem.dv.getUint32(map + ARRAY_STRIDE, true));
    return 0;
  },
  sysUpdate(env, map, key, value, flags) {
    const { mem } = env;
    const index = mem.dv.getUint32(key, true);
    const error = checkUpdate(mem, map, index, flags, 'no-locks');
    if (error === 0) copyBytes(mem, element(mem, map, index), value, mem.dv.getUint32(map + ARRAY_STRIDE, true));
    return error;
  },
  sysDelete: () => -ERRNO.EINVAL,
  getNextKey: nextIndex,
  sysValueSize: (env, map) => env.mem.dv.getUint32(map + ARRAY_STRIDE, true),
  regions(env, map): readonly Region[] {
    const { dv } = env.mem;
    return [
      {
        base: dv.getUint32(map + ARRAY_DATA, true),
        count: dv.getUint32(map + MAP.MAX_ENTRIES, true) * dv.getUint32(map + MAP.CPUS, true),
        stride: dv.getUint32(map + MAP.CPU_STRIDE, true),
        size: dv.getUint32(map + MAP.VALUE_SIZE, true),
        writable: writableByPrograms(env.mem, map),
      },
    ];
  },
};
