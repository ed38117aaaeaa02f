/** perf_event_open(2) and its ioctls and mmap, for software events (kernel/events/core.c, v6.18). Records and wake-ups are in perf.ts. */
import { NotSupportedError } from '../base/index.ts';
import type { Clock } from '../helpers/types.ts';
import type { PerfEventAttr, RingView } from '../host/host.ts';
import { HEADER } from '../mem/index.ts';
import type { EngineCore } from './core.ts';
import type { PerfEventObject } from './objects.ts';
import { EVENT, mapRing, PERF_PAGE, PERF_SW, PERF_TYPE_SOFTWARE, SAMPLE, setEnabled } from './perf.ts';

const COMMAND = 'perf_event_open';
const ALL_SAMPLE_BITS = BigInt(Object.values(SAMPLE).reduce((all, bit) => all | bit, 0));
/** Largest ring. */
const PAGES_MAX = 1 << 16;

/** perf_event_open(2) for a software event. @returns its fd */
export function perfEventOpen(core: EngineCore, clock: Clock, attr: PerfEventAttr): number {
  if (attr.pid < 0 && attr.cpu < 0) throw core.error(COMMAND, 'EINVAL', 'pid and cpu are both -1: say which CPU or which task');
  if (attr.type !== PERF_TYPE_SOFTWARE) {
    throw core.error(COMMAND, 'ENOENT', `no event source of type ${attr.type}`, 'the engine has software events (type 1) only');
  }
  if (attr.cpu >= core.cpus) throw core.error(COMMAND, 'EINVAL', `cpu ${attr.cpu} is not below ${core.cpus}`);
  if (attr.config < 0n || attr.config >= BigInt(PERF_SW.MAX)) throw core.error(COMMAND, 'ENOENT', `no software event ${attr.config}`);
  const sampleType = attr.sampleType ?? 0n;
  if ((sampleType & ~ALL_SAMPLE_BITS) !== 0n) {
    throw new NotSupportedError(`the engine's perf records cannot carry sample type 0x${(sampleType & ~ALL_SAMPLE_BITS).toString(16)}`, {
      hint: 'the kernel host can; PERF_SAMPLE_RAW, TID, TIME and CPU work here',
    });
  }
  const { mem } = core;
  const offset = core.env.alloc(EVENT.SIZE);
  if (offset === 0) throw core.error(COMMAND, 'ENOMEM', 'no memory for the event');
  const id = Atomics.add(mem.i64, HEADER.NEXT_EVENT_ID >>> 3, 1n) + 1n;
  const { dv } = mem;
  dv.setUint32(offset + EVENT.TYPE, attr.type, true);
  dv.setBigUint64(offset + EVENT.CONFIG, attr.config, true);
  dv.setInt32(offset + EVENT.CPU, Math.max(-1, attr.cpu), true);
  dv.setInt32(offset + EVENT.PID, Math.max(-1, attr.pid), true);
  dv.setBigUint64(offset + EVENT.SAMPLE_TYPE, sampleType, true);
  dv.setBigUint64(offset + EVENT.EVENT_ID, id, true);
  dv.setUint32(offset + (attr.watermark ? EVENT.ASKED_WATERMARK : EVENT.WAKEUP_EVENTS), attr.wakeup ?? 0, true);
  if (attr.disabled !== true) setEnabled(mem, offset, true, clock.monotonic());
  const event: PerfEventObject = { kind: 'perf_event', id, offset, inherit: attr.inherit === true, refs: 0 };
  core.events.add(event);
  return core.open(event);
}

/** PERF_EVENT_IOC_ENABLE and _DISABLE. */
export function perfEventEnable(core: EngineCore, clock: Clock, fd: number, enabled: 'enable' | 'disable'): void {
  const { object } = core.want('ioctl', fd, 'perf_event');
  setEnabled(core.mem, object.offset, enabled === 'enable', clock.monotonic());
}

/** mmap(2) of an event's ring, made at the first call. */
export function perfEventMmap(core: EngineCore, fd: number, pages: number): RingView {
  const { object } = core.want('mmap', fd, 'perf_event');
  if (!Number.isInteger(pages) || pages < 1 || pages > PAGES_MAX || (pages & (pages - 1)) !== 0) {
    throw core.error('mmap', 'EINVAL', `${pages} data pages, expected a power of two up to ${PAGES_MAX}`);
  }
  const dataSize = pages * PERF_PAGE.SIZE;
  const { mem } = core;
  let base = mem.dv.getUint32(object.offset + EVENT.RING, true);
  if (base === 0) {
    base = mapRing(core.env, object.offset, dataSize);
    if (base === 0) throw core.error('mmap', 'ENOMEM', `no memory for a ring of ${pages} pages`);
  } else if (mem.dv.getUint32(object.offset + EVENT.DATA_SIZE, true) !== dataSize) {
    throw core.error('mmap', 'EINVAL', 'the event has a ring of another size');
  }
  mem.refresh();
  const { offset } = object;
  return { buffer: mem.u8.buffer, base, dataSize, unreported: () => mem.dv.getBigUint64(offset + EVENT.LOST, true) };
}
