/**
 * Maps of the engine against the live kernel: the same creations and the same sequences of element commands must give the same results
 * and errnos. Hash tables are compared as sets, because each chooses its own order. Needs bpf(2), else one skip.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { errnoName, SyscallError } from '../src/base/index.ts';
import type { Engine } from '../src/engine/index.ts';
import { mapTypeByName } from '../src/maps/index.ts';
import { loadSys } from '../src/sys/libc.ts';
import { createEngine, possibleCpus } from '../src/tools/node-engine.ts';
import { kernel } from './support/kernel.ts';
import { TypeBuilder } from './support/types.ts';

const CMD = {
  create: 0,
  lookup: 1,
  update: 2,
  delete: 3,
  next: 4,
  freeze: 22,
  take: 21,
  lookupBatch: 24,
  takeBatch: 25,
  updateBatch: 26,
  deleteBatch: 27,
} as const;
const ATTR_SIZE = 128;
const NR_BPF = 321;
const cpus = possibleCpus();

interface Attr {
  type: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
  name?: string;
  mapExtra?: bigint;
  numaNode?: number;
  innerMapFd?: number;
  btfFd?: number;
  btfKeyTypeId?: number;
  btfValueTypeId?: number;
}

/** Elements that a batch read, or how it ended. */
interface BatchAnswer {
  readonly result: string;
  readonly count: number;
  readonly keys: string;
  readonly values: string;
  readonly next: Uint8Array | undefined;
}

/** One side: every command answers with an errno name, `ok`, or the bytes in hex. */
interface Side {
  create(attr: Attr): number | string;
  lookup(fd: number, key: Uint8Array | undefined, flags: bigint, value?: Uint8Array): string;
  update(fd: number, key: Uint8Array | undefined, value: Uint8Array, flags: bigint): string;
  delete(fd: number, key: Uint8Array | undefined): string;
  next(fd: number, key: Uint8Array | undefined): string;
  take(fd: number, key: Uint8Array | undefined, flags: bigint): string;
  freeze(fd: number): string;
  readBatch(fd: number, how: 'lookupBatch' | 'takeBatch', count: number, from: Uint8Array | undefined, elemFlags: bigint): BatchAnswer;
  writeBatch(fd: number, how: 'updateBatch' | 'deleteBatch', keys: Uint8Array, values: Uint8Array, elemFlags: bigint): string;
  prog(type: number): number;
  close(fd: number): void;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function kernelSide(sizes: () => { key: number; value: number }): Side {
  const sys = loadSys();
  const attr = sys.block(ATTR_SIZE);
  const key = sys.block(8192);
  const value = sys.block(1 << 20);
  const place = sys.block(8192);
  const call = (cmd: number, fill: () => void, size: number): number => {
    attr.u8.fill(0, 0, ATTR_SIZE);
    fill();
    return sys.syscall(NR_BPF, cmd, attr.address, size);
  };
  const element = (cmd: number, fd: number, k: Uint8Array | undefined, v: Uint8Array | 'out' | undefined, flags: bigint): string => {
    const result = call(
      cmd,
      () => {
        attr.dv.setUint32(0, fd, true);
        if (k !== undefined) {
          key.u8.set(k);
          attr.dv.setBigUint64(8, BigInt(key.address), true);
        }
        if (v !== undefined) {
          if (v !== 'out') value.u8.set(v);
          attr.dv.setBigUint64(16, BigInt(value.address), true);
        }
        attr.dv.setBigUint64(24, flags, true);
      },
      32,
    );
    return result < 0 ? errnoName(-result) : 'ok';
  };
  const out = (answer: string, size: number): string => (answer === 'ok' ? hex(value.u8.slice(0, size)) : answer);
  return {
    create(a) {
      const result = call(
        CMD.create,
        () => {
          [a.type, a.keySize, a.valueSize, a.maxEntries, a.flags].forEach((x, i) => {
            attr.dv.setUint32(i * 4, x, true);
          });
          attr.dv.setUint32(20, a.innerMapFd ?? 0, true);
          attr.dv.setUint32(24, a.numaNode ?? 0, true);
          attr.u8.set(new TextEncoder().encode(a.name ?? '').subarray(0, 16), 28);
          attr.dv.setUint32(48, a.btfFd ?? 0, true);
          attr.dv.setUint32(52, a.btfKeyTypeId ?? 0, true);
          attr.dv.setUint32(56, a.btfValueTypeId ?? 0, true);
          attr.dv.setBigUint64(64, a.mapExtra ?? 0n, true);
        },
        72,
      );
      return result < 0 ? errnoName(-result) : result;
    },
    lookup(fd, k, flags, v) {
      if (v === undefined) return out(element(CMD.lookup, fd, k, 'out', flags), sizes().value);
      return out(element(CMD.lookup, fd, k, v, flags), sizes().value);
    },
    update: (fd, k, v, flags) => element(CMD.update, fd, k, v, flags),
    delete: (fd, k) => element(CMD.delete, fd, k, undefined, 0n),
    next: (fd, k) => out(element(CMD.next, fd, k, 'out', 0n), sizes().key),
    take: (fd, k, flags) => out(element(CMD.take, fd, k, 'out', flags), sizes().value),
    freeze(fd) {
      const result = call(CMD.freeze, () => attr.dv.setUint32(0, fd, true), 4);
      return result < 0 ? errnoName(-result) : 'ok';
    },
    readBatch(fd, how, count, from, elemFlags) {
      const result = call(
        CMD[how],
        () => {
          if (from !== undefined) {
            place.u8.set(from);
            attr.dv.setBigUint64(0, BigInt(place.address), true);
          }
          attr.dv.setBigUint64(8, BigInt(place.address + 4096), true);
          attr.dv.setBigUint64(16, BigInt(key.address), true);
          attr.dv.setBigUint64(24, BigInt(value.address), true);
          attr.dv.setUint32(32, count, true);
          attr.dv.setUint32(36, fd, true);
          attr.dv.setBigUint64(40, elemFlags, true);
        },
        56,
      );
      const done = attr.dv.getUint32(32, true);
      const good = result >= 0 || -result === 2;
      return {
        result: result < 0 ? errnoName(-result) : 'ok',
        count: good ? done : 0,
        keys: good ? hex(key.u8.slice(0, done * sizes().key)) : '',
        values: good ? hex(value.u8.slice(0, done * sizes().value)) : '',
        next: place.u8.slice(4096, 4096 + 64),
      };
    },
    writeBatch(fd, how, keys, values, elemFlags) {
      const result = call(
        CMD[how],
        () => {
          key.u8.set(keys);
          value.u8.set(values);
          attr.dv.setBigUint64(16, BigInt(key.address), true);
          attr.dv.setBigUint64(24, BigInt(value.address), true);
          attr.dv.setUint32(32, keys.length / sizes().key, true);
          attr.dv.setUint32(36, fd, true);
          attr.dv.setBigUint64(40, elemFlags, true);
        },
        56,
      );
      const early = -result === 524 || -result === 22 || -result === 1;
      return `${result < 0 ? errnoName(-result) : 'ok'} ${early ? '' : attr.dv.getUint32(32, true)}`;
    },
    prog(type) {
      if (kernel.bpf === undefined) throw new Error(kernel.reason);
      return kernel.bpf.progLoad({ type, insns: RETURN_0 }).fd;
    },
    close: (fd) => sys.close(fd),
  };
}

/** `r0 = 0; exit` */
const RETURN_0 = Uint8Array.from([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

function engineSide(engine: Engine): Side {
  const answer = (f: () => unknown, absent = 'ENOENT'): string => {
    try {
      const result = f();
      if (result instanceof Uint8Array) return hex(result);
      return result === true || (result === undefined && absent === 'ok') ? 'ok' : absent;
    } catch (error) {
      if (error instanceof SyscallError) return error.code;
      throw error;
    }
  };
  return {
    create(a) {
      try {
        return engine.mapCreate(a);
      } catch (error) {
        if (error instanceof SyscallError) return error.code;
        throw error;
      }
    },
    lookup: (fd, k, flags, v) => answer(() => engine.mapLookupElem(fd, k, flags, v)),
    update: (fd, k, v, flags) => answer(() => engine.mapUpdateElem(fd, k, v, flags), 'ok'),
    delete: (fd, k) => answer(() => engine.mapDeleteElem(fd, k)),
    next: (fd, k) => answer(() => engine.mapGetNextKey(fd, k)),
    take: (fd, k, flags) => answer(() => engine.mapLookupAndDeleteElem(fd, k, flags)),
    freeze: (fd) => answer(() => engine.mapFreeze(fd), 'ok'),
    readBatch(fd, how, count, from, elemFlags) {
      const attr = { count, from, elemFlags };
      try {
        const batch = how === 'lookupBatch' ? engine.mapLookupBatch(fd, attr) : engine.mapLookupAndDeleteBatch(fd, attr);
        return {
          result: batch.end ? 'ENOENT' : 'ok',
          count: batch.count,
          keys: hex(batch.keys),
          values: hex(batch.values),
          next: batch.next,
        };
      } catch (error) {
        if (error instanceof SyscallError) return { result: error.code, count: 0, keys: '', values: '', next: undefined };
        throw error;
      }
    },
    writeBatch(fd, how, keys, values, elemFlags) {
      try {
        const done =
          how === 'updateBatch' ? engine.mapUpdateBatch(fd, keys, values, elemFlags) : engine.mapDeleteBatch(fd, keys, elemFlags);
        const code = done.error?.code ?? 'ok';
        return `${code} ${code === 'EINVAL' || code === 'EPERM' ? '' : done.count}`;
      } catch (error) {
        if (error instanceof SyscallError) return `${error.code} `;
        throw error;
      }
    },
    prog: (type) => engine.progLoad({ type, insns: RETURN_0, license: 'GPL' }).fd,
    close: (fd) => engine.close(fd),
  };
}

const CREATABLE = [
  ...['hash', 'array', 'prog_array', 'perf_event_array', 'percpu_hash', 'percpu_array', 'lru_hash', 'lru_percpu_hash'],
  ...['stack_trace', 'cgroup_array', 'lpm_trie', 'array_of_maps', 'hash_of_maps', 'queue', 'stack', 'ringbuf', 'bloom_filter'],
];
const typeId = (name: string): number => mapTypeByName(name)?.id ?? 0;

const FLAGS = [0, 1, 2, 4, 8, 0x10, 0x18, 0x20, 0x40, 0x80, 0x100, 0x180, 0x200, 0x400, 0x800, 0x1000, 0x2000, 0x4000, 0x80000000];
const attrs: fc.Arbitrary<Attr> = fc.record({
  type: fc.oneof(fc.constantFrom(...CREATABLE).map(typeId), fc.constantFrom(0, 34, 99, 0xffff_ffff)),
  keySize: fc.constantFrom(0, 1, 4, 4, 4, 4, 8, 513, 4096, 0x3f_ffc0, 0x3f_ffff, 0x40_0000, 0xffff_fff0),
  valueSize: fc.constantFrom(0, 1, 4, 4, 4, 8, 100, 32768, 32769, 0x3f_ffc8, 0x3f_ffd0, 0x40_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  maxEntries: fc.constantFrom(0, 1, 2, 3, 1, 2, 3, 2 ** 27 + 1, 2 ** 31, 2 ** 31 + 1, 0xffff_ffff),
  flags: fc.tuple(fc.constantFrom(...FLAGS), fc.constantFrom(0, 0, 0, ...FLAGS)).map(([a, b]) => (a | b) >>> 0),
  name: fc.constantFrom('', 'a', 'fifteen_chars_.', 'sixteen_chars_._', 'a-b', 'ä'),
  mapExtra: fc.constantFrom(0n, 0n, 0n, 1n),
  numaNode: fc.constantFrom(0, 0, 1, 0xffff_ffff),
});

/** Creations that only differ by how much memory there is. */
function needsMuchMemory(attr: Attr): boolean {
  return attr.maxEntries * (attr.valueSize + attr.keySize) * cpus > 32 << 20;
}

describe.skipIf(kernel.bpf === undefined)(`maps on the kernel${kernel.bpf === undefined ? ` (skipped: ${kernel.reason})` : ''}`, () => {
  const engine = createEngine();
  const engineMaps = engineSide(engine);
  let sizes = { key: 4, value: 8 };
  const kernelMaps = kernelSide(() => sizes);
  afterAll(() => engine.closeAll());

  test('creation', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(attrs, (attr) => {
        const made = engineMaps.create(attr);
        if (typeof made === 'number') engineMaps.close(made);
        if (needsMuchMemory(attr) && (typeof made === 'number' || made === 'ENOMEM')) return;
        const want = kernelMaps.create(attr);
        if (typeof want === 'number') kernelMaps.close(want);
        expect(typeof made === 'number' ? 'ok' : made).toBe(typeof want === 'number' ? 'ok' : want);
      }),
      { numRuns: 4000 },
    );
  });

  /** Largest element of a hash, exactly. */
  test.each([
    ['hash', 4, 0],
    ['lru_hash', 4, 0],
    ['percpu_hash', 4, 0],
    ['array', 4, 0],
    ['percpu_array', 4, 0],
    ['queue', 0, 0],
    ['bloom_filter', 0, 0],
    ['lpm_trie', 8, 1],
  ])('largest value of %s', (name, keySize, flags) => {
    const type = typeId(name);
    const answers = (side: Side, valueSize: number): string => {
      const fd = side.create({ type, keySize, valueSize, maxEntries: 1, flags });
      if (typeof fd === 'number') side.close(fd);
      return typeof fd === 'number' ? 'ok' : fd;
    };
    const edges = [32760, 32761, 32768, 32769, 0x40_0000];
    for (let size = 0x40_0000 - 330; size < 0x40_0002; size++) edges.push(size);
    for (const size of edges) expect([size, answers(engineMaps, size)]).toEqual([size, answers(kernelMaps, size)]);
  });

  const element = fc.record({
    op: fc.constantFrom('update', 'update', 'update', 'lookup', 'delete', 'next', 'take', 'keys', 'freeze' as const),
    key: fc.oneof({ weight: 9, arbitrary: fc.nat(6) }, { weight: 1, arbitrary: fc.constantFrom(100, 0xffff_ffff) }),
    /** Tries: length of the prefix and its bits. */
    prefix: fc.tuple(
      fc.constantFrom(0, 1, 4, 7, 8, 9, 12, 15, 16, 16, 17),
      fc.constantFrom(0, 0x80, 0xc0, 0xf0, 0xff, 0x0f),
      fc.constantFrom(0, 1, 0x80, 0xff),
    ),
    value: fc.nat(1000),
    flags: fc.oneof(
      { weight: 5, arbitrary: fc.constant(0n) },
      { weight: 3, arbitrary: fc.constantFrom(1n, 2n) },
      { weight: 1, arbitrary: fc.constantFrom(3n, 4n, 5n, 8n, 1n << 40n, (1n << 64n) - 1n) },
    ),
    noKey: fc.nat(30).map((n) => n === 0),
  });

  interface Shape {
    readonly name: string;
    readonly keySize?: number;
    readonly valueSize?: number;
    readonly maxEntries?: number;
    readonly flags?: number;
    /** Of the inner maps. */
    readonly innerFlags?: number;
    /** Members of the value's type, whose size is valueSize. */
    readonly members?: string;
  }
  const LOCKED = 'u64 a; bpf_spin_lock l; u32 b; u64 c';
  const TIMED = 'u64 a; bpf_timer t';
  const SHAPES: readonly Shape[] = [
    { name: 'hash', maxEntries: 4 },
    { name: 'hash', maxEntries: 3, flags: 1 },
    { name: 'hash', keySize: 7, valueSize: 13, maxEntries: 4 },
    { name: 'hash', keySize: 600, valueSize: 3, maxEntries: 2 },
    { name: 'hash', flags: 8 },
    { name: 'hash', flags: 0x10 },
    { name: 'array', maxEntries: 5 },
    { name: 'array', maxEntries: 5, valueSize: 3 },
    { name: 'percpu_hash', maxEntries: 4, valueSize: 12 },
    { name: 'percpu_hash', maxEntries: 4, flags: 1 },
    { name: 'percpu_array', maxEntries: 5, valueSize: 12 },
    // Larger than the keys that are used: which element goes when one is full is each side's choice.
    { name: 'lru_hash', maxEntries: 1000 },
    { name: 'lru_percpu_hash', maxEntries: 1000, valueSize: 5 },
    { name: 'prog_array', maxEntries: 5, valueSize: 4 },
    { name: 'perf_event_array', maxEntries: 5, valueSize: 4 },
    { name: 'cgroup_array', maxEntries: 5, valueSize: 4 },
    { name: 'array_of_maps', maxEntries: 5, valueSize: 4 },
    { name: 'hash_of_maps', maxEntries: 4, valueSize: 4 },
    { name: 'hash_of_maps', maxEntries: 4, valueSize: 4, flags: 1, innerFlags: 0x1000 },
    { name: 'lpm_trie', keySize: 6, maxEntries: 6, flags: 1 },
    { name: 'lpm_trie', keySize: 6, maxEntries: 100, flags: 1, valueSize: 3 },
    { name: 'queue', keySize: 0, maxEntries: 3 },
    { name: 'stack', keySize: 0, maxEntries: 3, valueSize: 5 },
    { name: 'bloom_filter', keySize: 0, maxEntries: 50 },
    { name: 'bloom_filter', keySize: 0, maxEntries: 50, valueSize: 3, flags: 0x40 },
    { name: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 4096 },
    { name: 'stack_trace', maxEntries: 5, valueSize: 64 },
    { name: 'hash', maxEntries: 4, valueSize: 24, members: LOCKED },
    { name: 'hash', maxEntries: 4, valueSize: 24, flags: 1, members: LOCKED },
    { name: 'array', maxEntries: 5, valueSize: 24, members: LOCKED },
    { name: 'hash', maxEntries: 4, valueSize: 24, members: TIMED },
    { name: 'lru_hash', maxEntries: 1000, valueSize: 24, members: TIMED },
    { name: 'array', maxEntries: 5, valueSize: 24, members: TIMED },
  ];

  test.each(SHAPES)('elements of %o', { timeout: 120_000 }, (shape) => {
    const { name, keySize = 4, valueSize = 8, maxEntries = 5, flags = 0, innerFlags = 0, members } = shape;
    const row = mapTypeByName(name);
    const perCpu = row?.perCpu === true;
    const ofMaps = name === 'array_of_maps' || name === 'hash_of_maps';
    const slots = name === 'prog_array' || name === 'perf_event_array' || name === 'cgroup_array' || ofMaps;
    const keyless = keySize === 0;
    const whole = perCpu ? Math.ceil(valueSize / 8) * 8 * cpus : valueSize;
    const progs = [engineMaps, kernelMaps].map((side) => side.prog(1));
    const wrongProgs = [engineMaps, kernelMaps].map((side) => side.prog(17));
    const typed = members === undefined ? undefined : new TypeBuilder().declare(`struct value { ${members}; };`);
    const keyType = typed?.id('u32') ?? 0;
    const valueType = typed?.laid('value').id ?? 0;
    const btfs = typed === undefined ? [] : [engine.btfLoad(typed.bytes()), kernel.bpf?.btfLoad(typed.bytes()) ?? -1];
    const inner = (type: number, entries: number) => ({
      type,
      keySize: 4,
      valueSize: 8,
      maxEntries: entries,
      flags: type === 2 ? innerFlags : 0,
    });
    const makers = ofMaps ? [engineMaps, kernelMaps] : [];
    const templates = makers.map((side) => side.create(inner(2, 3)));
    const fitting = makers.map((side) => side.create(inner(2, 3)));
    const larger = makers.map((side) => side.create(inner(2, 4)));
    const others = makers.map((side) => side.create(inner(1, 3)));
    const keyBytes = (key: number, prefix: readonly [number, number, number]): Uint8Array => {
      const bytes = new Uint8Array(keyless ? 4 : keySize);
      if (name === 'lpm_trie') {
        bytes.set([prefix[0], 0, 0, 0, prefix[1], prefix[2]]);
        return bytes;
      }
      new DataView(bytes.buffer).setUint32(0, key, true);
      return bytes;
    };
    const valueBytes = (value: number, side: number): Uint8Array => {
      const bytes = new Uint8Array(whole);
      if (slots) {
        // A fitting program, an unfitting one, something else, nothing.
        const fds = ofMaps ? [fitting[side], larger[side], others[side], templates[side], progs[side]] : [progs[side], wrongProgs[side]];
        const fd = [...fds, 1_000_000, -1][value % (fds.length + 2)];
        new DataView(bytes.buffer).setInt32(0, typeof fd === 'number' ? fd : -1, true);
        return bytes;
      }
      // The bytes between per-CPU slots' values are not the value's.
      const step = perCpu ? Math.ceil(valueSize / 8) * 8 : whole;
      for (let at = 0; at < whole; at += step) for (let i = 0; i < valueSize; i++) bytes[at + i] = (value * 7 + at + i) & 255;
      return bytes;
    };
    const isHash = name.includes('hash');
    const keys = (side: Side, fd: number): string => {
      if (keyless) return '';
      const found: string[] = [];
      for (let at = side.next(fd, undefined); !/^E/.test(at); at = side.next(fd, Buffer.from(at, 'hex'))) {
        found.push(at);
        if (found.length > 2000) break;
      }
      return (isHash ? found.sort() : found).join(' ');
    };
    fc.assert(
      fc.property(fc.array(element, { maxLength: 40 }), (steps) => {
        sizes = { key: keySize, value: whole };
        const fds = [engineMaps, kernelMaps].map((side, i) =>
          side.create({
            ...{ type: row?.id ?? 0, keySize, valueSize, maxEntries, flags },
            ...(ofMaps ? { innerMapFd: Number(templates[i]) } : {}),
            ...(typed === undefined ? {} : { btfFd: btfs[i] ?? -1, btfKeyTypeId: keyType, btfValueTypeId: valueType }),
          }),
        );
        const added = new Set<number>();
        const history: string[] = [];
        try {
          for (const step of steps) {
            const [got, want] = [engineMaps, kernelMaps].map((side, i) => {
              const fd = fds[i];
              if (typeof fd !== 'number') return fd;
              // Keyless maps refuse a key, which is tried now and then.
              // Elements are locked now and then.
              const elemFlags = members !== undefined && step.value % 3 === 0 ? step.flags ^ 4n : step.flags;
              const key = step.noKey !== keyless ? undefined : keyBytes(step.key, step.prefix);
              switch (step.op) {
                case 'update':
                  added.add(step.value % 20);
                  return side.update(fd, key, valueBytes(name === 'bloom_filter' ? step.value % 20 : step.value, i), elemFlags);
                case 'lookup': {
                  const asked = name === 'bloom_filter' ? valueBytes(step.value % 20, i) : undefined;
                  const found = side.lookup(fd, key, elemFlags === 1n ? 0n : elemFlags, asked);
                  // What was not added may be found by chance.
                  if (asked !== undefined && !found.startsWith('E') && !added.has(step.value % 20)) return 'ENOENT';
                  // Programs' ids are each side's own.
                  return slots && !found.startsWith('E') ? 'a reference' : found;
                }
                case 'delete':
                  return side.delete(fd, keyless ? undefined : keyBytes(step.key, step.prefix));
                case 'take':
                  return side.take(fd, key, elemFlags === 1n ? 0n : elemFlags);
                case 'freeze':
                  // Ends most of what can be seen: now and then only.
                  return step.value % 10 === 0 && !slots ? side.freeze(fd) : '';
                case 'keys':
                  return keys(side, fd);
                default: {
                  const next = side.next(fd, key);
                  return isHash && !next.startsWith('E') ? 'a key' : next;
                }
              }
            });
            history.push(`${step.op} ${step.key} ${step.value} ${step.flags} -> ${want}`);
            // After a key of a hash comes what its own order says: whether there is one is comparable only at the first.
            const comparable = !(step.op === 'next' && isHash && !step.noKey);
            if (comparable) expect(got, history.join('\n')).toBe(want);
          }
        } finally {
          fds.forEach((fd, i) => {
            if (typeof fd === 'number') [engineMaps, kernelMaps][i]?.close(fd);
          });
        }
      }),
      { numRuns: 150 },
    );
    [engineMaps, kernelMaps].forEach((side, i) => {
      for (const fd of [btfs[i], progs[i], wrongProgs[i], templates[i], fitting[i], larger[i], others[i]])
        if (typeof fd === 'number') side.close(fd);
    });
  });

  /** Types with batches and some without; hash tables are read whole, because their buckets are each side's own. */
  const BATCHES: readonly Shape[] = [
    { name: 'array', maxEntries: 6 },
    { name: 'percpu_array', maxEntries: 6, valueSize: 12 },
    { name: 'hash', maxEntries: 6 },
    { name: 'hash', maxEntries: 6, flags: 1, keySize: 7, valueSize: 3 },
    { name: 'percpu_hash', maxEntries: 6 },
    { name: 'lru_hash', maxEntries: 1000 },
    { name: 'lpm_trie', keySize: 6, maxEntries: 6, flags: 1 },
    { name: 'prog_array', maxEntries: 6, valueSize: 4 },
    { name: 'stack_trace', maxEntries: 6 },
  ];
  const batchStep = fc.record({
    op: fc.constantFrom('updateBatch', 'updateBatch', 'deleteBatch', 'lookupBatch', 'lookupBatch', 'takeBatch' as const),
    keys: fc.array(fc.nat(7), { maxLength: 8 }),
    count: fc.nat(9),
    flags: fc.constantFrom(0n, 0n, 0n, 1n, 2n, 4n),
  });
  test.each(BATCHES)('batches of %o', { timeout: 120_000 }, (shape) => {
    const { name, keySize = 4, valueSize = 8, maxEntries = 6, flags = 0 } = shape;
    const row = mapTypeByName(name);
    const whole = row?.perCpu === true ? Math.ceil(valueSize / 8) * 8 * cpus : valueSize;
    const isHash = name.includes('hash');
    const keyBytes = (key: number): number[] =>
      name === 'lpm_trie' ? [key * 2, 0, 0, 0, 0xa0, 0x55] : [key, ...new Array<number>(keySize - 1).fill(0)];
    const sorted = (answer: BatchAnswer): string => {
      const at = (text: string, size: number, i: number): string => text.slice(i * size * 2, (i + 1) * size * 2);
      const pairs = Array.from({ length: answer.count }, (_, i) => `${at(answer.keys, keySize, i)}=${at(answer.values, whole, i)}`);
      return `${answer.result} ${(isHash ? pairs.sort() : pairs).join(' ')}`;
    };
    fc.assert(
      fc.property(fc.array(batchStep, { maxLength: 12 }), (steps) => {
        sizes = { key: keySize, value: whole };
        const fds = [engineMaps, kernelMaps].map((side) => side.create({ type: row?.id ?? 0, keySize, valueSize, maxEntries, flags }));
        const history: string[] = [];
        try {
          for (const { op, keys, count, flags: elemFlags } of steps) {
            const [got, want] = [engineMaps, kernelMaps].map((side, i) => {
              const fd = fds[i];
              if (typeof fd !== 'number') return fd;
              if (op === 'updateBatch' || op === 'deleteBatch') {
                const values = keys.flatMap((key, n) => new Array<number>(whole).fill(key * 16 + n));
                return side.writeBatch(fd, op, Uint8Array.from(keys.flatMap(keyBytes)), Uint8Array.from(values), elemFlags);
              }
              const most = isHash && count > 0 ? 2000 : count;
              const first = side.readBatch(fd, op, most, undefined, elemFlags);
              if (isHash || first.result !== 'ok' || most === 0) return sorted(first);
              return `${sorted(first)}, ${sorted(side.readBatch(fd, op, most, first.next?.slice(0, keySize), elemFlags))}`;
            });
            history.push(`${op} ${keys} ${count} ${elemFlags} -> ${want}`);
            expect(got, history.join('\n')).toBe(want);
          }
        } finally {
          fds.forEach((fd, i) => {
            if (typeof fd === 'number') [engineMaps, kernelMaps][i]?.close(fd);
          });
        }
      }),
      { numRuns: 100 },
    );
  });
});
