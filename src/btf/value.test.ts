/** Values printed and read by their types, on a compiled object with every kind of member. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseElf } from '../elf/index.ts';
import { encodeValue, formatValue, quoteText, toJson } from './index.ts';

const load = (name: string) => {
  const spec = parseElf(readFileSync(new URL(`../../testdata/objects/${name}.bpf.o`, import.meta.url)), name);
  if (spec.btf === undefined) throw new Error('no BTF');
  return { spec, btf: spec.btf };
};
const types = load('types');
const data = load('data');
const everything = types.btf.find('everything', 'struct') ?? 0;

/** Bytes of a struct everything with these members set: text for what encodeValue takes, bytes otherwise. */
function sample(): Uint8Array {
  const { btf } = types;
  const out = new Uint8Array(btf.sizeOf(everything));
  const struct = btf.type(everything);
  const members = struct.kind === 'struct' ? struct.members : [];
  const at = (name: string): number => (members.find((m) => m.name === name)?.bitOffset ?? 0) / 8;
  const set = (name: string, bytes: ArrayLike<number>): void => out.set(bytes, at(name));
  set('letter', [0x41]);
  set('flag', [1]);
  set('byte', [200]);
  set('half', [0xff, 0xff]);
  set('word', [1, 0, 0, 0x80]);
  set('dword', [255, 255, 255, 255, 255, 255, 255, 255]);
  set('negative', [0xfe, 255, 255, 255, 255, 255, 255, 255]);
  set('e', [255, 255, 255, 255]);
  set('h', [0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe]);
  set('text', new TextEncoder().encode('a"\n\u00e9'));
  set('raw', [1, 2, 3]);
  set('grid', [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]);
  // a = 5, b = 17, c = -2, then 33 bits of which the highest is set.
  set('a', [5 | (17 << 3), 0x7e]);
  const wide = members.find((m) => m.name === 'wide')?.bitOffset ?? 0;
  const top = wide + 32;
  const byte = Math.floor(top / 8);
  out[byte] = (out[byte] ?? 0) | (1 << (top % 8));
  const union = (members.find((m) => m.name === '' && m.bitSize === 0)?.bitOffset ?? 0) / 8;
  out.set([4, 3, 2, 1], union);
  set('named', [9, 0, 0, 0, 8]);
  set('node', [0, 0x10, 0, 0, 0x80, 0x88, 255, 255]);
  set('f', new Uint8Array(new Float32Array([1.5]).buffer));
  set('d', new Uint8Array(new Float64Array([-0.25]).buffer));
  set('i128', new Array(16).fill(255));
  return out;
}

describe('printing', () => {
  test('as text', () => {
    expect(formatValue(types.btf, everything, sample())).toBe(
      `{ .letter = 'A', .flag = true, .byte = 200, .half = -1, .word = 2147483649, .dword = 18446744073709551615, .negative = -2, ` +
        '.e = MINUS, .h = HIGH, .text = "a\\"\\n\u00e9", .raw = [1, 2, 3], .grid = [[1, 2, 3], [4, 0, 0]], .a = 5, .b = 17, .c = -2, ' +
        '.wide = 4294967296, .as_int = 16909060, .as_bytes = [4, 3, 2, 1], .named = { .deep = 9, .typed = { .x = 8 } }, ' +
        '.node = { .next = 0xffff888000001000, .opaque = 0x0, .call = 0x0, .tagged = 0x0 }, .f = 1.5, .d = -0.25, .i128 = -1, .tail = [] }',
    );
  });

  test('as JSON', () => {
    expect(toJson(types.btf, everything, sample())).toEqual({
      letter: 65,
      flag: true,
      byte: 200,
      half: -1,
      word: 2147483649,
      dword: '18446744073709551615',
      negative: '-2',
      e: 'MINUS',
      h: 'HIGH',
      text: 'a"\n\u00e9',
      raw: [1, 2, 3],
      grid: [
        [1, 2, 3],
        [4, 0, 0],
      ],
      a: 5,
      b: 17,
      c: -2,
      wide: '4294967296',
      as_int: 16909060,
      as_bytes: [4, 3, 2, 1],
      named: { deep: 9, typed: { x: 8 } },
      node: { next: '0xffff888000001000', opaque: '0x0', call: '0x0', tagged: '0x0' },
      f: 1.5,
      d: -0.25,
      i128: '-1',
      tail: [],
    });
  });

  test('data sections as a whole', () => {
    const rodata = data.spec.maps.find((m) => m.section === '.rodata');
    expect(formatValue(data.btf, rodata?.valueTypeId ?? 0, rodata?.contents ?? new Uint8Array(0))).toMatchInlineSnapshot(
      `"{ .target_pid = 0, .small = -5, .big = 1234605616436508552, .verbose = true, .paint = GREEN, .comm = "make", .list = [1, 2, 3, 0], .negative = -1, .origin = { .x = 3, .y = 4 }, .hidden_limit = 7 }"`,
    );
  });

  test('too few bytes', () => {
    expect(() => formatValue(types.btf, everything, new Uint8Array(4))).toThrow(/struct everything needs \d+ bytes, got 4/);
  });

  const QUOTED: readonly [bytes: number[], text: string][] = [
    [[], '""'],
    [[0x61, 0x5c, 0x62], '"a\\\\b"'],
    [[0x1b, 0x5b, 0x6d], '"\\x1b[m"'],
    [[0x7f, 0xc2, 0x9b], '"\\x7f\\u009b"'],
    [[0xff, 0x61, 0xc3], '"\\xffa\\xc3"'],
    [[0xed, 0xa0, 0x80], '"\\xed\\xa0\\x80"'],
    [[0xf0, 0x9f, 0x90, 0x9d], '"\u{1f41d}"'],
    [[0xe2, 0x80, 0xae], '"\\u202e"'],
  ];
  test.each(QUOTED)('%j', (bytes, text) => {
    expect(quoteText(Uint8Array.from(bytes))).toBe(text);
  });
});

describe('reading', () => {
  const type = (variable: string): number => data.spec.globals.find((g) => g.name === variable)?.typeId ?? 0;

  const GOOD: readonly [variable: string, text: string, printed: string][] = [
    ['target_pid', '4294967295', '4294967295'],
    ['target_pid', ' 0x10 ', '16'],
    ['target_pid', '0b101', '5'],
    ['small', '-128', '-128'],
    ['small', "'A'", '65'],
    ['big', '0xffffffffffffffff', '18446744073709551615'],
    ['negative', '-9223372036854775808', '-9223372036854775808'],
    ['verbose', 'no', 'false'],
    ['verbose', 'TRUE', 'true'],
    ['paint', 'BLUE', 'BLUE'],
    ['paint', '2', 'GREEN'],
    ['paint', '5', '5'],
    ['comm', 'cc1', '"cc1"'],
    ['comm', '123456789012345', '"123456789012345"'],
    ['list', '7, -8', '[7, -8, 0, 0]'],
    ['list', '', '[0, 0, 0, 0]'],
  ];
  test.each(GOOD)('%s = %s', (variable, text, printed) => {
    expect(formatValue(data.btf, type(variable), encodeValue(data.btf, type(variable), text))).toBe(printed);
  });

  const BAD: readonly [variable: string, text: string, message: RegExp][] = [
    ['target_pid', '-1', /-1 does not fit const volatile __u32, expected 0\.\.4294967295/],
    ['target_pid', '4294967296', /does not fit/],
    ['target_pid', 'make', /'make' is no integer, expected 0\.\.4294967295/],
    ['target_pid', '', /'' is no integer/],
    ['target_pid', '1e3', /is no integer/],
    ['target_pid', '9'.repeat(1000), /is no integer/],
    ['small', '128', /128 does not fit const volatile __s8, expected -128\.\.127/],
    ['verbose', '2', /'2' is no bool, expected true or false/],
    ['paint', 'PINK', /'PINK' is no value of enum color, expected RED, GREEN, BLUE/],
    ['paint', '4294967296', /is no value of enum color/],
    ['comm', '1234567890123456', /is 16 bytes, but const volatile char\[16\] holds at most 15/],
    ['comm', 'a\0b', /has a NUL/],
    ['list', '1,2,3,4,5', /5 values, but const volatile int\[4\] holds at most 4/],
    ['list', '1,x', /'x' is no integer/],
    ['origin', '1', /a value of type const struct point cannot be given as text/],
  ];
  test.each(BAD)('%s = %s is refused', (variable, text, message) => {
    expect(() => encodeValue(data.btf, type(variable), text)).toThrow(message);
  });

  test('what is printed is read back', () => {
    for (const name of ['target_pid', 'small', 'big', 'negative', 'verbose', 'paint']) {
      const id = type(name);
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (raw) => {
          const bytes = raw.subarray(0, data.btf.sizeOf(id));
          if (name === 'verbose') bytes[0] = (bytes[0] ?? 0) & 1;
          expect(encodeValue(data.btf, id, formatValue(data.btf, id, bytes))).toEqual(bytes.slice());
        }),
      );
    }
  });
});
