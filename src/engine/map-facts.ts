/** What the verifier asks of the engine's maps. */
import { MAP } from '../maps/index.ts';
import type { MapFacts } from '../verifier/index.ts';
import type { EngineCore } from './core.ts';
import type { InnerTemplate, MapObject } from './objects.ts';

const ARRAY = 2;

/** The facts of maps, the same object for the same map. */
export class MapFactsOf {
  readonly #core: EngineCore;
  readonly #known = new Map<MapObject, MapFacts>();

  constructor(core: EngineCore) {
    this.#core = core;
  }

  of(map: MapObject): MapFacts {
    const known = this.#known.get(map);
    if (known !== undefined) return known;
    const { dv, u8 } = this.#core.mem;
    const field = (offset: number): number => dv.getUint32(map.offset + offset, true);
    const type = field(MAP.TYPE);
    const valueSize = field(MAP.VALUE_SIZE);
    const base = type === ARRAY ? map.kernel.regions(this.#core.env, map.offset)[0]?.base : undefined;
    const facts: MapFacts = {
      type,
      keySize: field(MAP.KEY_SIZE),
      valueSize,
      maxEntries: field(MAP.MAX_ENTRIES),
      flags: field(MAP.FLAGS),
      name: nameOf(u8.slice(map.offset + MAP.NAME, map.offset + MAP.NAME + 16)),
      frozen: field(MAP.FROZEN) !== 0,
      hasBtf: map.btf !== undefined,
      special: map.special,
      ...(map.inner === undefined ? {} : { inner: innerFacts(map.inner) }),
      contents: () => (base === undefined ? undefined : u8.slice(base, base + valueSize)),
    };
    this.#known.set(map, facts);
    return facts;
  }
}

/** Of inner maps only what all of them share is known. */
function innerFacts(inner: InnerTemplate): MapFacts {
  return { ...inner, name: '', frozen: false, contents: () => undefined };
}

function nameOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.length : end));
}
