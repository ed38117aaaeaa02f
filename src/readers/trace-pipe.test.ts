/** TracePipe over a source of rows. */
import { describe, expect, it } from 'vitest';
import type { TraceLost, TraceRecord, TraceSource } from '../host/index.ts';
import { TracePipe } from './trace-pipe.ts';

const bytes = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));

function record(n: number): TraceRecord {
  return {
    comm: bytes('sh'),
    pid: n,
    tgid: 1,
    cpu: 0,
    flags: 'd..1.',
    timestamp: BigInt(n) * 1_000_000n,
    message: bytes(`m${n}`),
  };
}

class Rows implements TraceSource {
  pending: (TraceRecord | TraceLost)[] = [];
  closed = false;
  #wake: (() => void) | undefined;

  push(...entries: (TraceRecord | TraceLost)[]): void {
    this.pending.push(...entries);
    this.#wake?.();
  }
  read(): (TraceRecord | TraceLost)[] {
    return this.pending.splice(0);
  }
  wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      signal?.addEventListener('abort', () => resolve());
    });
  }
  close(): void {
    this.closed = true;
    this.#wake?.();
  }
}

function open(): { rows: Rows; pipe: TracePipe } {
  const rows = new Rows();
  return { rows, pipe: new TracePipe({ tracePipe: () => rows }) };
}

describe('TracePipe', () => {
  it('gives parsed records with their lines', async () => {
    const { rows, pipe } = open();
    rows.push({ cpu: 1, lost: 3 }, record(5));
    const [lost, message] = pipe.read();
    expect(lost).toMatchObject({ kind: 'lost', cpu: 1, lost: 3, line: 'CPU:1 [LOST 3 EVENTS]' });
    expect(message).toMatchObject({
      kind: 'message',
      comm: 'sh',
      pid: 5,
      tgid: 1,
      cpu: 0,
      flags: 'd..1.',
      timestamp: 5_000_000n,
      message: 'm5',
      line: '              sh-5       [000] d..1.     0.005000: bpf_trace_printk: m5',
    });
    expect(pipe.read()).toEqual([]);
  });

  it('waits, goes on after a broken loop, and ends when closed', async () => {
    const { rows, pipe } = open();
    const seen: number[] = [];
    rows.push(record(1), record(2), record(3));
    for await (const e of pipe) {
      if (e.kind === 'message') seen.push(e.pid);
      if (seen.length === 2) break;
    }
    const rest = (async () => {
      for await (const e of pipe) if (e.kind === 'message') seen.push(e.pid);
    })();
    await Promise.resolve();
    rows.push(record(4));
    setTimeout(() => {
      rows.push(record(5));
      pipe.close();
    }, 5);
    await rest;
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(rows.closed).toBe(true);
  });

  it('gives up waiting at a signal, and mixes next() with read()', async () => {
    const { rows, pipe } = open();
    const stop = new AbortController();
    const next = pipe.next(stop.signal);
    stop.abort();
    expect(await next).toBeUndefined();
    rows.push(record(1), record(2));
    expect(await pipe.next()).toMatchObject({ pid: 1 });
    expect(pipe.read()).toMatchObject([{ pid: 2 }]);
  });
});
