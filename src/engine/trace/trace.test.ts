/** Trace buffers: order, wrap, exact losses, waking up, and a writer on another thread that laps the reader. */
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TraceLost, TraceRecord } from '../../host/index.ts';
import { HEADER, Mem } from '../../mem/index.ts';
import { bannerOnce, createTraceBuffers, createTraceSource, TraceWriter, traceFlags } from './index.ts';

const encode = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));
const decode = (b: Uint8Array): string => String.fromCharCode(...b);

function setup(options: { cpus?: number; bytesPerCpu?: number } = {}): { mem: Mem; writer: TraceWriter } {
  const mem = Mem.create({ initial: 1 << 16, maximum: 1 << 24 });
  let top = 4096;
  const alloc = (size: number): number => {
    const at = top;
    top += (size + 63) & ~63;
    mem.ensure(top);
    return at;
  };
  createTraceBuffers(mem, alloc, { cpus: options.cpus ?? 2, bytesPerCpu: options.bytesPerCpu ?? 4096 });
  return { mem, writer: new TraceWriter(mem, alloc) };
}

function record(n: number, more: Partial<TraceRecord> = {}): TraceRecord {
  return {
    comm: encode('make'),
    pid: 10 + n,
    tgid: 9,
    cpu: 0,
    flags: 'd..1.',
    timestamp: BigInt(n) * 1000n,
    message: encode(`message ${n}`),
    ...more,
  };
}

const show = (entries: readonly (TraceRecord | TraceLost)[]): string[] =>
  entries.map((e) => ('lost' in e ? `cpu${e.cpu} lost ${e.lost}` : decode(e.message)));

describe('trace buffers', () => {
  it('gives back what was written', () => {
    const { mem, writer } = setup();
    writer.write(record(1));
    expect(createTraceSource(mem).read()).toEqual([record(1)]);
  });

  it('merges CPUs by time and keeps the order of one CPU', () => {
    const { mem, writer } = setup();
    for (const [cpu, n] of [
      [0, 1],
      [1, 2],
      [1, 4],
      [0, 3],
      [0, 5],
      [1, 5],
    ] as const) {
      writer.write(record(n, { cpu, message: encode(`${n}@${cpu}`) }));
    }
    const source = createTraceSource(mem);
    expect(show(source.read())).toEqual(['1@0', '2@1', '3@0', '4@1', '5@0', '5@1']);
    expect(source.read()).toEqual([]);
  });

  it('counts exactly what was overwritten, per CPU and once', () => {
    const { mem, writer } = setup();
    for (let n = 0; n < 500; n++) writer.write(record(n));
    writer.write(record(250, { cpu: 1 }));
    const source = createTraceSource(mem);
    const entries = source.read();
    const survivors = entries.filter((e) => 'message' in e && e.cpu === 0).length;
    expect(survivors).toBeGreaterThan(30);
    expect(show(entries).slice(0, 3)).toEqual(['message 250', `cpu0 lost ${500 - survivors}`, `message ${500 - survivors}`]);
    expect(show(entries).at(-1)).toBe('message 499');
    writer.write(record(500));
    expect(show(source.read())).toEqual(['message 500']);
  });

  it('does not count what was read before it was overwritten', () => {
    const { mem, writer } = setup();
    const source = createTraceSource(mem);
    for (let n = 0; n < 300; n++) {
      writer.write(record(n));
      if (n % 7 === 0) source.read();
    }
    expect(show(source.read()).some((line) => line.includes('lost'))).toBe(false);
  });

  it('cuts messages at 1023 bytes and names at 15', () => {
    const { mem, writer } = setup();
    writer.write(record(1, { message: encode('m'.repeat(2000)), comm: encode('c'.repeat(40)) }));
    const [entry] = createTraceSource(mem).read();
    if (entry === undefined || 'lost' in entry) throw new Error('no record');
    expect([entry.message.length, entry.comm.length]).toEqual([1023, 15]);
  });

  it('keeps every surviving record whole, whatever its size', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 1100 }), fc.boolean()), { maxLength: 60 }),
        fc.integer({ min: 2160, max: 6000 }),
        (writes, bytesPerCpu) => {
          const { mem, writer } = setup({ bytesPerCpu });
          const source = createTraceSource(mem);
          let seen = 0;
          const check = (): void => {
            for (const e of source.read()) {
              if ('lost' in e) seen += e.lost;
              else {
                const want = writes[seen]?.[0] ?? -1;
                expect([e.pid, e.message.length]).toEqual([10 + seen, Math.min(want, 1023)]);
                expect(e.message.every((b) => b === (seen & 0xff))).toBe(true);
                seen++;
              }
            }
          };
          writes.forEach(([size, read], n) => {
            writer.write(record(n, { message: new Uint8Array(size).fill(n) }));
            if (read) check();
          });
          check();
          expect(seen).toBe(writes.length);
        },
      ),
    );
  });

  it('survives positions that wrap around 32 bits', () => {
    const { mem, writer } = setup();
    writer.write(record(0));
    const source = createTraceSource(mem);
    source.read();
    const block = mem.dv.getUint32(HEADER.TRACE_DIR, true) + 64;
    const ring = 4096;
    const near = Math.floor(2 ** 32 / ring) * ring - 64;
    for (const field of [4, 8, 16]) mem.dv.setUint32(block + field, near, true);
    for (let n = 1; n < 40; n++) {
      writer.write(record(n));
      expect(show(source.read())).toEqual([`message ${n}`]);
    }
    for (let n = 40; n < 400; n++) writer.write(record(n));
    const lines = show(source.read());
    expect(lines[0]).toBe(`cpu0 lost ${360 - (lines.length - 1)}`);
    expect(lines.at(-1)).toBe('message 399');
  });

  it('has one reader at a time, and the next goes on where it stopped', () => {
    const { mem, writer } = setup();
    const first = createTraceSource(mem);
    expect(() => createTraceSource(mem)).toThrow(expect.objectContaining({ code: 'EBUSY' }));
    writer.write(record(1));
    first.read();
    first.close();
    expect(first.read()).toEqual([]);
    writer.write(record(2));
    expect(show(createTraceSource(mem).read())).toEqual(['message 2']);
  });

  it('wakes a waiting reader, and close() and signals end the wait', async () => {
    const { mem, writer } = setup();
    const source = createTraceSource(mem);
    const woken = source.wait();
    writer.write(record(1));
    await woken;
    expect(show(source.read())).toEqual(['message 1']);
    const stop = new AbortController();
    const aborted = source.wait(stop.signal);
    stop.abort();
    await aborted;
    const closed = source.wait();
    source.close();
    await closed;
  });

  it('drops records of CPUs that do not exist and survives exhausted memory', () => {
    const { mem, writer } = setup();
    writer.write(record(1, { cpu: 7 }));
    new TraceWriter(mem, () => 0).write(record(2));
    expect(createTraceSource(mem).read()).toEqual([]);
  });

  it('loses nothing uncounted to a writer on another thread', async () => {
    const { mem } = setup({ cpus: 1 });
    const total = 200_000;
    const { outputFiles } = buildSync({
      stdin: {
        contents: `
          import { workerData } from 'node:worker_threads';
          import { Mem } from '../../mem/index.ts';
          import { TraceWriter } from './index.ts';
          const writer = new TraceWriter(new Mem(workerData.memory), () => 32768);
          const comm = Uint8Array.of(120);
          for (let n = 0; n < workerData.total; n++) {
            const message = new Uint8Array(n % 97).fill(n);
            writer.write({ comm, pid: n, tgid: 1, cpu: 0, flags: '.....', timestamp: BigInt(n), message });
          }`,
        resolveDir: import.meta.dirname,
        loader: 'ts',
      },
      bundle: true,
      write: false,
      platform: 'node',
      format: 'cjs',
    });
    mem.ensure(1 << 17);
    const source = createTraceSource(mem);
    const worker = new Worker(outputFiles[0]?.text ?? '', { eval: true, workerData: { memory: mem.memory, total } });
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    let next = 0;
    let wrong = 0;
    while (next < total) {
      await source.wait();
      for (const e of source.read()) {
        if ('lost' in e) {
          next += e.lost;
        } else {
          if (e.pid !== next || e.message.length !== next % 97 || e.message.some((b) => b !== (next & 0xff))) wrong++;
          next++;
        }
      }
    }
    expect([next, wrong]).toEqual([total, 0]);
    await ended;
  });
});

describe('banner', () => {
  it('is shown once and keeps the facts', () => {
    const shown: string[] = [];
    const use = bannerOnce((text) => shown.push(text));
    use();
    use();
    expect(shown).toHaveLength(1);
    for (const fact of ['trace_printk() being used', 'DEBUG kernel', 'unsafe for production']) expect(shown[0]).toContain(fact);
  });
});

describe('flags', () => {
  it.each([
    [2, 'd..1.'],
    [5, '...1.'],
    [17, '...2.'],
    [1, 'b..11'],
    [31, '...1.'],
  ])('type %i: %s', (type, flags) => expect(traceFlags(type)).toBe(flags));
});
