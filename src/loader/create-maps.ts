/** Creates the maps of a collection: sizes that depend on the host, inner maps, pinned maps, contents of data sections. */
import { BpfError, MapError, plainMessage, SyscallError } from '../base/index.ts';
import type { MapSpec } from '../elf/index.ts';
import type { Fd, Host } from '../host/index.ts';
import type { MapCreateAttr } from '../maps/index.ts';
import { BpfMap } from './map.ts';
import type { LoadState } from './state.ts';
import type { MapOptions } from './types.ts';

const PERF_EVENT_ARRAY = 4;
const RINGBUF = 27;
const USER_RINGBUF = 31;
const PAGE = 4096;
/** Types whose keys and values the kernel takes no BTF for (libbpf.c bpf_object__create_map, v6.18). */
const UNTYPED = new Set([4, 7, 8, 12, 13, 14, 15, 16, 17, 18, 22, 23, 25, 33]);
/** Bytes of a kernel object's name without its NUL. */
const NAME_SIZE = 15;

/** Creates every map of the spec, in order, into `state`. */
export function createMaps(state: LoadState): void {
  for (const spec of state.spec.maps) {
    const options =
      state.options.maps?.[spec.name] ?? (spec.contents || spec.origin === 'bss' ? state.options.maps?.[spec.section] : undefined);
    const map = createOne(state, spec, options ?? {});
    state.maps.set(spec.name, map);
  }
  for (const spec of state.spec.maps) {
    const map = state.maps.get(spec.name);
    for (const value of spec.values) {
      if (value.kind !== 'map' || map === undefined) continue;
      const inner = state.maps.get(value.name);
      if (inner === undefined) throw new BpfError(`map ${spec.name}: value ${value.index} is map ${value.name}, which does not exist`);
      map.set(indexKey(map, value.index), fdValue(inner.fd));
    }
  }
}

/** The index as a key of the map's size, little-endian. */
export function indexKey(map: BpfMap, index: number): Uint8Array {
  const key = new Uint8Array(Math.max(4, map.info.keySize));
  new DataView(key.buffer).setUint32(0, index, true);
  return key;
}

/** A fd as a map's value. */
export function fdValue(fd: Fd): Uint8Array {
  const value = new Uint8Array(4);
  new DataView(value.buffer).setUint32(0, fd, true);
  return value;
}

/** Attributes of a map after the host's needs: CPUs for perf arrays, whole pages for rings. */
export function mapAttr(host: Host, spec: MapSpec, options: MapOptions): MapCreateAttr {
  let maxEntries = options.maxEntries ?? spec.maxEntries;
  if (spec.type === PERF_EVENT_ARRAY && maxEntries === 0) maxEntries = host.possibleCpus;
  if (spec.type === RINGBUF || spec.type === USER_RINGBUF) maxEntries = ringSize(maxEntries);
  return {
    type: spec.type,
    keySize: spec.keySize,
    valueSize: options.valueSize ?? spec.valueSize,
    maxEntries,
    flags: options.flags ?? spec.flags,
    name: spec.name.slice(0, NAME_SIZE),
    numaNode: spec.numaNode,
    mapExtra: spec.mapExtra,
  };
}

/** The next page times a power of two (libbpf.c adjust_ringbuf_sz, v6.18); 0 and what is too large stay, for the host to refuse. */
function ringSize(size: number): number {
  if (size === 0) return 0;
  let pages = 1;
  while (pages * PAGE < size) pages *= 2;
  return pages * PAGE > 0xffff_ffff ? size : pages * PAGE;
}

function createOne(state: LoadState, spec: MapSpec, options: MapOptions): BpfMap {
  const { host } = state;
  if (options.fd !== undefined) return new BpfMap(host, spec, { fd: options.fd, owned: false, btf: state.spec.btf });
  const attr = mapAttr(host, spec, options);
  const pin = spec.pinning === 'by_name' ? `${state.options.pinPath ?? '/sys/fs/bpf'}/${spec.name.replaceAll('.', '_')}` : undefined;
  if (pin !== undefined) {
    const map = pinned(state, spec, attr, pin);
    if (map !== undefined) return map;
  }
  const fd = mapCreate(state, spec, attr);
  try {
    const map = new BpfMap(host, spec, { fd, owned: true, btf: state.spec.btf });
    const contents = state.contents.get(spec.name);
    if (contents !== undefined) map.set(indexKey(map, 0), padded(contents, map.info.valueSize));
    if (spec.origin === 'rodata' || spec.origin === 'kconfig') map.freeze();
    if (pin !== undefined) host.objPin(fd, pin);
    return map;
  } catch (error) {
    host.close(fd);
    throw error;
  }
}

/** A data section whose value_size was raised keeps its bytes in front. */
function padded(contents: Uint8Array, size: number): Uint8Array {
  if (contents.length === size) return contents;
  const out = new Uint8Array(size);
  out.set(contents.subarray(0, size));
  return out;
}

/** The map pinned under this path, or undefined when there is none. */
function pinned(state: LoadState, spec: MapSpec, attr: MapCreateAttr, path: string): BpfMap | undefined {
  let fd: Fd;
  try {
    fd = state.host.objGet(path);
  } catch (error) {
    if (error instanceof SyscallError && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const map = new BpfMap(state.host, spec, { fd, owned: true, btf: state.spec.btf });
  const { info } = map;
  for (const [what, is, expected] of [
    ['type', info.type, attr.type],
    ['key_size', info.keySize, attr.keySize],
    ['value_size', info.valueSize, attr.valueSize],
    ['max_entries', info.maxEntries, attr.maxEntries],
  ] as const) {
    if (is !== expected) {
      map.close();
      throw new MapError('BPF_OBJ_GET', 'EINVAL', `map ${spec.name}: the one pinned at ${path} has ${what} ${is}, expected ${expected}`);
    }
  }
  return map;
}

function mapCreate(state: LoadState, spec: MapSpec, attr: MapCreateAttr): Fd {
  const { host } = state;
  let innerFd: Fd | undefined;
  try {
    if (spec.inner !== undefined) innerFd = mapCreate(state, spec.inner, mapAttr(host, spec.inner, {}));
    const full = innerFd === undefined ? attr : { ...attr, innerMapFd: innerFd };
    const btfFd = UNTYPED.has(spec.type) || (spec.keyTypeId === 0 && spec.valueTypeId === 0) ? undefined : state.btfFd();
    if (btfFd !== undefined) {
      try {
        return host.mapCreate({ ...full, btfFd, btfKeyTypeId: spec.keyTypeId, btfValueTypeId: spec.valueTypeId });
      } catch (error) {
        // Types are a convenience: libbpf, too, tries again without them.
        if (!(error instanceof SyscallError)) throw error;
      }
    }
    return host.mapCreate(full);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    const facts = `type ${attr.type}, key ${attr.keySize}, value ${attr.valueSize}, max_entries ${attr.maxEntries}, flags 0x${(attr.flags ?? 0).toString(16)}`;
    throw new MapError('BPF_MAP_CREATE', error.errno, `map ${spec.name} (${facts}): ${plainMessage(error)}`, {
      hint: error.hint,
      cause: error,
    });
  } finally {
    if (innerFd !== undefined) host.close(innerFd);
  }
}
