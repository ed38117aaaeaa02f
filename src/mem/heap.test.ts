/** The allocator against a model, and locks by hand. Use from several threads is tests/engine-threads.test.ts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { heapUsage, idTableAdd, idTableGet, idTableRemove, layOut, lock, lockOwner, Mem, releaseDead, unlock } from './index.ts';

describe('heap', () => {
  test('blocks are aligned, zeroed, apart, and all come back', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 5000 }), fc.nat(1000)), { maxLength: 200 }), (steps) => {
        const mem = Mem.create();
        const env = layOut(mem, 1);
        const before = heapUsage(mem);
        const live: { offset: number; size: number; fill: number }[] = [];
        let fill = 0;
        for (const [free, size, pick] of steps) {
          if (free && live.length > 0) {
            const [block] = live.splice(pick % live.length, 1);
            if (block === undefined) continue;
            expect(mem.u8.subarray(block.offset, block.offset + block.size).every((b) => b === block.fill)).toBe(true);
            env.free(block.offset);
          } else {
            const offset = env.alloc(size);
            expect(offset % 64).toBe(0);
            expect(offset).toBeGreaterThan(0);
            expect(mem.u8.subarray(offset, offset + size).every((b) => b === 0)).toBe(true);
            fill = (fill % 255) + 1;
            mem.u8.fill(fill, offset, offset + size);
            live.push({ offset, size, fill });
          }
        }
        for (const block of live) env.free(block.offset);
        expect(heapUsage(mem)).toEqual(before);
      }),
      { numRuns: 60 },
    );
  });

  test('freed neighbours join: all memory can be had again in one block', () => {
    const mem = Mem.create({ initial: 4 << 20, maximum: 4 << 20 });
    const env = layOut(mem, 1);
    const blocks: number[] = [];
    for (let b = env.alloc(1000); b !== 0; b = env.alloc(1000)) blocks.push(b);
    for (const b of blocks.filter((_, i) => i % 2 === 0)) env.free(b);
    for (const b of blocks.filter((_, i) => i % 2 === 1)) env.free(b);
    expect(env.alloc(3 << 20)).not.toBe(0);
    expect(env.alloc(3 << 20)).toBe(0);
  });

  test('a wrong or second free is refused', () => {
    const env = layOut(Mem.create(), 1);
    const block = env.alloc(10);
    expect(() => env.free(block + 64)).toThrow(/not a block in use/);
    env.free(block);
    expect(() => env.free(block)).toThrow(/not a block in use/);
  });

  test('memory grows, and exhaustion is 0', () => {
    const env = layOut(Mem.create({ initial: 1 << 20, maximum: 8 << 20 }), 2);
    expect(env.alloc(5 << 20)).not.toBe(0);
    expect(env.alloc(5 << 20)).toBe(0);
    expect(env.alloc(-1)).toBe(0);
    expect(env.alloc(2 ** 33)).toBe(0);
  });
});

test('locks know their owner and a dead owner can be made to let go', () => {
  const mem = Mem.create();
  const env = layOut(mem, 1);
  const word = env.alloc(4);
  lock(mem, word, 0);
  expect(lockOwner(mem, word)).toBe(0);
  expect(releaseDead(mem, word, 1)).toBe(false);
  expect(releaseDead(mem, word, 0)).toBe(true);
  lock(mem, word, 7);
  expect(lockOwner(mem, word)).toBe(7);
  unlock(mem, word);
  expect(lockOwner(mem, word)).toBeUndefined();
});

test('an id table finds what is in it and nothing else', () => {
  const mem = Mem.create();
  const env = layOut(mem, 1);
  const table = env.alloc(4096);
  for (let id = 1; id < 3000; id++) idTableAdd(mem, table, id, id * 64, env.alloc(12));
  for (let id = 1; id < 3000; id += 3) idTableRemove(mem, table, id);
  for (let id = 1; id < 3000; id++) expect(idTableGet(mem, table, id)).toBe(id % 3 === 1 ? 0 : id * 64);
  expect(idTableGet(mem, table, 5000)).toBe(0);
});
