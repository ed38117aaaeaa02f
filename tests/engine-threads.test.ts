/**
 * One engine's maps under several threads at once: workers that got nothing but the shared memory run the programs, and the totals must
 * be exact. The workers load the engine bundled for this test.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import type { Engine } from '../src/engine/index.ts';
import { createEngine } from '../src/tools/node-engine.ts';

const RAW_TP = 17;
const WORKERS = 3;
const ROUNDS = 4000;
const KEYS = 50;
const CPUS = 4;

const WORKER = `
import { workerData, parentPort } from 'node:worker_threads';
const { createRunner, makeTask } = await import('./engine.mjs');
const clock = { monotonic: () => process.hrtime.bigint(), boottime: () => process.hrtime.bigint() };
const runner = createRunner(workerData.shared, { clock });
const task = makeTask(runner.mem);
const ctx = runner.alloc(64);
parentPort.postMessage({ thread: runner.thread });
const failed = {};
for (let i = 0; i < workerData.rounds; i++) {
  runner.mem.dv.setBigUint64(ctx, BigInt((i * 7 + workerData.seed) % workerData.keys), true);
  for (const id of workerData.programs) {
    const cpu = (i + workerData.seed) % workerData.shared.possibleCpus;
    const result = runner.run(id, { ctx, ctxSize: 8, task, cpu });
    if (result !== 0) failed[id + ':' + result] = (failed[id + ':' + result] ?? 0) + 1;
  }
}
runner.free(ctx);
runner.close();
parentPort.postMessage({ failed });
`;

const u32 = (n: number): Uint8Array => Uint8Array.from([n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24]);
const u64 = (bytes: Uint8Array | undefined, at = 0): bigint => {
  if (bytes === undefined) throw new Error('no such element');
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true);
};

/** value of key ctx[0] += 1; the key is made first where it may be missing. Returns 0 when all went well. */
function counter(map: number, add: string): Uint8Array {
  return assemble(`
    r6 = *(u64 *)(r1 + 0)
    *(u32 *)(r10 - 4) = r6
    *(u64 *)(r10 - 16) = 0
    r2 = r10
    r2 += -4
    r1 = map[fd:${map}]
    call 1
    if r0 != 0 goto found
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 1
    r1 = map[fd:${map}]
    call 2
    r2 = r10
    r2 += -4
    r1 = map[fd:${map}]
    call 1
    if r0 != 0 goto found
    r0 = 1
    exit
found:
    r1 = 1
    ${add}
    r0 = 0
    exit
  `);
}
const ATOMIC = 'lock *(u64 *)(r0 + 0) += r1';
/** Enough where only the CPU's own value is touched. */
const PLAIN = 'r2 = *(u64 *)(r0 + 0)\n r2 += r1\n *(u64 *)(r0 + 0) = r2';

/** Makes and deletes the key: what is left must be consistent. */
function churn(map: number): Uint8Array {
  return assemble(`
    r6 = *(u64 *)(r1 + 0)
    *(u32 *)(r10 - 4) = r6
    *(u64 *)(r10 - 16) = r6
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    r1 = map[fd:${map}]
    call 2
    r2 = r10
    r2 += -4
    r1 = map[fd:${map}]
    call 3
    r0 = 0
    exit
  `);
}

/** Sends ctx[0] into a ring buffer. Returns 0 when there was room. */
const send = (map: number): Uint8Array =>
  assemble(`
    r6 = *(u64 *)(r1 + 0)
    *(u64 *)(r10 - 8) = r6
    r1 = map[fd:${map}]
    r2 = r10
    r2 += -8
    r3 = 8
    r4 = 0
    call 130
    exit
  `);

/** The same in place: a record is reserved, filled and submitted, or discarded where ctx[0] is odd. */
const sendInPlace = (map: number): Uint8Array =>
  assemble(`
    r6 = *(u64 *)(r1 + 0)
    r1 = map[fd:${map}]
    r2 = 8
    r3 = 0
    call 131
    if r0 == 0 goto full
    *(u64 *)(r0 + 0) = r6
    r1 = r0
    r2 = 0
    r6 &= 1
    if r6 != 0 goto odd
    call 132
    r0 = 0
    exit
odd:
    call 133
    r0 = 0
    exit
full:
    r0 = 1
    exit
  `);

/** Pushes ctx[0] onto a queue. */
const push = (map: number): Uint8Array =>
  assemble(`
    r6 = *(u64 *)(r1 + 0)
    *(u64 *)(r10 - 8) = r6
    r1 = map[fd:${map}]
    r2 = r10
    r2 += -8
    r3 = 0
    call 87
    exit
  `);

/** Records of a ring that nobody has read: [sum of those that were submitted, submitted, discarded]. */
function records(engine: Engine, fd: number): readonly bigint[] {
  const ring = engine.ringbufMmap(fd);
  const dv = new DataView(ring.buffer);
  const end = Number(dv.getBigUint64(ring.producer, true));
  const found = [0n, 0n, 0n];
  for (let at = 0; at < end; ) {
    const word = dv.getUint32(ring.data + at, true);
    expect(word >>> 31).toBe(0);
    if ((word & 0x4000_0000) === 0) {
      found[0] = (found[0] ?? 0n) + dv.getBigUint64(ring.data + at + 8, true);
      found[1] = (found[1] ?? 0n) + 1n;
    } else {
      found[2] = (found[2] ?? 0n) + 1n;
    }
    at += ((word & 0x3fff_ffff) + 15) & ~7;
  }
  ring.unmap();
  return found;
}

/** Writes the key, and looks it up. Returns 0 unless the table had no element to give. */
const writeAndFind = (map: number): Uint8Array =>
  assemble(`
    r6 = *(u64 *)(r1 + 0)
    *(u32 *)(r10 - 4) = r6
    *(u64 *)(r10 - 16) = r6
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    r1 = map[fd:${map}]
    call 2
    r7 = r0
    r2 = r10
    r2 += -4
    r1 = map[fd:${map}]
    call 1
    r0 = r7
    exit
  `);

/** The key of a trie, ctx[0] & 7 under a full mask, in r6 and on the stack. */
const TRIE_KEY = `
    r6 = *(u64 *)(r1 + 0)
    r6 &= 7
    *(u32 *)(r10 - 8) = 32
    *(u32 *)(r10 - 4) = r6
    *(u64 *)(r10 - 16) = r6
    r2 = r10
    r2 += -8
`;

/** Looks a key up and reads its value again and again: as long as the program runs it stays that key's. */
const holdValue = (map: number): Uint8Array =>
  assemble(`${TRIE_KEY}
    r1 = map[fd:${map}]
    call 1
    if r0 == 0 goto out
    r7 = 500
again:
    r1 = *(u64 *)(r0 + 0)
    if r1 != r6 goto foreign
    r7 += -1
    if r7 != 0 goto again
    r0 = 0
out:
    exit
foreign:
    r0 = 1
    exit
  `);

/** Writes the key, or deletes it: bit 3 of ctx[0] says. */
const flip = (map: number): Uint8Array =>
  assemble(`
    r8 = *(u64 *)(r1 + 0)
    r8 &= 8
    ${TRIE_KEY}
    r1 = map[fd:${map}]
    if r8 == 0 goto remove
    r3 = r10
    r3 += -16
    r4 = 0
    call 2
    exit
remove:
    call 3
    r0 = 0
    exit
  `);

describe('threads', () => {
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bpfwright-threads-'));
    const outfile = join(folder, 'engine.mjs');
    writeFileSync(join(folder, 'worker.mjs'), WORKER);
    await build({
      entryPoints: ['src/engine/index.ts'],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      logLevel: 'error',
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = (engine: Engine, programs: readonly number[], seed: number, rounds: number): Worker => {
    const workerData = { shared: engine.shared(), programs, seed, rounds, keys: KEYS };
    return new Worker(join(folder, 'worker.mjs'), { workerData });
  };
  const finish = (worker: Worker): Promise<Record<string, number>> =>
    new Promise((resolve, reject) => {
      worker.on('message', (message: { failed?: Record<string, number> }) => {
        if (message.failed !== undefined) resolve(message.failed);
      });
      worker.on('error', reject);
    });

  test('totals are exact', { timeout: 120_000 }, async () => {
    const engine = createEngine({ cpus: CPUS, memory: { initial: 1 << 20 } });
    const map = (type: number, flags = 0) =>
      // CPUs keep free elements of LRU tables for themselves: where nothing may be evicted there must be many.
      engine.mapCreate({ type, keySize: 4, valueSize: 8, maxEntries: type === 9 ? KEYS * 20 : KEYS, flags });
    const rows = [
      { name: 'hash', fd: map(1), add: ATOMIC },
      { name: 'hash without preallocation', fd: map(1, 1), add: ATOMIC },
      { name: 'lru_hash', fd: map(9), add: ATOMIC },
      { name: 'array', fd: map(2), add: ATOMIC },
      { name: 'percpu_hash', fd: map(5), add: PLAIN },
      { name: 'percpu_array', fd: map(6), add: PLAIN },
    ];
    const programs = rows.map(
      ({ fd, add }) => engine.progInfo(engine.progLoad({ type: RAW_TP, insns: counter(fd, add), license: 'GPL' }).fd).id,
    );
    const churned = map(1);
    programs.push(engine.progInfo(engine.progLoad({ type: RAW_TP, insns: churn(churned), license: 'GPL' }).fd).id);
    const workers = Array.from({ length: WORKERS }, (_, n) => start(engine, programs, n, ROUNDS));
    const results = Promise.all(workers.map(finish));
    // Meanwhile this thread reads, and grows the memory.
    const extra: number[] = [];
    for (let i = 0; i < 20; i++) {
      for (const { fd } of rows) engine.mapLookupElem(fd, u32(i));
      extra.push(engine.mapCreate({ type: 2, keySize: 4, valueSize: 8, maxEntries: 20_000 }));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await results).toEqual(Array.from({ length: WORKERS }, () => ({})));
    expect(engine.faults()).toEqual({ total: 0, recent: [] });
    for (const { name, fd } of rows) {
      const perCpu = name.startsWith('percpu');
      let total = 0n;
      for (let key = 0; key < KEYS; key++) {
        const value = engine.mapLookupElem(fd, u32(key));
        for (let cpu = 0; cpu < (perCpu ? CPUS : 1); cpu++) total += u64(value, cpu * 8);
      }
      expect([name, total]).toEqual([name, BigInt(WORKERS * ROUNDS)]);
    }
    const left: Uint8Array[] = [];
    for (let key = engine.mapGetNextKey(churned, undefined); key !== undefined; key = engine.mapGetNextKey(churned, key)) left.push(key);
    expect(left.length).toBeLessThanOrEqual(WORKERS);
    for (let key = 0; key < KEYS; key++) engine.mapUpdateElem(churned, u32(key), new Uint8Array(8));
    engine.closeAll();
  });

  test('nothing is lost or torn in rings and queues, and LRU tables stay whole under pressure', { timeout: 120_000 }, async () => {
    const engine = createEngine({ cpus: CPUS });
    const total = WORKERS * ROUNDS;
    const ring = engine.mapCreate({ type: 27, keySize: 0, valueSize: 0, maxEntries: 1 << 19 });
    const inPlace = engine.mapCreate({ type: 27, keySize: 0, valueSize: 0, maxEntries: 1 << 19 });
    const queue = engine.mapCreate({ type: 22, keySize: 0, valueSize: 8, maxEntries: total });
    const lru = [9, 10].map((type) => engine.mapCreate({ type, keySize: 4, valueSize: 8, maxEntries: 20 }));
    const own = engine.mapCreate({ type: 9, keySize: 4, valueSize: 8, maxEntries: 20, flags: 2 });
    const load = (insns: Uint8Array): number => engine.progInfo(engine.progLoad({ type: RAW_TP, insns, license: 'GPL' }).fd).id;
    const programs = [load(send(ring)), load(sendInPlace(inPlace)), load(push(queue))];
    const pressed = [...lru, own].map((fd) => load(writeAndFind(fd)));
    const workers = Array.from({ length: WORKERS }, (_, n) => start(engine, [...programs, ...pressed], n, ROUNDS));
    expect(await Promise.all(workers.map(finish))).toEqual(Array.from({ length: WORKERS }, () => ({})));
    expect(engine.faults().recent).toEqual([]);
    let sum = 0n;
    let even = 0n;
    let evens = 0n;
    for (let n = 0; n < WORKERS; n++) {
      for (let i = 0; i < ROUNDS; i++) {
        const value = BigInt((i * 7 + n) % KEYS);
        sum += value;
        if (value % 2n === 0n) {
          even += value;
          evens++;
        }
      }
    }
    expect(records(engine, ring)).toEqual([sum, BigInt(total), 0n]);
    expect(records(engine, inPlace)).toEqual([even, evens, BigInt(total) - evens]);
    let popped = 0n;
    let count = 0;
    for (let value = engine.mapLookupAndDeleteElem(queue, undefined); value !== undefined; ) {
      popped += u64(value);
      count++;
      value = engine.mapLookupAndDeleteElem(queue, undefined);
    }
    expect([popped, count]).toEqual([sum, total]);
    for (const fd of [...lru, own]) {
      const keys: number[] = [];
      for (let key = engine.mapGetNextKey(fd, undefined); key !== undefined; key = engine.mapGetNextKey(fd, key)) keys.push(key[0] ?? 0);
      expect(keys.length).toBeLessThanOrEqual(20);
      expect(new Set(keys).size).toBe(keys.length);
      for (const key of keys) expect(engine.mapDeleteElem(fd, u32(key))).toBe(true);
      const size = fd === lru[1] ? 8 * CPUS : 8;
      for (let key = 0; key < 100; key++) engine.mapUpdateElem(fd, u32(key), new Uint8Array(size));
    }
    engine.closeAll();
  });

  test.each([{}, { jit: false }])('values that a program holds are used for no other key, %j', { timeout: 60_000 }, async (options) => {
    // Many, or the threads would wait for one another's.
    const engine = createEngine({ cpus: 61, ...options });
    const trie = engine.mapCreate({ type: 11, keySize: 8, valueSize: 8, maxEntries: 64, flags: 1 });
    const load = (insns: Uint8Array): number => engine.progInfo(engine.progLoad({ type: RAW_TP, insns, license: 'GPL' }).fd).id;
    const [reader, writer] = [load(holdValue(trie)), load(flip(trie))];
    const workers = [start(engine, [reader], 0, ROUNDS * 10), ...[1, 2].map((seed) => start(engine, [writer], seed, ROUNDS * 10))];
    expect(await Promise.all(workers.map(finish))).toEqual([{}, {}, {}]);
    expect(engine.faults()).toEqual({ total: 0, recent: [] });
    engine.closeAll();
  });

  test('a trie that a repeated run replaces values of does not grow', () => {
    const engine = createEngine({ cpus: 1 });
    const trie = engine.mapCreate({ type: 11, keySize: 8, valueSize: 8, maxEntries: 4, flags: 1 });
    const insns = assemble(`
      *(u32 *)(r10 - 8) = 32
      *(u32 *)(r10 - 4) = 7
      *(u64 *)(r10 - 16) = 5
      r2 = r10
      r2 += -8
      r3 = r10
      r3 += -16
      r4 = 0
      r1 = map[fd:${trie}]
      call 2
      exit`);
    const { fd } = engine.progLoad({ type: 6, insns, license: 'GPL' });
    expect(engine.progTestRun(fd, { dataIn: new Uint8Array(64), repeat: 200_000 }).retval).toBe(0);
    expect(engine.memoryUsage().bytes).toBeLessThan(1 << 20);
    engine.closeAll();
  });

  test('a thread that dies lets go of its locks', { timeout: 60_000 }, async () => {
    const engine = createEngine({ cpus: 1 });
    const fd = engine.mapCreate({ type: 1, keySize: 4, valueSize: 8, maxEntries: KEYS });
    const lru = engine.mapCreate({ type: 9, keySize: 4, valueSize: 8, maxEntries: 10 });
    const queue = engine.mapCreate({ type: 22, keySize: 0, valueSize: 8, maxEntries: 1 });
    const load = (insns: Uint8Array): number => engine.progInfo(engine.progLoad({ type: RAW_TP, insns, license: 'GPL' }).fd).id;
    const programs = [load(churn(fd)), load(writeAndFind(lru)), load(push(queue))];
    for (let n = 0; n < 6; n++) {
      const worker = start(engine, programs.slice(n % 3), n, 1e9);
      const thread = await new Promise<number>((resolve, reject) => {
        worker.once('message', (m: { thread: number }) => resolve(m.thread));
        worker.once('error', reject);
      });
      await new Promise((resolve) => setTimeout(resolve, 20 + n));
      await worker.terminate();
      engine.releaseThread(thread);
      engine.mapUpdateElem(fd, u32(1), new Uint8Array(8));
      expect(engine.mapLookupElem(fd, u32(1))).toEqual(new Uint8Array(8));
      engine.mapDeleteElem(fd, u32(1));
      for (let key = 0; key < 30; key++) engine.mapUpdateElem(lru, u32(key), new Uint8Array(8));
      engine.mapUpdateElem(queue, undefined, new Uint8Array(8), 2n);
      expect(engine.mapLookupAndDeleteElem(queue, undefined)).toEqual(new Uint8Array(8));
    }
    engine.closeAll();
  });
});
