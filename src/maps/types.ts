/** What a map-type row states, and the operations on maps as JavaScript calls them. Rows are one file per map type beside this; layouts are layout.ts. */
import type { Mem } from '../mem/memory.ts';
import type { RuntimeExports } from '../mem/runtime.ts';

export { MAP, MAP_MAGIC } from './layout.ts';

/** Creation attributes, as union bpf_attr's BPF_MAP_CREATE; all numbers unsigned 32-bit unless stated. */
export interface MapCreateAttr {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
  readonly name?: string;
  readonly innerMapFd?: number;
  readonly numaNode?: number;
  /** u64. */
  readonly mapExtra?: bigint;
  readonly btfFd?: number;
  readonly btfKeyTypeId?: number;
  readonly btfValueTypeId?: number;
}

/** A run of memory that programs may access while the map lives: `count` slots of `size` bytes, `stride` apart, from `base`. */
export interface Region {
  readonly base: number;
  readonly count: number;
  readonly stride: number;
  readonly size: number;
  readonly writable: boolean;
}

/** What map operations need of their thread. */
export interface MapEnv {
  readonly mem: Mem;
  /** Number of the CPU for per-CPU operations by programs. */
  readonly cpu: number;
  /** Number of the calling thread: owner of the locks it takes. */
  readonly thread: number;
  /** The thread's instance of the compiled kernels. */
  readonly runtime: RuntimeExports;
  /** Zeroed, 64-byte aligned block, or 0 when memory is exhausted. */
  alloc(size: number): number;
  free(offset: number): void;
}

/**
 * Operations on bytes; results are 0 or negative errno unless stated. Key and value are memory offsets.
 * `lookup` returns the value's offset for the calling CPU, 0 when absent.
 * The `sys*` forms are bpf(2)'s: per-CPU kinds exchange round_up(value_size, 8) * CPUS bytes.
 */
export interface MapKernel {
  lookup(env: MapEnv, map: number, key: number): number;
  update(env: MapEnv, map: number, key: number, value: number, flags: bigint): number;
  delete(env: MapEnv, map: number, key: number): number;
  sysLookup(env: MapEnv, map: number, key: number, value: number, flags: bigint): number;
  sysUpdate(env: MapEnv, map: number, key: number, value: number, flags: bigint): number;
  sysDelete(env: MapEnv, map: number, key: number): number;
  /** Copies the value out and removes the element in one step. */
  sysLookupAndDelete(env: MapEnv, map: number, key: number, value: number, flags: bigint): number;
  /** key 0: first. Writes the next key at `next`. */
  getNextKey(env: MapEnv, map: number, key: number, next: number): number;
  /** Bytes that bpf(2) exchanges for one value. */
  sysValueSize(env: MapEnv, map: number): number;
  /** Memory reachable by programs. */
  regions(env: MapEnv, map: number): readonly Region[];
}

/** A row of the map table: what the type is. */
export interface MapTypeRow {
  /** enum bpf_map_type. */
  readonly id: number;
  /** Lower case, without BPF_MAP_TYPE_: `percpu_hash`. */
  readonly name: string;
  /** First kernel version, `3.19`. */
  readonly since: string;
  /** One sentence, ours. */
  readonly doc: string;
  /** Why the engine cannot create it, as a sentence without its end. */
  readonly lacking?: string;
  readonly perCpu?: boolean;
  /** Map flag bits that creation accepts (uapi BPF_F_*). */
  readonly flags?: number;
  /** The kernel's creation checks in its order: 0 or a negative errno. `cpus` = possible CPUs. Absent: the engine cannot create it. */
  readonly check?: (attr: MapCreateAttr, cpus: number) => number;
}
