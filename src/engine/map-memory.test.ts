/** Maps in user space's memory (mmap, freeze, ring buffers), special fields of values, and who holds inner maps. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { SyscallError } from '../base/index.ts';
import { Engine } from './index.ts';

const ARRAY = 2;
const RINGBUF = 27;
const MMAPABLE = 0x400;
const RDONLY_PROG = 0x80;
const PAGE = 4096;
const XDP = 6;

const u32 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);
const errno = (f: () => unknown): string => {
  try {
    f();
    return 'ok';
  } catch (error) {
    if (error instanceof SyscallError) return error.code;
    throw error;
  }
};

describe('mmap of arrays', () => {
  it('is the array: both sides see each other, elements 8 bytes apart', () => {
    using engine = new Engine({ cpus: 1 });
    const fd = engine.mapCreate({ type: ARRAY, keySize: 4, valueSize: 5, maxEntries: 1000, flags: MMAPABLE });
    const view = engine.mapMmap(fd, { length: PAGE * 2, writable: true });
    const bytes = new Uint8Array(view.buffer, view.base, view.length);
    engine.mapUpdateElem(fd, u32(3), Uint8Array.of(1, 2, 3, 4, 5));
    expect([...bytes.slice(24, 32)]).toEqual([1, 2, 3, 4, 5, 0, 0, 0]);
    bytes[8 * 999] = 77;
    expect(engine.mapLookupElem(fd, u32(999))?.[0]).toBe(77);
    view.unmap();
  });

  it.each([
    ['an array made without BPF_F_MMAPABLE', { flags: 0 }, { length: PAGE }, 'EINVAL'],
    ['more than the array', {}, { length: PAGE * 2 }, 'EINVAL'],
    ['an offset beyond the array', {}, { length: PAGE, offset: PAGE }, 'EINVAL'],
    ['no bytes', {}, { length: 0 }, 'EINVAL'],
    ['a page for reading', {}, { length: PAGE }, 'ok'],
    ['writing what is read-only to programs', { flags: MMAPABLE | RDONLY_PROG }, { length: PAGE, writable: true }, 'EACCES'],
    ['reading what is read-only to programs', { flags: MMAPABLE | RDONLY_PROG }, { length: PAGE }, 'ok'],
    ['a hash', { type: 1, flags: 0 }, { length: PAGE }, 'ENOTSUPP'],
    ['writing by an fd for reading', { flags: MMAPABLE | 8 }, { length: PAGE, writable: true }, 'EACCES'],
  ] as const)('of %s', (_, attr, asked, expected) => {
    using engine = new Engine({ cpus: 1 });
    const fd = engine.mapCreate({ type: ARRAY, keySize: 4, valueSize: 8, maxEntries: 8, flags: MMAPABLE, ...attr });
    expect(errno(() => engine.mapMmap(fd, asked))).toBe(expected);
  });

  it('keeps the map, and a writable one keeps it from being frozen', () => {
    using engine = new Engine({ cpus: 1 });
    const before = engine.memoryUsage();
    const fd = engine.mapCreate({ type: ARRAY, keySize: 4, valueSize: 8, maxEntries: 8, flags: MMAPABLE });
    const view = engine.mapMmap(fd, { length: PAGE, writable: true });
    expect(errno(() => engine.mapFreeze(fd))).toBe('EBUSY');
    view.unmap();
    view.unmap();
    expect(errno(() => engine.mapFreeze(fd))).toBe('ok');
    expect(errno(() => engine.mapMmap(fd, { length: PAGE, writable: true }))).toBe('EPERM');
    expect(errno(() => engine.mapUpdateElem(fd, u32(0), new Uint8Array(8)))).toBe('EPERM');
    const reading = engine.mapMmap(fd, { length: PAGE });
    engine.close(fd);
    expect(engine.memoryUsage().blocks).toBeGreaterThan(before.blocks);
    reading.unmap();
    // One block is the memory that commands copy through.
    expect(engine.memoryUsage().blocks - before.blocks).toBeLessThanOrEqual(1);
  });
});

describe('ring buffers', () => {
  const output = (fd: number): Uint8Array =>
    assemble(`
      *(u64 *)(r10 - 8) = 7
      r1 = map[fd:${fd}]
      r2 = r10
      r2 += -8
      r3 = 8
      r4 = 0
      call 130
      exit
    `);

  it('are laid out as the kernel maps them; records wrap and are skipped when read', () => {
    using engine = new Engine({ cpus: 1 });
    const fd = engine.mapCreate({ type: RINGBUF, keySize: 0, valueSize: 0, maxEntries: PAGE });
    const prog = engine.progLoad({ type: XDP, insns: output(fd), license: 'GPL' }).fd;
    const ring = engine.ringbufMmap(fd);
    const dv = new DataView(ring.buffer);
    expect(ring.producer - ring.consumer).toBe(PAGE);
    expect(ring.data - ring.producer).toBe(PAGE);
    const wakeups = (): number => dv.getUint32(ring.wakeups, true);
    let consumed = 0;
    for (let round = 0; round < 1000; round++) {
      const woken = wakeups();
      expect(engine.progTestRun(prog, { dataIn: new Uint8Array(64) }).retval).toBe(0);
      expect(wakeups()).toBe(woken + 1);
      const at = ring.data + (consumed % PAGE);
      expect([dv.getUint32(at, true), dv.getUint32(at + 4, true), dv.getBigUint64(at + 8, true)]).toEqual([
        8,
        3 + ((consumed % PAGE) >> 12),
        7n,
      ]);
      consumed += 16;
      expect(dv.getBigUint64(ring.producer, true)).toBe(BigInt(consumed));
      dv.setBigUint64(ring.consumer, BigInt(consumed), true);
    }
    // Nobody reads: no further wake-ups, then no room. 255 records of 16 bytes leave none for another.
    for (let n = 0; n < 255; n++) expect(engine.progTestRun(prog, { dataIn: new Uint8Array(64) }).retval).toBe(0);
    expect(engine.progTestRun(prog, { dataIn: new Uint8Array(64) }).retval).toBe(0x1_0000_0000 - 11);
    ring.unmap();
  });

  it.each([
    [{ length: PAGE, writable: true }, 'ok'],
    [{ length: PAGE, offset: PAGE, writable: true }, 'EPERM'],
    [{ length: PAGE * 2, writable: true }, 'EPERM'],
    [{ length: PAGE * 4 }, 'ok'],
    [{ length: PAGE * 5 }, 'EINVAL'],
  ])('mmap of %o is %s', (asked, expected) => {
    using engine = new Engine({ cpus: 1 });
    const fd = engine.mapCreate({ type: RINGBUF, keySize: 0, valueSize: 0, maxEntries: PAGE });
    expect(errno(() => engine.mapMmap(fd, asked))).toBe(expected);
  });
});

it.each([12, 13])('a map of maps (type %i) holds its maps; lookups tell their ids', (type) => {
  using engine = new Engine({ cpus: 1 });
  const attr = { type: ARRAY, keySize: 4, valueSize: 8, maxEntries: 2 };
  const [template, inner] = [engine.mapCreate(attr), engine.mapCreate(attr)];
  const outer = engine.mapCreate({ type, keySize: 4, valueSize: 4, maxEntries: 2, innerMapFd: template });
  const { id } = engine.mapInfo(inner);
  engine.mapUpdateElem(outer, u32(1), u32(inner));
  engine.close(inner);
  expect(engine.mapLookupElem(outer, u32(1))).toEqual(u32(id));
  const again = engine.mapGetFdById(id);
  engine.mapUpdateElem(again, u32(0), new Uint8Array(8).fill(3));
  engine.close(again);
  expect(engine.mapGetNextId(id - 1)).toBe(id);
  engine.mapUpdateElem(outer, u32(1), u32(template));
  expect(errno(() => engine.mapGetFdById(id))).toBe('ENOENT');
  expect(engine.mapDeleteElem(outer, u32(1))).toBe(true);
  expect(engine.mapLookupElem(outer, u32(1))).toBeUndefined();
});
