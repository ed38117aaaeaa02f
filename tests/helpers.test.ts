/** Helpers on two hosts: the same bytecode on the engine and on the live kernel must leave the same bytes in a map, for rows and generated inputs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { Engine } from '../src/engine/index.ts';
import { kernel } from './support/kernel.ts';

const SIZE = 1024;
/** Where programs find their input and leave their output in the map's value. */
const IN = 64;
const OUT = 512;
const RAW_TRACEPOINT = 17;

/** A program body: r6 points at the value; r0 at its end is stored in the value's first 8 bytes. */
interface Run {
  readonly body: string;
  readonly input?: Uint8Array;
}

const latin1 = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));

function prepare(run: Run, fd: number): { value: Uint8Array; insns: Uint8Array } {
  const value = new Uint8Array(SIZE).fill(0x41, OUT);
  value.set(run.input ?? new Uint8Array(0), IN);
  const insns = assemble(`r6 = 0 ll\n${run.body}\n*(u64 *)(r6 + 0) = r0\nr0 = 0\nexit`);
  insns[1] = (insns[1] ?? 0) | 0x20;
  new DataView(insns.buffer, insns.byteOffset).setInt32(4, fd, true);
  return { value, insns };
}

const KEY = new Uint8Array(4);
const engine = new Engine({ cpus: 2 });
const engineMap = engine.mapCreate({ type: 2, keySize: 4, valueSize: SIZE, maxEntries: 1 });

function onEngine(run: Run): Uint8Array {
  const { value, insns } = prepare(run, engineMap);
  engine.mapUpdateElem(engineMap, KEY, value);
  const { fd } = engine.progLoad({ type: RAW_TRACEPOINT, insns, license: 'GPL' });
  engine.progTestRun(fd, {});
  engine.close(fd);
  return engine.mapLookupElem(engineMap, KEY) ?? new Uint8Array(0);
}

function r0(after: Uint8Array): bigint {
  return new DataView(after.buffer, after.byteOffset).getBigInt64(0, true);
}

/** strtol or strtoul of `text`, its result at OUT. */
const parse = (id: number, text: string, length: number, base: bigint): Run => ({
  body: `r1 = r6\nr1 += ${IN}\nr2 = ${length}\nr3 = 0x${base.toString(16)} ll\nr4 = r6\nr4 += ${OUT}\ncall ${id}`,
  input: latin1(text),
});
/** A probe_read helper at an address: a number, or `in` for the input. */
const read = (id: number, size: number, address: bigint | 'in', input = ''): Run => ({
  body: `r1 = r6\nr1 += ${OUT}\nr2 = ${size}\n${address === 'in' ? `r3 = r6\nr3 += ${IN}` : `r3 = 0x${address.toString(16)} ll`}\ncall ${id}`,
  input: latin1(input),
});

const READS = [4, 45, 112, 113, 114, 115];
const ADDRESSES: readonly (bigint | 'in')[] = [
  'in',
  0n,
  16n,
  0x7fff_ffff_e000n,
  0x7fff_ffff_f000n,
  0x8000_0000_0000n,
  0x1234_5678_0000_0000n,
  0xffff_7fff_ffff_fff8n,
  0xffff_ffff_ff00_0000n,
  0xffff_ffff_ffff_fff8n,
];

const rows: readonly (readonly [name: string, run: Run])[] = [
  ...READS.flatMap((id) =>
    ADDRESSES.flatMap((address) =>
      [0, 1, 5, 12, 20].map(
        (size) => [`read ${id} of ${size} at ${String(address)}`, read(id, size, address, 'hello world\0junk')] as const,
      ),
    ),
  ),
  ['read_str of an empty string', read(115, 8, 'in', '\0abc')],
  ['read_str without a NUL in reach', read(115, 4, 'in', 'abcdefgh')],
  ...[0n, 8n, 10n, 16n, 2n, 31n, 32n, 1n << 32n].flatMap((base) =>
    ['12', '-12', '0x1f', '0x', '08', '+5', '', '  7', 'ff', '0XfF', '\t\n -3x', '-', '- 1'].flatMap((text) =>
      [105, 106].map((id) => [`parse ${id} of '${text}' base ${base}`, parse(id, text, Math.max(1, text.length), base)] as const),
    ),
  ),
  ...[
    '9223372036854775807',
    '9223372036854775808',
    '-9223372036854775808',
    '-9223372036854775809',
    '18446744073709551615',
    '18446744073709551616',
  ].flatMap((text) => [105, 106].map((id) => [`parse ${id} of ${text}`, parse(id, text, text.length, 0n)] as const)),
  [`parse 106 of 80 zeros and a digit`, parse(106, `${'0'.repeat(80)}7`, 81, 10n)],
];

describe('helpers on the engine', () => {
  it.each<[string, Run, bigint]>([
    ['strtol', parse(105, ' -12 ', 5, 0n), 4n],
    ['strtoul refuses a sign', parse(106, '-12', 3, 0n), -22n],
    ['strtol overflows', parse(105, '9223372036854775808', 19, 0n), -34n],
    ['probe_read_kernel of NULL', read(113, 8, 0n), -34n],
    ['probe_read of NULL', read(4, 8, 0n), -14n],
    ['probe_read_str', read(45, 20, 'in', 'abc\0'), 4n],
    ['get_attach_cookie', { body: 'call 174' }, 0n],
    ['get_smp_processor_id', { body: 'call 8' }, 0n],
    ['get_numa_node_id', { body: 'call 42' }, 0n],
  ])('%s', (_, run, expected) => expect(r0(onEngine(run))).toBe(expected));

  it('gives the same task pointer each time, one that cannot be read', () => {
    const run = { body: `call 35\n*(u64 *)(r6 + ${OUT}) = r0\nr1 = r6\nr1 += ${OUT + 16}\nr2 = 8\nr3 = r0\ncall 113` };
    const first = onEngine(run);
    expect(r0(first)).toBe(-14n);
    expect(onEngine(run)).toEqual(first);
  });

  it('makes different random numbers', () => {
    const seen = new Set(Array.from({ length: 50 }, () => r0(onEngine({ body: 'call 7' }))));
    expect(seen.size).toBeGreaterThan(45);
    for (const n of seen) expect(n >= 0n && n < 1n << 32n).toBe(true);
  });

  it('keeps clocks running', () => {
    for (const id of [5, 118, 125]) {
      const first = r0(onEngine({ body: `call ${id}` }));
      expect(r0(onEngine({ body: `call ${id}` }))).toBeGreaterThanOrEqual(first);
    }
  });
});

const { bpf, reason } = kernel;
if (bpf === undefined) {
  describe('helpers on both hosts', () => it.skip(`skipped: ${reason}`));
} else {
  const map = bpf.mapCreate({ type: 2, keySize: 4, valueSize: SIZE, maxEntries: 1 });

  const onKernel = (run: Run): Uint8Array => {
    const { value, insns } = prepare(run, map);
    bpf.mapUpdate(map, KEY, value);
    const { fd } = bpf.progLoad({ type: RAW_TRACEPOINT, insns });
    bpf.progTestRun(fd, { repeat: 0 });
    bpf.close(fd);
    return bpf.mapLookup(map, KEY, SIZE) ?? new Uint8Array(0);
  };
  const same = (run: Run): void => {
    const [ours, theirs] = [onEngine(run), onKernel(run)];
    expect([r0(ours), ours.subarray(8)]).toEqual([r0(theirs), theirs.subarray(8)]);
  };

  describe('helpers on both hosts', () => {
    it.each(rows)('%s', (_, run) => same(run));

    it('read any address alike', () => {
      const address = fc.oneof(
        fc.bigInt({ min: 0n, max: 0x0fffn }),
        fc.bigInt({ min: 0x7fff_ffff_e000n, max: 0xffff_7fff_ffff_ffffn }),
        fc.bigInt({ min: 0xffff_ffff_f000_0000n, max: 0xffff_ffff_ffff_ffffn }),
      );
      fc.assert(
        fc.property(fc.constantFrom(...READS), fc.integer({ min: 0, max: 64 }), address, (id, size, at) => same(read(id, size, at))),
        { numRuns: 150 },
      );
    });

    it('read strings alike', () => {
      fc.assert(
        fc.property(
          fc.constantFrom(4, 45, 113, 115),
          fc.integer({ min: 0, max: 40 }),
          fc.stringMatching(/^[a-z\0]{0,40}$/),
          (id, size, text) => same(read(id, size, 'in', text)),
        ),
        { numRuns: 150 },
      );
    });

    it('parse numbers alike', () => {
      const text = fc.oneof(
        fc.stringMatching(/^[ \t]{0,3}-?(0[xX]?)?[0-9a-fA-F]{0,22}[ z]?$/),
        fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
        fc.string({ maxLength: 8, unit: 'binary-ascii' }),
      );
      fc.assert(
        fc.property(fc.constantFrom(105, 106), text, fc.constantFrom(0n, 8n, 10n, 16n), fc.nat({ max: 3 }), (id, s, base, cut) =>
          same(parse(id, s, Math.max(1, s.length - cut), base)),
        ),
        { numRuns: 300 },
      );
    });

    it('copy comm to any size alike', () => {
      for (const size of [1, 2, 4, 15, 16, 17, 40]) {
        const run = { body: `r1 = r6\nr1 += ${OUT}\nr2 = ${size}\ncall 16` };
        // Names differ; what is compared is where the text ends and what follows.
        const shape = (after: Uint8Array): number[] => Array.from(after.subarray(OUT + size - 1, OUT + 64));
        expect(shape(onEngine(run))).toEqual(shape(onKernel(run)));
      }
    });

    it('answer perf_event_output alike where no event is', () => {
      const [ours, theirs] = [
        engine.mapCreate({ type: 4, keySize: 4, valueSize: 4, maxEntries: 2 }),
        bpf.mapCreate({ type: 4, keySize: 4, valueSize: 4, maxEntries: 2 }),
      ];
      for (const flags of [0n, 1n, 2n, 0xffff_fffen, 0xffff_ffffn, 1n << 32n, 1n << 63n]) {
        for (const call of [
          'call 25',
          'r1 = r2\nr2 = r3\ncall 22',
          'r1 = r2\nr2 = r3\nr3 = r4\nr4 = 24\ncall 55',
          'r1 = r2\nr2 = r3\nr3 = r4\nr4 = 8\ncall 55',
        ]) {
          const outcome = (fd: number, host: (insns: Uint8Array) => number): number => {
            const insns = assemble(
              `r2 = 0 ll\nr3 = 0x${flags.toString(16)} ll\n*(u64 *)(r10 - 24) = 5\n*(u64 *)(r10 - 16) = 5\n*(u64 *)(r10 - 8) = 5\nr4 = r10\nr4 += -24\nr5 = 8\n${call}\nexit`,
            );
            insns[1] = (insns[1] ?? 0) | 0x10;
            new DataView(insns.buffer, insns.byteOffset).setInt32(4, fd, true);
            return host(insns);
          };
          const a = outcome(ours, (insns) => {
            const { fd } = engine.progLoad({ type: RAW_TRACEPOINT, insns, license: 'GPL' });
            const { retval } = engine.progTestRun(fd, {});
            engine.close(fd);
            return retval;
          });
          const b = outcome(theirs, (insns) => {
            const { fd } = bpf.progLoad({ type: RAW_TRACEPOINT, insns });
            const { retval } = bpf.progTestRun(fd, { repeat: 0 });
            bpf.close(fd);
            return retval;
          });
          expect([flags, call, a | 0]).toEqual([flags, call, b | 0]);
        }
      }
      engine.close(ours);
      bpf.close(theirs);
    });
  });
}
