/**
 * Maps whose elements are references: user space gives a file descriptor, the memory holds a number that programs follow (a program's id, the offset
 * of an event or of an inner map), and the object is held here as long as it is in the map (kernel/bpf/arraymap.c, map_in_map.c, v6.18).
 */
import { ERRNO } from '../base/index.ts';
import { checkSlotUpdate, holdsMaps, MAP, MAP_FLAG, swapSlot } from '../maps/index.ts';
import type { EngineCore } from './core.ts';
import type { InnerTemplate, MapObject, OpenFile, PerfEventObject, ProgObject } from './objects.ts';
import { fits } from './prog-array.ts';

const ARRAY = 2;
const PROG_ARRAY = 3;
const PERF_EVENT_ARRAY = 4;
const CGROUP_ARRAY = 8;
const ARRAY_OF_MAPS = 12;
const HASH_OF_MAPS = 13;
/** Types whose maps cannot be inner maps: what makes two of them alike is not what is compared (no map_meta_equal). */
const NO_INNER = [PROG_ARRAY, 19, 21, 26];

function typeOf(core: EngineCore, map: MapObject): number {
  return core.mem.dv.getUint32(map.offset + MAP.TYPE, true);
}

/** Whether elements are references. */
export function holdsReferences(core: EngineCore, map: MapObject): boolean {
  const type = typeOf(core, map);
  return type === PROG_ARRAY || type === PERF_EVENT_ARRAY || type === CGROUP_ARRAY || holdsMaps(type);
}

/** What inner maps must be like, of the map that a map of maps is made with (bpf_map_meta_alloc). */
export function innerTemplate(core: EngineCore, command: string, fd: number | undefined): InnerTemplate {
  if (fd === undefined) throw core.error(command, 'EINVAL', 'a map of maps needs the fd of an inner map');
  const inner = core.want(command, fd, 'map').object;
  const type = typeOf(core, inner);
  if (holdsMaps(type)) throw core.error(command, 'EINVAL', 'a map of maps cannot hold maps of maps');
  if (NO_INNER.includes(type)) throw core.error(command, 'ENOTSUPP', `maps of type ${type} cannot be inner maps`);
  return templateOf(core, inner);
}

function templateOf(core: EngineCore, map: MapObject): InnerTemplate {
  const field = (offset: number): number => core.mem.dv.getUint32(map.offset + offset, true);
  return {
    type: field(MAP.TYPE),
    keySize: field(MAP.KEY_SIZE),
    valueSize: field(MAP.VALUE_SIZE),
    maxEntries: field(MAP.MAX_ENTRIES),
    flags: field(MAP.FLAGS),
    special: map.special,
    hasBtf: map.btf !== undefined,
  };
}

/** Whether a map is like the template (bpf_map_meta_equal, array_map_meta_equal). */
function alike(map: InnerTemplate, template: InnerTemplate): boolean {
  const { type, keySize, valueSize, flags } = template;
  if (map.type !== type || map.keySize !== keySize || map.valueSize !== valueSize || map.flags !== flags) return false;
  const fields = (of: InnerTemplate): string => of.special.map(({ kind, offset, size }) => `${kind}@${offset}+${size}`).join();
  if (fields(map) !== fields(template)) return false;
  return type !== ARRAY || (flags & MAP_FLAG.INNER_MAP) !== 0 || map.maxEntries === template.maxEntries;
}

/** An update of a map of references; key and value stand in memory. */
interface ReferenceUpdate {
  readonly file: OpenFile;
  readonly map: MapObject;
  readonly key: number;
  readonly value: number;
  readonly flags: bigint;
}

/** Puts what the fd in the value stands for into the map. Throws MapError. */
export function updateReference(core: EngineCore, command: string, asked: ReferenceUpdate): void {
  const { map, key, flags } = asked;
  const { mem } = core;
  const fd = mem.dv.getInt32(asked.value, true);
  if (typeOf(core, map) === HASH_OF_MAPS) {
    updateHash(core, command, asked, fd);
    return;
  }
  const index = mem.dv.getUint32(key, true);
  const error = checkSlotUpdate(mem, map.offset, index, flags);
  if (error !== 0) throw core.error(command, -error, `slot ${index} cannot be set with flags ${flags}`);
  const object = wanted(core, command, map, fd);
  object.refs++;
  const old = map.held.get(index);
  map.held.set(index, object);
  swapSlot(mem, map.offset, index, object.kind === 'prog' ? object.id : object.offset);
  asked.file.slots.add(index);
  if (old !== undefined) core.put(old);
}

function updateHash(core: EngineCore, command: string, asked: ReferenceUpdate, fd: number): void {
  const { map, key, value, flags } = asked;
  const inner = innerMap(core, command, map, fd);
  core.mem.dv.setUint32(value, inner.offset, true);
  const result = map.kernel.sysUpdate(core.env, map.offset, key, value, flags);
  if (result < 0) throw core.error(command, -result, 'the element cannot be written');
  inner.refs++;
  const name = keyName(core, map, key);
  const old = map.held.get(name);
  map.held.set(name, inner);
  if (old !== undefined) core.put(old);
}

/** Takes a reference out. @returns 0 or a negative errno */
export function deleteReference(core: EngineCore, map: MapObject, key: number): number {
  if (typeOf(core, map) === HASH_OF_MAPS) {
    const result = map.kernel.sysDelete(core.env, map.offset, key);
    if (result !== 0) return result;
    const name = keyName(core, map, key);
    const old = map.held.get(name);
    map.held.delete(name);
    if (old !== undefined) core.put(old);
    return 0;
  }
  const index = core.mem.dv.getUint32(key, true);
  if (index >= core.mem.dv.getUint32(map.offset + MAP.MAX_ENTRIES, true)) return -ERRNO.E2BIG;
  return core.clearSlot(map, index) ? 0 : -ERRNO.ENOENT;
}

/** Turns the inner map's offset that a lookup gave into its id. */
export function referenceId(core: EngineCore, map: MapObject, value: number): void {
  const { dv } = core.mem;
  if (holdsMaps(typeOf(core, map))) dv.setUint32(value, dv.getUint32(dv.getUint32(value, true) + MAP.ID, true), true);
}

/** The object of an fd, which must be of the kind that the map holds. */
function wanted(core: EngineCore, command: string, map: MapObject, fd: number): ProgObject | PerfEventObject | MapObject {
  const type = typeOf(core, map);
  if (type === PROG_ARRAY) {
    const prog = core.want(command, fd, 'prog').object;
    if (fits(map, prog)) return prog;
    throw core.error(command, 'EINVAL', `program ${prog.id} of type ${prog.type} does not fit the map's owner of type ${map.owner?.type}`);
  }
  if (type === ARRAY_OF_MAPS) return innerMap(core, command, map, fd);
  const event = core.file(fd)?.object;
  if (type === CGROUP_ARRAY || event?.kind !== 'perf_event') {
    throw core.error(command, 'EBADF', `fd ${fd} is not a ${type === CGROUP_ARRAY ? 'cgroup' : 'perf event'}`);
  }
  if (event.inherit) throw core.error(command, 'EOPNOTSUPP', 'an inherited perf event cannot be stored');
  return event;
}

function innerMap(core: EngineCore, command: string, map: MapObject, fd: number): MapObject {
  const inner = core.want(command, fd, 'map').object;
  if (map.inner !== undefined && alike(templateOf(core, inner), map.inner)) return inner;
  throw core.error(command, 'EINVAL', `map ${inner.id} is not like the inner map that map ${map.id} was made with`);
}

function keyName(core: EngineCore, map: MapObject, key: number): string {
  return core.mem.copyOut(key, core.mem.dv.getUint32(map.offset + MAP.KEY_SIZE, true)).join();
}
