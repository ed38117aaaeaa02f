/** PerfReader on the engine: samples, losses, waiting. */
import { afterEach, describe, expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { Engine } from '../engine/index.ts';
import { PerfReader } from './perf-reader.ts';
import { PerfRing } from './perf-ring.ts';

const RAW_TRACEPOINT = 17;
const open: { close(): void }[] = [];
afterEach(() => {
  for (const thing of open.splice(0)) thing.close();
});

/** A program that sends `size` bytes of 0x5a to this CPU's ring and gives the answer. */
function setup(size: number, options = {}) {
  const engine = new Engine({ cpus: 2 });
  const map = engine.mapCreate({ type: 4, keySize: 4, valueSize: 4, maxEntries: 2 });
  const fill = Array.from({ length: 16 }, (_, i) => `*(u64 *)(r10 - ${8 * (i + 1)}) = r3`).join('\n');
  const insns = assemble(
    `r2 = 0 ll\nr3 = 0x5a5a5a5a5a5a5a5a ll\n${fill}\nr3 = 0xffffffff ll\nr4 = r10\nr4 += -128\nr5 = ${size}\ncall 25\nexit`,
  );
  insns[1] = (insns[1] ?? 0) | 0x10;
  new DataView(insns.buffer, insns.byteOffset).setInt32(4, map, true);
  const { fd } = engine.progLoad({ type: RAW_TRACEPOINT, insns, license: 'GPL' });
  const reader = new PerfReader(engine, map, options);
  open.push(reader);
  return { engine, reader, send: () => engine.progTestRun(fd, {}).retval | 0 };
}

describe('PerfReader', () => {
  it.each([
    [0, 4],
    [4, 4],
    [8, 12],
    [12, 12],
    [100, 100],
  ])('reads samples of %i bytes as %i', (size, padded) => {
    const { reader, send } = setup(size);
    expect(send()).toBe(0);
    const [sample] = reader.read();
    if (sample?.kind !== 'sample') throw new Error('no sample');
    expect([sample.data.length, sample.data.filter((b) => b === 0x5a).length]).toEqual([padded, size]);
    expect(reader.read()).toEqual([]);
  });

  it('goes around the ring and counts what did not fit', () => {
    const { reader, send } = setup(100, { pages: 1 });
    let sent = 0;
    let seen = 0;
    for (let round = 0; round < 9; round++) {
      for (let i = 0; i < 20; i++) if (send() === 0) sent++;
      seen += reader.read().filter((r) => r.kind === 'sample').length;
    }
    expect([sent, seen]).toEqual([180, 180]);
    const answers = Array.from({ length: 50 }, send);
    const refused = answers.filter((a) => a === -28).length;
    expect(refused).toBeGreaterThan(0);
    reader.read();
    send();
    expect(reader.read()).toMatchObject([{ kind: 'lost', cpu: 0, lost: BigInt(refused) }, { kind: 'sample' }]);
  });

  it('waits, keeps what a broken loop left, and ends when closed', async () => {
    const { reader, send } = setup(8);
    setTimeout(() => {
      send();
      send();
    }, 10);
    for await (const record of reader) {
      expect(record.kind).toBe('sample');
      break;
    }
    expect(reader.read().length).toBe(1);
    setTimeout(() => {
      send();
      reader.close();
    }, 10);
    let rest = 0;
    for await (const _ of reader) rest++;
    expect(rest).toBe(1);
  });

  it('refuses a ring that holds no records', () => {
    const buffer = new ArrayBuffer(8192);
    const ring = new PerfRing({ buffer, base: 0, dataSize: 4096 }, 3);
    new DataView(buffer).setBigUint64(1024, 16n, true);
    expect(() => ring.read()).toThrow('perf record of 0 bytes');
    new DataView(buffer).setBigUint64(1024, 5000n, true);
    expect(() => ring.read()).toThrow('holds 5000 bytes');
  });
});
