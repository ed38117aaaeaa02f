/**
 * The compiled map kernels as a thread has them: an instance on the shared memory that knows the thread's number and CPU. Their source is runtime/;
 * what they do is the maps' business.
 */

import type { SharedMemory } from './memory.ts';
import { RUNTIME_WASM } from './runtime.wasm.js';

/** (map, key) -> the value's offset, 0 when absent. Programs' side. */
type Lookup = (map: number, key: number) => number;
/** (map, key, value, flags) -> 0 or -errno; flags above bit 31 are folded into it (foldElemFlags). */
type Update = (map: number, key: number, value: number, flags: number) => number;
/** (map, key) -> 0 or -errno. */
type Delete = (map: number, key: number) => number;

/** The exports of an instance. Offsets come out as signed numbers: `>>> 0` makes them unsigned. Compiled programs import them as they are. */
export interface RuntimeExports {
  readonly [name: string]: CallableFunction;
  join(thread: number): void;
  setCpu(cpu: number): void;
  map_lookup: Lookup;
  map_update: Update;
  map_delete: Delete;
  map_init(map: number): number;
  map_destroy(map: number): void;
  map_release(map: number, thread: number): number;
  map_push(map: number, value: number, flags: number): number;
  map_pop(map: number, value: number): number;
  map_peek(map: number, value: number): number;
  ringbuf_reserve(map: number, size: number, flags: number): number;
  ringbuf_submit(sample: number, flags: number): void;
  ringbuf_discard(sample: number, flags: number): void;
  ringbuf_output(map: number, data: number, size: number, flags: number): number;
  ringbuf_query(map: number, what: number): bigint;
  perf_output(event: number, data: number, size: number, pidTgid: bigint, cpu: number, time: bigint): number;
  stack_store(map: number, addresses: number, bytes: number, flags: number): number;
  hash_next(map: number, elem: number): number;
  hash_key(map: number, elem: number): number;
  hash_value(map: number, elem: number): number;
  sys_lookup: Update;
  sys_update: Update;
  sys_delete: Delete;
  sys_take: Update;
  /** (map, key, next). */
  sys_next_key(map: number, key: number, next: number): number;
  hash_buckets(map: number): number;
  hash_read_bucket(map: number, index: number, keys: number, values: number, valueSize: number, room: number, flags: number): number;
}

/** What the kernels ask of their thread, all of it seldom. */
export interface RuntimeHost {
  readonly memory: SharedMemory;
  readonly thread: number;
  alloc(size: number): number;
  free(offset: number): void;
  /** Sleeps a moment while the lock word at `offset` is `value`. */
  nap(offset: number, value: number): void;
}

let compiled: WebAssembly.Module | undefined;

/** Makes the calling thread's instance. */
export function instantiateRuntime(host: RuntimeHost): RuntimeExports {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(RUNTIME_WASM), (c) => c.charCodeAt(0)));
  const env = {
    memory: host.memory as WebAssembly.Memory,
    alloc: (size: number) => host.alloc(size >>> 0),
    free: (offset: number) => host.free(offset >>> 0),
    nap: (offset: number, value: number) => host.nap(offset >>> 0, value),
    random: () => (Math.random() * 2 ** 32) | 0,
  };
  const exports = new WebAssembly.Instance(compiled, { env }).exports as unknown as RuntimeExports;
  exports.join(host.thread);
  return exports;
}
