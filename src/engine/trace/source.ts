/**
 * The reading side of the trace buffers: takes what is there, merges the CPUs by time, and counts what was overwritten
 * before it could be read. One reader at a time; a later one goes on where the last one stopped.
 */
import { BpfError, SyscallError, sleepOn } from '../../base/index.ts';
import type { TraceLost, TraceRecord, TraceSource } from '../../host/index.ts';
import { HEADER, type Mem } from '../../mem/index.ts';
import { BLOCK, DIR, distance, FLAGS_LENGTH, PAD, positionLimit, RECORD } from './layout.ts';

/** A copy that the writer overwrote completely while it was made is made again, this often. */
const ATTEMPTS = 4;

/** Milliseconds between looks while records come, and looks in vain before the reader sleeps until it is woken. */
const LOOK_EVERY = 10;
const LOOKS = 10;

type Entry = TraceRecord | TraceLost;

/** Resolves after `ms` milliseconds, or when a signal aborts. */
function pause(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      for (const s of signals) s.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const s of signals) s.addEventListener('abort', done);
    if (signals.some((s) => s.aborted)) done();
  });
}

/** Opens the trace pipe. SyscallError EBUSY while another reader is open (as a second open of the kernel's trace_pipe). */
export function createTraceSource(mem: Mem): TraceSource {
  const dir = Atomics.load(mem.i32, HEADER.TRACE_DIR >>> 2) >>> 0;
  if (dir === 0) throw new BpfError('the engine memory has no trace buffers');
  if (Atomics.compareExchange(mem.i32, (dir + DIR.READER) >>> 2, 0, 1) !== 0) {
    throw new SyscallError('open', 'EBUSY', 'the trace pipe has a reader already, expected one at a time');
  }
  return new BufferReader(mem, dir);
}

class BufferReader implements TraceSource {
  readonly #mem: Mem;
  readonly #dir: number;
  readonly #cpus: number;
  readonly #closed = new AbortController();
  /** Records came lately. */
  #busy = false;

  constructor(mem: Mem, dir: number) {
    this.#mem = mem;
    this.#dir = dir;
    this.#cpus = mem.dv.getUint32(dir + DIR.CPUS, true);
  }

  get closed(): boolean {
    return this.#closed.signal.aborted;
  }

  read(): Entry[] {
    if (this.#closed.signal.aborted) return [];
    this.#mem.refresh();
    const queues: Entry[][] = [];
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      const entries = this.#take(cpu);
      if (entries.length > 0) queues.push(entries);
    }
    return merge(queues);
  }

  async wait(signal?: AbortSignal): Promise<void> {
    const waiting = (this.#dir + DIR.WAITING) >>> 2;
    const notify = (this.#dir + DIR.NOTIFY) >>> 2;
    const signals = signal === undefined ? [this.#closed.signal] : [this.#closed.signal, signal];
    // Waking a thread costs the program that prints more than printing does: while records come often, the reader looks by itself.
    for (let looks = 0; looks < LOOKS && !this.#closed.signal.aborted && signal?.aborted !== true && !this.#available(); looks++) {
      if (!this.#busy) break;
      await pause(LOOK_EVERY, signals);
    }
    this.#busy = this.#available();
    while (!this.#closed.signal.aborted && signal?.aborted !== true && !this.#available()) {
      // Announced first and looked again after, so that a record in between is not slept through.
      const count = Atomics.load(this.#mem.i32, notify);
      Atomics.store(this.#mem.i32, waiting, 1);
      if (this.#available()) break;
      await sleepOn(this.#mem.i32, notify, count, signals);
      this.#busy = true;
    }
  }

  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    Atomics.store(this.#mem.i32, (this.#dir + DIR.READER) >>> 2, 0);
  }

  #block(cpu: number): number {
    return this.#dir + DIR.BLOCKS + cpu * BLOCK.SIZE;
  }

  #load(block: number, field: number): number {
    return Atomics.load(this.#mem.i32, (block + field) >>> 2) >>> 0;
  }

  #available(): boolean {
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      const block = this.#block(cpu);
      if (this.#load(block, BLOCK.HEAD) !== this.#load(block, BLOCK.READ_POS)) return true;
    }
    return false;
  }

  /** Consumes one CPU's buffer. */
  #take(cpu: number): Entry[] {
    const block = this.#block(cpu);
    const base = this.#load(block, BLOCK.BASE);
    if (base === 0) return [];
    const ringSize = this.#load(this.#dir, DIR.RING_SIZE);
    const limit = positionLimit(ringSize);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const head = this.#load(block, BLOCK.HEAD);
      const start = this.#start(block, head, ringSize, limit);
      const size = distance(start, head, limit);
      const copy = this.#copy(base, ringSize, start, size);
      // What the writer gave up meanwhile is not whole. Read-modify-write: the copy's loads must not slip behind it.
      const oldest = Atomics.add(this.#mem.i32, (block + BLOCK.OLDEST) >>> 2, 0) >>> 0;
      const whole = distance(oldest, head, limit);
      if (whole > ringSize) continue;
      const skip = Math.max(0, size - whole);
      const entries: Entry[] = [];
      const next = parseRecords(copy.subarray(skip), cpu, this.#load(block, BLOCK.READ_SEQ), entries);
      Atomics.store(this.#mem.i32, (block + BLOCK.READ_SEQ) >>> 2, next | 0);
      Atomics.store(this.#mem.i32, (block + BLOCK.READ_POS) >>> 2, head | 0);
      return entries;
    }
    return [];
  }

  /** Where unread records begin: where the last read ended, unless the writer has passed it. */
  #start(block: number, head: number, ringSize: number, limit: number): number {
    const oldest = this.#load(block, BLOCK.OLDEST);
    const read = this.#load(block, BLOCK.READ_POS);
    const unread = (this.#load(block, BLOCK.SEQ) - this.#load(block, BLOCK.READ_SEQ)) >>> 0;
    // Positions repeat after 4 GiB, record numbers much later: they tell a reader that slept that long.
    const lapped = unread > ringSize / RECORD.MESSAGE;
    return lapped || distance(read, head, limit) > distance(oldest, head, limit) ? oldest : read;
  }

  #copy(base: number, ringSize: number, start: number, size: number): Uint8Array {
    const out = new Uint8Array(size);
    const from = start % ringSize;
    const first = Math.min(size, ringSize - from);
    out.set(this.#mem.u8.subarray(base + from, base + from + first));
    if (first < size) out.set(this.#mem.u8.subarray(base, base + size - first), first);
    return out;
  }
}

/** Decodes whole records; a gap in their numbers is so many lost. @returns the number expected next */
function parseRecords(bytes: Uint8Array, cpu: number, expected: number, entries: Entry[]): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let next = expected;
  for (let at = 0; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + RECORD.SIZE, true);
    if ((size & PAD) !== 0) {
      at += Math.max(8, size & ~PAD);
      continue;
    }
    if (size < RECORD.MESSAGE || at + size > bytes.length) break;
    const seq = view.getUint32(at + RECORD.SEQ, true);
    if (seq !== next) entries.push({ cpu, lost: (seq - next) >>> 0 });
    next = (seq + 1) >>> 0;
    entries.push(decode(bytes, view, at, cpu));
    at += size;
  }
  return next;
}

function decode(bytes: Uint8Array, view: DataView, at: number, cpu: number): TraceRecord {
  const message = at + RECORD.MESSAGE;
  const comm = at + RECORD.COMM;
  return {
    comm: bytes.subarray(comm, comm + view.getUint8(at + RECORD.COMM_LENGTH)),
    pid: view.getUint32(at + RECORD.PID, true),
    tgid: view.getUint32(at + RECORD.TGID, true),
    cpu,
    flags: String.fromCharCode(...bytes.subarray(at + RECORD.FLAGS, at + RECORD.FLAGS + FLAGS_LENGTH)),
    timestamp: view.getBigUint64(at + RECORD.TIMESTAMP, true),
    message: bytes.subarray(message, message + view.getUint16(at + RECORD.MESSAGE_LENGTH, true)),
  };
}

interface Queue {
  readonly entries: readonly Entry[];
  at: number;
  time: bigint;
}

/** The time of the record at a queue's front, looking behind a loss, which goes just before the record that survived it. */
function frontTime(entries: readonly Entry[], at: number): bigint {
  const front = entries[at];
  const record = front !== undefined && 'lost' in front ? entries[at + 1] : front;
  return record !== undefined && 'timestamp' in record ? record.timestamp : 0n;
}

/** One sequence by time; within a CPU the order stays, and of equal times the lower CPU comes first. */
function merge(lists: readonly (readonly Entry[])[]): Entry[] {
  const [only] = lists;
  if (only === undefined) return [];
  if (lists.length === 1) return [...only];
  const queues: Queue[] = lists.map((entries) => ({ entries, at: 0, time: frontTime(entries, 0) }));
  const out: Entry[] = [];
  while (queues.length > 0) {
    let best = queues[0];
    for (const queue of queues) if (best === undefined || queue.time < best.time) best = queue;
    if (best === undefined) break;
    const entry = best.entries[best.at++];
    if (entry !== undefined) out.push(entry);
    if (best.at >= best.entries.length) queues.splice(queues.indexOf(best), 1);
    else best.time = frontTime(best.entries, best.at);
  }
  return out;
}
