/**
 * Compiled programs in the engine: tail calls while slots change, several CPUs, what faults leave behind, budgets, huge programs. What programs
 * compute is compared elsewhere.
 */
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { Engine, makeTask } from '../src/engine/index.ts';
import { MAP } from '../src/maps/index.ts';
import { CPU, HEADER, idTableGet, PROG } from '../src/mem/index.ts';
import { describeFunctions } from './support/functions.ts';
import { RUN_MODES } from './support/modes.ts';

const XDP = 6;
const [ARRAY, PROG_ARRAY] = [2, 3];
const PACKET = new Uint8Array(64);
const u32 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);

const load = (engine: Engine, text: string): number => engine.progLoad({ type: XDP, insns: assemble(text), license: 'GPL' }).fd;
/** Offset of a map's descriptor. */
const mapAt = (engine: Engine, fd: number): number => {
  const { mem } = engine.runner;
  return idTableGet(mem, mem.dv.getUint32(HEADER.MAP_TABLE, true), engine.mapInfo(fd).id);
};
const run = (engine: Engine, fd: number, more: { readonly cpu?: number; readonly repeat?: number } = {}): number =>
  engine.progTestRun(fd, { dataIn: PACKET, ...more }).retval;

describe.each(RUN_MODES)('tail calls, %s', (_mode, options) => {
  const tail = (map: number, index: number): string => `r2 = map[fd:${map}]\nr3 = ${index}\ncall 12\n`;

  it('follow the slots as they change, programs loaded later included', () => {
    using engine = new Engine({ cpus: 1, ...options });
    const map = engine.mapCreate({ type: PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 4 });
    const caller = load(engine, `${tail(map, 1)}r0 = 100\nexit`);
    expect(run(engine, caller)).toBe(100);
    for (let i = 1; i <= 6; i++) {
      const target = load(engine, `r0 = ${i}\nexit`);
      engine.mapUpdateElem(map, u32(1), u32(target));
      engine.close(target);
      expect(run(engine, caller)).toBe(i);
      expect(run(engine, caller)).toBe(i);
    }
    engine.mapDeleteElem(map, u32(1));
    expect(run(engine, caller)).toBe(100);
  });

  it('are 33 deep, and counted over subprograms', () => {
    using engine = new Engine({ cpus: 1, ...options });
    const map = engine.mapCreate({ type: PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 4 });
    const counts = engine.mapCreate({ type: ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
    const count = `r6 = r1\n*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:${counts}]\ncall 1\nif r0 == 0 goto +3\nr1 = *(u64 *)(r0 + 0)\nr1 += 1\n*(u64 *)(r0 + 0) = r1\nr1 = r6\n`;
    const self = load(engine, `${count}${tail(map, 0)}r0 = 7\nexit`);
    engine.mapUpdateElem(map, u32(0), u32(self));
    expect(run(engine, self)).toBe(7);
    expect(engine.mapLookupElem(counts, u32(0))?.[0]).toBe(34);
  });

  it('from deep subprograms are stopped before the stack ends', () => {
    using engine = new Engine({ cpus: 1, ...options });
    const map = engine.mapCreate({ type: PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
    const depth = 6;
    const starts = Array.from({ length: depth + 1 }, (_, n) => n * 2);
    const text = `${starts.map((_, n) => (n === depth ? `f${n}:\n` : `f${n}:\ncall f${n + 1}\nexit\n`)).join('')}${tail(map, 0)}r0 = 1\nexit`;
    const { btf, records } = describeFunctions(starts.map((insn) => ({ insn, linkage: 'static' })));
    const { fd } = engine.progLoad({ type: XDP, insns: assemble(text), license: 'GPL', btfFd: engine.btfLoad(btf), funcInfo: records });
    expect(run(engine, fd)).toBe(1);
    engine.mapUpdateElem(map, u32(0), u32(fd));
    expect(() => run(engine, fd)).toThrow(/EFAULT/);
    expect(engine.faults().recent[0]?.reason).toMatch(/call stack|room for/);
    engine.mapDeleteElem(map, u32(0));
    expect(run(engine, fd)).toBe(1);
  });

  it('fall through where the program is gone between the look at its slot and the jump', () => {
    using engine = new Engine({ cpus: 1, ...options });
    const map = engine.mapCreate({ type: PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 4 });
    const caller = load(engine, `${tail(map, 0)}r0 = 1000\nexit`);
    engine.mapUpdateElem(map, u32(0), u32(load(engine, 'r0 = 6\nexit')));
    expect(run(engine, caller)).toBe(6);
    // As another thread leaves it that removes a program: its number still in the slot, nothing behind the number.
    const { mem } = engine.runner;
    const slots = mem.dv.getUint32(mapAt(engine, map) + MAP.PRIVATE, true);
    for (const gone of [500, 500 + 1024]) {
      mem.dv.setUint32(slots, gone, true);
      for (let i = 0; i < 3; i++) expect(run(engine, caller)).toBe(1000);
    }
    expect(engine.faults().total).toBe(0);
  });

  it('made in a subprogram return to the caller, which still has its own maps', () => {
    using engine = new Engine({ cpus: 1, ...options });
    const map = engine.mapCreate({ type: PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 4 });
    const own = engine.mapCreate({ type: ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
    const text = `r6 = r1\ncall sub\nr7 = r0\n*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:${own}]\ncall 1\nif r0 == 0 goto +2\n*(u64 *)(r0 + 0) = r7\nr7 += 100\nr1 = r6\n${tail(map, 1)}r0 = r7\nexit\nsub:\n${tail(map, 0)}r0 = 5\nexit`;
    const insns = assemble(text);
    const sub = assemble(text.slice(0, text.indexOf('sub:')).replace('call sub', 'call +0')).length / 8;
    const { btf, records } = describeFunctions([0, sub].map((insn) => ({ insn, linkage: 'static' })));
    const { fd } = engine.progLoad({ type: XDP, insns, license: 'GPL', btfFd: engine.btfLoad(btf), funcInfo: records });
    expect(run(engine, fd)).toBe(105);
    engine.mapUpdateElem(map, u32(0), u32(load(engine, 'r0 = 42\nexit')));
    expect(run(engine, fd)).toBe(142);
    expect(engine.mapLookupElem(own, u32(0))?.[0]).toBe(42);
    expect(engine.faults().total).toBe(0);
  });

  it('fall through once the last user of the array is gone', () => {
    using engine = new Engine({ cpus: 1, ...options });
    const map = engine.mapCreate({ type: PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 4 });
    const caller = load(engine, `${tail(map, 0)}r0 = 5\nexit`);
    engine.mapUpdateElem(map, u32(0), u32(load(engine, 'r0 = 6\nexit')));
    expect(run(engine, caller)).toBe(6);
    engine.close(map);
    expect(run(engine, caller)).toBe(5);
  });
});

describe('a program that breaks its promise', () => {
  /** A program whose image in the shared memory is changed behind the verifier's back. */
  function broken(engine: Engine, text: string, replaced: string): number {
    const fd = load(engine, text);
    const { mem } = engine.runner;
    const table = mem.dv.getUint32(HEADER.PROG_TABLE, true);
    const { id } = engine.progInfo(fd);
    let node = mem.dv.getUint32(table + (id % 1024) * 4, true);
    while (mem.dv.getUint32(node + 4, true) !== id) node = mem.dv.getUint32(node, true);
    const record = mem.dv.getUint32(node + 8, true);
    mem.copyIn(mem.dv.getUint32(record + PROG.IMAGE, true), assemble(replaced));
    return fd;
  }

  it.each([
    ['compiled', {}, /trapped/],
    ['compiled, checked', { checked: true }, /invalid mem access/],
    ['interpreted', { jit: false }, /invalid mem access/],
  ] as const)('is stopped and reported with its instruction, %s', (_name, options, reason) => {
    using engine = new Engine({ cpus: 2, memory: { initial: 1 << 22, maximum: 1 << 24 }, ...options });
    const fd = broken(engine, 'r1 = 0\nr0 = 0\nr0 = 0\nr0 = 0\nexit', 'r1 = -64\nr1 <<= 8\nr0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit');
    expect(() => run(engine, fd)).toThrow(/EFAULT/);
    const { total, recent } = engine.faults();
    expect(total).toBe(1);
    expect(recent[0]).toMatchObject({ progId: engine.progInfo(fd).id, insn: 2, reason: expect.stringMatching(reason) });
    // The engine goes on.
    expect(run(engine, load(engine, 'r0 = 3\nexit'))).toBe(3);
  });

  it('gives the CPU and its note of a spin lock back', () => {
    using engine = new Engine({ cpus: 1, memory: { initial: 1 << 22, maximum: 1 << 24 } });
    const fd = broken(engine, 'r1 = 0\nr0 = 0\nr0 = 0\nr0 = 0\nexit', 'r1 = -64\nr1 <<= 8\nr0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit');
    const { mem } = engine.runner;
    const lock = engine.runner.alloc(8);
    const cpu = mem.dv.getUint32(HEADER.CPU_TABLE, true);
    mem.dv.setUint32(lock, 1, true);
    mem.dv.setUint32(cpu + CPU.HELD, lock, true);
    expect(() => run(engine, fd)).toThrow(/EFAULT/);
    expect(mem.dv.getUint32(lock, true)).toBe(0);
    expect(mem.dv.getUint32(cpu + CPU.LOCK, true)).toBe(0);
  });
});

describe('budgets', () => {
  it.each(RUN_MODES)('end a long loop, %s', (_mode, options) => {
    using engine = new Engine({ cpus: 1, budget: 1000, ...options });
    const fd = load(engine, 'r1 = 0\nr0 = 0\nloop:\nr0 += 3\nr1 += 1\nif r1 < 5000 goto loop\nexit');
    expect(() => run(engine, fd)).toThrow(/EFAULT/);
    expect(engine.faults().recent[0]?.reason).toMatch(/budget|1000 instructions/);
  });

  it.each(RUN_MODES)('are for each run of a repeated one, and the runs that began are counted, %s', (_mode, options) => {
    using engine = new Engine({ cpus: 1, budget: 1000, ...options });
    const map = engine.mapCreate({ type: ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
    // The 20th run in a row goes round 5000 times, the others 100 times.
    const fd = load(
      engine,
      `*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:${map}]\ncall 1\nif r0 == 0 goto out\nr3 = *(u64 *)(r0 + 0)\nr3 += 1\n*(u64 *)(r0 + 0) = r3\nr2 = 100\nif r3 != 20 goto start\nr2 = 5000\nstart:\nr1 = 0\nloop:\nr1 += 1\nif r1 < r2 goto loop\nout:\nr0 = 7\nexit`,
    );
    expect(run(engine, fd, { repeat: 13 })).toBe(7);
    expect(engine.progInfo(fd).runCount).toBe(13);
    expect(() => run(engine, fd, { repeat: 20 })).toThrow(/EFAULT/);
    expect(engine.progInfo(fd).runCount).toBe(20);
    expect(run(engine, fd, { repeat: 100 })).toBe(7);
    expect(engine.progInfo(fd).runCount).toBe(120);
  });
});

it.each(RUN_MODES)('a budget ends a loop of callbacks, %s', (_mode, options) => {
  using engine = new Engine({ cpus: 1, budget: 10_000, ...options });
  const insns = assemble('r1 = 8000000\nr2 = subprog[6]\nr3 = 0\nr4 = 0\ncall 181\nr0 = 0\nexit\nr0 = 0\nexit');
  const { btf, records } = describeFunctions([
    { insn: 0, linkage: 'static' },
    { insn: 8, linkage: 'static' },
  ]);
  const { fd } = engine.progLoad({ type: XDP, insns, license: 'GPL', btfFd: engine.btfLoad(btf), funcInfo: records });
  expect(() => run(engine, fd)).toThrow(/EFAULT/);
  expect(engine.faults().recent[0]?.reason).toMatch(/budget|10000 instructions/);
});

describe.each(RUN_MODES)('programs that come and go, %s', (_mode, options) => {
  const tail = (map: number): string => `r2 = map[fd:${map}]\nr3 = 0\ncall 12\n`;
  const withCallback = 'r1 = 2\nr2 = subprog[6]\nr3 = 0\nr4 = 0\ncall 181\nr0 = 3\nexit\nr0 = 0\nexit';

  it('leave no modules and no places in tables behind', { timeout: 60_000 }, () => {
    using engine = new Engine({ cpus: 1, ...options });
    const map = engine.mapCreate({ type: PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
    const caller = load(engine, `${tail(map)}r0 = 1\nexit`);
    const { btf, records } = describeFunctions([0, 8].map((insn) => ({ insn, linkage: 'static' })));
    const btfFd = engine.btfLoad(btf);
    const insns = assemble(withCallback);
    let most = { modules: 0, places: 0 };
    for (let i = 0; i < 600; i++) {
      const called = load(engine, `r0 = ${i}\nexit`);
      engine.mapUpdateElem(map, u32(0), u32(called));
      engine.close(called);
      expect(run(engine, caller)).toBe(i);
      const { fd } = engine.progLoad({ type: XDP, insns, license: 'GPL', btfFd, funcInfo: records });
      expect(run(engine, fd)).toBe(3);
      engine.close(fd);
      const { modules, places } = engine.runner.compiled;
      most = { modules: Math.max(most.modules, modules), places: Math.max(most.places, places) };
    }
    expect(most.modules).toBeLessThan(150);
    expect(most.places).toBeLessThan(5000);
    expect(engine.faults().total).toBe(0);
  });
});

it('compiles 20,000 instructions in functions', { timeout: 120_000 }, () => {
  using engine = new Engine({ cpus: 1 });
  const body = Array.from({ length: 990 }, (_, i) => `r0 += ${i}\nr0 ^= r1`).join('\n');
  let text = 'r6 = 0\n';
  for (let n = 0; n < 10; n++) text += `r1 = ${n}\ncall f${n}\nr6 += r0\n`;
  text += 'r0 = r6\nexit\n';
  for (let n = 0; n < 10; n++) text += `f${n}:\nr0 = 1\n${body}\nexit\n`;
  const fd = load(engine, text);
  const compiled = run(engine, fd);
  using other = new Engine({ cpus: 1, jit: false });
  expect(compiled).toBe(run(other, load(other, text)));
});

describe('CPUs', () => {
  it('a program runs on the CPU asked for, a second one there is a miss', () => {
    using engine = new Engine({ cpus: 4 });
    const fd = load(engine, 'call 8\nexit');
    for (const cpu of [0, 3, 1]) expect(run(engine, fd, { cpu })).toBe(cpu);
    const { id } = engine.progInfo(fd);
    const { mem, thread } = engine.runner;
    const lock = (mem.dv.getUint32(HEADER.CPU_TABLE, true) + 2 * CPU.SIZE + CPU.LOCK) >>> 2;
    mem.i32[lock] = thread + 1;
    expect(engine.runner.run(id, { ctx: 0, ctxSize: 0, task: makeTask(mem), cpu: 2 })).toBeUndefined();
    mem.i32[lock] = 0;
    expect(engine.runner.run(id, { ctx: 0, ctxSize: 0, task: makeTask(mem), cpu: 2 })).toBe(2);
  });

  it('tail calls on another thread reach what is stored while it runs', { timeout: 60_000 }, async () => {
    using engine = new Engine({ cpus: 2 });
    const map = engine.mapCreate({ type: PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
    const stop = engine.mapCreate({ type: ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
    const caller = load(
      engine,
      `r2 = map[fd:${map}]\nr3 = 0\ncall 12\n*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:${stop}]\ncall 1\nif r0 == 0 goto +1\nr0 = *(u32 *)(r0 + 0)\nexit`,
    );
    const made = await build({
      entryPoints: ['src/engine/index.ts'],
      bundle: true,
      format: 'cjs',
      platform: 'node',
      write: false,
      logLevel: 'error',
    });
    const source = `${made.outputFiles[0]?.text ?? ''}
      {
      const { parentPort, workerData } = require('node:worker_threads');
      const runner = module.exports.createRunner(workerData.shared);
      const task = module.exports.makeTask(runner.mem);
      const seen = new Set();
      let result = 0;
      parentPort.postMessage('runs');
      while (result !== 999) { result = runner.run(workerData.progId, { ctx: 0, ctxSize: 0, task, cpu: 1, repeat: 50 }); seen.add(result); }
      parentPort.postMessage([...seen]);
      }`;
    const worker = new Worker(source, { eval: true, workerData: { shared: engine.shared(), progId: engine.progInfo(caller).id } });
    const next = (): Promise<unknown> =>
      new Promise((done, fail) => {
        worker.once('message', done);
        worker.once('error', fail);
      });
    await next();
    for (let i = 1; i <= 40; i++) {
      const target = load(engine, `r0 = ${i}\nexit`);
      engine.mapUpdateElem(map, u32(0), u32(target));
      engine.close(target);
      const before = engine.progInfo(caller).runCount;
      while (engine.progInfo(caller).runCount < before + 100) await new Promise((done) => setTimeout(done, 1));
      if (i % 5 === 0) engine.mapDeleteElem(map, u32(0));
    }
    const answer = next();
    engine.mapDeleteElem(map, u32(0));
    engine.mapUpdateElem(stop, u32(0), u32(999));
    const seen = (await answer) as number[];
    await worker.terminate();
    expect(engine.faults().recent).toEqual([]);
    expect(seen.filter((value) => value >= 1 && value <= 40).length).toBeGreaterThan(5);
  });
});

it('a program that is too large for WebAssembly is interpreted, and so is what makes tail calls to it', () => {
  using engine = new Engine({ cpus: 1, memory: { initial: 1 << 24, maximum: 1 << 28 } });
  const swaps = 'r0 = be64 r0\n'.repeat(160_000);
  const large = load(engine, `r0 = 0x1234\n${swaps}exit`);
  const small = load(engine, 'r0 = 7\nexit');
  for (let i = 0; i < 2; i++) {
    expect(run(engine, large, { repeat: 2 })).toBe(0x1234);
    expect(run(engine, small)).toBe(7);
  }
  expect(engine.progInfo(large).runCount).toBe(4);
  const map = engine.mapCreate({ type: PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
  const caller = load(engine, `r2 = map[fd:${map}]\nr3 = 0\ncall 12\nr0 = 100\nexit`);
  expect(run(engine, caller)).toBe(100);
  expect(engine.faults().total).toBe(0);
  engine.mapUpdateElem(map, u32(0), u32(large));
  // The run that comes upon it is a fault that says so; the ones that follow are interpreted from their start.
  expect(() => run(engine, caller)).toThrow(/EFAULT/);
  expect(engine.faults().recent.at(-1)?.reason).toMatch(/too large for WebAssembly/);
  expect(run(engine, caller)).toBe(0x1234);
  expect(run(engine, small)).toBe(7);
  expect(engine.faults().total).toBe(1);
});
