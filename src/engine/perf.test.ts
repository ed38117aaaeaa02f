/** Perf events and rings through programs: record sizes, loss, wrapping, wake-ups, insertion rules. Figures are those that Linux 6.18 showed. */
import { afterEach, describe, expect, test } from 'vitest';
import { assemble } from '../asm/index.ts';
import { ERRNO, SyscallError } from '../base/index.ts';
import type { PerfEventAttr, RingView } from '../host/index.ts';
import { Engine, PERF_PAGE, SAMPLE } from './index.ts';

const RAW_TP = 17;
const u32 = (n: number): Uint8Array => Uint8Array.from([n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24]);
const errno = (f: () => unknown): string => {
  try {
    f();
    return 'ok';
  } catch (error) {
    return error instanceof SyscallError ? error.code : String(error);
  }
};
/** Not in the library types yet. */
const { waitAsync } = Atomics as unknown as {
  waitAsync(words: Int32Array, index: number, value: number): { readonly async: boolean };
};
const engines: Engine[] = [];
afterEach(() => {
  for (const e of engines.splice(0)) {
    expect(e.faults()).toEqual({ total: 0, recent: [] });
    e.closeAll();
  }
});

interface Record {
  readonly type: number;
  readonly size: number;
  readonly bytes: Uint8Array;
}

function setup(attr: Partial<PerfEventAttr> = {}) {
  const e = new Engine({ cpus: 2 });
  engines.push(e);
  const map = e.mapCreate({ type: 4, keySize: 4, valueSize: 4, maxEntries: 2 });
  const event = e.perfEventOpen({ type: 1, config: 10n, sampleType: BigInt(SAMPLE.RAW), samplePeriod: 1n, pid: -1, cpu: 0, ...attr });
  e.mapUpdateElem(map, u32(0), u32(event));
  return { e, map, event };
}

/** Emits `size` bytes, 0x11 each, with flags BPF_F_CURRENT_CPU or an index. @returns the helper's result */
function emitter(e: Engine, map: number, size: number, index = 0xffff_ffff): (cpu?: number) => number {
  const fill = Array.from({ length: Math.ceil(size / 8) }, (_, i) => `*(u64 *)(r10 - ${(i + 1) * 8}) = r1`).join('\n');
  const insns = assemble(`
    r6 = r1
    r1 = 0x1111111111111111 ll
    ${fill}
    r1 = r6
    r2 = map[fd:${map}]
    r3 = ${index} ll
    r4 = r10
    r4 += ${-Math.ceil(size / 8) * 8}
    r5 = ${size}
    call 25
    exit
  `);
  const { fd } = e.progLoad({ type: RAW_TP, insns, license: 'GPL' });
  return (cpu = 0) => e.progTestRun(fd, { cpu, flags: 1 }).retval | 0;
}

function drain(ring: RingView): Record[] {
  const view = new DataView(ring.buffer);
  const out: Record[] = [];
  const head = view.getBigUint64(ring.base + PERF_PAGE.DATA_HEAD, true);
  let tail = view.getBigUint64(ring.base + PERF_PAGE.DATA_TAIL, true);
  while (tail < head) {
    // The whole record from where it starts: its end is written through into the double area.
    const at = ring.base + PERF_PAGE.SIZE + Number(tail % BigInt(ring.dataSize));
    const size = view.getUint16(at + 6, true);
    out.push({ type: view.getUint32(at, true), size, bytes: new Uint8Array(ring.buffer).slice(at, at + size) });
    tail += BigInt(size);
  }
  view.setBigUint64(ring.base + PERF_PAGE.DATA_TAIL, tail, true);
  return out;
}

describe('records', () => {
  test.each([
    [1, 4, 16],
    [4, 4, 16],
    [5, 12, 24],
    [12, 12, 24],
    [13, 20, 32],
    [20, 20, 32],
    [400, 404, 416],
  ])('%i bytes: raw_size %i, record %i', (size, raw, total) => {
    const { e, map, event } = setup();
    const ring = e.perfEventMmap(event, 1);
    expect(emitter(e, map, size)()).toBe(0);
    const [record] = drain(ring);
    expect(record).toMatchObject({ type: 9, size: total });
    expect(new DataView(record?.bytes.buffer ?? new ArrayBuffer(16)).getUint32(8, true)).toBe(raw);
    expect([...(record?.bytes.subarray(12 + size) ?? [])].every((b) => b === 0)).toBe(true);
  });

  test('without the RAW bit a record is its header', () => {
    const { e, map, event } = setup({ sampleType: 0n });
    const ring = e.perfEventMmap(event, 1);
    expect(emitter(e, map, 8)()).toBe(0);
    expect(drain(ring)).toMatchObject([{ size: 8 }]);
  });

  test('IP, TID, TIME, CPU and RAW make 56 bytes for 8', () => {
    const bits = SAMPLE.IP | SAMPLE.TID | SAMPLE.TIME | SAMPLE.CPU | SAMPLE.RAW;
    const { e, map, event } = setup({ sampleType: BigInt(bits) });
    const ring = e.perfEventMmap(event, 1);
    emitter(e, map, 8)();
    const [record] = drain(ring);
    expect(record?.size).toBe(56);
    expect(new DataView(record?.bytes.buffer ?? new ArrayBuffer(64)).getUint32(16, true)).toBe(1);
  });

  test('nine records of 416 fit in a page; losses are told before the next one', () => {
    const { e, map, event } = setup();
    const ring = e.perfEventMmap(event, 1);
    const emit = emitter(e, map, 400);
    expect(Array.from({ length: 12 }, () => emit())).toEqual([...Array(9).fill(0), ...Array(3).fill(-ERRNO.ENOSPC)]);
    expect(drain(ring).length).toBe(9);
    expect(emit()).toBe(0);
    const [lost, sample] = drain(ring);
    expect(lost).toMatchObject({ type: 2, size: 24 });
    expect(new DataView(lost?.bytes.buffer ?? new ArrayBuffer(24)).getBigUint64(16, true)).toBe(3n);
    expect(sample).toMatchObject({ type: 9, size: 416 });
  });

  test('records survive the end of the area, over and over', () => {
    const { e, map, event } = setup();
    const ring = e.perfEventMmap(event, 1);
    const emit = emitter(e, map, 100);
    for (let i = 0; i < 500; i++) {
      expect(emit()).toBe(0);
      const [record] = drain(ring);
      expect([...(record?.bytes.subarray(12, 112) ?? [])].every((b) => b === 0x11)).toBe(true);
      // Also for a reader that wraps by itself.
      const data = new Uint8Array(ring.buffer, ring.base + PERF_PAGE.SIZE, ring.dataSize);
      const start = (i * 112) % ring.dataSize;
      expect(Array.from({ length: 100 }, (_, n) => data[(start + 12 + n) % ring.dataSize]).every((b) => b === 0x11)).toBe(true);
    }
  });
});

describe('output errors', () => {
  test('index, emptiness, other CPU, not mapped', () => {
    const { e, map, event } = setup();
    expect(emitter(e, map, 8, 2)()).toBe(-ERRNO.E2BIG);
    expect(emitter(e, map, 8, 1)()).toBe(-ERRNO.ENOENT);
    expect(emitter(e, map, 8, 0x1_0000_0000)()).toBe(-ERRNO.EINVAL);
    expect(emitter(e, map, 8)()).toBe(-ERRNO.ENOSPC);
    e.perfEventMmap(event, 2);
    expect(emitter(e, map, 8, 0)(1)).toBe(-ERRNO.EOPNOTSUPP);
    e.perfEventEnable(event, 'disable');
    expect(emitter(e, map, 8)()).toBe(-ERRNO.EOPNOTSUPP);
    const clock = e.perfEventOpen({ type: 1, config: 0n, pid: -1, cpu: 0 });
    e.mapUpdateElem(map, u32(1), u32(clock));
    expect(emitter(e, map, 8, 1)()).toBe(-ERRNO.EINVAL);
  });

  test('opening, storing and mapping', () => {
    const { e, map, event } = setup();
    expect(errno(() => e.perfEventOpen({ type: 1, config: 10n, pid: -1, cpu: -1 }))).toBe('EINVAL');
    expect(errno(() => e.perfEventOpen({ type: 1, config: 10n, pid: -1, cpu: 2 }))).toBe('EINVAL');
    expect(errno(() => e.perfEventOpen({ type: 1, config: 99n, pid: -1, cpu: 0 }))).toBe('ENOENT');
    expect(errno(() => e.perfEventOpen({ type: 0, config: 0n, pid: -1, cpu: 0 }))).toBe('ENOENT');
    const inherit = e.perfEventOpen({ type: 1, config: 10n, pid: -1, cpu: 0, inherit: true });
    expect(errno(() => e.mapUpdateElem(map, u32(0), u32(inherit)))).toBe('EOPNOTSUPP');
    expect(errno(() => e.mapUpdateElem(map, u32(0), u32(map)))).toBe('EBADF');
    expect(errno(() => e.mapLookupElem(map, u32(0)))).toBe('ENOTSUPP');
    expect(errno(() => e.perfEventMmap(event, 3))).toBe('EINVAL');
    expect(e.perfEventMmap(event, 2).dataSize).toBe(8192);
    expect(errno(() => e.perfEventMmap(event, 4))).toBe('EINVAL');
  });

  test('entries go when the map file closes, unless they are to be preserved', () => {
    for (const [flags, left] of [
      [0, -ERRNO.ENOENT],
      [0x800, 0],
    ] as const) {
      const { e, event } = setup();
      const map = e.mapCreate({ type: 4, keySize: 4, valueSize: 4, maxEntries: 2, flags });
      e.objPin(map, '/sys/fs/bpf/events');
      const emit = emitter(e, map, 8);
      const other = e.objGet('/sys/fs/bpf/events');
      e.mapUpdateElem(other, u32(0), u32(event));
      e.perfEventMmap(event, 1);
      expect(emit()).toBe(0);
      e.close(other);
      expect(emit()).toBe(left);
    }
  });
});

describe('wake-ups', () => {
  const wakeups = (attr: Partial<PerfEventAttr>, count: number, size: number, pages = 1): number[] => {
    const { e, map, event } = setup(attr);
    const ring = e.perfEventMmap(event, pages);
    const emit = emitter(e, map, size);
    const at: number[] = [];
    const index = (ring.base + PERF_PAGE.DATA_HEAD) / 4;
    const words = new Int32Array(ring.buffer);
    for (let i = 1; i <= count; i++) {
      const wait = waitAsync(words, index, Atomics.load(words, index));
      emit();
      // Woken waiters are not there any more for another notification.
      if (wait.async && Atomics.notify(words, index, 1) === 0) at.push(i);
    }
    return at;
  };

  test.each([
    ['every 3 samples', { wakeup: 3 }, 8, 10, [3, 6, 9]],
    ['a watermark of 100 bytes', { watermark: true, wakeup: 100 }, 12, 12, [5, 9]],
    ['half the ring without a watermark', {}, 2, 140, [129]],
  ] as const)('%s', (_, attr, size, count, want) => {
    expect(wakeups(attr, count, size)).toEqual(want);
  });
});
