/** BPF_MAP_*_ELEM and BPF_MAP_GET_NEXT_KEY: one element at a time, with the kernel's checks in its order (kernel/bpf/syscall.c, v6.18). */
import { ERRNO } from '../base/index.ts';
import { ELEM_FLAG, MAP, mapTypeRow } from '../maps/index.ts';
import type { EngineCore } from './core.ts';
import { deleteReference, holdsReferences, referenceId, updateReference } from './map-slots.ts';
import type { MapObject, OpenFile } from './objects.ts';

const QUEUE = 22;
const STACK = 23;
const BLOOM_FILTER = 30;

/** What an element command needs to be allowed. */
export interface Access {
  readonly command: string;
  readonly fd: number;
  readonly access: 'read' | 'write' | 'both';
}

/** The fd's map, if the file allows the access; a frozen map is not written. */
export function accessMap(core: EngineCore, { command, fd, access }: Access): { readonly file: OpenFile; readonly map: MapObject } {
  const { file, object: map } = core.want(command, fd, 'map');
  const frozen = core.mem.dv.getUint32(map.offset + MAP.FROZEN, true) !== 0;
  if (access !== 'write' && !file.readable) throw core.error(command, 'EPERM', `fd ${fd} was opened for writing only`);
  if (access !== 'read' && (!file.writable || frozen)) {
    throw core.error(command, 'EPERM', frozen ? 'the map is frozen' : `fd ${fd} was opened for reading only`);
  }
  return { file, map };
}

/** BPF_F_LOCK needs a bpf_spin_lock in the value. */
export function checkLock(core: EngineCore, command: string, map: MapObject, flags: bigint): void {
  if ((flags & ELEM_FLAG.LOCK) !== 0n && core.mem.dv.getUint32(map.offset + MAP.VALUE_LOCK, true) === 0) {
    throw core.error(command, 'EINVAL', 'the value has no bpf_spin_lock');
  }
}

/** Throws for a negative errno. */
export function checkResult(core: EngineCore, command: string, result: number, map: MapObject, what: string): void {
  if (result >= 0) return;
  throw core.error(command, -result, `${what} (${mapTypeRow(typeOf(core, map))?.name ?? ''} map ${map.id})`);
}

/** enum bpf_map_type of a map. */
export function typeOf(core: EngineCore, map: MapObject): number {
  return core.mem.dv.getUint32(map.offset + MAP.TYPE, true);
}

/** One element command: what was checked, and where key and value stand in memory. */
interface Element {
  readonly file: OpenFile;
  readonly map: MapObject;
  readonly key: number;
  readonly value: number;
  readonly valueSize: number;
}

interface Asked extends Access {
  readonly key: Uint8Array | undefined;
  readonly flags?: bigint;
  readonly allowedFlags?: bigint;
  /** No key means the first one. */
  readonly keyOptional?: boolean;
}

/** The checks that all element commands share, in the kernel's order. */
function element(core: EngineCore, asked: Asked): Element {
  const { command, key } = asked;
  const flags = asked.flags ?? 0n;
  if (asked.allowedFlags !== undefined && (flags & ~asked.allowedFlags) !== 0n) {
    throw core.error(command, 'EINVAL', `flags 0x${flags.toString(16)} are not known`);
  }
  const { file, map } = accessMap(core, asked);
  if (asked.access === 'both' && flags !== 0n && (typeOf(core, map) === QUEUE || typeOf(core, map) === STACK)) {
    throw core.error(command, 'EINVAL', `flags 0x${flags.toString(16)}, expected none`);
  }
  checkLock(core, command, map, flags);
  const keySize = core.mem.dv.getUint32(map.offset + MAP.KEY_SIZE, true);
  const valueSize = map.kernel.sysValueSize(core.env, map.offset);
  const keyRoom = Math.ceil(keySize / 8) * 8 + 8;
  const at = core.scratch(keyRoom + valueSize);
  if (key !== undefined) {
    if (key.length !== keySize || keySize === 0)
      throw core.error(command, 'EINVAL', `the key has ${key.length} bytes, expected ${keySize === 0 ? 'none' : keySize}`);
    core.mem.copyIn(at, key);
  } else if (keySize !== 0 && asked.keyOptional !== true) {
    throw core.error(command, 'EFAULT', `a key of ${keySize} bytes is missing`);
  }
  return { file, map, key: key === undefined ? 0 : at, value: at + keyRoom, valueSize };
}

/** BPF_MAP_LOOKUP_ELEM; undefined for ENOENT. @param value of bloom filters: what is looked up */
export function mapLookupElem(
  core: EngineCore,
  fd: number,
  key: Uint8Array | undefined,
  flags = 0n,
  value?: Uint8Array,
): Uint8Array | undefined {
  const command = 'BPF_MAP_LOOKUP_ELEM';
  const e = element(core, { command, fd, key, flags, allowedFlags: ELEM_FLAG.LOCK, access: 'read' });
  if (typeOf(core, e.map) === BLOOM_FILTER) {
    if (value === undefined) throw core.error(command, 'EFAULT', 'a bloom filter is asked for a value, which is missing');
    putValue(core, command, e, value);
  }
  return lookup(core, command, e.map, e.key, e.value, flags) ? core.mem.copyOut(e.value, e.valueSize) : undefined;
}

/** Looks up into memory at `value`; references read as ids. @returns false for ENOENT */
export function lookup(core: EngineCore, command: string, map: MapObject, key: number, value: number, flags: bigint): boolean {
  const result = map.kernel.sysLookup(core.env, map.offset, key, value, flags);
  if (result === -ERRNO.ENOENT) return false;
  checkResult(core, command, result, map, 'the element cannot be read');
  referenceId(core, map, value);
  return true;
}

function putValue(core: EngineCore, command: string, e: Element, value: Uint8Array): void {
  if (value.length !== e.valueSize) throw core.error(command, 'EINVAL', `the value has ${value.length} bytes, expected ${e.valueSize}`);
  core.mem.copyIn(e.value, value);
}

/** BPF_MAP_UPDATE_ELEM. */
export function mapUpdateElem(core: EngineCore, fd: number, key: Uint8Array | undefined, value: Uint8Array, flags = 0n): void {
  const command = 'BPF_MAP_UPDATE_ELEM';
  const e = element(core, { command, fd, key, flags, access: 'write' });
  putValue(core, command, e, value);
  update(core, command, e.file, e.map, e.key, e.value, flags);
}

/** Updates from memory: key and value stand there. */
export function update(core: EngineCore, command: string, file: OpenFile, map: MapObject, key: number, value: number, flags: bigint): void {
  if (holdsReferences(core, map)) {
    updateReference(core, command, { file, map, key, value, flags });
    return;
  }
  const result = map.kernel.sysUpdate(core.env, map.offset, key, value, flags);
  checkResult(core, command, result, map, 'the element cannot be written');
}

/** BPF_MAP_DELETE_ELEM; false for ENOENT. */
export function mapDeleteElem(core: EngineCore, fd: number, key: Uint8Array | undefined): boolean {
  const command = 'BPF_MAP_DELETE_ELEM';
  const e = element(core, { command, fd, key, access: 'write' });
  return remove(core, command, e.map, e.key);
}

/** Deletes the key that stands in memory. @returns false for ENOENT */
export function remove(core: EngineCore, command: string, map: MapObject, key: number): boolean {
  const result = holdsReferences(core, map) ? deleteReference(core, map, key) : map.kernel.sysDelete(core.env, map.offset, key);
  if (result === -ERRNO.ENOENT) return false;
  checkResult(core, command, result, map, 'the element cannot be deleted');
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
    checkResult(core, command, result, e.map, 'there is no next key');
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
  checkResult(core, command, result, e.map, 'the element cannot be taken');
  return core.mem.copyOut(e.value, e.valueSize);
}
