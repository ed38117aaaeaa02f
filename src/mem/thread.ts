/** A thread's place in the engine's memory: its number, its views and its allocator. Programs and maps are the engine's business. */
import { BpfError } from '../base/index.ts';
import { heapAlloc, heapFree, initHeap } from './heap.ts';
import { ID_TABLE_SIZE } from './id-table.ts';
import { CPU, checkLayout, HEADER, HEADER_MAGIC, HEADER_VERSION } from './layout.ts';
import { nap } from './lock.ts';
import type { Mem } from './memory.ts';
import { instantiateRuntime, type RuntimeExports } from './runtime.ts';

/** One per thread; what map kernels and helpers get as their environment. */
export class ThreadEnv {
  readonly mem: Mem;
  /** Number of this thread: owner of the locks it takes. */
  readonly thread: number;
  #cpu = 0;
  #runtime: RuntimeExports | undefined;

  /** Joins a memory that an engine laid out. */
  constructor(mem: Mem) {
    checkLayout(mem);
    this.mem = mem;
    this.thread = Atomics.add(mem.i32, HEADER.NEXT_THREAD >>> 2, 1);
  }

  /** CPU of the program that runs on this thread. */
  get cpu(): number {
    return this.#cpu;
  }
  set cpu(cpu: number) {
    if (cpu === this.#cpu) return;
    this.#cpu = cpu;
    this.#runtime?.setCpu(cpu);
  }

  /** This thread's instance of the compiled map kernels, made when it is first asked for. */
  get runtime(): RuntimeExports {
    this.#runtime ??= this.#makeRuntime();
    return this.#runtime;
  }

  #makeRuntime(): RuntimeExports {
    const made = instantiateRuntime({
      memory: this.mem.memory,
      thread: this.thread,
      alloc: (size) => this.alloc(size),
      free: (offset) => this.free(offset),
      nap: (offset, value) => nap(this.mem, offset >>> 2, value),
    });
    made.setCpu(this.#cpu);
    return made;
  }

  /** Zeroed, 64-byte aligned block, or 0 when memory is exhausted. */
  alloc(size: number): number {
    return heapAlloc(this.mem, this.thread, size);
  }

  /** As alloc, but BpfError when memory is exhausted. */
  allocOrThrow(size: number): number {
    const offset = this.alloc(size);
    if (offset === 0) throw new BpfError(`the engine's memory has no room for ${size} more bytes`, { hint: 'use smaller maps' });
    return offset;
  }

  free(offset: number): void {
    heapFree(this.mem, this.thread, offset);
  }
}

/** Lays out a fresh memory for `cpus` possible CPUs and joins it as thread 0. */
export function layOut(mem: Mem, cpus: number): ThreadEnv {
  mem.ensure(HEADER.SIZE);
  initHeap(mem, HEADER.SIZE);
  mem.dv.setUint32(HEADER.MAGIC, HEADER_MAGIC, true);
  mem.dv.setUint32(HEADER.VERSION, HEADER_VERSION, true);
  mem.dv.setUint32(HEADER.CPUS, cpus, true);
  const env = new ThreadEnv(mem);
  mem.dv.setUint32(HEADER.CPU_TABLE, env.allocOrThrow(cpus * CPU.SIZE), true);
  mem.dv.setUint32(HEADER.PROG_TABLE, env.allocOrThrow(ID_TABLE_SIZE), true);
  mem.dv.setUint32(HEADER.MAP_TABLE, env.allocOrThrow(ID_TABLE_SIZE), true);
  return env;
}
