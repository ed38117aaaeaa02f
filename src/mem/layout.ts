/**
 * Where things stand in the engine's memory: the header at offset 0 and the records it leads to. The header makes every
 * other structure findable from the memory alone, so that any thread can join. What the records' owners do is theirs.
 */
import { BpfError } from '../base/index.ts';
import type { Mem } from './memory.ts';

/** Offsets of the header's fields, u32 unless stated. */
export const HEADER = {
  MAGIC: 0,
  VERSION: 4,
  /** Possible CPUs. */
  CPUS: 8,
  /** Next thread number, counted by every thread that joins. */
  NEXT_THREAD: 12,
  /** Offset of the CPU table: CPUS records of CPU.SIZE bytes. */
  CPU_TABLE: 16,
  /** Offset of the program table: an IdTable of program records. */
  PROG_TABLE: 20,
  /** Offset of the map table: an IdTable of map descriptors. */
  MAP_TABLE: 24,
  /** Offset of the trace buffers' directory; 0 until it is made. */
  TRACE_DIR: 28,
  NEXT_MAP_ID: 32,
  NEXT_PROG_ID: 36,
  NEXT_LINK_ID: 40,
  NEXT_BTF_ID: 44,
  /** u64: id of perf events, for PERF_RECORD_LOST and PERF_SAMPLE_ID. */
  NEXT_EVENT_ID: 48,
  /** Offset of the fault log (see engine/faults.ts). */
  FAULT_LOG: 64,
  /** f64 milliseconds: performance.timeOrigin of the thread that laid the memory out, where threads share no clock. */
  CLOCK_ORIGIN: 72,
  /** Non-zero: a thread died while it held the heap's lock; new allocations fail. */
  HEAP_FAULTED: 68,
  /** Non-zero: run times of programs are measured. */
  STATS: 80,
  /** Bits of RUN_MODE: how threads run programs. */
  RUN_MODE: 84,
  /** Loops, calls and rounds of callbacks that a compiled run may make, or instructions of an interpreted one; 0: the default. */
  BUDGET: 88,
  /** Programs that are gone; threads look again for those that they know when it moves. */
  PROG_GENERATION: 92,
  HEAP_LOCK: 128,
  /** First byte that no block covers. */
  HEAP_TOP: 132,
  /** Bytes of the block that ends at HEAP_TOP; 0 for none. */
  HEAP_LAST: 136,
  /** Bytes from here on were never handed out and are zero. */
  HEAP_VIRGIN: 140,
  /** Accounting: blocks in use, and their bytes with their headers. */
  HEAP_BLOCKS: 144,
  HEAP_BYTES: 148,
  /** Heads of the free lists, one u32 a bin. */
  HEAP_BINS: 192,
  SIZE: 1024,
} as const;
/** First word of a memory that an engine laid out. */
export const HEADER_MAGIC = 0x62706677;
/** Version of the layout. */
export const HEADER_VERSION = 1;

/** Bits of HEADER.RUN_MODE. */
export const RUN_MODE = { INTERPRET: 1, CHECKED: 2 } as const;

/** A CPU record. A CPU is a lock held for one program run. */
export const CPU = {
  /** i32 lock word, see lock.ts. */
  LOCK: 0,
  /** Runs that have ended: grace periods wait for it to move, or for the lock to be free. Written under the lock. */
  SEQ: 4,
  /** Runs refused because a program was running on this CPU already. */
  MISSES: 8,
  /** Id of the running program; 0 for none. */
  PROG: 12,
  /** u64 state of the CPU's pseudo-random generator; 0 until seeded. */
  PRANDOM: 16,
  /** Depth of nested perf_event_output calls. */
  PERF_NEST: 24,
  /** Offset of the bpf_spin_lock that the program holds, 0 for none. */
  HELD: 28,
  /** Repetitions of one run that have ended before the run: elements that maps took out wait for this or SEQ to move. */
  REPEATS: 32,
  SIZE: 128,
} as const;

/** A program's record in the program table. Offsets are u32 unless stated. */
export const PROG = {
  MAGIC: 0,
  ID: 4,
  TYPE: 8,
  /** Offset and bytes of the image: instructions whose map references are engine pointers. */
  IMAGE: 12,
  IMAGE_SIZE: 16,
  EXPECTED_ATTACH: 20,
  /** Bits of PROG_FLAG. */
  FLAGS: 24,
  /** u64 counters. */
  RUN_TIME: 40,
  MISSES: 48,
  FAULTS: 56,
  /** 8 bytes. */
  TAG: 64,
  /** 16 bytes, NUL padded. */
  NAME: 72,
  /** Number of the maps it refers to. */
  MAP_COUNT: 88,
  /** Bytes of the verifier's facts, which follow the image. */
  FACTS_SIZE: 92,
  /** Its node in the program table. */
  NODE: 96,
  /** Offset of the counts of its runs: u64 by CPU, each written by who holds the CPU. */
  COUNTERS: 112,
  SIZE: 128,
  /** Descriptors of its maps, u32 each, follow the record. */
  MAPS: 128,
} as const;
/** First word of a program's record. */
export const PROG_MAGIC = 0x50524f47;
/** Bits of PROG.FLAGS. */
export const PROG_FLAG = { GPL: 1, SLEEPABLE: 2 } as const;

/** Whether the memory has been laid out by an engine. */
export function isLaidOut(mem: Mem): boolean {
  return mem.dv.getUint32(HEADER.MAGIC, true) === HEADER_MAGIC;
}

/** Throws unless the memory was laid out by an engine of this version. */
export function checkLayout(mem: Mem): void {
  if (!isLaidOut(mem)) throw new BpfError('the shared memory was not laid out by an engine');
  const version = mem.dv.getUint32(HEADER.VERSION, true);
  if (version !== HEADER_VERSION) throw new BpfError(`the shared memory has layout version ${version}, expected ${HEADER_VERSION}`);
}

/** Offset of CPU `cpu`'s record. */
export function cpuRecord(mem: Mem, cpu: number): number {
  return mem.dv.getUint32(HEADER.CPU_TABLE, true) + cpu * CPU.SIZE;
}
