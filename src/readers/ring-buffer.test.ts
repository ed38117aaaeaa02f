/** The reader of ring buffers: order, wrapping, discarded records, waiting and closing. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { Engine } from '../engine/index.ts';
import { RingBufferReader } from './index.ts';

const XDP = 6;
/** Sends the packet's first `size` bytes, or reserves and discards where the first is 255. */
const sender = (map: number, size: number): Uint8Array =>
  assemble(`
    r6 = *(u32 *)(r1 + 0)
    r2 = *(u32 *)(r1 + 4)
    r3 = r6
    r3 += 64
    if r3 > r2 goto out
    r7 = *(u8 *)(r6 + 0)
    if r7 == 255 goto discard
    ${Array.from({ length: 8 }, (_, i) => `r8 = *(u64 *)(r6 + ${i * 8})\n*(u64 *)(r10 - ${64 - i * 8}) = r8`).join('\n')}
    r1 = map[fd:${map}]
    r2 = r10
    r2 += -64
    r3 = ${size}
    r4 = 0
    call 130
    exit
discard:
    r1 = map[fd:${map}]
    r2 = ${size}
    r3 = 0
    call 131
    if r0 == 0 goto out
    r1 = r0
    r2 = 0
    call 133
out:
    r0 = 0
    exit
  `);

function setup(size: number) {
  const engine = new Engine({ cpus: 1 });
  const map = engine.mapCreate({ type: 27, keySize: 0, valueSize: 0, maxEntries: 4096 });
  const prog = engine.progLoad({ type: XDP, insns: sender(map, size), license: 'GPL' }).fd;
  const send = (first: number): number => {
    const dataIn = Uint8Array.from({ length: 64 }, (_, i) => (i === 0 ? first : i));
    return engine.progTestRun(prog, { dataIn }).retval | 0;
  };
  return { engine, map, send, reader: new RingBufferReader(engine, map) };
}

describe('RingBufferReader', () => {
  it.each([1, 8, 13, 60])('gives records of %i bytes in order, round and round', (size) => {
    const { engine, send, reader } = setup(size);
    for (let round = 0; round < 300; round++) {
      const sent = [round % 250, 255, (round + 1) % 250];
      for (const first of sent) expect(send(first)).toBe(0);
      const got = reader.read();
      expect(got.map((record) => record[0])).toEqual([sent[0], sent[2]]);
      for (const record of got) expect([...record.subarray(1)]).toEqual(Array.from({ length: size - 1 }, (_, i) => i + 1));
    }
    reader.close();
    engine.closeAll();
  });

  it('waits, and ends when it is closed', async () => {
    const { engine, send, reader } = setup(8);
    const got: number[] = [];
    const loop = (async () => {
      for await (const record of reader) {
        got.push(record[0] ?? -1);
        if (got.length === 3) break;
      }
    })();
    for (const first of [5, 6, 7]) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      send(first);
    }
    await loop;
    reader.close();
    expect(got).toEqual([5, 6, 7]);
    engine.closeAll();
  });

  it('a full ring refuses more until it is read', () => {
    const { engine, send, reader } = setup(56);
    let sent = 0;
    while (send(1) === 0) sent++;
    expect(sent).toBe(63);
    expect(reader.read().length).toBe(63);
    expect(send(2)).toBe(0);
    expect(reader.read().length).toBe(1);
    engine.closeAll();
  });
});
