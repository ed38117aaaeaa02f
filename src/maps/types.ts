/** What a map-type row states and the byte-level MapKernel that performs its operations. Rows are one file per map type beside this. */
import type { Mem } from '../mem/memory.ts';

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

/**
 * The descriptor of a map: a 256-byte block in the engine's memory. Programs' map pointers point at it; every thread finds all it needs in it.
 * Offsets of its common fields; bytes from PRIVATE on belong to the map type.
 */
export const MAP = {
  MAGIC: 0, // u32 0x4d415031
  TYPE: 4,
  ID: 8,
  KEY_SIZE: 12,
  VALUE_SIZE: 16,
  MAX_ENTRIES: 20,
  FLAGS: 24,
  /** i32 lock word: 0 free, else owner thread + 1. */
  LOCK: 28,
  /** Bytes from one element's value to the next CPU's (round_up(value_size, 8)); 0 for maps that are not per-CPU. */
  CPU_STRIDE: 32,
  /** Number of possible CPUs. */
  CPUS: 36,
  /** User references (fds and pins). */
  USER_REFS: 40,
  /** Non-zero: frozen for user space. */
  FROZEN: 44,
  /** Non-zero: a thread died or trapped inside; contents are suspect. */
  FAULTED: 48,
  /** u64 map_extra. */
  EXTRA: 56,
  /** 16 bytes, NUL padded. */
  NAME: 64,
  PRIVATE: 96,
  SIZE: 256,
} as const;
export const MAP_MAGIC = 0x4d415031;

/** A run of memory that programs may access while the map lives: `count` slots of `size` bytes, `stride` apart, from `base`. */
export interface Region {
  readonly base: number;
  readonly count: number;
  readonly stride: number;
  readonly size: number;
  readonly writable: boolean;
}

/** What map kernels need of their host: allocation in the shared memory (any thread). */
export interface MapEnv {
  readonly mem: Mem;
  /** Number of the CPU for per-CPU operations by programs. */
  readonly cpu: number;
  /** Number of the calling thread: owner of the locks it takes. */
  readonly thread: number;
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
  /** Fills the descriptor's private part and allocates; the common part is already set. */
  init(env: MapEnv, map: number): number;
  destroy(env: MapEnv, map: number): void;
  lookup(env: MapEnv, map: number, key: number): number;
  update(env: MapEnv, map: number, key: number, value: number, flags: bigint): number;
  delete(env: MapEnv, map: number, key: number): number;
  sysLookup(env: MapEnv, map: number, key: number, value: number, flags: bigint): number;
  sysUpdate(env: MapEnv, map: number, key: number, value: number, flags: bigint): number;
  sysDelete(env: MapEnv, map: number, key: number): number;
  /** Copies the value out and removes the element in one step. Absent: the type answers ENOTSUPP. */
  sysLookupAndDelete?(env: MapEnv, map: number, key: number, value: number, flags: bigint): number;
  /** key 0: first. Writes the next key at `next`. */
  getNextKey(env: MapEnv, map: number, key: number, next: number): number;
  /** Bytes that bpf(2) exchanges for one value. */
  sysValueSize(env: MapEnv, map: number): number;
  /** Value memory reachable by programs. */
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
  readonly perCpu?: boolean;
  /** Map flag bits that creation accepts (uapi BPF_F_*). */
  readonly flags?: number;
  /** The kernel's creation checks in its order: 0 or a negative errno. `cpus` = possible CPUs. Absent: the engine cannot create it. */
  readonly check?: (attr: MapCreateAttr, cpus: number) => number;
  readonly kernel?: MapKernel;
}
