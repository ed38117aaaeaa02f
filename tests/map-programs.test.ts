/**
 * Programs on maps of every kind: compiled, checked, interpreted and in the live kernel they must return the same. Each row is a program whose r0 tells
 * all that its helpers answered.
 */
import { expect, it } from 'vitest';
import { Engine } from '../src/engine/index.ts';
import type { MapCreateAttr } from '../src/maps/index.ts';
import { kernel } from './support/kernel.ts';
import { linkText } from './support/link-text.ts';
import { RUN_MODES } from './support/modes.ts';

const XDP = 6;
const PACKET = new Uint8Array(64);

/** What both hosts have, as the rows use it. */
interface Maker {
  create(attr: MapCreateAttr): number;
  update(fd: number, key: Uint8Array, value: Uint8Array): void;
}

interface Row {
  readonly name: string;
  /** Makes the maps that stand as A, B, ... in the text. */
  maps(maker: Maker): readonly number[];
  readonly text: string;
}

const u32 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);
const u64 = (n: number): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(n)).buffer);
const map =
  (type: number, keySize: number, valueSize: number, maxEntries: number, more: Partial<MapCreateAttr> = {}) =>
  (maker: Maker): readonly number[] => [maker.create({ type, keySize, valueSize, maxEntries, ...more })];

/** r9 gathers answers: r9 = r9 * 31 + r0. */
const GATHER = 'r9 *= 31\nr9 += r0\n';
const START = 'r9 = 1\n';
const END = 'r0 = r9\nr1 = r9\nr1 >>= 32\nr0 ^= r1\nexit\n';
const value = (n: number): string => `*(u64 *)(r10 - 16) = ${n}\n`;
const push = (n: number, flags: number): string => `${value(n)}r1 = map[fd:A]\nr2 = r10\nr2 += -16\nr3 = ${flags}\ncall 87\n${GATHER}`;
const take = (helper: number): string =>
  `*(u64 *)(r10 - 16) = -1\nr1 = map[fd:A]\nr2 = r10\nr2 += -16\ncall ${helper}\n${GATHER}r0 = *(u64 *)(r10 - 16)\n${GATHER}`;
const peekFor = (n: number): string => `${value(n)}r1 = map[fd:A]\nr2 = r10\nr2 += -16\ncall 89\n${GATHER}`;
const key = (n: number): string => `*(u32 *)(r10 - 4) = ${n}\nr2 = r10\nr2 += -4\n`;
const output = (size: number, flags: number): string =>
  `*(u64 *)(r10 - 16) = 7\n*(u64 *)(r10 - 8) = 9\nr1 = map[fd:A]\nr2 = r10\nr2 += -16\nr3 = ${size}\nr4 = ${flags}\ncall 130\n${GATHER}`;
const query = (what: number): string => `r1 = map[fd:A]\nr2 = ${what}\ncall 134\n${GATHER}`;
const reserve = (size: number, end: 132 | 133, label: string): string =>
  `r1 = map[fd:A]\nr2 = ${size}\nr3 = 0\ncall 131\nif r0 == 0 goto full_${label}\n*(u64 *)(r0 + 0) = 42\n*(u8 *)(r0 + ${size - 1}) = 5\nr1 = r0\nr2 = 0\ncall ${end}\nr0 = 1\ngoto done_${label}\nfull_${label}:\nr0 = 2\ndone_${label}:\n${GATHER}`;

const ofMaps = (type: number) => (maker: Maker) => {
  const inner = { type: 2, keySize: 4, valueSize: 8, maxEntries: 2 };
  const [template, first, second] = [maker.create(inner), maker.create(inner), maker.create(inner)];
  maker.update(first, u32(1), u64(77));
  maker.update(second, u32(1), u64(99));
  const outer = maker.create({ type, keySize: 4, valueSize: 4, maxEntries: 4, innerMapFd: template });
  maker.update(outer, u32(1), u32(first));
  maker.update(outer, u32(2), u32(second));
  return [outer, template, first, second];
};
const innerLookup = (outer: number, inner: number): string =>
  `${key(outer)}r1 = map[fd:A]\ncall 1\nif r0 == 0 goto none_${outer}_${inner}\nr1 = r0\n${key(inner)}call 1\nif r0 == 0 goto none_${outer}_${inner}\nr0 = *(u64 *)(r0 + 0)\ngoto got_${outer}_${inner}\nnone_${outer}_${inner}:\nr0 = 5\ngot_${outer}_${inner}:\n${GATHER}`;

const lpm = (bits: number, first: number, second: number): string =>
  `*(u32 *)(r10 - 8) = ${bits}\n*(u8 *)(r10 - 4) = ${first}\n*(u8 *)(r10 - 3) = ${second}\nr2 = r10\nr2 += -8\nr1 = map[fd:A]\n`;
const lpmUpdate = (bits: number, first: number, second: number, to: number): string =>
  `${value(to)}${lpm(bits, first, second)}r3 = r10\nr3 += -16\nr4 = 0\ncall 2\n${GATHER}`;
const lpmLookup = (bits: number, first: number, second: number, label: string): string =>
  `${lpm(bits, first, second)}call 1\nif r0 == 0 goto no_${label}\nr0 = *(u64 *)(r0 + 0)\ngoto yes_${label}\nno_${label}:\nr0 = 3\nyes_${label}:\n${GATHER}`;

/** Adds keys and values to what r4 points to; stops at the value 3. */
const VISIT =
  'r5 = *(u32 *)(r2 + 0)\nr6 = *(u64 *)(r3 + 0)\nr7 = *(u64 *)(r4 + 0)\nr7 += r5\nr7 += r6\n*(u64 *)(r4 + 0) = r7\nr0 = 0\nif r6 != 3 goto on\nr0 = 1\non:\nexit\n';
const each = (flags: number): string =>
  `*(u64 *)(r10 - 8) = 0\nr1 = map[fd:A]\nr2 = subprog[visit]\nr3 = r10\nr3 += -8\nr4 = ${flags}\ncall 164\n${GATHER}r0 = *(u64 *)(r10 - 8)\n${GATHER}${END}visit:\n${VISIT}`;
const filled = (type: number, values: readonly number[]) => (maker: Maker) => {
  const fd = maker.create({ type, keySize: 4, valueSize: 8, maxEntries: 8 });
  values.forEach((n, i) => void maker.update(fd, u32(i), u64(n)));
  return [fd];
};

const ROWS: readonly Row[] = [
  ...[22, 23].map(
    (type): Row => ({
      name: `push, peek and pop of map type ${type}`,
      maps: map(type, 0, 8, 2),
      text: `${START}${take(88)}${push(4, 0)}${push(5, 0)}${push(6, 0)}${push(7, 2)}${push(8, 1)}${push(8, 4)}${take(89)}${take(88)}${take(88)}${take(88)}${END}`,
    }),
  ),
  {
    name: 'bloom filter',
    maps: map(30, 0, 8, 1000, { mapExtra: 3n }),
    text: `${START}${push(4, 0)}${push(5, 0)}${push(6, 1)}${peekFor(4)}${peekFor(5)}${peekFor(600)}${END}`,
  },
  {
    name: 'ring buffer',
    maps: map(27, 0, 0, 4096),
    text: `${START}${output(16, 0)}${output(5, 1)}${output(0, 2)}${output(16, 4)}${[0, 1, 2, 3, 4].map(query).join('')}${reserve(24, 132, 'a')}${reserve(9, 133, 'b')}${query(0)}${END}`,
  },
  {
    name: 'ring buffer: no room',
    maps: map(27, 0, 0, 4096),
    text: `${START}${reserve(4080, 132, 'a')}${reserve(8, 132, 'b')}${output(8, 0)}${query(0)}${END}`,
  },
  {
    name: 'ring buffer: a record as large as the ring',
    maps: map(27, 0, 0, 4096),
    text: `${START}${reserve(4088, 132, 'a')}${query(3)}${END}`,
  },
  ...[12, 13].map(
    (type): Row => ({
      name: `inner maps of map type ${type}`,
      maps: ofMaps(type),
      text: `${START}${innerLookup(1, 1)}${innerLookup(2, 1)}${innerLookup(2, 2)}${innerLookup(0, 1)}${innerLookup(9, 1)}${END}`,
    }),
  ),
  {
    name: 'longest prefix',
    maps: map(11, 6, 8, 4, { flags: 1 }),
    text: `${START}${lpmUpdate(8, 10, 0, 100)}${lpmUpdate(16, 10, 7, 200)}${lpmUpdate(0, 0, 0, 300)}${lpmUpdate(12, 10, 0xf0, 400)}${lpmUpdate(3, 0xe0, 0, 500)}${lpmUpdate(17, 0, 0, 1)}${[
      [16, 10, 7],
      [16, 10, 8],
      [15, 10, 7],
      [16, 10, 0xf5],
      [16, 11, 0],
      [17, 10, 7],
    ]
      .map(([bits = 0, a = 0, b = 0], i) => lpmLookup(bits, a, b, `l${i}`))
      .join('')}${lpm(12, 10, 0xf0)}call 3\n${GATHER}${lpm(12, 10, 0xf0)}call 3\n${GATHER}${lpmLookup(16, 10, 0xf5, 'after')}${END}`,
  },
  ...[1, 2, 9].map((type): Row => ({ name: `visits of map type ${type}`, maps: filled(type, [1, 2, 8, 9]), text: `${START}${each(0)}` })),
  { name: 'a visit that stops', maps: filled(2, [1, 2, 3, 4]), text: `${START}${each(0)}` },
  { name: 'visits with flags', maps: filled(2, [1, 2]), text: `${START}${each(1)}` },
];

function attributes(text: string, fds: readonly number[], btfLoad: (bytes: Uint8Array) => number) {
  const { insns, functions } = linkText(text.replaceAll(/fd:([A-Z])/g, (_, name: string) => `fd:${fds[name.charCodeAt(0) - 65]}`));
  const base = { type: XDP, insns, license: 'GPL' };
  return functions === undefined ? base : { ...base, btfFd: btfLoad(functions.btf), funcInfo: functions.records };
}

/** What the program answers, or why it was stopped. */
function onEngine({ maps, text }: Row, options: (typeof RUN_MODES)[number][1]): number | string {
  using engine = new Engine({ cpus: 2, ...options });
  const fds = maps({ create: (attr) => engine.mapCreate(attr), update: (fd, k, v) => engine.mapUpdateElem(fd, k, v) });
  const prog = engine.progLoad(attributes(text, fds, (bytes) => engine.btfLoad(bytes))).fd;
  try {
    return engine.progTestRun(prog, { dataIn: PACKET }).retval;
  } catch (error) {
    return `${String(error)} ${engine.faults().recent.map(({ insn, reason }) => `insn ${insn}: ${reason}`)}`;
  }
}

function onKernel({ maps, text }: Row): number | undefined {
  const { bpf } = kernel;
  if (bpf === undefined) return undefined;
  const fds = maps({ create: (attr) => bpf.mapCreate(attr), update: (fd, k, v) => bpf.mapUpdate(fd, k, v) });
  const prog = bpf.progLoad(attributes(text, fds, (bytes) => bpf.btfLoad(bytes))).fd;
  const { retval } = bpf.progTestRun(prog, { data: PACKET });
  for (const fd of [prog, ...fds]) bpf.close(fd);
  return retval;
}

it.each(ROWS)('$name', (row) => {
  const [first, ...others] = RUN_MODES.map(([name, options]) => [name, onEngine(row, options)] as const);
  for (const [name, answer] of others) expect([name, answer]).toEqual([name, first?.[1]]);
  const theirs = onKernel(row);
  expect(typeof first?.[1]).toBe('number');
  if (theirs !== undefined) expect(first?.[1]).toBe(theirs);
});
