/**
 * Measures operations of every kind of map in one interleaved run: the engine's kernels, called by compiled programs, and the live kernel's. A program makes
 * 16 operations a run on random keys; nanoseconds of processor time are of one operation, the least of several rounds. Options: --rounds N (5), --ms N (20).
 */
import { parseArgs } from 'node:util';
import { assemble } from '../src/asm/index.ts';
import { Engine } from '../src/engine/index.ts';
import { kernel } from '../tests/support/kernel.ts';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, ms: { type: 'string', default: '20' } } });
const rounds = Number(options.rounds);
const sampleMs = Number(options.ms);
const XDP = 6;
const OPERATIONS = 16;
const PACKET = new Uint8Array(64);

interface Row {
  readonly name: string;
  /** Type, key size, value size, entries, flags. */
  readonly map: readonly [number, number, number, number, number?];
  /** One operation; r9 is a random number, r10 - 8 a key made of it, r10 - 16 a value. */
  readonly text: string;
  /** Keys are below this, a power of two. */
  readonly keys: number;
  /** Elements that are there before: all keys below `keys`. */
  readonly filled?: true;
  /** What makes r0 zero after the last operation of a run that did what its name says. */
  readonly check?: string;
}

const KEY = 'r2 = r10\nr2 += -8\n';
const VALUE = (reg: number): string => `r${reg} = r10\nr${reg} += -16\n`;
const LOOKUP = `r1 = map[fd:MAP]\n${KEY}call 1\n`;
const UPDATE = `r1 = map[fd:MAP]\n${KEY}${VALUE(3)}r4 = 0\ncall 2\n`;
/** As after a lookup that found its element. */
const FOUND = 'r1 = r0\nr0 = 0\nif r1 != 0 goto +1\nr0 = 1\n';
const DELETE = `r1 = map[fd:MAP]\n${KEY}call 3\n`;

const ROWS: readonly Row[] = [
  { name: 'hash lookup', map: [1, 4, 8, 16384], text: LOOKUP, keys: 8192, filled: true, check: FOUND },
  { name: 'hash lookup, 16-byte key', map: [1, 16, 8, 16384], text: LOOKUP.replace('-8', '-16'), keys: 8192, filled: true, check: FOUND },
  { name: 'hash update', map: [1, 4, 8, 16384], text: UPDATE, keys: 8192, filled: true },
  { name: 'hash insert and delete', map: [1, 4, 8, 16384], text: UPDATE + DELETE, keys: 8192 },
  { name: 'per-CPU hash update', map: [5, 4, 8, 16384], text: UPDATE, keys: 8192, filled: true },
  { name: 'LRU hash lookup', map: [9, 4, 8, 16384], text: LOOKUP, keys: 8192, filled: true, check: FOUND },
  { name: 'LRU hash update', map: [9, 4, 8, 16384], text: UPDATE, keys: 8192, filled: true },
  { name: 'LRU hash, evicting', map: [9, 4, 8, 1024], text: UPDATE, keys: 8192 },
  { name: 'array update', map: [2, 4, 8, 8192], text: UPDATE, keys: 8192 },
  {
    name: 'queue push and pop',
    map: [22, 0, 8, 1024],
    text: `r1 = map[fd:MAP]\n${VALUE(2)}r3 = 2\ncall 87\nr1 = map[fd:MAP]\n${VALUE(2)}call 88\n`,
    keys: 8192,
  },
  { name: 'bloom filter test', map: [30, 0, 8, 8192], text: `r1 = map[fd:MAP]\n${VALUE(2)}call 89\n`, keys: 8192, filled: true, check: '' },
  {
    name: 'ring buffer discard',
    map: [27, 0, 0, 1 << 20],
    text: 'r1 = map[fd:MAP]\nr2 = 16\nr3 = 0\ncall 131\nif r0 == 0 goto +4\n*(u64 *)(r0 + 0) = r9\nr1 = r0\nr2 = 1\ncall 133\n',
    keys: 8192,
  },
];

function program({ text, keys, check }: Row, fd: number): Uint8Array {
  const one = `r9 *= 1103515245\nr9 += 12345\nr9 &= 0x7fffffff\nr1 = r9\nr1 >>= 8\nr1 &= ${keys - 1}\n*(u64 *)(r10 - 8) = r1\n*(u64 *)(r10 - 16) = r1\n${text}`;
  return assemble(`call 7\nr9 = r0\n${one.repeat(OPERATIONS).replaceAll('MAP', `${fd}`)}${check ?? 'r0 = 0\n'}exit`);
}

/** A program ready to run so many times. */
interface Ready {
  run(times: number): void;
  close(): void;
}

/** What fills a map: the bytes that the programs make of the numbers below `keys`, as keys or, where there are none, as values. */
function* elements({ map: [, keySize], keys, filled }: Row, valueSize: number): Generator<readonly [Uint8Array, Uint8Array]> {
  for (let n = 0; filled && n < keys; n++) {
    const made = new Uint8Array(BigUint64Array.of(BigInt(n), BigInt(n)).buffer);
    const value = new Uint8Array(valueSize);
    if (keySize === 0) value.set(made.subarray(0, valueSize));
    yield [made.slice(0, keySize), value];
  }
}

/** Refuses to measure what is not what the row says. */
function checked(row: Row, retval: number): void {
  if (retval !== 0) throw new Error(`${row.name}: the operation failed`);
}

function onEngine(row: Row): Ready {
  const engine = new Engine({ cpus: 2 });
  const [type, keySize, valueSize, maxEntries, flags = 0] = row.map;
  const fd = engine.mapCreate({ type, keySize, valueSize, maxEntries, flags });
  for (const [key, value] of elements(row, type === 5 ? valueSize * 2 : valueSize))
    engine.mapUpdateElem(fd, keySize === 0 ? undefined : key, value);
  const prog = engine.progLoad({ type: XDP, insns: program(row, fd), license: 'GPL' }).fd;
  return { run: (repeat) => checked(row, engine.progTestRun(prog, { dataIn: PACKET, repeat }).retval), close: () => engine.closeAll() };
}

function onKernel(row: Row): Ready | undefined {
  const { bpf } = kernel;
  if (bpf === undefined) return undefined;
  const [type, keySize, valueSize, maxEntries, flags = 0] = row.map;
  const fd = bpf.mapCreate({ type, keySize, valueSize, maxEntries, flags });
  // Room for the values of every possible CPU.
  for (const [key, value] of elements(row, valueSize)) {
    const room = new Uint8Array(1024);
    room.set(value);
    bpf.mapUpdate(fd, key, room);
  }
  const prog = bpf.progLoad({ type: XDP, insns: program(row, fd), logLevel: 0 }).fd;
  return {
    run: (repeat) => checked(row, bpf.progTestRun(prog, { data: PACKET, repeat }).retval),
    close: () => [prog, fd].forEach((one) => void bpf.close(one)),
  };
}

/** Nanoseconds of processor time of one operation: other work on the machine does not count. */
function measure(ready: Ready, times: number): number {
  const began = process.cpuUsage();
  ready.run(times);
  const { user, system } = process.cpuUsage(began);
  return (Math.max(1, user + system) * 1000) / times / OPERATIONS;
}

console.log('nanoseconds an operation   engine   kernel   /kernel');
for (const row of ROWS) {
  const sides = [onEngine(row), onKernel(row)];
  const times = sides.map((side) => {
    if (side === undefined) return 0;
    measure(side, 2000);
    return Math.max(100, Math.round((sampleMs * 1e6) / (measure(side, 500) * OPERATIONS)));
  });
  const least = sides.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    sides.forEach((side, i) => {
      if (side !== undefined) least[i] = Math.min(least[i] ?? 0, measure(side, times[i] ?? 1));
    });
  }
  for (const side of sides) side?.close();
  const [ours = 0, theirs = 0] = least;
  const ratio = Number.isFinite(theirs) ? `${(ours / theirs).toFixed(2)}x` : '-';
  console.log(
    `${row.name.padEnd(26)} ${ours.toFixed(1).padStart(6)}   ${(Number.isFinite(theirs) ? theirs.toFixed(1) : '-').padStart(6)}   ${ratio.padStart(7)}`,
  );
}
