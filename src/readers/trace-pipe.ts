/** TracePipe: what programs print, as parsed records, on any host. Lines are trace-line.ts's; buffering is the host's. */
import { decodeText } from '../base/index.ts';
import type { Host, TraceLost, TraceRecord, TraceSource } from '../host/index.ts';
import { formatLostLine, formatTraceLine, type TraceFormat } from './trace-line.ts';

/** A line of the trace pipe that a program printed. Strings are decoded when asked for; the exact bytes are in `record`. */
export class TraceMessage {
  readonly kind = 'message';
  readonly record: TraceRecord;
  readonly #format: TraceFormat;

  constructor(record: TraceRecord, format: TraceFormat = 'modern') {
    this.record = record;
    this.#format = format;
  }

  /** Name of the thread. */
  get comm(): string {
    return decodeText(this.record.comm);
  }
  /** Thread id: the kernel's pid. */
  get pid(): number {
    return this.record.pid;
  }
  /** Process id; 0 where the host does not tell. */
  get tgid(): number {
    return this.record.tgid;
  }
  get cpu(): number {
    return this.record.cpu;
  }
  /** Five characters of irq and preemption state, `d..1.`. */
  get flags(): string {
    return this.record.flags;
  }
  /** Nanoseconds of the trace clock. */
  get timestamp(): bigint {
    return this.record.timestamp;
  }
  /** What the program printed, with its own newlines only. */
  get message(): string {
    return decodeText(this.record.message);
  }
  /** The whole line as the pipe shows it, without the newline that ends it. */
  get line(): string {
    const bytes = this.bytes();
    return decodeText(bytes, 0, bytes.length - 1);
  }

  /** The line's exact bytes, with the newline. */
  bytes(): Uint8Array {
    return formatTraceLine(this.record, this.#format);
  }
}

/** Records that were overwritten before they could be read. */
export class TraceLoss {
  readonly kind = 'lost';
  readonly record: TraceLost;

  constructor(record: TraceLost) {
    this.record = record;
  }

  get cpu(): number {
    return this.record.cpu;
  }
  /** How many. */
  get lost(): number {
    return this.record.lost;
  }
  /** `CPU:0 [LOST 12 EVENTS]`. */
  get line(): string {
    const bytes = this.bytes();
    return decodeText(bytes, 0, bytes.length - 1);
  }

  /** The line's exact bytes, with the newline. */
  bytes(): Uint8Array {
    return formatLostLine(this.record);
  }
}

export type TraceEvent = TraceMessage | TraceLoss;

/** How a TracePipe shows lines. */
export interface TracePipeOptions {
  /** Form of `line` and `bytes()`; modern by default. */
  readonly format?: TraceFormat;
}

/**
 * The consuming reader of a host's trace pipe; close it when done. Iterating waits for records and ends when the pipe is closed;
 * leaving a loop leaves the pipe open for the next one.
 * @throws SyscallError EBUSY when the host's pipe has a reader already
 */
export class TracePipe implements AsyncIterable<TraceEvent>, Disposable {
  readonly #source: TraceSource;
  readonly #format: TraceFormat;
  readonly #ready: TraceEvent[] = [];
  #next = 0;
  #closed = false;

  constructor(host: Pick<Host, 'tracePipe'>, options: TracePipeOptions = {}) {
    this.#source = host.tracePipe();
    this.#format = options.format ?? 'modern';
  }

  /** Everything that can be had without waiting. */
  read(): TraceEvent[] {
    this.#fill();
    const events = this.#ready.slice(this.#next);
    this.#ready.length = 0;
    this.#next = 0;
    return events;
  }

  /** The next record, waited for; undefined when the pipe was closed or `signal` aborted. */
  async next(signal?: AbortSignal): Promise<TraceEvent | undefined> {
    for (;;) {
      if (this.#next >= this.#ready.length) this.#fill();
      const event = this.#ready[this.#next];
      if (event !== undefined) {
        this.#next++;
        return event;
      }
      if (this.#closed || this.#source.closed || signal?.aborted === true) return undefined;
      await this.#source.wait(signal);
    }
  }

  /** Resolves when there may be something to read; at once when the pipe is closed. */
  async wait(): Promise<void> {
    if (this.#closed || this.#source.closed) return;
    this.#fill();
    if (this.#next >= this.#ready.length) await this.#source.wait();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TraceEvent, void, undefined> {
    for (let event = await this.next(); event !== undefined; event = await this.next()) yield event;
  }

  /** Ends loops over the pipe after what was already read. */
  close(): void {
    if (this.#closed) return;
    this.#fill();
    this.#closed = true;
    this.#source.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #fill(): void {
    if (this.#closed) return;
    this.#ready.splice(0, this.#next);
    this.#next = 0;
    for (const record of this.#source.read()) {
      this.#ready.push('lost' in record ? new TraceLoss(record) : new TraceMessage(record, this.#format));
    }
  }
}
