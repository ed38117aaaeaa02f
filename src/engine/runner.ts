/**
 * A thread's way of running programs: finds programs and maps in the shared memory alone, holds the CPU while one runs, counts runs,
 * misses and faults. Which programs run on which event is the engine's and the sources' business.
 */
import { BpfError } from '../base/index.ts';
import { type Clock, HELPER_IMPL_BY_ID, HELPERS, type HelperCall, KEYS_AT, SCRATCH_SIZE } from '../helpers/index.ts';
import type { CallCore, HelperEntry } from '../interp/index.ts';
import { HOLD } from '../jit/index.ts';
import { mapKernel, type Region } from '../maps/index.ts';
import { CPU, HEADER, idTableGet, lock, lockOwner, Mem, PROG, RUN_MODE, ThreadEnv, tryLock, unlock } from '../mem/index.ts';
import { defaultClock } from './clock.ts';
import { Compiled, type Ready } from './compiled/compiled.ts';
import type { Current, ExecutionFault, Executor } from './executor.ts';
import { readAny, readStr, STRING_STEP } from './fault-safe.ts';
import { recordFault } from './faults.ts';
import { Interpreted } from './interpreted.ts';
import { perfAccess } from './perf.ts';
import { releaseMaps, releaseSpinLock } from './release.ts';
import { makeTask } from './task.ts';
import { type ThreadProgram, ThreadPrograms } from './thread-programs.ts';
import { TraceWriter, traceFlags } from './trace/index.ts';
import type { ProgramRunner, RunContext, SharedEngine } from './types.ts';

/** What a runner may be told; all of it has defaults. */
export interface RunnerOptions {
  /** Clock of programs on this thread; by default performance.now() from the engine's origin. */
  readonly clock?: Clock;
}

const NO_REGIONS: readonly Region[] = [];
/** Runs of one part of many: little beside what calling the part costs. */
const REPEATS = 1024;

/** Makes a runner on the calling thread from what was posted to it. */
export function createRunner(shared: SharedEngine, options: RunnerOptions = {}): Runner {
  return new Runner(new ThreadEnv(new Mem(shared.memory)), options);
}

/** See ProgramRunner. Close it when the thread is done. */
export class Runner implements ProgramRunner {
  readonly mem: Mem;
  readonly env: ThreadEnv;
  readonly clock: Clock;
  /** Made for the first run: many threads only ask about programs. */
  #executor: Executor | undefined;
  #scratch = 0;
  readonly #programs: ThreadPrograms;
  readonly #cpus: number;
  readonly #cpuTable: number;
  readonly #now: Current;
  readonly #input: { ctx: number; ctxSize: number; ctxWritable: boolean; regions: readonly Region[] } = {
    ctx: 0,
    ctxSize: 0,
    ctxWritable: false,
    regions: NO_REGIONS,
  };
  #running = false;
  /** The executor, where it is the compiled one; and the program that ran last, where it does the bookkeeping itself. */
  #compiled: Compiled | undefined;
  #ready: Ready | undefined;

  constructor(env: ThreadEnv, options: RunnerOptions = {}) {
    this.env = env;
    this.mem = env.mem;
    this.clock = options.clock ?? defaultClock(env.mem.dv.getFloat64(HEADER.CLOCK_ORIGIN, true));
    this.#cpus = env.mem.dv.getUint32(HEADER.CPUS, true);
    this.#cpuTable = env.mem.dv.getUint32(HEADER.CPU_TABLE, true);
    this.#programs = new ThreadPrograms(env);
    this.#now = { task: makeTask(env.mem), cpu: 0, cookie: 0n, funcIp: 0n, progId: 0, progType: 0 };
  }

  /** Number of this thread in the engine's memory, for Engine.releaseThread. */
  get thread(): number {
    return this.env.thread;
  }

  /** What compiled programs hold on this thread: bounded by the programs there are, not by those there have been. */
  get compiled(): { readonly modules: number; readonly places: number } {
    return this.#compiled?.held ?? { modules: 0, places: 0 };
  }

  alloc(size: number): number {
    return this.env.allocOrThrow(size);
  }

  free(offset: number): void {
    this.env.free(offset);
  }

  /** Gives the thread's working memory back. The runner must not be used afterwards. */
  close(): void {
    if (this.#executor === undefined) return;
    this.#executor.close();
    this.env.free(this.#scratch);
  }

  /** Makes ready what the first run would otherwise wait for (milliseconds of compiling). */
  warmUp(): void {
    this.#executor ??= this.#createExecutor();
    this.#executor.warmUp();
  }

  readsCtx(progId: number): boolean {
    return this.#programs.get(progId)?.reads ?? false;
  }

  readsCpu(progId: number): boolean {
    return this.#programs.get(progId)?.cpuMatters ?? false;
  }

  run(progId: number, run: RunContext): number | undefined {
    const ready = this.#ready;
    const { cpu } = run;
    if (
      ready?.progId !== progId ||
      this.#running ||
      run.regions !== undefined ||
      run.repeat !== undefined ||
      !(cpu >= 0 && cpu < this.#cpus)
    ) {
      return this.#hold(progId, run)?.r0Low;
    }
    const { task } = run;
    const now = this.#now;
    if (now.cpu !== cpu) this.env.cpu = cpu;
    now.cpu = cpu;
    now.task = task;
    now.progId = progId;
    now.progType = ready.type;
    this.#running = true;
    let outcome: number = HOLD.look;
    try {
      outcome = ready.hold(run.ctx, 0, cpu, task.tid, task.tgid);
    } catch (error) {
      this.#trapped(ready, error);
      return undefined;
    }
    this.#running = false;
    if (outcome !== HOLD.done) return this.#hold(progId, run)?.r0Low;
    const r0 = (this.mem.i32[ready.result] ?? 0) >>> 0;
    if (ready.entry.missed) this.#ready = ready.compiled.respecialise(ready.program, ready.entry);
    return r0;
  }

  /** A run that did its own bookkeeping trapped: the CPU is still held. */
  #trapped({ compiled, program }: Ready, error: unknown): void {
    const cpu = this.#cpuTable + this.#now.cpu * CPU.SIZE;
    this.#ready = undefined;
    try {
      compiled.explain(error, program);
      this.#countRuns(program, 1);
      this.#fault(program, cpu, compiled.fault);
    } finally {
      this.#running = false;
      this.#release(cpu);
    }
  }

  /** As run, with all 64 bits of r0. */
  runFull(progId: number, run: RunContext): bigint | undefined {
    return this.#hold(progId, run)?.r0;
  }

  /** Runs a program while holding the CPU. @returns the executor with its result when it came to its end */
  #hold(progId: number, run: RunContext): Executor | undefined {
    const { mem, env } = this;
    if (!(run.cpu >= 0 && run.cpu < this.#cpus)) throw new BpfError(`cpu ${run.cpu} is not below ${this.#cpus} possible CPUs`);
    const cpu = this.#cpuTable + run.cpu * CPU.SIZE;
    if (this.#running || !tryLock(mem, cpu + CPU.LOCK, env.thread)) {
      if (this.#running || lockOwner(mem, cpu + CPU.LOCK) === env.thread) {
        this.#miss(progId, cpu);
        return undefined;
      }
      lock(mem, cpu + CPU.LOCK, env.thread);
    }
    this.#running = true;
    try {
      // Looked up with the CPU held: from here on its memory stays until the CPU is free again.
      const program = this.#programs.get(progId);
      if (program === undefined) return undefined;
      mem.i32[(cpu + CPU.PROG) >>> 2] = progId;
      this.#ready = undefined;
      const executor = this.#execute(program, cpu, run);
      this.#ready = this.#compiled?.ready(program);
      return executor;
    } finally {
      this.#running = false;
      this.#release(cpu);
    }
  }

  /** The CPU is free again. */
  #release(cpu: number): void {
    const { mem } = this;
    const { i32 } = mem;
    i32[(cpu + CPU.PROG) >>> 2] = 0;
    i32[(cpu + CPU.SEQ) >>> 2] = ((i32[(cpu + CPU.SEQ) >>> 2] ?? 0) + 1) | 0;
    unlock(mem, cpu + CPU.LOCK);
  }

  #execute(program: ThreadProgram, cpu: number, run: RunContext): Executor | undefined {
    const now = this.#now;
    this.env.cpu = run.cpu;
    now.cpu = run.cpu;
    now.task = run.task;
    now.cookie = run.cookie ?? 0n;
    now.funcIp = run.funcIp ?? 0n;
    now.progId = program.progId;
    now.progType = program.type;
    const input = this.#input;
    input.ctx = run.ctx;
    input.ctxSize = run.ctxSize;
    input.ctxWritable = program.ctxWritable;
    input.regions = run.regions ?? NO_REGIONS;
    this.#programs.packet = run.packet;
    const times = run.repeat ?? 1;
    const timed = this.mem.i32[HEADER.STATS >>> 2] !== 0;
    const began = timed ? this.clock.monotonic() : 0n;
    this.#executor ??= this.#createExecutor();
    const executor = this.#executor;
    const done = times === 1 ? executor.run(program, input) : this.#repeat(executor, program, cpu, times);
    this.#programs.packet = undefined;
    if (timed) this.#count(program.record + PROG.RUN_TIME, Number(this.clock.monotonic() - began));
    this.#countRuns(program, executor.runs);
    if (done) return executor;
    this.#fault(program, cpu, executor.fault);
    return undefined;
  }

  /** Many runs at once, in parts: between two of them the program holds no element, so that maps may use those again that they took out. */
  #repeat(executor: Executor, program: ThreadProgram, cpu: number, times: number): boolean {
    for (let left = times; ; left -= REPEATS) {
      if (!executor.repeat(program, this.#input, Math.min(left, REPEATS))) return false;
      Atomics.add(this.mem.i32, (cpu + CPU.REPEATS) >>> 2, 1);
      // The last part's are counted as those of a single run are.
      if (left <= REPEATS) return true;
      this.#countRuns(program, executor.runs);
    }
  }

  /** Counts runs on this CPU: nobody else writes their counter while the CPU is held. */
  #countRuns(program: ThreadProgram, runs: number): void {
    const { i32 } = this.mem;
    const counter = (program.counters >>> 2) + this.#now.cpu * 2;
    const before = (i32[counter] ?? 0) >>> 0;
    i32[counter] = (before + runs) | 0;
    if (before + runs > 0xffff_ffff) i32[counter + 1] = ((i32[counter + 1] ?? 0) + 1) | 0;
  }

  /** A run ended without its end: what it held is given back, and the engine is told. */
  #fault(program: ThreadProgram, cpu: number, fault: ExecutionFault | undefined): void {
    const { env } = this;
    this.#count(program.record + PROG.FAULTS, 1);
    const maps = new Set([...program.maps, ...((fault && this.#programs.get(fault.progId)?.maps) ?? [])]);
    releaseMaps(env, env.thread, maps);
    releaseSpinLock({ env, thread: env.thread, cpu, maps });
    recordFault(env, {
      progId: fault?.progId ?? program.progId,
      cpu: this.#now.cpu,
      insn: fault?.insn ?? 0,
      reason: fault?.reason ?? 'the program did not end',
      time: this.clock.monotonic(),
    });
  }

  #createExecutor(): Executor {
    const { env } = this;
    const helpers: HelperEntry[] = [];
    for (const proto of HELPERS) {
      const impl = HELPER_IMPL_BY_ID[proto.id];
      if (impl !== undefined) helpers.push({ proto, impl });
    }
    this.#scratch = env.allocOrThrow(SCRATCH_SIZE + STRING_STEP);
    this.#programs.keys = {
      base: this.#scratch + KEYS_AT,
      count: 1,
      stride: SCRATCH_SIZE - KEYS_AT,
      size: SCRATCH_SIZE - KEYS_AT,
      writable: false,
    };
    const mode = this.mem.dv.getUint32(HEADER.RUN_MODE, true);
    const options = {
      env,
      programs: this.#programs,
      helpers,
      call: (core: CallCore) => this.#helperCall(core),
      now: this.#now,
      budget: this.mem.dv.getUint32(HEADER.BUDGET, true),
    };
    if ((mode & RUN_MODE.INTERPRET) !== 0) return new Interpreted(options);
    this.#compiled = new Compiled({ ...options, checked: (mode & RUN_MODE.CHECKED) !== 0 });
    return this.#compiled;
  }

  /** Adds less than 2^32 to a 64-bit counter; by halves, because 64-bit atomics would make a bigint of each. */
  #count(offset: number, by: number): void {
    const { i32 } = this.mem;
    const low = offset >>> 2;
    const before = Atomics.add(i32, low, by | 0) >>> 0;
    if (before + by > 0xffff_ffff) Atomics.add(i32, low + 1, 1);
  }

  #miss(progId: number, cpu: number): void {
    Atomics.add(this.mem.i32, (cpu + CPU.MISSES) >>> 2, 1);
    const record = idTableGet(this.mem, this.mem.dv.getUint32(HEADER.PROG_TABLE, true), progId);
    if (record !== 0) this.#count(record + PROG.MISSES, 1);
  }

  #helperCall(core: CallCore): HelperCall {
    const { mem, env, clock } = this;
    const now = this.#now;
    const perf = perfAccess(env, clock, now);
    const trace = new TraceWriter(mem, (size) => env.alloc(size));
    return {
      ...core,
      get cpu() {
        return now.cpu;
      },
      get task() {
        return now.task;
      },
      get progId() {
        return now.progId;
      },
      get progType() {
        return now.progType;
      },
      get cookie() {
        return now.cookie;
      },
      get funcIp() {
        return now.funcIp;
      },
      clock,
      env,
      perf,
      scratch: this.#scratch,
      mapKernel: (map) => mapKernel(mem, map),
      readAny: (dst, size, address, space) => readAny(mem, now.task, dst, size, address, space),
      readStr: (dst, size, address, space) => readStr(mem, now.task, dst, size, address, space, this.#scratch + SCRATCH_SIZE),
      tracePrintk: (message) =>
        trace.write({
          comm: now.task.comm(),
          pid: now.task.tid,
          tgid: now.task.tgid,
          cpu: now.cpu,
          flags: traceFlags(now.progType),
          timestamp: clock.monotonic(),
          message,
        }),
    };
  }
}
