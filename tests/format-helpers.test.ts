/** bpf_snprintf on the engine, in all its ways of running, and on the live kernel: the same text, the same length, the same errno. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { VerifierError } from '../src/base/index.ts';
import { Engine } from '../src/engine/index.ts';
import { kernel } from './support/kernel.ts';
import { RUN_MODES } from './support/modes.ts';

const RAW_TRACEPOINT = 17;
const SIZE = 160;
const OUT = 16;
const KEY = new Uint8Array(4);
const RDONLY_PROG = 0x80;

/** Format, values, bytes of the buffer, and bytes of values where they are not the values'. */
const ROWS: readonly (readonly [fmt: string, args: readonly bigint[], size: number, argBytes?: number])[] = [
  ['plain', [], 32],
  ['', [], 32],
  ['100%%', [], 32],
  ['%d %i %u', [-1n, 5n, -1n], 64],
  ['%ld %lld %lu', [-1n, 1n << 40n, -1n], 64],
  ['%x %X %lx %llX', [0xabcdefn, 0xabcdefn, -1n, 0xfedcba9876543210n], 64],
  ['[%5d|%-5d|%05d|%+d|% d]', [42n, 42n, 42n, 42n, 42n], 64],
  ['[%8x|%-8x|%08lx]', [255n, 255n, 255n], 64],
  ['%c%c%c', [104n, 105n, 33n], 16],
  ['[%3c|%-3c]', [65n, 66n], 16],
  ['%px', [0x1234n], 32],
  ['%pK %p', [0n, 0n], 64],
  ['[%s]', [0n], 16],
  ['[%pks]', [0x10n], 16],
  ['[%pus]', [0n], 16],
  ['%pi4 %pI4', [0n, 0n], 32],
  ['%pI6', [0n], 64],
  ['%d', [123456789n], 5],
  ['%d', [123456789n], 1],
  ['a%db', [7n], 4],
  ['%d%d%d%d%d%d%d%d%d%d%d%d', Array.from({ length: 12 }, (_, i) => BigInt(i)), 64],
];
/** Formats that the verifiers refuse when the program is loaded. */
const REFUSED: readonly (readonly [fmt: string, args: number, argBytes?: number])[] = [
  ['%d', 2, 12],
  ['%d', 0],
  ['%d %d', 1],
  ['%n', 1],
  ['%.3d', 1],
  ['%*d', 1],
  ['%hd', 1],
  ['%zu', 1],
  ['%pM', 1],
  ['%sx', 1],
  ['%', 1],
  ['\x01', 0],
];

const latin1 = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));

/** The program: the value's first 8 bytes are r0, its OUT on the text. `value` is a writable map's fd, `text` a frozen one's. */
function program(value: number, text: number, args: readonly bigint[], size: number, argBytes = args.length * 8): Uint8Array {
  const stores = args.map((arg, i) => `r1 = 0x${BigInt.asUintN(64, arg).toString(16)} ll\n*(u64 *)(r10 - ${96 - i * 8}) = r1\n`).join('');
  const data = argBytes === 0 ? 'r4 = 0\n' : 'r4 = r10\nr4 += -96\n';
  return assemble(
    `r6 = map[fd:${value}][0]+0\n${stores}r1 = r6\nr1 += ${OUT}\nr2 = ${size}\nr3 = map[fd:${text}][0]+0\n${data}r5 = ${argBytes}\ncall 165\n*(u64 *)(r6 + 0) = r0\nr0 = 0\nexit`,
  );
}

const valueMap = { type: 2, keySize: 4, valueSize: SIZE, maxEntries: 1 };
const textMap = (fmt: string) => ({ type: 2, keySize: 4, valueSize: fmt.length + 1, maxEntries: 1, flags: RDONLY_PROG });

function onEngine(options: (typeof RUN_MODES)[number][1], [fmt, args, size, argBytes]: (typeof ROWS)[number]): number[] {
  using engine = new Engine({ cpus: 1, ...options });
  const [value, text] = [engine.mapCreate(valueMap), engine.mapCreate(textMap(fmt))];
  engine.mapUpdateElem(value, KEY, new Uint8Array(SIZE).fill(0x41));
  engine.mapUpdateElem(text, KEY, latin1(`${fmt}\0`));
  engine.mapFreeze(text);
  const { fd } = engine.progLoad({ type: RAW_TRACEPOINT, insns: program(value, text, args, size, argBytes), license: 'GPL' });
  engine.progTestRun(fd, {});
  expect(engine.faults().recent).toEqual([]);
  return [...(engine.mapLookupElem(value, KEY) ?? [])];
}

function onKernel([fmt, args, size, argBytes]: (typeof ROWS)[number]): number[] {
  const { bpf } = kernel;
  if (bpf === undefined) throw new Error('no kernel');
  const fds = [bpf.mapCreate(valueMap), bpf.mapCreate(textMap(fmt))];
  const [value = -1, text = -1] = fds;
  try {
    bpf.mapUpdate(value, KEY, new Uint8Array(SIZE).fill(0x41));
    bpf.mapUpdate(text, KEY, latin1(`${fmt}\0`));
    bpf.mapFreeze(text);
    const { fd } = bpf.progLoad({ type: RAW_TRACEPOINT, insns: program(value, text, args, size, argBytes) });
    fds.push(fd);
    bpf.progTestRun(fd, { repeat: 0 });
    return [...(bpf.mapLookup(value, KEY, SIZE) ?? [])];
  } finally {
    for (const fd of fds) bpf.close(fd);
  }
}

describe.each(ROWS.map((row) => ({ fmt: row[0], row })))('snprintf of $fmt', ({ row }) => {
  const shown = onEngine({}, row);

  it('is the same in every way of running', () => {
    for (const [, options] of RUN_MODES) expect(onEngine(options, row)).toEqual(shown);
  });

  it.skipIf(kernel.bpf === undefined)('is the same in the kernel', () => expect(shown).toEqual(onKernel(row)));
});

it.each(REFUSED.map(([fmt, count, argBytes = count * 8]) => ({ fmt, count, argBytes })))(
  'snprintf of $fmt with $count values is refused at load',
  ({ fmt, count, argBytes }) => {
    const row = [fmt, Array<bigint>(count).fill(1n), 16, argBytes] as const;
    expect(() => onEngine({}, row)).toThrow(VerifierError);
    if (kernel.bpf !== undefined) expect(() => onKernel(row)).toThrow();
  },
);
