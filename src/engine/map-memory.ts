/** What user space has of maps in its own memory: freezing, and mmap(2) of arrays and ring buffers (kernel/bpf/syscall.c bpf_map_mmap, v6.18). */
import type { MapMmapAttr, MapView, RingbufView } from '../host/host.ts';
import { ARRAY, MAP, MAP_FLAG, RING } from '../maps/index.ts';
import type { EngineCore } from './core.ts';
import { typeOf } from './map-elements.ts';
import type { MapObject } from './objects.ts';

const ARRAY_TYPE = 2;
const RINGBUF = 27;
const PAGE = 4096;

/** BPF_MAP_FREEZE: no more writes by user space. */
export function mapFreeze(core: EngineCore, fd: number): void {
  const command = 'BPF_MAP_FREEZE';
  const { file, object: map } = core.want(command, fd, 'map');
  if (map.special.length > 0) throw core.error(command, 'ENOTSUPP', 'maps whose values have special fields cannot be frozen');
  if (!file.writable || frozen(core, map)) {
    throw core.error(command, 'EPERM', frozen(core, map) ? 'the map is frozen already' : `fd ${fd} was opened for reading only`);
  }
  if (map.writableViews > 0) throw core.error(command, 'EBUSY', 'the map is mapped for writing');
  core.mem.dv.setUint32(map.offset + MAP.FROZEN, 1, true);
}

function frozen(core: EngineCore, map: MapObject): boolean {
  return core.mem.dv.getUint32(map.offset + MAP.FROZEN, true) !== 0;
}

/** mmap(2), MAP_SHARED, of an array with BPF_F_MMAPABLE or of a ring buffer. */
export function mapMmap(core: EngineCore, fd: number, attr: MapMmapAttr): MapView {
  const command = 'BPF_MAP_MMAP';
  const { file, object: map } = core.want(command, fd, 'map');
  const { length, offset = 0, writable = false } = attr;
  const type = typeOf(core, map);
  if (!(Number.isInteger(length) && length > 0 && Number.isInteger(offset) && offset >= 0 && offset % PAGE === 0)) {
    throw core.error(command, 'EINVAL', `${length} bytes from ${offset}, expected some from a multiple of ${PAGE}`);
  }
  if (!file.readable || (writable && !file.writable)) throw core.error(command, 'EACCES', `fd ${fd} was not opened for this`);
  if ((type !== ARRAY_TYPE && type !== RINGBUF) || map.special.length > 0) {
    throw core.error(command, 'ENOTSUPP', 'only arrays without special fields and ring buffers can be mapped');
  }
  const flags = core.mem.dv.getUint32(map.offset + MAP.FLAGS, true);
  if (writable && frozen(core, map)) throw core.error(command, 'EPERM', 'the map is frozen');
  if (writable && (flags & MAP_FLAG.RDONLY_PROG) !== 0) throw core.error(command, 'EACCES', 'the map is read-only to programs');
  const pages = Math.ceil(length / PAGE) * PAGE;
  const base = type === RINGBUF ? ringBase(core, map, offset, pages, writable) : arrayBase(core, map, offset, pages);
  return view(core, map, { base: base + offset, length, writable });
}

/** The array's slots, if the pages lie in them. */
function arrayBase(core: EngineCore, map: MapObject, offset: number, bytes: number): number {
  const field = (at: number): number => core.mem.dv.getUint32(map.offset + at, true);
  if ((field(MAP.FLAGS) & MAP_FLAG.MMAPABLE) === 0) throw core.error('BPF_MAP_MMAP', 'EINVAL', 'the array was made without BPF_F_MMAPABLE');
  const size = Math.ceil((field(MAP.MAX_ENTRIES) * field(ARRAY.STRIDE)) / PAGE) * PAGE;
  if (offset + bytes > size) throw core.error('BPF_MAP_MMAP', 'EINVAL', `bytes ${offset} to ${offset + bytes}, expected at most ${size}`);
  return field(ARRAY.DATA);
}

/** Consumer's page, producer's page, data twice; only the first may be written. */
function ringBase(core: EngineCore, map: MapObject, offset: number, bytes: number, writable: boolean): number {
  const field = (at: number): number => core.mem.dv.getUint32(map.offset + at, true);
  if (writable && (offset !== 0 || bytes !== PAGE)) throw core.error('BPF_MAP_MMAP', 'EPERM', "only the consumer's page can be written");
  const size = PAGE * 2 + field(MAP.MAX_ENTRIES) * 2;
  if (offset + bytes > size) throw core.error('BPF_MAP_MMAP', 'EINVAL', `bytes ${offset} to ${offset + bytes}, expected at most ${size}`);
  return field(RING.BLOCK) + RING.CONSUMER;
}

/** A view holds the map until it is unmapped. */
function view(core: EngineCore, map: MapObject, of: { base: number; length: number; writable: boolean }): MapView {
  map.refs++;
  if (of.writable) map.writableViews++;
  core.mem.refresh();
  let mapped = true;
  return {
    buffer: core.mem.u8.buffer,
    base: of.base,
    length: of.length,
    unmap() {
      if (!mapped) return;
      mapped = false;
      if (of.writable) map.writableViews--;
      core.put(map);
      core.reclaim();
    },
  };
}

/** A ring buffer as its consumer maps it. */
export function ringbufMmap(core: EngineCore, fd: number): RingbufView {
  const { object: map } = core.want('BPF_MAP_MMAP', fd, 'map');
  if (typeOf(core, map) !== RINGBUF) throw core.error('BPF_MAP_MMAP', 'EINVAL', `fd ${fd} is not a ring buffer`);
  const dataSize = core.mem.dv.getUint32(map.offset + MAP.MAX_ENTRIES, true);
  const consumer = mapMmap(core, fd, { length: PAGE, writable: true });
  const producer = mapMmap(core, fd, { offset: PAGE, length: PAGE + dataSize * 2 });
  return {
    buffer: consumer.buffer,
    consumer: consumer.base,
    producer: producer.base,
    data: producer.base + PAGE,
    dataSize,
    wakeups: core.mem.dv.getUint32(map.offset + RING.BLOCK, true) + RING.WAKEUPS,
    unmap() {
      consumer.unmap();
      producer.unmap();
    },
  };
}
