/**
 * Where the trace buffers stand in the engine's memory: a directory, one control block per CPU, and one ring per CPU that
 * its first writer allocates. Offsets only; writer.ts and source.ts say who may touch what when.
 */

/** The directory; HEADER.TRACE_DIR leads to it. u32 fields. */
export const DIR = {
  CPUS: 0,
  /** Bytes of a ring, a multiple of 8. */
  RING_SIZE: 4,
  /** Counts wake-ups; the reader sleeps on it. */
  NOTIFY: 8,
  /** Non-zero while the reader wants to be woken. */
  WAITING: 12,
  /** Non-zero while a reader is open. */
  READER: 16,
  /** First control block. */
  BLOCKS: 64,
} as const;

/**
 * A CPU's control block. Positions count bytes and wrap at `positionLimit`; HEAD, OLDEST, SEQ and BASE belong to the thread that
 * holds the CPU, READ_POS and READ_SEQ to the reader.
 */
export const BLOCK = {
  /** Offset of the ring; 0 until something was written. */
  BASE: 0,
  /** Position after the newest record. */
  HEAD: 4,
  /** Position of the oldest record that is whole. */
  OLDEST: 8,
  /** Number of the next record. */
  SEQ: 12,
  READ_POS: 16,
  /** Number of the record that the reader expects next. */
  READ_SEQ: 20,
  SIZE: 64,
} as const;

/** A record, 8-byte aligned, never across the ring's end. */
export const RECORD = {
  /** Bytes of the whole record, a multiple of 8; with PAD set there is no record, only room up to the ring's end. */
  SIZE: 0,
  SEQ: 4,
  TIMESTAMP: 8,
  PID: 16,
  TGID: 20,
  /** u16. */
  MESSAGE_LENGTH: 24,
  /** u8. */
  COMM_LENGTH: 26,
  /** 5 ASCII bytes. */
  FLAGS: 27,
  /** 15 bytes. */
  COMM: 32,
  MESSAGE: 48,
} as const;
export const PAD = 0x8000_0000;

export const FLAGS_LENGTH = 5;
export const COMM_MAX = 15;
/** A message is what fits the 1024-byte buffer of trace_printk without its NUL. */
export const MESSAGE_MAX = 1023;
export const RECORD_MAX = (RECORD.MESSAGE + MESSAGE_MAX + 7) & ~7;

/** Positions count from 0 up to this: the largest multiple of the ring's size that fits 32 bits. */
export function positionLimit(ringSize: number): number {
  return Math.floor(2 ** 32 / ringSize) * ringSize;
}

/** Bytes from position `from` up to position `to`. */
export function distance(from: number, to: number, limit: number): number {
  return to >= from ? to - from : to - from + limit;
}
