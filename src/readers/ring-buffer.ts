/** RingBufferReader: the records that programs send through a ring buffer (BPF_MAP_TYPE_RINGBUF), in order, on any host. */
import { FormatError, sleepOn } from '../base/index.ts';
import type { Fd, Host, RingbufView } from '../host/index.ts';

/** Of a record's first word (uapi/linux/bpf.h BPF_RINGBUF_*). */
const BUSY = 0x8000_0000;
const DISCARD = 0x4000_0000;
const SIZE = 0x3fff_ffff;
const HEADER_SIZE = 8;

/**
 * Reads one ring buffer; a ring has one reader. Iterating waits and ends when the reader is closed. The map's fd stays the caller's.
 * @throws SyscallError what mapping the ring answers
 */
export class RingBufferReader implements AsyncIterable<Uint8Array>, Disposable {
  readonly #view: RingbufView;
  readonly #words: Int32Array;
  readonly #positions: BigInt64Array;
  readonly #closed = new AbortController();
  #ready: Uint8Array[] = [];

  constructor(host: Host, mapFd: Fd) {
    this.#view = host.ringbufMmap(mapFd);
    this.#words = new Int32Array(this.#view.buffer);
    this.#positions = new BigInt64Array(this.#view.buffer, 0, Math.floor(this.#view.buffer.byteLength / 8));
  }

  /** Everything that can be had without waiting. FormatError when the ring holds no records. */
  read(): Uint8Array[] {
    if (!this.#closed.signal.aborted) this.#fill();
    const out = this.#ready;
    this.#ready = [];
    return out;
  }

  /** Resolves when there may be something to read, at the latest after a second; at once when the reader is closed. */
  async wait(): Promise<void> {
    // Counted before the ring is looked at: what comes later wakes the sleep at once.
    const seen = Atomics.load(this.#words, this.#view.wakeups >>> 2);
    if (this.#closed.signal.aborted) return;
    this.#fill();
    if (this.#ready.length === 0) await sleepOn(this.#words, this.#view.wakeups >>> 2, seen, [this.#closed.signal]);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      // Counted before the ring is looked at: what comes later wakes the sleep below at once.
      const seen = Atomics.load(this.#words, this.#view.wakeups >>> 2);
      const batch = this.read();
      let taken = 0;
      try {
        for (const record of batch) {
          taken++;
          yield record;
        }
      } finally {
        // A loop that was left keeps what it did not see for the next one.
        this.#ready = [...batch.slice(taken), ...this.#ready];
      }
      if (this.#closed.signal.aborted) return;
      if (batch.length === 0) await sleepOn(this.#words, this.#view.wakeups >>> 2, seen, [this.#closed.signal]);
    }
  }

  /** Ends loops over the reader after what was already sent. */
  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#fill();
    this.#closed.abort();
    this.#view.unmap();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Takes records until one is still being written. The position is given back before the next one is looked at: its writer then wakes us, or we see it. */
  #fill(): void {
    const { consumer, producer, data, dataSize } = this.#view;
    for (let at = Atomics.load(this.#positions, consumer >>> 3); ; ) {
      if (at === Atomics.load(this.#positions, producer >>> 3)) return;
      const offset = Number(BigInt.asUintN(64, at) % BigInt(dataSize));
      const word = Atomics.load(this.#words, (data + offset) >>> 2) >>> 0;
      if (word >= BUSY) return;
      const size = word & SIZE;
      const whole = Math.ceil((HEADER_SIZE + size) / 8) * 8;
      if (whole > dataSize) throw new FormatError(`ring record of ${size} bytes, expected at most ${dataSize - HEADER_SIZE}`, { offset });
      const start = data + offset + HEADER_SIZE;
      // A copy: the record's memory is the writers' again.
      if ((word & DISCARD) === 0) this.#ready.push(Uint8Array.from(new Uint8Array(this.#view.buffer, start, size)));
      at += BigInt(whole);
      Atomics.store(this.#positions, consumer >>> 3, at);
    }
  }
}
