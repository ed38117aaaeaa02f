/** Making and unmaking a map's descriptor. The checks that come before, and who refers to the map, are the engine's. */
import { ERRNO, encodeText } from '../base/index.ts';
import { HEADER, idTableAdd, idTableRemove } from '../mem/index.ts';
import { roundUp8 } from './common.ts';
import { MAP, MAP_MAGIC } from './layout.ts';
import { mapTypeRow } from './table.ts';
import type { MapCreateAttr, MapEnv } from './types.ts';

/** Bytes of a descriptor's block: the descriptor, then its node in the map table. */
const NODE = MAP.SIZE;
const BLOCK = MAP.SIZE + 64;

/** Makes a map whose attributes were checked. @returns offset of its descriptor, or a negative errno */
export function createMap(env: MapEnv, attr: MapCreateAttr, facts: { id: number; cpus: number }): number {
  const row = mapTypeRow(attr.type);
  if (row?.check === undefined) return -ERRNO.EINVAL;
  const map = env.alloc(BLOCK);
  if (map === 0) return -ERRNO.ENOMEM;
  const { mem } = env;
  const { dv } = mem;
  dv.setUint32(map + MAP.TYPE, attr.type, true);
  dv.setUint32(map + MAP.ID, facts.id, true);
  dv.setUint32(map + MAP.KEY_SIZE, attr.keySize, true);
  dv.setUint32(map + MAP.VALUE_SIZE, attr.valueSize, true);
  dv.setUint32(map + MAP.MAX_ENTRIES, attr.maxEntries, true);
  dv.setUint32(map + MAP.FLAGS, attr.flags ?? 0, true);
  dv.setUint32(map + MAP.CPU_STRIDE, row.perCpu ? roundUp8(attr.valueSize) : 0, true);
  dv.setUint32(map + MAP.CPUS, facts.cpus, true);
  dv.setBigUint64(map + MAP.EXTRA, attr.mapExtra ?? 0n, true);
  mem.copyIn(map + MAP.NAME, encodeText(attr.name ?? '').subarray(0, 15));
  const error = env.runtime.map_init(map);
  if (error !== 0) {
    env.free(map);
    return error;
  }
  mem.dv.setUint32(map + MAP.MAGIC, MAP_MAGIC, true);
  idTableAdd(mem, mem.dv.getUint32(HEADER.MAP_TABLE, true), facts.id, map, map + NODE);
  return map;
}

/** Frees a map's memory. No thread may use it any more. */
export function destroyMap(env: MapEnv, map: number): void {
  const { mem } = env;
  idTableRemove(mem, mem.dv.getUint32(HEADER.MAP_TABLE, true), mem.dv.getUint32(map + MAP.ID, true));
  mem.dv.setUint32(map + MAP.MAGIC, 0, true);
  env.runtime.map_destroy(map);
  const fields = mem.dv.getUint32(map + MAP.FIELDS, true);
  if (fields !== 0) env.free(fields);
  env.free(map);
}
