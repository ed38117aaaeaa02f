/** BPF_MAP_CREATE with the kernel's checks in its order, and what bpf(2) tells of maps (kernel/bpf/syscall.c, v6.18). What the types do is in maps/. */
import { decodeText, type ErrnoName, NotSupportedError } from '../base/index.ts';
import { openBtf, type SpecialField } from '../btf/index.ts';
import type { MapInfo } from '../host/host.ts';
import {
  checkCreation,
  checkedLate,
  checkMapBtf,
  createMap,
  holdsMaps,
  MAP,
  MAP_FLAG,
  type MapCreateAttr,
  mapKernel,
  mapTypeRow,
  missingForMap,
  numaNode,
} from '../maps/index.ts';
import { HEADER } from '../mem/index.ts';
import { nameOk } from '../programs/index.ts';
import type { EngineCore } from './core.ts';
import { engineBtf } from './kernel-types/index.ts';
import { innerTemplate } from './map-slots.ts';
import type { BtfObject, MapObject } from './objects.ts';

const BLOOM_FILTER = 30;
const ARENA = 33;
/** One NUMA node: 0. */
const NUMA_NODES = 1;

/** Why a creation fails before memory is touched: errno name and sentence. */
function refuseCreate(core: EngineCore, attr: MapCreateAttr): readonly [ErrnoName | number, string] | undefined {
  const flags = attr.flags ?? 0;
  if ((attr.btfKeyTypeId ?? 0) !== 0 && (attr.btfValueTypeId ?? 0) === 0) return ['EINVAL', 'a BTF key type needs a BTF value type'];
  if (attr.type !== BLOOM_FILTER && attr.type !== ARENA && (attr.mapExtra ?? 0n) !== 0n) {
    return ['EINVAL', `map_extra is ${attr.mapExtra}, expected 0 for this type`];
  }
  if ((flags & (MAP_FLAG.RDONLY | MAP_FLAG.WRONLY)) === (MAP_FLAG.RDONLY | MAP_FLAG.WRONLY)) {
    return ['EINVAL', 'BPF_F_RDONLY and BPF_F_WRONLY exclude each other'];
  }
  if ((numaNode(attr) ?? 0) >= NUMA_NODES) return ['EINVAL', `NUMA node ${attr.numaNode} is not online`];
  const row = attr.type === 0 ? undefined : mapTypeRow(attr.type);
  if (row === undefined) return ['EINVAL', `map type ${attr.type} does not exist`];
  if (row.check === undefined) {
    throw new NotSupportedError(`the engine has no maps of type ${row.name}: ${row.lacking ?? ''}`, { hint: 'the kernel host has them' });
  }
  const errno = checkCreation(attr, core.cpus);
  const missing = errno === 0 || checkedLate(attr.type) ? missingForMap(attr.type, core.loader) : undefined;
  if (missing !== undefined) return ['EPERM', `maps of type ${attr.type} need ${missing}`];
  if (errno === 0) return undefined;
  const what = `key_size ${attr.keySize}, value_size ${attr.valueSize}, max_entries ${attr.maxEntries}, flags 0x${flags.toString(16)}`;
  return [-errno, `a ${row.name} map cannot have ${what}`];
}

/** BPF_MAP_CREATE. @returns the map's fd */
export function mapCreate(core: EngineCore, attr: MapCreateAttr): number {
  const command = 'BPF_MAP_CREATE';
  for (const field of ['type', 'keySize', 'valueSize', 'maxEntries', 'flags', 'numaNode'] as const) {
    const value: unknown = attr[field] ?? 0;
    if (!(Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff_ffff)) {
      throw core.error(command, 'EINVAL', `${field} is ${String(value)}, expected a whole number from 0 to 4294967295`);
    }
  }
  const refusal = refuseCreate(core, attr);
  if (refusal !== undefined) throw core.error(command, ...refusal);
  const inner = holdsMaps(attr.type) ? innerTemplate(core, command, attr.innerMapFd) : undefined;
  core.reclaim();
  const id = core.nextId(HEADER.NEXT_MAP_ID);
  const { type, keySize, valueSize, maxEntries, flags = 0, name = '', mapExtra = 0n } = attr;
  const bounded = { type, keySize, valueSize, maxEntries, flags, name, mapExtra };
  const offset = createMap(core.env, bounded, { id, cpus: core.cpus });
  if (offset < 0)
    throw core.error(command, -offset, `no memory for ${attr.maxEntries} elements of ${attr.valueSize} bytes`, 'use a smaller map');
  const map: MapObject = {
    kind: 'map',
    id,
    offset,
    kernel: mapKernel(core.mem, offset),
    refs: 1,
    btf: undefined,
    btfKeyTypeId: attr.btfKeyTypeId ?? 0,
    btfValueTypeId: attr.btfValueTypeId ?? 0,
    special: [],
    inner,
    writableViews: 0,
    owner: undefined,
    held: new Map(),
  };
  try {
    if (!nameOk(name)) throw core.error(command, 'EINVAL', `name '${name}' is not at most 15 of A-Z a-z 0-9 _ .`);
    const btf = mapBtf(core, command, attr);
    const whole: MapObject = { ...map, btf, special: specialFields(core, command, attr, btf) };
    if (btf !== undefined) btf.refs++;
    storeFields(core, whole);
    core.maps.set(id, whole);
    const fd = core.open(whole, { readable: (flags & MAP_FLAG.WRONLY) === 0, writable: (flags & MAP_FLAG.RDONLY) === 0 });
    whole.refs--;
    return fd;
  } catch (error) {
    core.put(map);
    throw error;
  }
}

function mapBtf(core: EngineCore, command: string, attr: MapCreateAttr): BtfObject | undefined {
  if ((attr.btfKeyTypeId ?? 0) === 0 && (attr.btfValueTypeId ?? 0) === 0) return undefined;
  return core.want(command, attr.btfFd ?? -1, 'btf').object;
}

function specialFields(core: EngineCore, command: string, attr: MapCreateAttr, btf: BtfObject | undefined): readonly SpecialField[] {
  if (btf === undefined || (attr.btfValueTypeId ?? 0) === 0) return [];
  const fields = checkMapBtf(attr, openBtf(btf.bytes), engineBtf());
  if (typeof fields !== 'number') return fields;
  throw core.error(command, -fields, `types ${attr.btfKeyTypeId ?? 0} and ${attr.btfValueTypeId} do not fit a map of this type and size`);
}

/** BPF_OBJ_GET_INFO_BY_FD on a map. */
export function mapInfo(core: EngineCore, fd: number): MapInfo {
  const { object: map } = core.want('BPF_OBJ_GET_INFO_BY_FD', fd, 'map');
  const { dv, u8 } = core.mem;
  const u32 = (field: number): number => dv.getUint32(map.offset + field, true);
  const name = decodeText(u8, map.offset + MAP.NAME, map.offset + MAP.NAME + 16);
  const info: MapInfo = {
    type: u32(MAP.TYPE),
    id: map.id,
    keySize: u32(MAP.KEY_SIZE),
    valueSize: u32(MAP.VALUE_SIZE),
    maxEntries: u32(MAP.MAX_ENTRIES),
    flags: u32(MAP.FLAGS),
    name: name.slice(0, name.indexOf('\0')),
  };
  if (map.btf === undefined) return info;
  return { ...info, btfId: map.btf.id, btfKeyTypeId: map.btfKeyTypeId, btfValueTypeId: map.btfValueTypeId };
}

/** Tells the map's kernels of the fields that copies of values go around. Throws MapError without memory. */
function storeFields(core: EngineCore, map: MapObject): void {
  const { special } = map;
  if (special.length === 0) return;
  const table = core.env.alloc(4 + special.length * 8);
  if (table === 0) throw core.error('BPF_MAP_CREATE', 'ENOMEM', 'no memory for the table of fields');
  const { dv } = core.mem;
  dv.setUint32(table, special.length, true);
  [...special]
    .sort((a, b) => a.offset - b.offset)
    .forEach(({ offset, size, kind }, i) => {
      dv.setUint32(table + 4 + i * 8, offset, true);
      dv.setUint32(table + 8 + i * 8, size, true);
      if (kind === 'spin_lock') dv.setUint32(map.offset + MAP.VALUE_LOCK, offset + 1, true);
    });
  dv.setUint32(map.offset + MAP.FIELDS, table, true);
}

/** BPF_MAP_GET_NEXT_ID: the least id above `id`; undefined after the last. */
export function mapGetNextId(core: EngineCore, id: number): number | undefined {
  let next: number | undefined;
  for (const known of core.maps.keys()) if (known > id && (next === undefined || known < next)) next = known;
  return next;
}

/** BPF_MAP_GET_FD_BY_ID. */
export function mapGetFdById(core: EngineCore, id: number): number {
  const map = core.maps.get(id);
  if (map === undefined) throw core.error('BPF_MAP_GET_FD_BY_ID', 'ENOENT', `there is no map ${id}`);
  return core.open(map);
}
