/** Maps that exist for verification alone: their attributes, whether they are frozen, and the bytes of a data section. */
import { type ErrnoName, MapError } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import {
  checkCreation,
  checkedLate,
  checkMapBtf,
  MAP_FLAG,
  type MapCreateAttr,
  mapTypeRow,
  missingForMap,
  numaNode,
} from '../maps/index.ts';
import { type Loader, nameOk } from '../programs/index.ts';
import type { MapFacts } from '../verifier/index.ts';

const ARRAY = 2;
const CGROUP_STORAGE = [19, 21];
const DEVMAPS = [14, 25];
const MAPS_OF_MAPS = [12, 13];
/** Program arrays, storage of cgroups, tables of operations. */
const NO_INNER = [3, 19, 21, 26];
const STRUCT_OPS = 26;
const BLOOM_FILTER = 30;
const ARENA = 33;
const COMMAND = 'BPF_MAP_CREATE';

/** A map of the checker. */
export interface CheckedMap {
  readonly kind: 'map';
  readonly attr: MapCreateAttr;
  readonly facts: MapFacts & { frozen: boolean };
  /** The value of an array with one element. */
  value: Uint8Array | undefined;
}

/** The attributes' refusal by the kernel's rules (kernel/bpf/syscall.c map_create, v6.18): errno and sentence. */
function refusal(attr: MapCreateAttr, cpus: number, loader: Loader): readonly [ErrnoName | number, string] | undefined {
  const flags = attr.flags ?? 0;
  if (attr.type !== STRUCT_OPS && (attr.btfKeyTypeId ?? 0) !== 0 && (attr.btfValueTypeId ?? 0) === 0) {
    return ['EINVAL', 'a BTF key type needs a BTF value type'];
  }
  if (attr.type !== BLOOM_FILTER && attr.type !== ARENA && (attr.mapExtra ?? 0n) !== 0n) {
    return ['EINVAL', `map_extra is ${attr.mapExtra}, expected 0 for this type`];
  }
  if ((flags & (MAP_FLAG.RDONLY | MAP_FLAG.WRONLY)) === (MAP_FLAG.RDONLY | MAP_FLAG.WRONLY)) {
    return ['EINVAL', 'BPF_F_RDONLY and BPF_F_WRONLY exclude each other'];
  }
  if ((numaNode(attr) ?? 0) > 0) return ['EINVAL', `NUMA node ${attr.numaNode} is not online`];
  const row = attr.type === 0 ? undefined : mapTypeRow(attr.type);
  if (row === undefined) return ['EINVAL', `map type ${attr.type} does not exist`];
  const errno = checkCreation(attr, cpus);
  const missing = errno === 0 || checkedLate(attr.type) ? missingForMap(attr.type, loader) : undefined;
  if (missing !== undefined) return ['EPERM', `maps of type ${attr.type} need ${missing}`];
  const what = `key_size ${attr.keySize}, value_size ${attr.valueSize}, max_entries ${attr.maxEntries}, flags 0x${flags.toString(16)}`;
  if (errno !== 0) return [-errno, `a ${row.name} map cannot have ${what}`];
  if (!nameOk(attr.name ?? '')) return ['EINVAL', `name '${attr.name}' is not at most 15 of A-Z a-z 0-9 _ .`];
  return undefined;
}

/** Maps of maps need a template, which is neither one itself nor of a type whose maps differ in what is not compared (bpf_map_meta_alloc). */
function innerRefusal(attr: MapCreateAttr, inner: CheckedMap | undefined): readonly [ErrnoName, string] | undefined {
  if (!MAPS_OF_MAPS.includes(attr.type)) return undefined;
  if (inner === undefined) return ['EINVAL', 'a map of maps needs the fd of an inner map'];
  if (MAPS_OF_MAPS.includes(inner.attr.type)) return ['EINVAL', 'a map of maps cannot hold maps of maps'];
  return NO_INNER.includes(inner.attr.type) ? ['ENOTSUPP', `maps of type ${inner.attr.type} cannot be inner maps`] : undefined;
}

/** The attributes that the kernel keeps: pointers into device maps are read-only to programs, whatever was asked. */
function kept(attr: MapCreateAttr): MapCreateAttr {
  return DEVMAPS.includes(attr.type) ? { ...attr, flags: (attr.flags ?? 0) | MAP_FLAG.RDONLY_PROG } : attr;
}

/**
 * Makes a map after the kernel's checks. Throws MapError.
 * @param world possible CPUs, who makes it, the BTF that the attributes name, the inner map they name, the kernel's BTF
 */
export function createMap(
  given: MapCreateAttr,
  world: {
    readonly cpus: number;
    readonly loader?: Loader | undefined;
    readonly btf: Btf | undefined;
    readonly inner: CheckedMap | undefined;
    readonly kernelBtf: () => Btf | undefined;
  },
): CheckedMap {
  const attr = kept(given);
  const refused = refusal(given, world.cpus, world.loader ?? {});
  if (refused !== undefined) throw new MapError(COMMAND, ...refused);
  const { btf, inner } = world;
  const template = innerRefusal(attr, inner);
  if (template !== undefined) throw new MapError(COMMAND, ...template);
  const special = btf === undefined || (attr.btfValueTypeId ?? 0) === 0 ? [] : checkMapBtf(attr, btf, world.kernelBtf());
  if (typeof special === 'number') {
    throw new MapError(
      COMMAND,
      -special,
      `types ${attr.btfKeyTypeId ?? 0} and ${attr.btfValueTypeId} do not fit a map of this type and size`,
    );
  }
  const map: CheckedMap = {
    kind: 'map',
    attr,
    value: attr.type === ARRAY && attr.maxEntries === 1 ? new Uint8Array(attr.valueSize) : undefined,
    facts: {
      type: attr.type,
      keySize: attr.keySize,
      valueSize: attr.valueSize,
      maxEntries: attr.maxEntries,
      flags: attr.flags ?? 0,
      name: attr.name ?? '',
      frozen: false,
      hasBtf: btf !== undefined && !CGROUP_STORAGE.includes(attr.type),
      special,
      ...(inner === undefined ? {} : { inner: { ...inner.facts, name: '', frozen: false, contents: () => undefined } }),
      contents: () => map.value,
    },
  };
  return map;
}
