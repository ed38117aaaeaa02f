/** All that the programs of a session print and send, as one stream: trace lines and the records of every ring buffer and perf event array. */

import type { MapSpec } from '../../elf/index.ts';
import type { Host } from '../../host/index.ts';
import type { Collection } from '../../loader/index.ts';
import { PerfReader, RingBufferReader, type TraceEvent, type TracePipe } from '../../readers/index.ts';
import { mergeByTime } from './merge.ts';
import { RecordEvent, RecordLoss } from './record.ts';
import { type RecordType, recordType, streamKind } from './record-type.ts';

/** Data pages of each CPU's perf ring: 256 KiB, as libbpf's tools have them. */
const PERF_PAGES = 64;

/** What a session gives. */
export type SessionEvent = TraceEvent | RecordEvent | RecordLoss;

/** What came by a map. */
export interface RecordTotals {
  readonly map: string;
  readonly received: bigint;
  /** undefined for ring buffers: a program that finds no room there is told so, and nobody counts. */
  readonly lost: bigint | undefined;
}

/** A map that streams records, and what its records are. */
export interface RecordStream {
  readonly map: string;
  readonly type: RecordType | undefined;
}

/** Something that is read without waiting, waited for, and closed. */
interface Source {
  read(): SessionEvent[];
  wait(): Promise<void>;
  close(): void;
}

/** Reads a host's trace pipe and record maps. Iterating ends when it was closed and all is given out. */
export class RecordStreams implements AsyncIterable<SessionEvent> {
  /** The record maps. */
  readonly streams: readonly RecordStream[];
  readonly #sources: Source[] = [];
  readonly #totals: Counts[] = [];
  readonly #waiting = new Map<Source, Promise<void>>();
  #ready: SessionEvent[] = [];
  #closed = false;

  /**
   * Opens readers of every record map. Maps that the object shares with others keep one reader each.
   * @param types types that the user gave
   * @throws SyscallError what opening a reader answers; BpfError for a tag that names no type
   */
  constructor(host: Host, pipe: TracePipe, collections: readonly Collection[], types: ReadonlyMap<MapSpec, RecordType> = new Map()) {
    this.#sources.push(pipe);
    const streams: RecordStream[] = [];
    try {
      for (const collection of collections) {
        for (const map of collection.maps.values()) {
          const kind = streamKind(map.spec);
          if (kind === undefined) continue;
          const type = types.get(map.spec) ?? recordType(collection.spec, map.spec);
          streams.push({ map: map.name, type });
          const totals: Counts = { map: map.name, received: 0n, lost: kind === 'perf' ? 0n : undefined };
          this.#totals.push(totals);
          this.#sources.push(
            kind === 'ringbuf'
              ? ringSource(new RingBufferReader(host, map.fd), type, totals)
              : perfSource(new PerfReader(host, map.fd, { pages: PERF_PAGES }), type, totals),
          );
        }
      }
    } catch (error) {
      for (const source of this.#sources.slice(1)) source.close();
      throw error;
    }
    this.streams = streams;
  }

  /** How many records came and how many were lost, by map. */
  get totals(): RecordTotals[] {
    return this.#totals.map((t) => ({ ...t }));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SessionEvent, void, undefined> {
    for (;;) {
      const batch = this.#take();
      let taken = 0;
      try {
        for (const event of batch) {
          taken++;
          yield event;
        }
      } finally {
        // A loop that was left keeps what it did not see for the next one.
        this.#ready = [...batch.slice(taken), ...this.#ready];
      }
      if (batch.length > 0) continue;
      if (this.#closed) return;
      await Promise.race(this.#sources.map((s) => this.#wait(s)));
    }
  }

  /** Ends loops after what was already sent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Closed readers give what was sent until then, and the losses that no record told of.
    for (const source of this.#sources) source.close();
    this.#ready = this.#ready.concat(this.#drain());
  }

  #take(): SessionEvent[] {
    const kept = this.#ready;
    this.#ready = [];
    if (kept.length > 0 || this.#closed) return kept;
    return this.#drain();
  }

  #drain(): SessionEvent[] {
    const lists = this.#sources.map((s) => s.read());
    return mergeByTime(lists, timeOf);
  }

  /** A source that stays silent while others wake keeps its one wait. */
  #wait(source: Source): Promise<void> {
    const known = this.#waiting.get(source);
    if (known !== undefined) return known;
    const wait = source.wait().then(() => void this.#waiting.delete(source));
    this.#waiting.set(source, wait);
    return wait;
  }
}

interface Counts {
  readonly map: string;
  received: bigint;
  lost: bigint | undefined;
}

function ringSource(reader: RingBufferReader, type: RecordType | undefined, totals: Counts): Source {
  return {
    read: () =>
      reader.read().map((data) => {
        totals.received++;
        return new RecordEvent(totals.map, data, { type });
      }),
    wait: () => reader.wait(),
    close: () => reader.close(),
  };
}

function perfSource(reader: PerfReader, type: RecordType | undefined, totals: Counts): Source {
  return {
    read: () =>
      reader.read().map((record) => {
        if (record.kind === 'lost') {
          totals.lost = (totals.lost ?? 0n) + record.lost;
          return new RecordLoss(totals.map, record.cpu, record.lost);
        }
        totals.received++;
        return new RecordEvent(totals.map, record.data, { cpu: record.cpu, type });
      }),
    wait: () => reader.wait(),
    close: () => reader.close(),
  };
}

function timeOf(event: SessionEvent): bigint | undefined {
  return event.kind === 'record' || event.kind === 'message' ? event.timestamp : undefined;
}
