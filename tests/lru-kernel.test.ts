/**
 * Which elements of LRU tables survive, against the live kernel: the same updates, lookups by programs and deletions on one CPU leave the same keys.
 * Needs bpf(2), else one skip.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { SyscallError } from '../src/base/index.ts';
import { loadSys } from '../src/sys/libc.ts';
import { createEngine, possibleCpus } from '../src/tools/node-engine.ts';
import { kernel } from './support/kernel.ts';

const XDP = 6;
const NR_SCHED_SETAFFINITY = 203;
const NR_SCHED_GETAFFINITY = 204;
const MASK_SIZE = 128;
const KEYS = 40;

/** Looks up the key at byte 14 of the packet: the element counts as used. */
const touch = (fd: number): Uint8Array =>
  assemble(`
    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r4 = r2
    r4 += 18
    if r4 > r3 goto out
    r5 = *(u32 *)(r2 + 14)
    *(u32 *)(r10 - 4) = r5
    r2 = r10
    r2 += -4
    r1 = map[fd:${fd}]
    call 1
out:
    r0 = 0
    exit
  `);
const key = (n: number): Uint8Array => Uint8Array.of(n, 0, 0, 0);
const packet = (n: number): Uint8Array => {
  const bytes = new Uint8Array(64);
  bytes[14] = n;
  return bytes;
};

interface Side {
  create(type: number, maxEntries: number, flags: number): number;
  load(fd: number): number;
  update(fd: number, key: Uint8Array, flags: number): string;
  remove(fd: number, key: Uint8Array): void;
  run(prog: number, data: Uint8Array): void;
  has(fd: number, key: Uint8Array): boolean;
  close(fd: number): void;
}

const errno = (f: () => void): string => {
  try {
    f();
    return 'ok';
  } catch (error) {
    if (error instanceof SyscallError) return error.code;
    throw error;
  }
};

describe.skipIf(kernel.bpf === undefined)(`LRU${kernel.bpf === undefined ? ` (skipped: ${kernel.reason})` : ''}`, () => {
  const engine = createEngine();
  const valueSize = (type: number): number => (type === 10 ? 8 * possibleCpus() : 8);
  const types = new Map<number, number>();
  const ours: Side = {
    create: (type, maxEntries, flags) => engine.mapCreate({ type, keySize: 4, valueSize: 8, maxEntries, flags }),
    load: (fd) => engine.progLoad({ type: XDP, insns: touch(fd), license: 'GPL' }).fd,
    update: (fd, k, flags) => errno(() => engine.mapUpdateElem(fd, k, new Uint8Array(valueSize(engine.mapInfo(fd).type)), BigInt(flags))),
    remove: (fd, k) => void engine.mapDeleteElem(fd, k),
    run: (prog, data) => void engine.progTestRun(prog, { dataIn: data, cpu: 0 }),
    has: (fd, k) => engine.mapLookupElem(fd, k) !== undefined,
    close: (fd) => engine.close(fd),
  };
  const theirs = (bpf: NonNullable<typeof kernel.bpf>): Side => ({
    create(type, maxEntries, flags) {
      const fd = bpf.mapCreate({ type, keySize: 4, valueSize: 8, maxEntries, flags });
      types.set(fd, valueSize(type));
      return fd;
    },
    load: (fd) => bpf.progLoad({ type: XDP, insns: touch(fd) }).fd,
    update: (fd, k, flags) => errno(() => bpf.mapUpdate(fd, k, new Uint8Array(types.get(fd) ?? 8), flags)),
    remove: (fd, k) => void errno(() => bpf.mapDelete(fd, k)),
    run: (prog, data) => void bpf.progTestRun(prog, { data }),
    has: (fd, k) => bpf.mapLookup(fd, k, types.get(fd) ?? 8) !== undefined,
    close: (fd) => bpf.close(fd),
  });

  const sys = kernel.bpf === undefined ? undefined : loadSys();
  const before = sys?.block(MASK_SIZE);
  beforeAll(() => {
    if (sys === undefined || before === undefined) return;
    sys.syscall(NR_SCHED_GETAFFINITY, 0, MASK_SIZE, before.address);
    const one = sys.block(MASK_SIZE);
    one.u8[0] = 1;
    expect(sys.syscall(NR_SCHED_SETAFFINITY, 0, MASK_SIZE, one.address)).toBe(0);
  });
  afterAll(() => {
    if (sys !== undefined && before !== undefined) sys.syscall(NR_SCHED_SETAFFINITY, 0, MASK_SIZE, before.address);
    engine.closeAll();
  });

  const step = fc.record({
    op: fc.constantFrom('update', 'update', 'update', 'touch', 'delete' as const),
    key: fc.nat(KEYS - 1),
    flags: fc.constantFrom(0, 0, 0, 1, 2),
  });
  test.each([
    ['lru_hash', 9, 3, 0],
    ['lru_hash', 9, 10, 0],
    ['lru_hash', 9, 16, 0],
    ['lru_percpu_hash', 10, 10, 0],
    ['lru_hash without a common list', 9, 10, 2],
    ['lru_percpu_hash without a common list', 10, 16, 2],
  ])('%s (type %i) of %i, flags %i', { timeout: 120_000 }, (_, type, max, flags) => {
    const { bpf } = kernel;
    if (bpf === undefined) return;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
        const sides = [ours, theirs(bpf)].map((side) => {
          const fd = side.create(type, max, flags);
          return { side, fd, prog: side.load(fd) };
        });
        const answers = sides.map(({ side, fd, prog }) => {
          const said: string[] = [];
          steps.forEach((s, i) => {
            if (s.op === 'update') said.push(side.update(fd, key(s.key), s.flags));
            else if (s.op === 'touch') side.run(prog, packet(s.key));
            else side.remove(fd, key(s.key));
            if (i % 10 === 9) said.push(Array.from({ length: KEYS }, (__, k) => (side.has(fd, key(k)) ? k : '')).join(' '));
          });
          side.close(prog);
          side.close(fd);
          return said.join('\n');
        });
        expect(answers[0]).toBe(answers[1]);
      }),
      { numRuns: 40 },
    );
  });
});
