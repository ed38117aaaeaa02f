/** BPF_MAP_*: creation and element commands with the kernel's checks in its order (kernel/bpf/syscall.c, v6.18). What the types do is in maps/. */
import { decodeText, ERRNO, type ErrnoName, NotSupportedError } from '../base/index.ts';
import { openBtf, type SpecialField } from '../btf/index.ts';
import type { MapInfo } from '../host/host.ts';
import {
  checkMapBtf,
  checkSlotUpdate,
  createMap,
  ELEM_FLAG,
  MAP,
  MAP_FLAG,
  type MapCreateAttr,
  mapKernel,
  mapTypeRow,
  numaNode,
  swapSlot,
} from '../maps/index.ts';
import { HEADER } from '../mem/index.ts';
import { nameOk } from '../programs/index.ts';
import type { EngineCore } from './core.ts';
import { engineBtf } from './kernel-types/index.ts';
import type { BtfObject, MapObject, OpenFile } from './objects.ts';
import { fits } from './prog-array.ts';

const PROG_ARRAY = 3;
const PERF_EVENT_ARRAY = 4;
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
    throw new NotSupportedError(`the engine has no maps of type ${row.name}`, { hint: 'the kernel host has them' });
  }
  const errno = row.check(attr, core.cpus);
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
    owner: undefined,
    held: new Map(),
  };
  try {
    if (!nameOk(name)) throw core.error(command, 'EINVAL', `name '${name}' is not at most 15 of A-Z a-z 0-9 _ .`);
    const btf = mapBtf(core, command, attr);
    const whole: MapObject = { ...map, btf, special: specialFields(core, command, attr, btf) };
    if (btf !== undefined) btf.refs++;
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

/** One element command: what was checked, and where key and value stand in memory. */
interface Element {
  readonly file: OpenFile;
  readonly map: MapObject;
  readonly key: number;
  readonly value: number;
  readonly valueSize: number;
}

interface Asked {
  readonly command: string;
  readonly fd: number;
  readonly key: Uint8Array | undefined;
  readonly flags?: bigint;
  readonly allowedFlags?: bigint;
  readonly access: 'read' | 'write' | 'both';
  /** No key means the first one. */
  readonly keyOptional?: boolean;
}

/** The checks that all element commands share, in the kernel's order. */
function element(core: EngineCore, asked: Asked): Element {
  const { command, fd, key } = asked;
  const flags = asked.flags ?? 0n;
  if (asked.allowedFlags !== undefined && (flags & ~asked.allowedFlags) !== 0n) {
    throw core.error(command, 'EINVAL', `flags 0x${flags.toString(16)} are not known`);
  }
  const { file, object: map } = core.want(command, fd, 'map');
  const frozen = core.mem.dv.getUint32(map.offset + MAP.FROZEN, true) !== 0;
  if (asked.access !== 'write' && !file.readable) throw core.error(command, 'EPERM', `fd ${fd} was opened for writing only`);
  if (asked.access !== 'read' && (!file.writable || frozen)) {
    throw core.error(command, 'EPERM', frozen ? 'the map is frozen' : `fd ${fd} was opened for reading only`);
  }
  if ((flags & ELEM_FLAG.LOCK) !== 0n) throw core.error(command, 'EINVAL', 'the value has no bpf_spin_lock');
  const keySize = core.mem.dv.getUint32(map.offset + MAP.KEY_SIZE, true);
  const valueSize = map.kernel.sysValueSize(core.env, map.offset);
  const keyRoom = Math.ceil(keySize / 8) * 8 + 8;
  const at = core.scratch(keyRoom + valueSize);
  if (key === undefined) {
    if (!asked.keyOptional) throw core.error(command, 'EFAULT', `a key of ${keySize} bytes is missing`);
  } else {
    if (key.length !== keySize) throw core.error(command, 'EINVAL', `the key has ${key.length} bytes, expected ${keySize}`);
    core.mem.copyIn(at, key);
  }
  return { file, map, key: key === undefined ? 0 : at, value: at + keyRoom, valueSize };
}

function isSlots(core: EngineCore, map: MapObject): boolean {
  const type = core.mem.dv.getUint32(map.offset + MAP.TYPE, true);
  return type === PROG_ARRAY || type === PERF_EVENT_ARRAY;
}

/** Throws for a negative errno. */
function check(core: EngineCore, command: string, result: number, map: MapObject, what: string): void {
  if (result >= 0) return;
  const name = mapTypeRow(core.mem.dv.getUint32(map.offset + MAP.TYPE, true))?.name ?? '';
  throw core.error(command, -result, `${what} (${name} map ${map.id})`);
}

/** BPF_MAP_LOOKUP_ELEM; undefined for ENOENT. */
export function mapLookupElem(core: EngineCore, fd: number, key: Uint8Array | undefined, flags = 0n): Uint8Array | undefined {
  const command = 'BPF_MAP_LOOKUP_ELEM';
  const e = element(core, { command, fd, key, flags, allowedFlags: ELEM_FLAG.LOCK, access: 'read' });
  const result = e.map.kernel.sysLookup(core.env, e.map.offset, e.key, e.value, flags);
  if (result === -ERRNO.ENOENT) return undefined;
  check(core, command, result, e.map, 'the element cannot be read');
  return core.mem.copyOut(e.value, e.valueSize);
}

/** BPF_MAP_UPDATE_ELEM. */
export function mapUpdateElem(core: EngineCore, fd: number, key: Uint8Array | undefined, value: Uint8Array, flags = 0n): void {
  const command = 'BPF_MAP_UPDATE_ELEM';
  const e = element(core, { command, fd, key, flags, access: 'write' });
  if (value.length !== e.valueSize) throw core.error(command, 'EINVAL', `the value has ${value.length} bytes, expected ${e.valueSize}`);
  if (isSlots(core, e.map)) {
    updateSlot(core, command, e, value, flags);
    return;
  }
  core.mem.copyIn(e.value, value);
  const result = e.map.kernel.sysUpdate(core.env, e.map.offset, e.key, e.value, flags);
  check(core, command, result, e.map, 'the element cannot be written');
}

/** Puts a program or perf event, given by its fd, into a slot. */
function updateSlot(core: EngineCore, command: string, e: Element, value: Uint8Array, flags: bigint): void {
  const { mem } = core;
  const index = mem.dv.getUint32(e.key, true);
  const { map } = e;
  check(core, command, checkSlotUpdate(mem, map.offset, index, flags), map, `slot ${index} cannot be set with flags ${flags}`);
  const fd = new DataView(value.buffer, value.byteOffset).getInt32(0, true);
  let object: Exclude<ReturnType<typeof map.held.get>, undefined>;
  let number: number;
  if (mem.dv.getUint32(map.offset + MAP.TYPE, true) === PROG_ARRAY) {
    const prog = core.want(command, fd, 'prog').object;
    if (!fits(map, prog)) {
      throw core.error(
        command,
        'EINVAL',
        `program ${prog.id} of type ${prog.type} does not fit the map's owner of type ${map.owner?.type}`,
      );
    }
    object = prog;
    number = prog.id;
  } else {
    const event = core.file(fd)?.object;
    if (event?.kind !== 'perf_event') throw core.error(command, 'EBADF', `fd ${fd} is not a perf event`);
    if (event.inherit) throw core.error(command, 'EOPNOTSUPP', 'an inherited perf event cannot be stored');
    object = event;
    number = event.offset;
  }
  object.refs++;
  const old = map.held.get(index);
  map.held.set(index, object);
  swapSlot(mem, map.offset, index, number);
  e.file.slots.add(index);
  if (old !== undefined) core.put(old);
}

/** BPF_MAP_DELETE_ELEM; false for ENOENT. */
export function mapDeleteElem(core: EngineCore, fd: number, key: Uint8Array): boolean {
  const command = 'BPF_MAP_DELETE_ELEM';
  const e = element(core, { command, fd, key, access: 'write' });
  if (isSlots(core, e.map)) {
    const index = core.mem.dv.getUint32(e.key, true);
    if (index >= core.mem.dv.getUint32(e.map.offset + MAP.MAX_ENTRIES, true)) {
      throw core.error(command, 'E2BIG', `slot ${index} does not exist`);
    }
    return core.clearSlot(e.map, index);
  }
  const result = e.map.kernel.sysDelete(core.env, e.map.offset, e.key);
  if (result === -ERRNO.ENOENT) return false;
  check(core, command, result, e.map, 'the element cannot be deleted');
  return true;
}

/** BPF_MAP_GET_NEXT_KEY; undefined for ENOENT. */
export function mapGetNextKey(core: EngineCore, fd: number, key: Uint8Array | undefined): Uint8Array | undefined {
  const command = 'BPF_MAP_GET_NEXT_KEY';
  const e = element(core, { command, fd, key, access: 'read', keyOptional: true });
  const keySize = core.mem.dv.getUint32(e.map.offset + MAP.KEY_SIZE, true);
  const next = core.env.allocOrThrow(keySize);
  try {
    const result = e.map.kernel.getNextKey(core.env, e.map.offset, e.key, next);
    if (result === -ERRNO.ENOENT) return undefined;
    check(core, command, result, e.map, 'there is no next key');
    return core.mem.copyOut(next, keySize);
  } finally {
    core.env.free(next);
  }
}

/** BPF_MAP_LOOKUP_AND_DELETE_ELEM; undefined for ENOENT. */
export function mapLookupAndDeleteElem(core: EngineCore, fd: number, key: Uint8Array | undefined, flags = 0n): Uint8Array | undefined {
  const command = 'BPF_MAP_LOOKUP_AND_DELETE_ELEM';
  const e = element(core, { command, fd, key, flags, allowedFlags: ELEM_FLAG.LOCK, access: 'both' });
  const result = e.map.kernel.sysLookupAndDelete(core.env, e.map.offset, e.key, e.value, flags);
  if (result === -ERRNO.ENOENT) return undefined;
  check(core, command, result, e.map, 'the element cannot be taken');
  return core.mem.copyOut(e.value, e.valueSize);
}

/** BPF_MAP_FREEZE. */
export function mapFreeze(core: EngineCore, fd: number): void {
  const command = 'BPF_MAP_FREEZE';
  const { file, object: map } = core.want(command, fd, 'map');
  if (!file.writable) throw core.error(command, 'EPERM', `fd ${fd} was opened for reading only`);
  if (core.mem.dv.getUint32(map.offset + MAP.FROZEN, true) !== 0) throw core.error(command, 'EPERM', 'the map is frozen already');
  core.mem.dv.setUint32(map.offset + MAP.FROZEN, 1, true);
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
