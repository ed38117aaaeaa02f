/**
 * Where lines go: a file descriptor written asynchronously, so that a slow or stuck reader never stalls tracing. A closed pipe ends
 * printing and nothing else. Node's process.stdout and process.stderr are not used: touching them makes shared pipes non-blocking.
 */
import { write } from 'node:fs';

/** Bytes waiting before `full` says so. */
const HIGH_WATER = 1 << 20;
/** Milliseconds before a non-blocking descriptor that had no room is tried again. */
const RETRY = 5;

/** An asynchronous writer of whole lines on a descriptor that others may share. */
export class Sink {
  readonly fd: number;
  /** The reader went away (EPIPE): everything after is dropped. */
  closed = false;
  /** The first write error other than EPIPE. */
  error: NodeJS.ErrnoException | undefined;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #writing = false;
  #idle: (() => void)[] = [];

  constructor(fd: number) {
    this.fd = fd;
  }

  /** True when the reader is behind: stop taking events, the trace buffers keep and count them. */
  get full(): boolean {
    return this.#queued > HIGH_WATER;
  }

  write(bytes: Uint8Array | string): void {
    if (this.closed) return;
    const chunk = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
    if (chunk.length === 0) return;
    this.#queue.push(chunk);
    this.#queued += chunk.length;
    if (!this.#writing) this.#next();
  }

  /** Resolves when less than half of the high-water mark waits, or the reader has gone. */
  async room(): Promise<void> {
    while (!this.closed && this.#queued > HIGH_WATER / 2) await this.#progress();
  }

  /** Resolves when all is written, or the reader has gone. */
  async flush(): Promise<void> {
    while (!this.closed && this.#queued > 0) await this.#progress();
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #wake(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }

  #next(): void {
    if (this.#queue.length === 0) {
      this.#writing = false;
      return;
    }
    this.#writing = true;
    const chunk = this.#queue.length === 1 ? this.#queue[0] : concat(this.#queue);
    this.#queue = [];
    if (chunk !== undefined) this.#send(chunk);
  }

  #send(chunk: Uint8Array): void {
    write(this.fd, chunk, 0, chunk.length, null, (error, written) => {
      if (error) {
        if (error.code === 'EAGAIN') {
          setTimeout(() => this.#send(chunk), RETRY);
          return;
        }
        if (error.code !== 'EPIPE') this.error ??= error;
        this.closed = true;
        this.#queue = [];
        this.#queued = 0;
        this.#writing = false;
        this.#wake();
        return;
      }
      this.#queued -= written;
      this.#wake();
      if (written < chunk.length) this.#send(chunk.subarray(written));
      else this.#next();
    });
  }
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(chunks.reduce((n, c) => n + c.length, 0));
  let at = 0;
  for (const c of chunks) {
    out.set(c, at);
    at += c.length;
  }
  return out;
}

/**
 * Bytes of one line as a terminal may show them: control bytes (C0 but tab, DEL, and UTF-8's C1) become `\\xNN`; other bytes stay as they are.
 */
export function escapeControl(line: Uint8Array): Uint8Array {
  if (!line.some((b, i) => isControl(line, b, i))) return line;
  const out: number[] = [];
  line.forEach((b, i) => {
    if (isControl(line, b, i)) for (const c of `\\x${b.toString(16).padStart(2, '0')}`) out.push(c.charCodeAt(0));
    else out.push(b);
  });
  return Uint8Array.from(out);
}

function isControl(line: Uint8Array, b: number, i: number): boolean {
  if (b < 0x20) return b !== 0x09;
  if (b === 0x7f) return true;
  const c1 = (x: number | undefined) => x !== undefined && x >= 0x80 && x < 0xa0;
  return (b === 0xc2 && c1(line[i + 1])) || (c1(b) && line[i - 1] === 0xc2);
}

/** Control bytes of names and source lines must not reach a terminal; line feeds are ours. */
export function visible(text: string): string {
  return text
    .split('\n')
    .map((line) => new TextDecoder().decode(escapeControl(new TextEncoder().encode(line))))
    .join('\n');
}
