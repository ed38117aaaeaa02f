/**
 * The embedded host: bpf(2) and perf_event_open(2) over one shared memory. This class only joins the commands; each has its file.
 * Programs run on whichever thread an event happens: give workers `shared()`, and they make a runner from it.
 */
import { BpfError } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import type { OptInHelper } from '../helpers/index.ts';
import type { Clock } from '../helpers/types.ts';
import type {
  AttachTarget,
  Fd,
  Host,
  LinkCreateAttr,
  LinkInfo,
  MapBatch,
  MapBatchAttr,
  MapBatchDone,
  MapInfo,
  MapMmapAttr,
  MapView,
  PerfEventAttr,
  ProgInfo,
  ProgLoadAttr,
  ProgLoadResult,
  RingbufView,
  RingView,
  TestRunAttr,
  TestRunResult,
  TraceSource,
} from '../host/host.ts';
import type { MapCreateAttr } from '../maps/index.ts';
import { CPU, cpuRecord, HEADER, type HeapUsage, heapUsage, layOut, lockOwner, Mem, RUN_MODE, releaseDead } from '../mem/index.ts';
import type { Loader } from '../programs/index.ts';
import { parseTarget, targetName } from './attach-target.ts';
import { BpfFs } from './bpffs.ts';
import { btfLoad } from './btf-commands.ts';
import { EngineCore } from './core.ts';
import { type FaultRecord, initFaults, readFaults } from './faults.ts';
import { type FireOptions, type FireResult, makeContext, taskOf } from './fire.ts';
import { engineBtf } from './kernel-types/index.ts';
import { attached, attachToSources, linkCreate, linkInfo } from './link-commands.ts';
import * as batches from './map-batch.ts';
import * as maps from './map-commands.ts';
import * as elements from './map-elements.ts';
import * as memory from './map-memory.ts';
import type { LinkObject } from './objects.ts';
import { EVENT } from './perf.ts';
import * as perf from './perf-commands.ts';
import { progInfo, progLoad } from './prog-commands.ts';
import { releaseMaps, releaseSpinLock } from './release.ts';
import { Runner } from './runner.ts';
import { progTestRun } from './test-run.ts';
import { bannerOnce, createTraceBuffers, createTraceSource } from './trace/index.ts';
import type { EventSource, SharedEngine } from './types.ts';

/** What an engine is made from; all of it has defaults. */
export interface EngineOptions {
  /** Possible CPUs; default what the platform's `navigator` says, else 1. Node callers give the machine's. */
  readonly cpus?: number;
  /** Bytes of shared memory at first and at most. Untouched memory costs nothing. Default 64 MiB and 4 GiB. */
  readonly memory?: { readonly initial?: number; readonly maximum?: number };
  /** Who makes maps and loads programs: the engine is as strict as the kernel is with such a user. Default: all capabilities. */
  readonly loader?: Loader;
  /** Helpers that change the traced process (bpf_probe_write_user), which are refused unless they are named here. */
  readonly allowHelpers?: readonly OptInHelper[];
  /** Clock of programs; default performance.now(). Node callers give process.hrtime.bigint, which all threads share. */
  readonly clock?: Clock;
  /** Bytes of a CPU's trace buffer. */
  readonly traceBytesPerCpu?: number;
  /** false: programs are interpreted. Default: they are compiled to WebAssembly, on whichever thread runs them. */
  readonly jit?: boolean;
  /** Compiled programs are checked at every access and call, as the interpreter checks: for tests of the verifier and of the compiler. */
  readonly checked?: boolean;
  /** Loops, calls and rounds of callbacks that a compiled run may make, or instructions that an interpreted one may execute. Default: 10 million interpreted instructions, no limit compiled. */
  readonly budget?: number;
  /** Shows a notice once, when the first program that prints to the trace pipe is loaded. */
  readonly onTracePrintk?: (notice: string) => void;
}

const DEFAULT_MEMORY = 64 << 20;
const DEFAULT_MAXIMA = [2 ** 32, 2 ** 30, 2 ** 28];
const CPUS_MAX = 4096;
const BUDGET_MAX = 0x7fff_ffff;

function defaultCpus(): number {
  const scope = globalThis as { readonly navigator?: { readonly hardwareConcurrency?: number } };
  return scope.navigator?.hardwareConcurrency ?? 1;
}

/** A shared memory: where address space is limited (ulimit -v, small devices) the default maximum gives way. */
function makeMemory(asked: { readonly initial?: number; readonly maximum?: number }): Mem {
  const maxima = asked.maximum === undefined ? DEFAULT_MAXIMA : [asked.maximum];
  for (const maximum of maxima) {
    try {
      return Mem.create({ initial: Math.min(asked.initial ?? DEFAULT_MEMORY, maximum), maximum });
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      if (maximum === maxima.at(-1)) {
        throw new BpfError(`no address space for a shared memory of ${maximum} bytes`, {
          cause,
          hint: 'give the engine a smaller memory.maximum',
        });
      }
    }
  }
  throw new BpfError('a shared memory needs a maximum');
}

/** The embedded host. Close it (closeAll, or `using`) to stop links and free everything that was opened. */
export class Engine implements Host {
  readonly name = 'engine';
  readonly possibleCpus: number;
  /** Runs programs on this thread. */
  readonly runner: Runner;
  readonly #core: EngineCore;
  readonly #pins: BpfFs;
  /** The last reader of the trace pipe: it ends with the engine. */
  #pipe: TraceSource | undefined;
  readonly #banner: () => void;

  constructor(options: EngineOptions = {}) {
    const cpus = options.cpus ?? defaultCpus();
    if (!(Number.isInteger(cpus) && cpus >= 1 && cpus <= CPUS_MAX)) throw new RangeError(`${cpus} CPUs, expected 1 to ${CPUS_MAX}`);
    const mem = makeMemory(options.memory ?? {});
    const env = layOut(mem, cpus);
    mem.dv.setFloat64(HEADER.CLOCK_ORIGIN, performance.timeOrigin, true);
    initFaults(env);
    const { traceBytesPerCpu } = options;
    createTraceBuffers(mem, (size) => env.alloc(size), {
      cpus,
      ...(traceBytesPerCpu === undefined ? {} : { bytesPerCpu: traceBytesPerCpu }),
    });
    const { clock } = options;
    const mode = (options.jit === false ? RUN_MODE.INTERPRET : 0) | (options.checked === true ? RUN_MODE.CHECKED : 0);
    mem.dv.setUint32(HEADER.RUN_MODE, mode, true);
    mem.dv.setUint32(HEADER.BUDGET, Math.min(Math.max(0, options.budget ?? 0), BUDGET_MAX), true);
    this.possibleCpus = cpus;
    this.runner = new Runner(env, clock === undefined ? {} : { clock });
    this.#core = new EngineCore(env, cpus, options.loader, options.allowHelpers);
    this.#pins = new BpfFs(this.#core);
    this.#banner = bannerOnce(options.onTracePrintk ?? (() => undefined));
  }

  /** The engine's own types: what it models of a kernel. */
  kernelBtf(): Btf {
    return engineBtf();
  }

  mapCreate(attr: MapCreateAttr): Fd {
    return maps.mapCreate(this.#core, attr);
  }
  mapLookupElem(fd: Fd, key: Uint8Array | undefined, flags?: bigint, value?: Uint8Array): Uint8Array | undefined {
    return elements.mapLookupElem(this.#core, fd, key, flags, value);
  }
  mapUpdateElem(fd: Fd, key: Uint8Array | undefined, value: Uint8Array, flags?: bigint): void {
    elements.mapUpdateElem(this.#core, fd, key, value, flags);
  }
  mapDeleteElem(fd: Fd, key: Uint8Array | undefined): boolean {
    return elements.mapDeleteElem(this.#core, fd, key);
  }
  mapGetNextKey(fd: Fd, key: Uint8Array | undefined): Uint8Array | undefined {
    return elements.mapGetNextKey(this.#core, fd, key);
  }
  mapLookupAndDeleteElem(fd: Fd, key: Uint8Array | undefined, flags?: bigint): Uint8Array | undefined {
    return elements.mapLookupAndDeleteElem(this.#core, fd, key, flags);
  }
  mapLookupBatch(fd: Fd, attr: MapBatchAttr): MapBatch {
    return batches.mapLookupBatch(this.#core, fd, attr, 'keep');
  }
  mapLookupAndDeleteBatch(fd: Fd, attr: MapBatchAttr): MapBatch {
    return batches.mapLookupBatch(this.#core, fd, attr, 'delete');
  }
  mapUpdateBatch(fd: Fd, keys: Uint8Array, values: Uint8Array, elemFlags?: bigint): MapBatchDone {
    return batches.mapUpdateBatch(this.#core, fd, keys, values, elemFlags);
  }
  mapDeleteBatch(fd: Fd, keys: Uint8Array, elemFlags?: bigint): MapBatchDone {
    return batches.mapDeleteBatch(this.#core, fd, keys, elemFlags);
  }
  mapFreeze(fd: Fd): void {
    memory.mapFreeze(this.#core, fd);
  }
  mapMmap(fd: Fd, attr: MapMmapAttr): MapView {
    return memory.mapMmap(this.#core, fd, attr);
  }
  ringbufMmap(fd: Fd): RingbufView {
    return memory.ringbufMmap(this.#core, fd);
  }
  mapGetNextId(id: number): number | undefined {
    return maps.mapGetNextId(this.#core, id);
  }
  mapGetFdById(id: number): Fd {
    return maps.mapGetFdById(this.#core, id);
  }
  mapInfo(fd: Fd): MapInfo {
    return maps.mapInfo(this.#core, fd);
  }

  btfLoad(bytes: Uint8Array): Fd {
    return btfLoad(this.#core, bytes);
  }

  progLoad(attr: ProgLoadAttr): ProgLoadResult {
    return progLoad(this.#core, attr, this.#banner);
  }
  progTestRun(fd: Fd, attr: TestRunAttr = {}): TestRunResult {
    return progTestRun(this.#core, this.runner, fd, attr);
  }
  progInfo(fd: Fd): ProgInfo {
    return progInfo(this.#core, fd);
  }

  linkCreate(attr: LinkCreateAttr): Fd {
    return linkCreate(this.#core, attr);
  }
  linkInfo(fd: Fd): LinkInfo {
    return linkInfo(this.#core, fd);
  }

  perfEventOpen(attr: PerfEventAttr): Fd {
    return perf.perfEventOpen(this.#core, this.runner.clock, attr);
  }
  perfEventEnable(fd: Fd, enabled: 'enable' | 'disable'): void {
    perf.perfEventEnable(this.#core, this.runner.clock, fd, enabled);
  }
  perfEventMmap(fd: Fd, pages: number): RingView {
    return perf.perfEventMmap(this.#core, fd, pages);
  }

  tracePipe(): TraceSource {
    this.#pipe = createTraceSource(this.#core.mem);
    return this.#pipe;
  }

  objPin(fd: Fd, path: string): void {
    this.#pins.pin(fd, path);
  }
  objGet(path: string): Fd {
    return this.#pins.get(path);
  }
  /** Removes a pin, as unlink(2) does. */
  objUnpin(path: string): void {
    this.#pins.unlink(path);
  }
  /** Paths of all pins. */
  pins(): string[] {
    return this.#pins.paths();
  }

  close(fd: Fd): void {
    this.#core.close(fd);
  }

  /** Closes every fd, pin and link. The engine must not be used afterwards. */
  closeAll(): void {
    this.#pipe?.close();
    this.#pins.clear();
    this.#core.shutDown();
  }

  [Symbol.dispose](): void {
    this.closeAll();
  }

  /** What a worker needs to run programs: post it and call createRunner there. */
  shared(): SharedEngine {
    return { memory: this.#core.mem.memory, possibleCpus: this.possibleCpus };
  }

  /**
   * Registers a producer of events: it is offered every link, those that exist included, and refuses what it cannot produce.
   * @returns a function that takes the source out again
   */
  addSource(source: EventSource): () => void {
    for (const link of this.#core.links.values()) attachToSources([source], attached(link));
    this.#core.sources.push(source);
    return () => {
      const index = this.#core.sources.indexOf(source);
      if (index >= 0) this.#core.sources.splice(index, 1);
    };
  }

  /** Runs the programs attached to `target`, in attach order, on a made-up event. */
  fire(target: string | AttachTarget, options: FireOptions = {}): FireResult[] {
    this.#core.needOpen();
    const where = typeof target === 'string' ? parseTarget(target) : target;
    const name = targetName(where);
    const links = [...this.#core.links.values()].filter((link) => targetName(link.target) === name);
    if (links.length === 0) return [];
    const context = makeContext(this.#core.env, where, options);
    try {
      const task = taskOf(this.#core.mem, options.task);
      const run = { ctx: context.offset, ctxSize: context.size, task, cpu: options.cpu ?? 0, funcIp: context.funcIp };
      return links.map((link: LinkObject) => ({
        linkId: link.id,
        progId: link.prog.id,
        retval: this.runner.run(link.prog.id, { ...run, cookie: link.cookie }),
      }));
    } finally {
      context.free();
    }
  }

  /** Measures the run time of programs from now on, on all threads (BPF_ENABLE_STATS). Run counts are kept anyway. */
  enableStats(): void {
    this.#core.mem.dv.setUint32(HEADER.STATS, 1, true);
  }

  /** Runs that ended by a violation, on any thread: how many, and the last of them. */
  faults(): { readonly total: number; readonly recent: readonly FaultRecord[] } {
    return readFaults(this.#core.env);
  }

  /** Blocks of shared memory in use: tests find leaks by it. */
  memoryUsage(): HeapUsage {
    return heapUsage(this.#core.mem);
  }

  /**
   * Frees the locks of a thread that died (Runner.thread), so that others go on; maps it was changing are marked faulted.
   * @returns ids of those maps
   */
  releaseThread(thread: number): number[] {
    const { mem, env } = this.#core;
    const maps = new Map([...this.#core.maps.values()].map((map) => [map.offset, map.id]));
    const faulted = new Set(releaseMaps(env, thread, maps.keys()));
    for (const event of this.#core.events) releaseDead(mem, event.offset + EVENT.LOCK, thread);
    for (let cpu = 0; cpu < this.possibleCpus; cpu++) {
      const record = cpuRecord(mem, cpu);
      if (lockOwner(mem, record + CPU.LOCK) !== thread) continue;
      const marked = releaseSpinLock({ env, thread, cpu: record, maps: maps.keys() });
      if (marked !== undefined) faulted.add(marked);
      Atomics.add(mem.i32, (record + CPU.SEQ) >>> 2, 1);
      releaseDead(mem, record + CPU.LOCK, thread);
    }
    if (releaseDead(mem, HEADER.HEAP_LOCK, thread)) mem.dv.setUint32(HEADER.HEAP_FAULTED, 1, true);
    releaseDead(mem, mem.dv.getUint32(HEADER.FAULT_LOG, true), thread);
    return [...faulted].flatMap((map) => maps.get(map) ?? []);
  }
}
