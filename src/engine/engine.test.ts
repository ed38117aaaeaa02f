/** The engine as a host: programs, maps and made-up events end to end. The kernel's own answers are in tests/maps-kernel.test.ts. */
import { afterEach, describe, expect, test } from 'vitest';
import { SyscallError } from '../base/index.ts';
import { Engine } from './index.ts';

/** One instruction slot. */
function insn(code: number, dst = 0, src = 0, off = 0, imm = 0): number[] {
  const b = new DataView(new ArrayBuffer(8));
  b.setUint8(0, code);
  b.setUint8(1, (src << 4) | dst);
  b.setInt16(2, off, true);
  b.setInt32(4, imm, true);
  return [...new Uint8Array(b.buffer)];
}
const mov = (dst: number, imm: number) => insn(0xb7, dst, 0, 0, imm);
const movReg = (dst: number, src: number) => insn(0xbf, dst, src);
const ldMap = (dst: number, fd: number) => [...insn(0x18, dst, 1, 0, fd), ...insn(0)];
const ldValue = (dst: number, fd: number, off: number) => [...insn(0x18, dst, 2, 0, fd), ...insn(0, 0, 0, 0, off)];
const call = (id: number) => insn(0x85, 0, 0, 0, id);
const exit = insn(0x95);
const program = (...parts: number[][]) => Uint8Array.from(parts.flat());
const u32 = (n: number) => Uint8Array.from([n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24]);
const errno = (f: () => unknown): string => {
  try {
    f();
    return 'ok';
  } catch (error) {
    return error instanceof SyscallError ? error.code : String(error);
  }
};

/** Counts in element 0 of an array: map[0]++ under lookup. */
const counter = (fd: number) =>
  program(
    insn(0x62, 10, 0, -4, 0),
    movReg(2, 10),
    insn(0x07, 2, 0, 0, -4),
    ldMap(1, fd),
    call(1),
    insn(0x15, 0, 0, 2, 0),
    mov(1, 1),
    insn(0xdb, 0, 1, 0, 0),
    mov(0, 0),
    exit,
  );

const engines: Engine[] = [];
function engine(cpus = 2): Engine {
  const e = new Engine({ cpus });
  engines.push(e);
  return e;
}
afterEach(() => {
  for (const e of engines.splice(0)) {
    e.closeAll();
    expect(e.faults()).toMatchObject({ total: 0 });
  }
});

const KPROBE = 2;
const ARRAY = { type: 2, keySize: 4, valueSize: 8, maxEntries: 1 };

describe('programs', () => {
  test('a kprobe program counts events that fire() makes, and everything comes back', () => {
    const e = engine();
    e.runner.warmUp();
    const before = e.memoryUsage();
    const map = e.mapCreate(ARRAY);
    const { fd } = e.progLoad({ type: KPROBE, insns: counter(map), license: 'GPL', name: 'counter' });
    const link = e.linkCreate({ progFd: fd, target: { kind: 'kprobe', func: 'do_execve', ret: false } });
    expect(e.fire('kprobe/do_execve', { args: [1, 2] })).toMatchObject([{ retval: 0 }]);
    expect(e.fire('kretprobe/do_execve')).toEqual([]);
    e.fire({ kind: 'kprobe', func: 'do_execve', ret: false });
    expect(e.mapLookupElem(map, u32(0))).toEqual(Uint8Array.from([2, 0, 0, 0, 0, 0, 0, 0]));
    const info = e.progInfo(fd);
    expect(info).toMatchObject({ name: 'counter', runCount: 2, gplCompatible: true, mapIds: [1], insnCount: 11 });
    e.close(link);
    expect(e.fire('kprobe/do_execve')).toEqual([]);
    e.close(map);
    e.close(fd);
    expect(e.memoryUsage().blocks - before.blocks).toBeLessThanOrEqual(1);
  });

  test('the tag is the kernel 6.18 one', () => {
    const e = engine();
    const { fd } = e.progLoad({ type: 1, insns: program(mov(0, 0), exit), license: 'GPL' });
    expect(e.progInfo(fd).tag).toBe('59f4a931744dcdc6');
  });

  test('raw tracepoint programs can be test-run, kprobe programs cannot', () => {
    const e = engine();
    const insns = program(insn(0x79, 0, 1, 8, 0), exit);
    const { fd } = e.progLoad({ type: 17, insns, license: 'GPL' });
    const ctxIn = new Uint8Array(16).fill(7, 8, 9);
    expect(e.progTestRun(fd, { ctxIn }).retval).toBe(7);
    expect(errno(() => e.progTestRun(fd, { ctxIn: ctxIn.slice(0, 8) }))).toBe('EINVAL');
    expect(errno(() => e.progTestRun(fd, { ctxIn: new Uint8Array(97) }))).toBe('EINVAL');
    expect(errno(() => e.progTestRun(fd, { ctxIn, repeat: 2 }))).toBe('EINVAL');
    expect(errno(() => e.progTestRun(fd, { ctxIn, cpu: 1 }))).toBe('EINVAL');
    expect(errno(() => e.progTestRun(fd, { ctxIn, cpu: 9, flags: 1 }))).toBe('ENXIO');
    expect(e.progTestRun(fd, { ctxIn, cpu: 1, flags: 1 }).retval).toBe(7);
    const kprobe = e.progLoad({ type: KPROBE, insns: program(mov(0, 0), exit), license: 'GPL' });
    expect(errno(() => e.progTestRun(kprobe.fd))).toBe('ENOTSUPP');
  });

  test('direct map values, and the refusals of map references', () => {
    const e = engine();
    const map = e.mapCreate({ ...ARRAY, valueSize: 16 });
    const load = (...parts: number[][]) => e.progLoad({ type: 17, insns: program(...parts, mov(0, 0), exit), license: 'GPL' });
    const { fd } = load(ldValue(1, map, 8), insn(0x7a, 1, 0, 0, 9));
    expect(e.progTestRun(fd).retval).toBe(0);
    expect(e.mapLookupElem(map, u32(0))?.[8]).toBe(9);
    expect(errno(() => load(ldMap(1, 99)))).toBe('EBADF');
    expect(errno(() => load(ldMap(1, fd)))).toBe('EINVAL');
    expect(() => load(ldMap(1, 99))).toThrow(/fd 99 is not pointing to valid bpf_map/);
    expect(() => load(ldValue(1, map, 16))).toThrow(/invalid access to map value pointer, value_size=16 off=16/);
    const two = e.mapCreate({ ...ARRAY, maxEntries: 2 });
    expect(errno(() => load(ldValue(1, two, 0)))).toBe('ENOTSUPP');
    const hash = e.mapCreate({ ...ARRAY, type: 1 });
    expect(() => load(ldValue(1, hash, 0))).toThrow(/no direct value access/);
  });

  test('load refuses in the kernel order', () => {
    const e = engine();
    const insns = program(mov(0, 0), exit);
    const rows: [Partial<Parameters<Engine['progLoad']>[0]>, string][] = [
      [{ flags: 0x8000_0000, insns: new Uint8Array(0) }, 'EINVAL'],
      [{ insns: new Uint8Array(0), type: 99 }, 'E2BIG'],
      [{ insns: new Uint8Array(8 * 1_000_001), type: 99 }, 'E2BIG'],
      [{ type: 0 }, 'EINVAL'],
      [{ type: 99 }, 'EINVAL'],
      [{ name: 'sixteen-letters-' }, 'EINVAL'],
      [{ name: 'a b' }, 'EINVAL'],
      [{ logLevel: 16 }, 'EINVAL'],
      [{}, 'ok'],
    ];
    for (const [change, want] of rows) {
      expect([change, errno(() => e.progLoad({ type: KPROBE, insns, license: 'GPL', ...change }))]).toEqual([change, want]);
    }
  });

  test('no nesting: a run on a held CPU is a miss', () => {
    const e = engine();
    const { fd } = e.progLoad({ type: 17, insns: program(mov(0, 1), exit), license: 'GPL' });
    const id = e.progInfo(fd).id;
    const task = {
      tid: 1,
      tgid: 1,
      uid: () => 0,
      gid: () => 0,
      comm: () => {
        inner = e.runner.run(id, { ctx: 0, ctxSize: 0, task, cpu: 0 });
        return new Uint8Array(0);
      },
      startTime: () => 0n,
      readUser: () => -14,
    };
    let inner: number | undefined = 0;
    const comm = program(movReg(1, 10), insn(0x07, 1, 0, 0, -16), mov(2, 16), call(16), exit);
    const outer = e.progLoad({ type: 17, insns: comm, license: 'GPL' });
    expect(e.runner.run(e.progInfo(outer.fd).id, { ctx: 0, ctxSize: 0, task, cpu: 0 })).toBe(0);
    expect(inner).toBeUndefined();
  });
});

describe('prog arrays', () => {
  const PROG_ARRAY = { type: 3, keySize: 4, valueSize: 4, maxEntries: 4 };
  const tail = (map: number, index: number) => program(ldMap(2, map), mov(3, index), call(12), mov(0, 1), exit);

  test('tail calls, ownership, and emptying with the last user reference', () => {
    const e = engine();
    const map = e.mapCreate(PROG_ARRAY);
    const target = e.progLoad({ type: 17, insns: program(mov(0, 42), exit), license: 'GPL' });
    const other = e.progLoad({ type: KPROBE, insns: program(mov(0, 42), exit), license: 'GPL' });
    const caller = e.progLoad({ type: 17, insns: tail(map, 2), license: 'GPL' });
    expect(e.progTestRun(caller.fd).retval).toBe(1);
    e.mapUpdateElem(map, u32(2), u32(target.fd));
    expect(e.progTestRun(caller.fd).retval).toBe(42);
    expect(e.mapLookupElem(map, u32(2))).toEqual(u32(e.progInfo(target.fd).id));
    expect(e.mapLookupElem(map, u32(1))).toBeUndefined();
    expect(errno(() => e.mapUpdateElem(map, u32(2), u32(other.fd)))).toBe('EINVAL');
    expect(errno(() => e.mapUpdateElem(map, u32(2), u32(99)))).toBe('EBADF');
    expect(errno(() => e.mapUpdateElem(map, u32(2), u32(map)))).toBe('EINVAL');
    expect(errno(() => e.mapUpdateElem(map, u32(4), u32(99)))).toBe('E2BIG');
    expect(errno(() => e.mapUpdateElem(map, u32(4), u32(99), 1n))).toBe('EINVAL');
    expect(errno(() => e.progLoad({ type: KPROBE, insns: tail(map, 0), license: 'GPL' }))).toBe('EINVAL');
    e.close(target.fd);
    expect(e.progTestRun(caller.fd).retval).toBe(42);
    e.objPin(map, '/sys/fs/bpf/jumps');
    e.close(map);
    expect(e.progTestRun(caller.fd).retval).toBe(42);
    e.objUnpin('/sys/fs/bpf/jumps');
    expect(e.progTestRun(caller.fd).retval).toBe(1);
  });

  test('33 tail calls', () => {
    const e = engine();
    const map = e.mapCreate(PROG_ARRAY);
    const count = e.mapCreate(ARRAY);
    const insns = program(
      movReg(6, 1),
      ldValue(1, count, 0),
      mov(2, 1),
      insn(0xdb, 1, 2, 0, 0),
      movReg(1, 6),
      ldMap(2, map),
      mov(3, 0),
      call(12),
      mov(0, 0),
      exit,
    );
    const { fd } = e.progLoad({ type: 17, insns, license: 'GPL' });
    e.mapUpdateElem(map, u32(0), u32(fd));
    e.progTestRun(fd);
    expect(e.mapLookupElem(count, u32(0))?.[0]).toBe(34);
  });
});

describe('pins', () => {
  test('errnos and identity', () => {
    const e = engine();
    const map = e.mapCreate(ARRAY);
    expect(errno(() => e.objPin(99, '/sys/fs/bpf/a'))).toBe('EINVAL');
    expect(errno(() => e.objPin(map, '/tmp/a'))).toBe('EPERM');
    expect(errno(() => e.objPin(map, '/sys/fs/bpf/a.b'))).toBe('EPERM');
    e.objPin(map, '/sys/fs/bpf/a');
    expect(errno(() => e.objPin(map, '/sys/fs/bpf/a'))).toBe('EEXIST');
    expect(errno(() => e.objGet('/sys/fs/bpf/b'))).toBe('ENOENT');
    e.close(map);
    const again = e.objGet('/sys/fs/bpf//a');
    expect(e.mapInfo(again)).toMatchObject({ id: 1, type: 2 });
    expect(e.pins()).toEqual(['/sys/fs/bpf/a']);
  });
});

describe('memory', () => {
  test('maps that do not fit are ENOMEM, and an absurd memory is an error that says so', () => {
    const e = new Engine({ cpus: 1, memory: { maximum: 16 << 20 }, traceBytesPerCpu: 4096 });
    engines.push(e);
    expect(errno(() => e.mapCreate({ ...ARRAY, maxEntries: 4 << 20 }))).toBe('ENOMEM');
    const before = e.memoryUsage();
    expect(errno(() => e.mapCreate({ type: 1, keySize: 4, valueSize: 100, maxEntries: 1 << 20 }))).toBe('ENOMEM');
    expect(e.memoryUsage()).toEqual(before);
    expect(() => new Engine({ cpus: 0 })).toThrow(/0 CPUs, expected 1 to 4096/);
  });

  test('a closed map waits for the program that uses it', () => {
    const e = engine();
    const map = e.mapCreate(ARRAY);
    const { fd } = e.progLoad({ type: 17, insns: program(ldMap(1, map), mov(0, 0), exit), license: 'GPL' });
    e.close(map);
    expect(e.progTestRun(fd).retval).toBe(0);
    const before = e.memoryUsage().bytes;
    e.close(fd);
    expect(e.memoryUsage().bytes).toBeLessThan(before);
  });
});
