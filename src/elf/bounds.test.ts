/** Objects that no compiler makes: small files whose meaning is huge, or deep. */
import { describe, expect, test } from 'vitest';
import { parseElf } from './index.ts';

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags?: number;
  readonly data: Uint8Array;
  readonly link?: number;
  readonly info?: number;
}

/** An object of these sections; they are numbered from 1. */
function elf(sections: readonly Section[]): Uint8Array {
  let names = '\0';
  const headers: (Section & { readonly at: number })[] = [{ name: '', type: 0, data: new Uint8Array(0), at: 0 }];
  for (const section of sections) {
    headers.push({ ...section, at: names.length });
    names += `${section.name}\0`;
  }
  headers.push({ name: '', type: 3, data: new TextEncoder().encode(names), at: 0 });
  const table = headers.reduce((sum, s) => sum + s.data.length, 64);
  const out = new Uint8Array(table + headers.length * 64);
  const view = new DataView(out.buffer);
  out.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 1, true);
  view.setUint16(18, 247, true);
  view.setBigUint64(40, BigInt(table), true);
  view.setUint16(58, 64, true);
  view.setUint16(60, headers.length, true);
  view.setUint16(62, headers.length - 1, true);
  let at = 64;
  headers.forEach((section, i) => {
    const head = table + i * 64;
    out.set(section.data, at);
    view.setUint32(head, section.at, true);
    view.setUint32(head + 4, section.type, true);
    view.setBigUint64(head + 8, BigInt(section.flags ?? 0), true);
    view.setBigUint64(head + 24, BigInt(at), true);
    view.setBigUint64(head + 32, BigInt(section.data.length), true);
    view.setUint32(head + 40, section.link ?? 0, true);
    view.setUint32(head + 44, section.info ?? 0, true);
    at += section.data.length;
  });
  return out;
}

type Symbol = readonly [info: number, section: number, value: number, size: number];

/** .text, one program section and its calls of symbol 1, and symbols named p0, p1, … */
function object(text: Uint8Array, programs: Uint8Array, calls: number, symbols: readonly Symbol[]): Uint8Array {
  let names = '\0';
  const table = new Uint8Array((symbols.length + 1) * 24);
  const rows = new DataView(table.buffer);
  symbols.forEach(([info, section, value, size], i) => {
    const at = (i + 1) * 24;
    rows.setUint32(at, names.length, true);
    rows.setUint8(at + 4, info);
    rows.setUint16(at + 6, section, true);
    rows.setBigUint64(at + 8, BigInt(value), true);
    rows.setBigUint64(at + 16, BigInt(size), true);
    names += `p${i}\0`;
  });
  const relocations = new Uint8Array(calls * 16);
  const view = new DataView(relocations.buffer);
  for (let i = 0; i < calls; i++) {
    view.setBigUint64(i * 16, BigInt(i * 16), true);
    view.setUint32(i * 16 + 8, 10, true);
    view.setUint32(i * 16 + 12, 1, true);
  }
  return elf([
    { name: '.text', type: 1, flags: 6, data: text },
    { name: 'kprobe/x', type: 1, flags: 6, data: programs },
    { name: '.relkprobe/x', type: 9, data: relocations, link: 4, info: 2 },
    { name: '.symtab', type: 2, data: table, link: 5 },
    { name: '.strtab', type: 3, data: new TextEncoder().encode(names) },
  ]);
}

const EXIT = [0x95, 0, 0, 0, 0, 0, 0, 0];
const CALL = [0x85, 0x10, 0, 0, 0xff, 0xff, 0xff, 0xff];
const NEXT = [0x85, 0x10, 0, 0, 1, 0, 0, 0];
const FUNC = 0x12;

function repeat(pattern: readonly number[], times: number): Uint8Array {
  const out = new Uint8Array(pattern.length * times);
  for (let i = 0; i < times; i++) out.set(pattern, i * pattern.length);
  return out;
}

describe('bounds', () => {
  test('many programs that call one large function', () => {
    const count = 3000;
    const large = repeat(EXIT, 10_000);
    const programs = Array.from({ length: count }, (_, i): Symbol => [FUNC, 2, i * 16, 16]);
    const bytes = object(large, repeat([...CALL, ...EXIT], count), count, [[FUNC, 1, 0, large.length], ...programs]);
    expect(() => parseElf(bytes)).toThrow(/programs with their subprograms are more than 2097152 instructions/);
  });

  test('many names of one large program', () => {
    const large = repeat(EXIT, 10_000);
    const bytes = object(
      large,
      repeat(EXIT, 10_000),
      0,
      Array.from({ length: 3000 }, (): Symbol => [FUNC, 2, 0, large.length]),
    );
    expect(() => parseElf(bytes)).toThrow(/more than 2097152 instructions/);
  });

  test('a chain of subprograms deeper than any stack', () => {
    const depth = 60_000;
    const text = repeat([...NEXT, ...EXIT], depth);
    text.set(EXIT, (depth - 1) * 16);
    const chain = Array.from({ length: depth }, (_, i): Symbol => [i === 0 ? FUNC : 2, 1, i * 16, 16]);
    const bytes = object(text, Uint8Array.from([...CALL, ...EXIT]), 1, [...chain, [FUNC, 2, 0, 16]]);
    const [program] = parseElf(bytes).programs;
    expect(program?.functions.length).toBe(depth + 1);
  });

  test('a subprogram that calls itself', () => {
    const bytes = object(Uint8Array.from([...CALL, ...EXIT]), Uint8Array.from([...CALL, ...EXIT]), 1, [
      [FUNC, 1, 0, 16],
      [FUNC, 2, 0, 16],
    ]);
    expect(parseElf(bytes).programs[0]?.insns.slice(16, 24)).toEqual(Uint8Array.from(CALL));
  });

  test('more sections than their names', () => {
    const data = Array.from({ length: 5000 }, () => ({ name: '.data', type: 1, flags: 3, data: new Uint8Array(8) }));
    const symtab = { name: '.symtab', type: 2, data: new Uint8Array(24), link: 5002 };
    expect(() => parseElf(elf([...data, symtab, { name: '.strtab', type: 3, data: new Uint8Array(1) }]))).toThrow(
      /section \.data: 5000 sections of this name, expected one/,
    );
  });
});
