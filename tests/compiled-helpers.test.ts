/**
 * Helpers that compiled programs have written out or call in WebAssembly, against their implementations in the interpreter and in checked code, and
 * against the live kernel where the answer does not depend on who runs it.
 */
import { describe, expect, it } from 'vitest';
import { Engine } from '../src/engine/index.ts';
import { kernel } from './support/kernel.ts';
import { type Linked, linkText } from './support/link-text.ts';
import { RUN_MODES } from './support/modes.ts';

const XDP = 6;
const PACKET = Uint8Array.from({ length: 64 }, (_, i) => (i * 37 + 11) & 0xff);
const CPUS = 3;

interface Row {
  readonly name: string;
  /** Program; `MAP` stands for the map's fd. Its r0, folded to 32 bits, is compared. */
  readonly text: string;
  /** Map as [type, key size, value size, entries]. */
  readonly map?: readonly [number, number, number, number];
  /** The kernel's answer depends on its own state. */
  readonly ours?: true;
  readonly cpu?: number;
  readonly r0?: number;
}

const FOLD = 'r1 = r0\nr1 >>= 32\nr0 ^= r1\nexit\n';
const key = (value: number): string => `*(u32 *)(r10 - 4) = ${value}\nr2 = r10\nr2 += -4\nr1 = map[fd:MAP]\n`;
const lookup = (at: number): string => `${key(at)}call 1\nif r0 != 0 goto found\nr0 = 77\nexit\nfound:\n`;
const update = (at: number, flags: string): string =>
  `*(u64 *)(r10 - 16) = 5\n${key(at)}r3 = r10\nr3 += -16\nr4 = ${flags}\ncall 2\n${FOLD}`;
const csum = (from: number, to: number, seed: number): string =>
  `r6 = *(u32 *)(r1 + 0)\nr7 = *(u32 *)(r1 + 4)\nr2 = r6\nr2 += 64\nif r2 > r7 goto short\n` +
  `r1 = ${from === 0 ? '0' : 'r10'}\n${from === 0 ? '' : 'r1 += -32\n'}r2 = ${from}\nr3 = ${to === 0 ? '0' : 'r10'}\n${to === 0 ? '' : 'r3 += -24\n'}r4 = ${to}\nr5 = ${seed}\n` +
  `r8 = *(u64 *)(r6 + 8)\n*(u64 *)(r10 - 32) = r8\nr8 = *(u64 *)(r6 + 16)\n*(u64 *)(r10 - 24) = r8\nr8 = *(u64 *)(r6 + 24)\n*(u64 *)(r10 - 16) = r8\n` +
  `call 28\n${FOLD}short:\nr0 = 1\nexit`;
const loop = (rounds: string, flags: number, body: string): string =>
  `*(u64 *)(r10 - 8) = 100\nr1 = ${rounds}\nr2 = subprog[body]\nr3 = r10\nr3 += -8\nr4 = ${flags}\ncall 181\nr6 = *(u64 *)(r10 - 8)\nr0 ^= r6\n${FOLD}body:\n${body}`;
const COUNT = 'r3 = *(u64 *)(r2 + 0)\nr3 += r1\nr3 += 3\n*(u64 *)(r2 + 0) = r3\nr0 = 0\nexit';

/** Registers get addresses on the stack. */
const fp = (...places: readonly (readonly [reg: number, at: number])[]): string =>
  places.map(([reg, at]) => `r${reg} = r10\nr${reg} += ${at}\n`).join('');
const DYNPTR = -16;
const BUFFER = -48;
const dynptrRead = (length: number, offset: number, flags = 0): string =>
  `${fp([1, BUFFER], [3, DYNPTR])}r2 = ${length}\nr4 = ${offset}\nr5 = ${flags}\ncall 201\n${NOTE}`;
const dynptrWrite = (length: number, offset: number, flags = 0): string =>
  `${fp([1, DYNPTR], [3, BUFFER])}r2 = ${offset}\nr4 = ${length}\nr5 = ${flags}\ncall 202\n${NOTE}`;
/** Adds r0 to what r7 knows. */
const NOTE = 'r7 *= 31\nr7 += r0\n';
let labels = 0;
/** Adds 5 to the first byte of a piece of the dynptr, where there is one. */
const dynptrData = (offset: number, length: number): string => {
  const [none, end] = [`none${++labels}`, `end${labels}`];
  return (
    `${fp([1, DYNPTR])}r2 = ${offset}\nr3 = ${length}\ncall 203\nif r0 == 0 goto ${none}\nr1 = *(u8 *)(r0 + 0)\nr7 += r1\nr1 += 5\n*(u8 *)(r0 + 0) = r1\n` +
    `goto ${end}\n${none}:\nr7 += 1000\n${end}:\n`
  );
};
const FILL = [0, 8, 16, 24]
  .map((n) => `r1 = 0x${(0x1122_3344 + n).toString(16)}99887766 ll\n*(u64 *)(r10 - ${-BUFFER - n}) = r1\n`)
  .join('');
const SHOW = `${[0, 8, 16, 24].map((n) => `r1 = *(u64 *)(r10 - ${-BUFFER - n})\nr7 *= 31\nr7 += r1\n`).join('')}r0 = r7\n${FOLD}`;
/** A record behind a dynptr, what is done with it, its end, and what the ring then says. */
const record = (size: string, flags: number, body: string, end = 'r2 = 0\ncall 199'): Pick<Row, 'map' | 'text'> => ({
  map: [27, 0, 0, 4096],
  text: `${FILL}r1 = map[fd:MAP]\nr2 = ${size}\nr3 = ${flags}\n${fp([4, DYNPTR])}call 198\nr7 = r0\n${body}${fp([1, DYNPTR])}${end}\nr1 = map[fd:MAP]\nr2 = 3\ncall 134\n${NOTE}${SHOW}`,
});
/** A dynptr of an array's value. */
const ofValue = (size: number, flags: number, body: string): Pick<Row, 'map' | 'text'> => ({
  map: [2, 4, 64, 1],
  text: `${FILL}*(u32 *)(r10 - 56) = 0\nr2 = r10\nr2 += -56\nr1 = map[fd:MAP]\ncall 1\nif r0 != 0 goto found\nexit\nfound:\nr6 = r0\nr1 = r0\nr2 = ${size}\nr3 = ${flags}\n${fp([4, DYNPTR])}call 197\nr7 = r0\n${body}r1 = *(u64 *)(r6 + 8)\nr7 += r1\n${SHOW}`,
});

const ROWS: readonly Row[] = [
  { name: 'record behind a dynptr', ...record('100', 0, dynptrWrite(32, 8) + dynptrRead(16, 10) + dynptrData(92, 8)) },
  { name: 'record behind a dynptr, discarded', ...record('24', 0, dynptrWrite(8, 0), 'r2 = 1\ncall 200') },
  {
    name: 'record behind a dynptr: bounds',
    ...record('24', 0, dynptrWrite(32, 0) + dynptrRead(8, 17) + dynptrData(17, 8) + dynptrData(16, 8)),
  },
  { name: 'record behind a dynptr: offset that wraps', ...record('24', 0, dynptrRead(8, -4) + dynptrWrite(0, 24) + dynptrRead(0, 25)) },
  { name: 'record behind a dynptr: flags', ...record('24', 0, dynptrRead(8, 0, 1) + dynptrWrite(8, 0, 1) + dynptrWrite(8, 20, 1)) },
  ...(
    [
      ['24', 1],
      ['5000', 0],
      ['0x1000000', 0],
      ['0x1000000', 1],
      ['0', 0],
    ] as const
  ).map(
    ([size, flags]): Row => ({
      name: `dynptr of a record of ${size} bytes, flags ${flags}`,
      ...record(size, flags, dynptrRead(4, 0) + dynptrWrite(4, 0) + dynptrData(0, 1)),
    }),
  ),
  { name: 'dynptr of a value', ...ofValue(64, 0, dynptrWrite(32, 3) + dynptrRead(20, 8) + dynptrData(8, 16)) },
  { name: 'dynptr of a value: bounds', ...ofValue(40, 0, dynptrWrite(32, 9) + dynptrRead(1, 40) + dynptrData(33, 8)) },
  { name: 'dynptr of a value, flags', ...ofValue(64, 2, dynptrWrite(1, 0) + dynptrRead(1, 0) + dynptrData(0, 1)) },
  { name: 'dynptr of nothing', ...ofValue(0, 0, dynptrWrite(0, 0) + dynptrRead(1, 0) + dynptrData(0, 1)) },
  {
    name: 'coarse clock is behind by no more than ticks',
    text: 'call 160\nr6 = r0\ncall 5\nr0 -= r6\nif r0 > 50000000 goto far\nr0 = 1\nfar:\nexit',
    r0: 1,
  },
  { name: 'decades of atomic time', text: 'call 208\nr1 = 315576000000000000 ll\nr0 /= r1\nexit' },
  { name: 'pid and tgid', text: `call 14\n${FOLD}`, ours: true },
  { name: 'uid and gid', text: `call 15\nr6 = r0\ncall 15\nr0 += r6\n${FOLD}`, ours: true },
  { name: 'CPU', text: 'call 8\nexit', cpu: 2, ours: true, r0: 2 },
  { name: 'NUMA node', text: 'call 42\nexit' },
  { name: 'current task', text: `call 35\n${FOLD}`, ours: true },
  ...[16, 8, 24, 1].map(
    (size): Row => ({
      name: `comm, ${size} bytes`,
      text: `r1 = r10\nr1 += -32\n*(u64 *)(r10 - 32) = -1\n*(u64 *)(r10 - 24) = -1\n*(u64 *)(r10 - 16) = -1\nr2 = ${size}\ncall 16\nr1 = *(u64 *)(r10 - 32)\nr0 ^= r1\nr0 *= 31\nr1 = *(u64 *)(r10 - 24)\nr0 ^= r1\nr0 *= 31\nr1 = *(u64 *)(r10 - 16)\nr0 ^= r1\n${FOLD}`,
      ours: true,
    }),
  ),
  { name: 'random numbers differ', text: 'call 7\nr6 = r0\ncall 7\nr0 ^= r6\nif r0 == 0 goto same\nr0 = 1\nsame:\nexit', r0: 1 },
  { name: 'array element, constant key', map: [2, 4, 8, 4], text: `${lookup(3)}r0 = *(u64 *)(r0 + 0)\nr0 += 9\nexit` },
  { name: 'array, constant key out of range', map: [2, 4, 8, 4], text: `${lookup(4)}r0 = 1\nexit` },
  {
    name: 'array, variable key',
    map: [2, 4, 8, 4],
    text: `r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = r2\nr4 += 14\nif r4 > r3 goto short\nr5 = *(u8 *)(r2 + 9)\nr5 &= 7\n*(u32 *)(r10 - 4) = r5\nr2 = r10\nr2 += -4\nr1 = map[fd:MAP]\ncall 1\nif r0 == 0 goto short\nr0 = 5\nexit\nshort:\nr0 = 6\nexit`,
  },
  { name: 'array, greatest key', map: [2, 4, 8, 4], text: `${lookup(-1)}r0 = 1\nexit` },
  {
    name: 'per-CPU array: each CPU its value',
    map: [6, 4, 8, 4],
    cpu: 1,
    text: `${lookup(2)}r1 = *(u64 *)(r0 + 0)\nr1 += 21\n*(u64 *)(r0 + 0) = r1\nr0 = r1\nexit`,
  },
  { name: 'hash: absent', map: [1, 4, 8, 4], text: `${lookup(2)}r0 = 1\nexit`, r0: 77 },
  ...['0', '1', '2', '3', '8', '0x100000000 ll', '0x8000000000000001 ll'].flatMap((flags) =>
    [1, 2, 5, 6, 9, 10].map(
      (type): Row => ({ name: `update of map type ${type}, flags ${flags}`, map: [type, 4, 8, 4], text: update(1, flags) }),
    ),
  ),
  ...[1, 2, 5, 6, 9, 10].map(
    (type): Row => ({ name: `delete in map type ${type}`, map: [type, 4, 8, 4], text: `${key(1)}call 3\n${FOLD}` }),
  ),
  ...[
    [0, 0, 5],
    [4, 0, 7],
    [0, 8, 9],
    [8, 4, -1],
    [4, 16, 0x12345],
    [16, 16, 0],
    [3, 7, 0],
    [2, 0, 99],
  ].map(
    ([from = 0, to = 0, seed = 0]): Row => ({ name: `csum_diff of ${from} and ${to} bytes, seed ${seed}`, text: csum(from, to, seed) }),
  ),
  { name: 'loop', text: loop('10', 0, COUNT) },
  { name: 'no loop', text: loop('0', 0, COUNT) },
  {
    name: 'loop that the callback ends',
    text: loop('50', 0, 'r3 = *(u64 *)(r2 + 0)\nr3 += 1\n*(u64 *)(r2 + 0) = r3\nr0 = 1\nif r3 == 107 goto end\nr0 = 0\nend:\nexit'),
  },
  { name: 'loop of too many rounds', text: loop('8388609', 0, COUNT) },
  { name: 'loop that does not look at its arguments', text: loop('5', 0, 'r0 = 0\nexit') },
  {
    name: 'loop in a loop',
    text: loop(
      '6',
      0,
      `r6 = r2\nr7 = r1\nr1 = r7\nr1 += 2\nr2 = subprog[inner]\nr3 = r6\nr4 = 0\ncall 181\nr1 = *(u64 *)(r6 + 0)\nr1 += r0\n*(u64 *)(r6 + 0) = r1\nr0 = 0\nexit\ninner:\n${COUNT}`,
    ),
  },
];

/** Attributes of the load. */
function attributes({ insns, functions }: Linked, btfLoad: (bytes: Uint8Array) => number) {
  const base = { type: XDP, insns, license: 'GPL' };
  return functions === undefined ? base : { ...base, btfFd: btfLoad(functions.btf), funcInfo: functions.records };
}

describe.each(ROWS)('$name', ({ text, map, ours, cpu = 0, r0 }) => {
  const program = (fd: number): Linked => linkText(text.replaceAll('MAP', `${fd}`));
  const results = RUN_MODES.map(([, options]) => {
    using engine = new Engine({ cpus: CPUS, ...options });
    const [type = 0, keySize = 0, valueSize = 0, maxEntries = 0] = map ?? [];
    const fd = map === undefined ? 0 : engine.mapCreate({ type, keySize, valueSize, maxEntries });
    const prog = engine.progLoad(attributes(program(fd), (bytes) => engine.btfLoad(bytes))).fd;
    const retval = engine.progTestRun(prog, { dataIn: PACKET, cpu, repeat: 1 }).retval;
    expect(engine.faults().recent).toEqual([]);
    return retval;
  });

  it('is the same in every way of running', () => {
    expect(new Set(results)).toEqual(new Set([r0 ?? results.at(-1)]));
  });

  it.skipIf(kernel.bpf === undefined || ours === true)('is the same in the kernel', () => {
    const { bpf } = kernel;
    if (bpf === undefined) return;
    const [type = 0, keySize = 0, valueSize = 0, maxEntries = 0] = map ?? [];
    const fd = map === undefined ? -1 : bpf.mapCreate({ type, keySize, valueSize, maxEntries });
    const prog = bpf.progLoad(attributes(program(fd), (bytes) => bpf.btfLoad(bytes))).fd;
    const { retval } = bpf.progTestRun(prog, { data: PACKET });
    for (const one of [prog, fd]) if (one >= 0) bpf.close(one);
    expect(results[0]).toBe(retval);
  });
});
