/** Test runs on packets: the engine, in each of its ways, against the live kernel. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { SyscallError } from '../src/base/index.ts';
import { Engine } from '../src/engine/index.ts';
import { kernel } from './support/kernel.ts';
import { RUN_MODES } from './support/modes.ts';

const [SOCKET_FILTER, SCHED_CLS, XDP, CGROUP_SKB] = [1, 3, 6, 8];
const PACKET = Uint8Array.from({ length: 64 }, (_, i) => i * 7 + 3);

const ROWS: readonly (readonly [string, number, string])[] = [
  [
    'xdp reads and writes its packet',
    XDP,
    `r2 = *(u32 *)(r1 + 0)
     r3 = *(u32 *)(r1 + 4)
     r4 = r2
     r4 += 20
     r0 = 0
     if r4 > r3 goto out
     r0 = *(u8 *)(r2 + 14)
     r5 = *(u8 *)(r2 + 15)
     r0 += r5
     *(u8 *)(r2 + 16) = r0
   out:
     exit`,
  ],
  ['xdp measures its packet', XDP, 'r2 = *(u32 *)(r1 + 0)\nr0 = *(u32 *)(r1 + 4)\nr0 -= r2\nexit'],
  [
    'a variable offset',
    XDP,
    `r2 = *(u32 *)(r1 + 0)
     r3 = *(u32 *)(r1 + 4)
     r4 = r2
     r4 += 1
     r0 = 0
     if r4 > r3 goto out
     r5 = *(u8 *)(r2 + 0)
     r5 &= 31
     r2 += r5
     r4 = r2
     r4 += 8
     if r4 > r3 goto out
     r0 = *(u64 *)(r2 + 0)
   out:
     exit`,
  ],
  [
    'sched_cls: length, protocol, kind, interface',
    SCHED_CLS,
    `r6 = r1
     r7 = *(u32 *)(r1 + 0)
     r0 = *(u8 *)skb[14]
     r0 <<= 8
     r0 += r7
     r2 = *(u32 *)(r6 + 16)
     r0 += r2
     r2 = *(u32 *)(r6 + 4)
     r0 += r2
     r2 = *(u32 *)(r6 + 40)
     r0 += r2
     exit`,
  ],
  ['sched_cls marks and reads the mark', SCHED_CLS, 'r2 = 77\n*(u32 *)(r1 + 8) = r2\nr0 = *(u32 *)(r1 + 8)\nexit'],
  [
    'socket_filter starts behind the link header',
    SOCKET_FILTER,
    'r6 = r1\nr7 = *(u32 *)(r1 + 0)\nr0 = *(u16 *)skb[2]\nr0 <<= 8\nr0 += r7\nexit',
  ],
  ['socket_filter reads the link header', SOCKET_FILTER, 'r6 = r1\nr0 = *(u16 *)skb[-2097138]\nexit'],
  ['a load beyond the packet ends the program with 0', SOCKET_FILTER, 'r6 = r1\nr0 = *(u32 *)skb[50]\nr0 = 1\nexit'],
  ['cgroup_skb', CGROUP_SKB, 'r0 = *(u32 *)(r1 + 0)\nr0 &= 1\nexit'],
];

describe.each(RUN_MODES)('test runs, %s', (_mode, options) => {
  it.each(ROWS)('%s', (_name, type, text) => {
    using engine = new Engine({ cpus: 2, ...options });
    const { fd } = engine.progLoad({ type, insns: assemble(text), license: 'GPL' });
    const ours = engine.progTestRun(fd, { dataIn: PACKET, repeat: 3, cpu: type === XDP ? 1 : 0 });
    expect(engine.faults().total).toBe(0);
    expect(engine.progInfo(fd).runCount).toBe(3);
    if (kernel.bpf === undefined) return;
    const loaded = kernel.bpf.progLoad({ type, insns: assemble(text) });
    const theirs = kernel.bpf.progTestRun(loaded.fd, { data: PACKET });
    kernel.bpf.close(loaded.fd);
    expect(ours.retval).toBe(theirs.retval);
    expect(ours.dataOut).toEqual(theirs.data);
  });

  it('refuses packets that are too short or too long, and contexts that make no sense', () => {
    using engine = new Engine({ cpus: 1, ...options });
    const { fd } = engine.progLoad({ type: XDP, insns: assemble('r0 = 2\nexit'), license: 'GPL' });
    for (const dataIn of [new Uint8Array(0), new Uint8Array(13)]) expect(() => engine.progTestRun(fd, { dataIn })).toThrow(/EINVAL/);
    expect(() => engine.progTestRun(fd, { dataIn: PACKET, ctxIn: Uint8Array.of(1, 0, 0, 0) })).toThrow(/EINVAL/);
    expect(() => engine.progTestRun(fd, { dataIn: PACKET, cpu: 1 })).toThrow(/ENXIO/);
  });

  it.each([
    [XDP, 3520, 3521, 4096, 6000, 73_152, 73_153],
    [SOCKET_FILTER, 3520, 3521, 3712, 3713],
    [SCHED_CLS, 3712, 3713, 6000],
    [CGROUP_SKB, 3712, 3713],
  ])('long packets of type %i', (type, ...sizes) => {
    const insns = assemble(
      type === XDP
        ? 'r2 = *(u32 *)(r1 + 0)\nr0 = *(u32 *)(r1 + 4)\nr0 -= r2\nexit'
        : type === CGROUP_SKB
          ? 'r0 = 1\nexit'
          : 'r0 = *(u32 *)(r1 + 0)\nexit',
    );
    using engine = new Engine({ cpus: 1, ...options });
    const ours = engine.progLoad({ type, insns, license: 'GPL' }).fd;
    const outcome = (run: () => { readonly retval: number }): number | string => {
      try {
        return run().retval;
      } catch (error) {
        return error instanceof SyscallError ? error.errno : String(error);
      }
    };
    const { bpf } = kernel;
    const theirs = bpf?.progLoad({ type, insns }).fd ?? -1;
    for (const size of sizes) {
      const data = Uint8Array.from({ length: size }, (_, i) => i * 3);
      const got = outcome(() => {
        const { retval, dataOut } = engine.progTestRun(ours, { dataIn: data });
        expect(dataOut.length).toBe(size);
        return { retval };
      });
      if (bpf !== undefined) expect([size, got]).toEqual([size, outcome(() => bpf.progTestRun(theirs, { data }))]);
    }
    bpf?.close(theirs);
  });

  it.each([SOCKET_FILTER, SCHED_CLS, CGROUP_SKB])('type %i takes no cpu', (type) => {
    using engine = new Engine({ cpus: 2, ...options });
    const { fd } = engine.progLoad({ type, insns: assemble('r0 = 1\nexit'), license: 'GPL' });
    expect(engine.progTestRun(fd, { dataIn: PACKET }).retval).toBe(1);
    expect(() => engine.progTestRun(fd, { dataIn: PACKET, cpu: 1 })).toThrow(/EINVAL/);
  });
});
