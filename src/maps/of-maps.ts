/** Maps of maps as a thread finds them in the memory: which types they are, and the inner maps that they hold now. */
import { ARRAY, MAP } from './layout.ts';
import type { MapEnv } from './types.ts';

const ARRAY_OF_MAPS = 12;
const HASH_OF_MAPS = 13;

/** Whether a type holds maps. */
export function holdsMaps(type: number): boolean {
  return type === ARRAY_OF_MAPS || type === HASH_OF_MAPS;
}

/** Offsets of the descriptors of the inner maps of `map`; none where it is no map of maps. */
export function innerMaps({ mem, runtime }: MapEnv, map: number): number[] {
  const { dv } = mem;
  const type = dv.getUint32(map + MAP.TYPE, true);
  const found: number[] = [];
  if (type === ARRAY_OF_MAPS) {
    const max = dv.getUint32(map + MAP.MAX_ENTRIES, true);
    for (let i = 0; i < max; i++) found.push(dv.getUint32(dv.getUint32(map + ARRAY.DATA, true) + i * 4, true));
  } else if (type === HASH_OF_MAPS) {
    for (let elem = runtime.hash_next(map, 0) >>> 0; elem !== 0; elem = runtime.hash_next(map, elem) >>> 0) {
      found.push(dv.getUint32(runtime.hash_value(map, elem) >>> 0, true));
    }
  }
  return found.filter((inner) => inner !== 0);
}
