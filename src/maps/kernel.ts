/** The operations on maps as JavaScript calls them: the compiled kernels of runtime/, which find the type in the descriptor. */
import { BpfError } from '../base/index.ts';
import type { Mem } from '../mem/index.ts';
import { MAP, MAP_FLAG, MAP_MAGIC, REGION } from './layout.ts';
import type { MapEnv, MapKernel, Region } from './types.ts';

/** 64-bit element flags as the kernels take them: any bit above 31 is an unknown flag. */
export function foldElemFlags(flags: bigint): number {
  const low = Number(BigInt.asUintN(32, flags)) | 0;
  return BigInt.asUintN(64, flags) >> 32n === 0n ? low : low | 0x8000_0000;
}

/** Walks the map's records of reachable memory. */
function regions(env: MapEnv, map: number): readonly Region[] {
  const { mem } = env;
  mem.refresh();
  const { dv } = mem;
  const writable = (dv.getUint32(map + MAP.FLAGS, true) & MAP_FLAG.RDONLY_PROG) === 0;
  const found: Region[] = [];
  for (let at = dv.getUint32(map + MAP.REGIONS, true); at !== 0; at = dv.getUint32(at + REGION.NEXT, true)) {
    const field = (offset: number): number => dv.getUint32(at + offset, true);
    found.push({
      base: field(REGION.BASE),
      count: field(REGION.COUNT),
      stride: field(REGION.STRIDE),
      size: field(REGION.SIZE),
      writable: writable && field(REGION.READ_ONLY) === 0,
    });
  }
  return found;
}

/** The views must cover what another thread, or the kernel itself, has added. */
function visible(mem: Mem, offset: number): number {
  if (offset >= mem.u8.length) mem.refresh();
  return offset;
}

const KERNEL: MapKernel = {
  lookup: (env, map, key) => visible(env.mem, env.runtime.map_lookup(map, key) >>> 0),
  update: (env, map, key, value, flags) => env.runtime.map_update(map, key, value, foldElemFlags(flags)),
  delete: (env, map, key) => env.runtime.map_delete(map, key),
  sysLookup: (env, map, key, value, flags) => env.runtime.sys_lookup(map, key, value, foldElemFlags(flags)),
  sysUpdate: (env, map, key, value, flags) => env.runtime.sys_update(map, key, value, foldElemFlags(flags)),
  sysDelete: (env, map, key) => env.runtime.sys_delete(map, key),
  sysLookupAndDelete: (env, map, key, value, flags) => env.runtime.sys_take(map, key, value, foldElemFlags(flags)),
  getNextKey: (env, map, key, next) => env.runtime.sys_next_key(map, key, next),
  sysValueSize({ mem }, map) {
    const stride = mem.dv.getUint32(map + MAP.CPU_STRIDE, true);
    return stride === 0 ? mem.dv.getUint32(map + MAP.VALUE_SIZE, true) : stride * mem.dv.getUint32(map + MAP.CPUS, true);
  },
  regions,
};

/** Operations of the map whose descriptor is at `map`. */
export function mapKernel(mem: Mem, map: number): MapKernel {
  if (mem.dv.getUint32(map + MAP.MAGIC, true) !== MAP_MAGIC) throw new BpfError(`no map at offset 0x${map.toString(16)}`);
  return KERNEL;
}
