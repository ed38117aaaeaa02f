/** Map kernels against a JavaScript model, and that maps give all their memory back. The kernel's own answers are in tests/maps-kernel.test.ts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ERRNO } from '../base/index.ts';
import { heapUsage, layOut, Mem } from '../mem/index.ts';
import { createMap, destroyMap, MAP_FLAG, MAP_TYPES, mapKernel, mapTypeByName, mapTypeRow } from './index.ts';

const CPUS = 3;

function setup(type: string, options: { keySize?: number; valueSize?: number; maxEntries?: number; flags?: number } = {}) {
  const mem = Mem.create();
  const env = layOut(mem, CPUS);
  const before = heapUsage(mem);
  const key = env.alloc(64);
  const next = env.alloc(64);
  const value = env.alloc(4096);
  const row = mapTypeByName(type);
  const attr = { type: row?.id ?? 0, keySize: 4, valueSize: 8, maxEntries: 8, ...options };
  expect(row?.check?.(attr, CPUS)).toBe(0);
  const map = createMap(env, attr, { id: 1, cpus: CPUS });
  expect(map).toBeGreaterThan(0);
  const kernel = mapKernel(mem, map);
  return {
    mem,
    env,
    kernel,
    map,
    key,
    value,
    next,
    update(k: number, v: bigint, flags = 0n) {
      mem.dv.setUint32(key, k, true);
      mem.dv.setBigUint64(value, v, true);
      return kernel.update(env, map, key, value, flags);
    },
    lookup(k: number): bigint | undefined {
      mem.dv.setUint32(key, k, true);
      const at = kernel.lookup(env, map, key);
      return at === 0 ? undefined : mem.dv.getBigUint64(at, true);
    },
    delete(k: number) {
      mem.dv.setUint32(key, k, true);
      return kernel.delete(env, map, key);
    },
    keys(): number[] {
      const out: number[] = [];
      for (let at = 0; kernel.getNextKey(env, map, at, next) === 0; at = key) {
        out.push(mem.dv.getUint32(next, true));
        mem.dv.setUint32(key, mem.dv.getUint32(next, true), true);
      }
      return out;
    },
    done() {
      destroyMap(env, map);
      for (const block of [key, next, value]) env.free(block);
      expect(heapUsage(mem)).toEqual(before);
    },
  };
}

test('the table has a row for every type, in order', () => {
  MAP_TYPES.forEach((row, index) => {
    expect(row.id).toBe(index);
    expect(mapTypeRow(index)).toBe(row);
  });
  expect(MAP_TYPES.length).toBe(34);
});

describe.each([
  ['hash', 0],
  ['hash', MAP_FLAG.NO_PREALLOC],
  ['percpu_hash', 0],
  ['percpu_hash', MAP_FLAG.NO_PREALLOC],
])('%s flags %i', (type, flags) => {
  test('behaves as a bounded Map', () => {
    const step = fc.tuple(fc.constantFrom('update', 'delete', 'lookup'), fc.nat(60), fc.bigInt(0n, 2n ** 64n - 1n), fc.nat(2));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(step, { maxLength: 300 }), (maxEntries, steps) => {
        const m = setup(type, { maxEntries, flags });
        const model = new Map<number, bigint>();
        for (const [op, k, v, f] of steps) {
          if (op === 'update') {
            const has = model.has(k);
            const want =
              has && f === 1 ? -ERRNO.EEXIST : !has && f === 2 ? -ERRNO.ENOENT : !has && model.size >= maxEntries ? -ERRNO.E2BIG : 0;
            expect(m.update(k, v, BigInt(f))).toBe(want);
            if (want === 0) model.set(k, v);
          } else if (op === 'delete') {
            expect(m.delete(k)).toBe(model.delete(k) ? 0 : -ERRNO.ENOENT);
          } else {
            expect(m.lookup(k)).toBe(model.get(k));
          }
        }
        expect(m.keys().sort((a, b) => a - b)).toEqual([...model.keys()].sort((a, b) => a - b));
        for (const region of m.kernel.regions(m.env, m.map))
          expect(region.base + region.count * region.stride).toBeLessThan(m.mem.u8.length);
        m.done();
      }),
      { numRuns: 60 },
    );
  });
});

describe('lru_hash', () => {
  test('drops the oldest, but not what a program looked up', () => {
    const m = setup('lru_hash', { maxEntries: 3 });
    for (const k of [1, 2, 3]) expect(m.update(k, BigInt(k))).toBe(0);
    expect(m.lookup(1)).toBe(1n);
    expect(m.update(4, 4n)).toBe(0);
    expect(m.keys().sort()).toEqual([1, 3, 4]);
    expect(m.update(5, 5n)).toBe(0);
    expect(m.update(6, 6n)).toBe(0);
    expect(m.keys().length).toBe(3);
    expect(m.lookup(6)).toBe(6n);
    m.done();
  });

  test('replacing a value evicts nothing', () => {
    const m = setup('lru_hash', { maxEntries: 3 });
    for (const k of [1, 2, 3, 2, 2, 1]) expect(m.update(k, 9n)).toBe(0);
    expect(m.keys().sort()).toEqual([1, 2, 3]);
    m.done();
  });
});

describe('per-CPU maps', () => {
  test.each(['percpu_hash', 'percpu_array', 'lru_percpu_hash'])('%s: programs touch their CPU, bpf(2) all', (type) => {
    const m = setup(type, { maxEntries: 4 });
    m.env.cpu = 2;
    expect(m.update(1, 7n)).toBe(0);
    m.env.cpu = 0;
    expect(m.lookup(1)).toBe(0n);
    m.mem.dv.setUint32(m.key, 1, true);
    expect(m.kernel.sysLookup(m.env, m.map, m.key, m.value, 0n)).toBe(0);
    expect([0, 1, 2].map((cpu) => m.mem.dv.getBigUint64(m.value + cpu * 8, true))).toEqual([0n, 0n, 7n]);
    for (let cpu = 0; cpu < CPUS; cpu++) m.mem.dv.setBigUint64(m.value + cpu * 8, BigInt(cpu + 1), true);
    expect(m.kernel.sysUpdate(m.env, m.map, m.key, m.value, 0n)).toBe(0);
    m.env.cpu = 1;
    expect(m.lookup(1)).toBe(2n);
    expect(m.kernel.sysValueSize(m.env, m.map)).toBe(24);
    m.done();
  });
});

test('arrays: every element is there, indices are bounded', () => {
  const m = setup('array', { maxEntries: 4, valueSize: 12 });
  expect(m.lookup(3)).toBe(0n);
  expect(m.update(3, 5n)).toBe(0);
  expect(m.lookup(3)).toBe(5n);
  expect(m.lookup(4)).toBeUndefined();
  expect(m.update(4, 5n)).toBe(-ERRNO.E2BIG);
  expect(m.update(3, 5n, 1n)).toBe(-ERRNO.EEXIST);
  expect(m.update(9, 5n, 3n)).toBe(-ERRNO.EINVAL);
  expect(m.delete(3)).toBe(-ERRNO.EINVAL);
  expect(m.keys()).toEqual([0, 1, 2, 3]);
  expect(m.kernel.regions(m.env, m.map)).toMatchObject([{ count: 4, stride: 16, size: 12, writable: true }]);
  m.done();
});
