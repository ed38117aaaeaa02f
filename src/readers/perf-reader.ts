/** PerfReader: the samples that programs send with bpf_perf_event_output, from one ring per CPU, on any host. */
import { SyscallError, sleepOn } from '../base/index.ts';
import type { Fd, Host } from '../host/index.ts';
import { type PerfLoss, type PerfRecord, PerfRing } from './perf-ring.ts';

/** PERF_TYPE_SOFTWARE, PERF_COUNT_SW_BPF_OUTPUT and PERF_SAMPLE_RAW (uapi/linux/perf_event.h). */
const TYPE_SOFTWARE = 1;
const SW_BPF_OUTPUT = 10n;
const SAMPLE_RAW = 0x400n;

export interface PerfReaderOptions {
  /** Data pages of each ring, a power of two; 8 by default. */
  readonly pages?: number;
  /** Samples after which the reader is woken; 1 by default. */
  readonly wakeup?: number;
}

function u32(n: number): Uint8Array {
  return Uint8Array.of(n & 255, (n >>> 8) & 255, (n >>> 16) & 255, n >>> 24);
}

/**
 * Opens an event per CPU, stores them in a perf event array and reads their rings. Records of one CPU keep their order. Iterating waits and
 * ends when the reader is closed; closing closes the events.
 * @throws SyscallError what opening, mapping or storing an event answers
 */
export class PerfReader implements AsyncIterable<PerfRecord>, Disposable {
  readonly #host: Host;
  readonly #fds: Fd[] = [];
  readonly #rings: PerfRing[] = [];
  /** Losses that no record has told of, by CPU. */
  readonly #unreported: (() => PerfLoss)[] = [];
  readonly #sleeping = new Map<PerfRing, Promise<void>>();
  readonly #closed = new AbortController();
  #ready: PerfRecord[] = [];

  constructor(host: Host, mapFd: Fd, options: PerfReaderOptions = {}) {
    this.#host = host;
    const cpus = Math.min(host.possibleCpus, host.mapInfo(mapFd).maxEntries);
    try {
      for (let cpu = 0; cpu < cpus; cpu++) this.#open(mapFd, cpu, options);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Everything that can be had without waiting. */
  read(): PerfRecord[] {
    if (!this.#closed.signal.aborted) this.#fill();
    const out = this.#ready;
    this.#ready = [];
    return out;
  }

  /** Resolves when there may be something to read, at the latest after a second; at once when the reader is closed. */
  async wait(): Promise<void> {
    if (!this.#closed.signal.aborted && this.#ready.length === 0) await Promise.race(this.#rings.map((ring) => this.#sleep(ring)));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PerfRecord, void, undefined> {
    for (;;) {
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
      if (batch.length === 0) await this.wait();
    }
  }

  /** Ends loops over the reader after what was already sent; losses that no record told of come last. */
  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#fill();
    for (const loss of this.#unreported) {
      const record = loss();
      if (record.lost > 0n) this.#ready.push(record);
    }
    this.#closed.abort();
    for (const fd of this.#fds) this.#host.close(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #fill(): void {
    for (const ring of this.#rings) for (const record of ring.read()) this.#ready.push(record);
  }

  #open(mapFd: Fd, cpu: number, options: PerfReaderOptions): void {
    const host = this.#host;
    const { pages = 8, wakeup = 1 } = options;
    let fd: Fd;
    try {
      fd = host.perfEventOpen({
        type: TYPE_SOFTWARE,
        config: SW_BPF_OUTPUT,
        sampleType: SAMPLE_RAW,
        samplePeriod: 1n,
        wakeup,
        pid: -1,
        cpu,
      });
    } catch (error) {
      // A possible CPU that is not online has no events.
      if (error instanceof SyscallError && error.code === 'ENODEV') return;
      throw error;
    }
    this.#fds.push(fd);
    const view = host.perfEventMmap(fd, pages);
    this.#rings.push(new PerfRing(view, cpu));
    this.#unreported.push(() => ({ kind: 'lost', cpu, lost: view.unreported?.() ?? 0n }));
    host.mapUpdateElem(mapFd, u32(cpu), u32(fd));
    host.perfEventEnable(fd, 'enable');
  }

  /** One sleeper per ring: a ring that stays silent while others wake keeps the one it has. */
  #sleep(ring: PerfRing): Promise<void> {
    const known = this.#sleeping.get(ring);
    if (known !== undefined) return known;
    const seen = Atomics.load(ring.headWord, 0);
    const sleep = ring.ready ? Promise.resolve() : sleepOn(ring.headWord, 0, seen, [this.#closed.signal]);
    const forgotten = sleep.then(() => void this.#sleeping.delete(ring));
    this.#sleeping.set(ring, forgotten);
    return forgotten;
  }
}
