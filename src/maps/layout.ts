/** Where the parts of a map stand in the engine's memory, and the flags that it is made with. The compiled kernels in runtime/ get these numbers from here. */

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
  /** Offset of the newest record of memory that programs may reach through the map (REGION); 0 for none. */
  REGIONS: 52,
  /** u64 map_extra. */
  EXTRA: 56,
  /** 16 bytes, NUL padded. */
  NAME: 64,
  /** Offset of the bpf_spin_lock in a value, + 1; 0 for none. */
  VALUE_LOCK: 80,
  /** Offset of the table of a value's special fields (u32 count, then offset and size of each, by offset); 0 for none. */
  FIELDS: 84,
  /** Offset of the newest block of elements; 0 for none. */
  SLABS: 88,
  PRIVATE: 96,
  SIZE: 256,
} as const;
export const MAP_MAGIC = 0x4d415031;

/** A record of memory that programs may reach, in a list from MAP.REGIONS: u32 each. READ_ONLY: even where programs may write values. */
export const REGION = { NEXT: 0, BASE: 4, COUNT: 8, STRIDE: 12, SIZE: 16, READ_ONLY: 20 } as const;

/** Ring buffers: BLOCK in the descriptor is the offset of the ring, the others are offsets in it. What user space maps begins at CONSUMER. */
export const RING = {
  BLOCK: MAP.PRIVATE,
  /** u32: wake-ups of readers, who sleep on it. */
  WAKEUPS: 16,
  /** Pages of a u64 position each. */
  CONSUMER: 4096,
  PRODUCER: 8192,
  /** max_entries bytes, twice. */
  DATA: 12288,
} as const;

/** Private part of arrays of all kinds. */
export const ARRAY = {
  /** Offset of the slots. */
  DATA: MAP.PRIVATE,
  /** Bytes from one element to the next, all CPUs included. */
  STRIDE: MAP.PRIVATE + 4,
  /** The block that holds the slots. */
  BLOCK: MAP.PRIVATE + 8,
} as const;

/** Map creation flags (uapi bpf.h BPF_F_*). */
export const MAP_FLAG = {
  NO_PREALLOC: 0x1,
  NO_COMMON_LRU: 0x2,
  NUMA_NODE: 0x4,
  RDONLY: 0x8,
  WRONLY: 0x10,
  STACK_BUILD_ID: 0x20,
  ZERO_SEED: 0x40,
  RDONLY_PROG: 0x80,
  WRONLY_PROG: 0x100,
  CLONE: 0x200,
  MMAPABLE: 0x400,
  PRESERVE_ELEMS: 0x800,
  INNER_MAP: 0x1000,
  TOKEN_FD: 0x10000,
} as const;
