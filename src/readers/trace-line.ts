/** Lines of the trace pipe: records to bytes as the kernel prints them, and the kernel's text back to records. */
import type { TraceLost, TraceRecord } from '../host/index.ts';

/** Today's form, or that of Linux 4.4. */
export type TraceFormat = 'modern' | '4.4';

const COMM_WIDTH = 16;
const NEWLINE = 10;
const DASH = 45;

interface FormatRow {
  readonly pidWidth: number;
  /** Characters of the irq column. */
  readonly flags: number;
  readonly body: string;
}

/** kernel/trace/trace_output.c trace_print_context, and what bpf_trace_printk puts before the message (v6.18, v4.4). */
const FORMATS: Readonly<Record<TraceFormat, FormatRow>> = {
  modern: { pidWidth: 7, flags: 5, body: 'bpf_trace_printk: ' },
  '4.4': { pidWidth: 5, flags: 4, body: ': ' },
};

const encoder = new TextEncoder();

function formatTime(timestamp: bigint): string {
  // The kernel rounds to microseconds (ns2usecs).
  const us = (timestamp + 500n) / 1000n;
  return `${String(us / 1_000_000n).padStart(5)}.${String(us % 1_000_000n).padStart(6, '0')}`;
}

/** The name column. A task may have an empty name: 16 blanks, as the kernel prints it. */
function commOf(record: TraceRecord): Uint8Array {
  return record.pid === 0 ? encoder.encode('<idle>') : record.comm;
}

/**
 * One line with its newline, byte for byte as the pipe shows it; name and message are copied unchanged.
 *
 * The modern pipe adds a newline to every message, so one that ends in a newline is followed by an empty line. The pipe of 4.4 adds none
 * and a message without one ran into the next line; here that form adds one where it is missing, so that each event keeps its line.
 */
export function formatTraceLine(record: TraceRecord, format: TraceFormat = 'modern'): Uint8Array {
  const row = FORMATS[format];
  const comm = commOf(record);
  const head = encoder.encode(
    `-${String(record.pid).padEnd(row.pidWidth)} [${String(record.cpu).padStart(3, '0')}] ${record.flags.slice(0, row.flags)} ` +
      `${formatTime(record.timestamp)}: ${row.body}`,
  );
  const pad = Math.max(0, COMM_WIDTH - comm.length);
  const ends = format === 'modern' || record.message.at(-1) !== NEWLINE ? 1 : 0;
  const line = new Uint8Array(pad + comm.length + head.length + record.message.length + ends);
  line.fill(32, 0, pad);
  line.set(comm, pad);
  line.set(head, pad + comm.length);
  line.set(record.message, pad + comm.length + head.length);
  if (ends === 1) line[line.length - 1] = NEWLINE;
  return line;
}

/** The line that stands for lost records, with its newline; the same in both forms. */
export function formatLostLine(lost: TraceLost): Uint8Array {
  return encoder.encode(`CPU:${lost.cpu} [LOST ${lost.lost} EVENTS]\n`);
}

/** What follows the name: pid, optional (tgid), cpu, irq column, time, and the words before a BPF program's message in any era. */
const HEAD = /^-(\d{1,10}) +(?:\( *(\d{1,10}|-+)\) )?\[(\d{3,5})\] ([^ ]{4,5}) +(\d{1,12})\.(\d{6}): (?:bpf_trace_printk: |: |0: |0x0*1: )/;
const LOST = /^CPU:(\d{1,5}) \[LOST (?:(\d{1,15}) )?EVENTS\]$/;
/** Longest text before a message. */
const HEAD_MAX = 120;

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/**
 * Reads one line of the kernel's trace_pipe, without its newline. undefined: not a line of a BPF program (another event, or the
 * continuation of a message with newlines in it). `tgid` is 0 where the line does not tell; `lost` is 0 for an unknown number.
 */
export function parseTraceLine(line: Uint8Array): TraceRecord | TraceLost | undefined {
  if (line[COMM_WIDTH] !== DASH) {
    const lost = LOST.exec(latin1(line.subarray(0, HEAD_MAX)));
    return lost === null ? undefined : { cpu: Number(lost[1]), lost: Number(lost[2] ?? 0) };
  }
  const head = HEAD.exec(latin1(line.subarray(COMM_WIDTH, COMM_WIDTH + HEAD_MAX)));
  if (head === null) return undefined;
  const [text, pid, tgid, cpu, flags = '', seconds = '', micros = ''] = head;
  let first = 0;
  while (first < COMM_WIDTH && line[first] === 32) first++;
  return {
    comm: line.slice(first, COMM_WIDTH),
    pid: Number(pid),
    tgid: tgid === undefined || tgid.startsWith('-') ? 0 : Number(tgid),
    cpu: Number(cpu),
    flags: flags.padEnd(5, '.'),
    timestamp: (BigInt(seconds) * 1_000_000n + BigInt(micros)) * 1000n,
    message: line.slice(COMM_WIDTH + text.length),
  };
}

/** Longest line that is kept while its end has not come. */
const PENDING_MAX = 64 * 1024;

/**
 * Makes records of the kernel's trace_pipe text as it arrives in pieces. A line that begins no record belongs to the message before it, so a
 * record is known to be whole only at the next one or at flush().
 */
export class TraceTextParser {
  #pending = new Uint8Array(0);
  #open: TraceRecord | undefined;

  /** Takes a piece of text. @returns records that are now known to be whole */
  push(chunk: Uint8Array): (TraceRecord | TraceLost)[] {
    const text = concat(this.#pending, chunk);
    const out: (TraceRecord | TraceLost)[] = [];
    let start = 0;
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, start)) {
      this.#line(text.subarray(start, end), out);
      start = end + 1;
    }
    this.#pending = text.slice(start);
    if (this.#pending.length > PENDING_MAX) {
      this.#line(this.#pending, out);
      this.#pending = new Uint8Array(0);
    }
    return out;
  }

  /** The record whose end was not certain; call it when the pipe has nothing more for now. */
  flush(): TraceRecord | undefined {
    const record = this.#open;
    this.#open = undefined;
    return record;
  }

  #line(line: Uint8Array, out: (TraceRecord | TraceLost)[]): void {
    const entry = parseTraceLine(line);
    if (entry === undefined) {
      if (this.#open !== undefined && this.#open.message.length < PENDING_MAX) {
        const message = concat(this.#open.message, Uint8Array.of(NEWLINE), line);
        this.#open = { ...this.#open, message };
      }
      return;
    }
    const whole = this.flush();
    if (whole !== undefined) out.push(whole);
    if ('lost' in entry) out.push(entry);
    else this.#open = entry;
  }
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
