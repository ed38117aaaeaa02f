/**
 * The writing side of the trace buffers: makes the directory, and appends records under a held CPU, overwriting the oldest.
 * No lock is taken: the CPU is one already, and the reader finds out by itself what was overwritten under its hands.
 */
import { BpfError } from '../../base/index.ts';
import type { TraceRecord } from '../../host/index.ts';
import { HEADER, type Mem } from '../../mem/index.ts';
import { BLOCK, COMM_MAX, DIR, distance, FLAGS_LENGTH, MESSAGE_MAX, PAD, positionLimit, RECORD, RECORD_MAX } from './layout.ts';

/** Bytes of a CPU's trace buffer once it is in use, as the kernel's default (1408 KiB, kernel/trace/trace.c). */
export const DEFAULT_TRACE_BUFFER = 1408 * 1024;

/** Gives a zeroed, 64-byte aligned block of engine memory, or 0 when it is exhausted. */
export type Alloc = (size: number) => number;

/**
 * Makes the trace directory of a fresh engine. Rings come with their first record.
 * @param options.bytesPerCpu size of a CPU's buffer, rounded up to 8 and to room for two records
 */
export function createTraceBuffers(mem: Mem, alloc: Alloc, options: { cpus: number; bytesPerCpu?: number }): void {
  const ringSize = Math.max((options.bytesPerCpu ?? DEFAULT_TRACE_BUFFER) + 7, 2 * RECORD_MAX) & ~7;
  if (!(ringSize > 0 && ringSize <= 2 ** 30)) throw new BpfError(`a trace buffer of ${options.bytesPerCpu} bytes, expected at most 1 GiB`);
  const dir = alloc(DIR.BLOCKS + options.cpus * BLOCK.SIZE);
  if (dir === 0) throw new BpfError('no memory for the trace buffers');
  mem.dv.setUint32(dir + DIR.CPUS, options.cpus, true);
  mem.dv.setUint32(dir + DIR.RING_SIZE, ringSize, true);
  Atomics.store(mem.i32, HEADER.TRACE_DIR >>> 2, dir);
}

/** A thread's way into the trace buffers. */
export class TraceWriter {
  readonly #mem: Mem;
  readonly #alloc: Alloc;
  readonly #dir: number;
  readonly #cpus: number;
  readonly #ringSize: number;
  readonly #limit: number;

  /** @param mem memory in which createTraceBuffers was called, on any thread */
  constructor(mem: Mem, alloc: Alloc) {
    this.#mem = mem;
    this.#alloc = alloc;
    this.#dir = Atomics.load(mem.i32, HEADER.TRACE_DIR >>> 2) >>> 0;
    if (this.#dir === 0) throw new BpfError('the engine memory has no trace buffers');
    this.#cpus = mem.dv.getUint32(this.#dir + DIR.CPUS, true);
    this.#ringSize = mem.dv.getUint32(this.#dir + DIR.RING_SIZE, true);
    this.#limit = positionLimit(this.#ringSize);
  }

  /**
   * Appends a record to the buffer of `record.cpu`, which this thread must hold. Longer messages and names are cut.
   * Without memory for the buffer the record is dropped.
   */
  write(record: TraceRecord): void {
    if (record.cpu >= this.#cpus) return;
    const block = this.#dir + DIR.BLOCKS + record.cpu * BLOCK.SIZE;
    const base = this.#ring(block);
    if (base === 0) return;
    const messageLength = Math.min(record.message.length, MESSAGE_MAX);
    const size = (RECORD.MESSAGE + messageLength + 7) & ~7;
    const position = this.#makeRoom(block, base, size);
    const at = base + (position % this.#ringSize);
    const { dv, u8, i32 } = this.#mem;
    const seq = dv.getUint32(block + BLOCK.SEQ, true);
    const commLength = Math.min(record.comm.length, COMM_MAX);
    dv.setUint32(at + RECORD.SIZE, size, true);
    dv.setUint32(at + RECORD.SEQ, seq, true);
    dv.setBigUint64(at + RECORD.TIMESTAMP, record.timestamp, true);
    dv.setUint32(at + RECORD.PID, record.pid, true);
    dv.setUint32(at + RECORD.TGID, record.tgid, true);
    dv.setUint16(at + RECORD.MESSAGE_LENGTH, messageLength, true);
    dv.setUint8(at + RECORD.COMM_LENGTH, commLength);
    for (let i = 0; i < FLAGS_LENGTH; i++) dv.setUint8(at + RECORD.FLAGS + i, record.flags.charCodeAt(i));
    u8.set(record.comm.subarray(0, commLength), at + RECORD.COMM);
    u8.set(record.message.subarray(0, messageLength), at + RECORD.MESSAGE);
    Atomics.store(i32, (block + BLOCK.SEQ) >>> 2, (seq + 1) | 0);
    Atomics.store(i32, (block + BLOCK.HEAD) >>> 2, ((position + size) % this.#limit) | 0);
    this.#wake();
  }

  #ring(block: number): number {
    const index = (block + BLOCK.BASE) >>> 2;
    const base = Atomics.load(this.#mem.i32, index) >>> 0;
    if (base !== 0) {
      if (base + this.#ringSize > this.#mem.u8.length) this.#mem.refresh();
      return base;
    }
    const fresh = this.#alloc(this.#ringSize);
    Atomics.store(this.#mem.i32, index, fresh);
    return fresh;
  }

  /** Drops the oldest records until `size` bytes fit in one piece. @returns the position to write at */
  #makeRoom(block: number, base: number, size: number): number {
    const { dv, i32 } = this.#mem;
    const head = dv.getUint32(block + BLOCK.HEAD, true);
    const toEnd = this.#ringSize - (head % this.#ringSize);
    const skip = toEnd < size ? toEnd : 0;
    const first = dv.getUint32(block + BLOCK.OLDEST, true);
    let oldest = first;
    while (this.#ringSize - distance(oldest, head, this.#limit) < skip + size) {
      oldest = (oldest + (dv.getUint32(base + (oldest % this.#ringSize) + RECORD.SIZE, true) & ~PAD)) % this.#limit;
    }
    // A read-modify-write, so that no byte of the new record is seen before the old ones are given up.
    if (oldest !== first) Atomics.exchange(i32, (block + BLOCK.OLDEST) >>> 2, oldest | 0);
    if (skip > 0) dv.setUint32(base + (head % this.#ringSize) + RECORD.SIZE, skip | PAD, true);
    return (head + skip) % this.#limit;
  }

  #wake(): void {
    const { i32 } = this.#mem;
    if (Atomics.load(i32, (this.#dir + DIR.WAITING) >>> 2) === 0) return;
    Atomics.store(i32, (this.#dir + DIR.WAITING) >>> 2, 0);
    Atomics.add(i32, (this.#dir + DIR.NOTIFY) >>> 2, 1);
    Atomics.notify(i32, (this.#dir + DIR.NOTIFY) >>> 2);
  }
}
