/** One perf ring: takes records out of the memory that the producer shares. Opening rings and waiting are perf-reader.ts's. */
import { FormatError } from '../base/index.ts';
import type { RingView } from '../host/index.ts';

/** Metadata page (uapi/linux/perf_event.h struct perf_event_mmap_page). */
const PAGE_SIZE = 4096;
const DATA_HEAD = 1024;
const RECORD_LOST = 2;
const RECORD_SAMPLE = 9;
const HEADER_SIZE = 8;

/** Raw data of a sample, with the zero bytes that fill it up: a program's size is only known to the program. */
export interface PerfSample {
  readonly kind: 'sample';
  readonly cpu: number;
  readonly data: Uint8Array;
}

/** Samples that did not fit the ring. */
export interface PerfLoss {
  readonly kind: 'lost';
  readonly cpu: number;
  readonly lost: bigint;
}

export type PerfRecord = PerfSample | PerfLoss;

/** The consumer of a ring whose samples carry raw data only (PERF_SAMPLE_RAW). */
export class PerfRing {
  readonly cpu: number;
  /** The low word of data_head, for sleeping on. */
  readonly headWord: Int32Array;
  readonly #bytes: Uint8Array;
  /** data_head and data_tail. */
  readonly #positions: BigInt64Array;

  constructor(view: RingView, cpu: number) {
    this.cpu = cpu;
    this.#positions = new BigInt64Array(view.buffer, view.base + DATA_HEAD, 2);
    this.headWord = new Int32Array(view.buffer, view.base + DATA_HEAD, 1);
    this.#bytes = new Uint8Array(view.buffer, view.base + PAGE_SIZE, view.dataSize);
  }

  /** Whether there is something to read. */
  get ready(): boolean {
    return Atomics.load(this.#positions, 0) !== Atomics.load(this.#positions, 1);
  }

  /** Takes all records and gives their room back. FormatError when the ring holds no records. */
  read(): PerfRecord[] {
    const out: PerfRecord[] = [];
    const head = Atomics.load(this.#positions, 0);
    const tail = Atomics.load(this.#positions, 1);
    const size = Number(BigInt.asUintN(64, head - tail));
    if (size > this.#bytes.length)
      throw new FormatError(`perf ring of cpu ${this.cpu} holds ${size} bytes, expected at most ${this.#bytes.length}`);
    const data = this.#copy(Number(BigInt.asUintN(64, tail) % BigInt(this.#bytes.length)), size);
    const view = new DataView(data.buffer);
    for (let at = 0; at < size; ) {
      const length = at + HEADER_SIZE <= size ? view.getUint16(at + 6, true) : 0;
      if (length < HEADER_SIZE || at + length > size) {
        throw new FormatError(`perf record of ${length} bytes, expected 8 to ${size - at}`, { offset: at });
      }
      const type = view.getUint32(at, true);
      if (type === RECORD_SAMPLE && length >= HEADER_SIZE + 4) {
        const raw = Math.min(view.getUint32(at + HEADER_SIZE, true), length - HEADER_SIZE - 4);
        out.push({ kind: 'sample', cpu: this.cpu, data: data.subarray(at + HEADER_SIZE + 4, at + HEADER_SIZE + 4 + raw) });
      } else if (type === RECORD_LOST && length >= HEADER_SIZE + 16) {
        out.push({ kind: 'lost', cpu: this.cpu, lost: view.getBigUint64(at + HEADER_SIZE + 8, true) });
      }
      at += length;
    }
    Atomics.store(this.#positions, 1, head);
    return out;
  }

  /** The ring's memory is the producer's again once the tail moves, so records are copied. */
  #copy(from: number, size: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(size);
    const first = Math.min(size, this.#bytes.length - from);
    out.set(this.#bytes.subarray(from, from + first));
    out.set(this.#bytes.subarray(0, size - first), first);
    return out;
  }
}
