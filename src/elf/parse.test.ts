/** parseElf's refusals, row by row, and its bounds on hostile files. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError, NotSupportedError } from '../base/index.ts';
import { describeCoreRelo, encodeValue, formatValue, toJson } from '../btf/index.ts';
import { parseElf } from './index.ts';

const object = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../../testdata/objects/${name}.bpf.o`, import.meta.url)));

/** File offsets of a section: its header, and where its bytes start. */
function find(bytes: Uint8Array, name: string): { head: number; data: number; size: number; index: number } {
  const view = new DataView(bytes.buffer);
  const table = Number(view.getBigUint64(40, true));
  const strings = Number(view.getBigUint64(table + view.getUint16(62, true) * 64 + 24, true));
  for (let index = 0; index < view.getUint16(60, true); index++) {
    const head = table + index * 64;
    const at = strings + view.getUint32(head, true);
    if (new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at))) === name) {
      return { head, data: Number(view.getBigUint64(head + 24, true)), size: Number(view.getBigUint64(head + 32, true)), index };
    }
  }
  throw new Error(`no section ${name}`);
}

interface Refusal {
  readonly what: string;
  readonly object: string;
  /** Changes the bytes, or gives others. */
  readonly change: (bytes: Uint8Array, view: DataView) => Uint8Array | undefined;
  readonly message: RegExp;
}

const header = (offset: number, value: number): Refusal['change'] => {
  return (bytes) => {
    bytes[offset] = value;
    return undefined;
  };
};

const REFUSALS: readonly Refusal[] = [
  { what: 'nothing', object: 'legacy', change: () => new Uint8Array(0), message: /ELF identification needs 16 bytes/ },
  { what: 'no ELF', object: 'legacy', change: header(1, 0), message: /no ELF file/ },
  { what: '32 bit', object: 'legacy', change: header(4, 1), message: /offset 0x4: ELF class 1 \(32-bit\), expected 2/ },
  { what: 'byte order 3', object: 'legacy', change: header(5, 3), message: /ELF byte order 3/ },
  { what: 'ELF version', object: 'legacy', change: header(6, 2), message: /ELF version 2/ },
  { what: 'executable', object: 'legacy', change: header(16, 2), message: /ELF type 2, expected 1/ },
  { what: 'x86-64', object: 'legacy', change: header(18, 62), message: /ELF machine 62, expected 247/ },
  { what: 'section entry size', object: 'legacy', change: header(58, 40), message: /section headers of 40 bytes/ },
  { what: 'section table beyond the file', object: 'legacy', change: header(42, 255), message: /section header 0 needs 64 bytes/ },
  { what: 'absurd section table offset', object: 'legacy', change: header(47, 255), message: /far beyond any file/ },
  { what: 'section count', object: 'legacy', change: header(61, 255), message: /section headers needs/ },
  { what: 'name table index', object: 'legacy', change: header(62, 200), message: /section name table is section 200/ },
  {
    what: 'NOBITS of 2^60 bytes',
    object: 'data',
    change: (bytes, view) => {
      view.setBigUint64(find(bytes, '.bss').head + 32, 1n << 60n, true);
      return undefined;
    },
    message: /section \.bss: size is 0x1000000000000000, far beyond any file/,
  },
  {
    what: 'NOBITS of 2^40 bytes',
    object: 'data',
    change: (bytes, view) => {
      view.setBigUint64(find(bytes, '.bss').head + 32, 1n << 40n, true);
      return undefined;
    },
    message: /section \.bss: size 1099511627776, expected at most 2147483647/,
  },
  {
    what: 'section beyond the file',
    object: 'calls',
    change: (bytes, view) => {
      view.setBigUint64(find(bytes, '.text').head + 32, 1n << 32n, true);
      return undefined;
    },
    message: /section \.text needs 4294967296 bytes/,
  },
  {
    what: 'overlapping sections',
    object: 'calls',
    change: (bytes, view) => {
      view.setBigUint64(find(bytes, 'tc').head + 24, BigInt(find(bytes, 'socket').data + 8), true);
      return undefined;
    },
    message: /sections socket and tc overlap/,
  },
  {
    what: 'string table without NUL',
    object: 'calls',
    change: (bytes) => {
      const { data, size } = find(bytes, '.strtab');
      bytes.fill(0x41, data + 1, data + size);
      return undefined;
    },
    message: /section name table, offset 0x[0-9a-f]+: name is not NUL-terminated|name is not NUL-terminated/,
  },
  {
    what: 'symbol of a section that is none',
    object: 'calls',
    change: (bytes, view) => {
      view.setUint16(find(bytes, '.symtab').data + 2 * 24 + 6, 1000, true);
      return undefined;
    },
    message: /section \.symtab, offset 0x[0-9a-f]+: symbol 2: section index 1000/,
  },
  {
    what: 'relocation symbol out of range',
    object: 'calls',
    change: (bytes, view) => {
      view.setUint32(find(bytes, '.relsocket').data + 12, 99999, true);
      return undefined;
    },
    message: /section \.relsocket, offset 0x[0-9a-f]+: symbol index 99999 is outside/,
  },
  {
    what: 'relocation outside the section',
    object: 'calls',
    change: (bytes, view) => {
      view.setBigUint64(find(bytes, '.relsocket').data, 1n << 20n, true);
      return undefined;
    },
    message: /section \.relsocket.*relocation at 0x100000, but section socket ends/,
  },
  {
    what: 'relocation inside an instruction',
    object: 'calls',
    change: (bytes, view) => {
      view.setBigUint64(find(bytes, '.relsocket').data, 12n, true);
      return undefined;
    },
    message: /section socket, offset 0x[0-9a-f]+: relocation in the middle of an instruction/,
  },
  {
    what: 'half an instruction',
    object: 'legacy',
    change: (bytes, view) => {
      const { head, size } = find(bytes, 'kprobe/3');
      view.setBigUint64(head + 32, BigInt(size - 4), true);
      return undefined;
    },
    message: /section kprobe\/3.*no whole number of 8-byte instructions/,
  },
  {
    what: 'version of 3 bytes',
    object: 'legacy',
    change: (bytes, view) => {
      view.setBigUint64(find(bytes, 'version').head + 32, 3n, true);
      return undefined;
    },
    message: /version section of 3 bytes, expected 4/,
  },
  {
    what: 'maps section of odd size',
    object: 'legacy',
    change: (bytes, view) => {
      view.setBigUint64(find(bytes, 'maps').head + 32, 31n, true);
      return undefined;
    },
    message: /2 maps in 31 bytes/,
  },
  {
    what: 'no symbol table',
    object: 'legacy',
    change: (bytes, view) => {
      view.setUint32(find(bytes, '.symtab').head + 4, 1, true);
      return undefined;
    },
    message: /no symbol table/,
  },
  {
    what: 'BTF magic',
    object: 'maps',
    change: (bytes) => {
      bytes[find(bytes, '.BTF').data] = 0;
      return undefined;
    },
    message: /section \.BTF, offset 0x[0-9a-f]+: BTF magic is 0xeb00/,
  },
];

/** What makes one program unusable, and no other. */
const FAULTS: readonly Refusal[] = [
  {
    what: 'relocation of another instruction',
    object: 'calls',
    change: (bytes, view) => {
      view.setBigUint64(find(bytes, '.relsocket').data, 0n, true);
      return undefined;
    },
    message: /neither ld_imm64 nor call \(0xb4\)/,
  },
  {
    what: 'call of the middle of a function',
    object: 'calls',
    change: (bytes, view) => {
      view.setInt32(find(bytes, 'socket').data + 4 * 8 + 4, 3, true);
      return undefined;
    },
    message: /no function starts at instruction 4 of section \.text/,
  },
  {
    what: 'exception callback that is not there',
    object: 'kernel',
    change: (bytes) => {
      const tag = 'exception_callback:caugh';
      bytes.set(new TextEncoder().encode('x'), Buffer.from(bytes.buffer).indexOf(tag) + tag.length);
      return undefined;
    },
    message: /section \.BTF, offset 0x[0-9a-f]+: type [1-9]\d*: program throws: its exception callback caughx is no function of \.text/,
  },
];

describe('refusals', () => {
  test.each(REFUSALS)('$what', ({ object: name, change, message }) => {
    const bytes = object(name);
    const changed = change(bytes, new DataView(bytes.buffer)) ?? bytes;
    expect(() => parseElf(changed)).toThrow(message);
    try {
      parseElf(changed);
    } catch (error) {
      expect(error instanceof FormatError || error instanceof NotSupportedError).toBe(true);
    }
  });

  test.each(FAULTS)('$what', ({ object: name, change, message }) => {
    const bytes = object(name);
    const whole = parseElf(bytes).programs;
    const { programs } = parseElf(change(bytes, new DataView(bytes.buffer)) ?? bytes);
    const [fault, ...others] = programs.flatMap((p) => (p.fault === undefined ? [] : [p.fault]));
    expect(others).toEqual([]);
    expect(fault?.message).toMatch(message);
    expect(programs.map((p) => p.name)).toEqual(whole.map((p) => p.name));
    expect(programs.filter((p) => p.fault === undefined)).toEqual(whole.filter((_, i) => programs[i]?.fault === undefined));
  });

  test.each([
    ['.BTF.ext', 'isa-v4', (view: DataView, at: number) => view.setUint32(at + 4, 8, true)],
    ['.BTF.ext', 'calls', (view: DataView, at: number) => view.setUint32(at + 12, 1 << 30, true)],
    ['.BTF', 'data', (view: DataView, at: number) => view.setUint16(at, 0, true)],
  ] as const)('%s of %s, damaged, is left out with a warning', (section, name, damage) => {
    const bytes = object(name);
    const whole = parseElf(bytes);
    damage(new DataView(bytes.buffer), find(bytes, section).data);
    const { programs, warnings } = parseElf(bytes);
    expect(warnings.map((w) => [w.code, w.location.section])).toEqual([['damaged-section', section]]);
    expect(programs.map((p) => [p.name, p.insns])).toEqual(whole.programs.map((p) => [p.name, p.insns]));
    expect(programs.flatMap((p) => p.lines)).toEqual([]);
  });

  test('BTF that defines maps is needed', () => {
    const bytes = object('maps');
    new DataView(bytes.buffer).setUint16(find(bytes, '.BTF').data, 0, true);
    expect(() => parseElf(bytes)).toThrow(/magic/);
  });

  test('big-endian objects by name', () => {
    expect(() => parseElf(object('big-endian'))).toThrow(NotSupportedError);
    expect(() => parseElf(object('big-endian'))).toThrow(
      'big-endian eBPF object: this engine runs little-endian programs; build with -target bpfel',
    );
  });

  test('the file name is in the message', () => {
    expect(() => parseElf(new Uint8Array(3), 'x.bpf.o')).toThrow(/^x\.bpf\.o, offset 0x0: ELF identification/);
  });
});

/** Parses, or throws one of the two errors that hostile bytes may cause. */
function parsesOrRefuses(bytes: Uint8Array): void {
  try {
    const spec = parseElf(bytes);
    for (let id = 0; spec.btf && id < spec.btf.count; id++) {
      spec.btf.type(id);
      spec.btf.typeName(id);
    }
    for (const map of spec.maps) {
      if (spec.btf && map.contents && map.valueTypeId !== 0) {
        toJson(spec.btf, map.valueTypeId, map.contents);
        formatValue(spec.btf, map.valueTypeId, map.contents);
      }
    }
    for (const global of spec.globals) if (spec.btf && global.typeId !== 0) encodeValue(spec.btf, global.typeId, '1');
    for (const program of spec.programs) for (const relo of program.coreRelos) if (spec.btf) describeCoreRelo(spec.btf, relo);
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof NotSupportedError)) throw error;
  }
}

describe('hostile files', () => {
  const names = ['maps', 'data', 'calls', 'externs', 'types', 'core', 'legacy', 'legacy-def', 'isa-v4', 'calls-dwarf'];

  test.each(names)('%s with bytes changed', (name) => {
    const original = object(name);
    const place = fc.nat(original.length - 1);
    const byte = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255));
    fc.assert(
      fc.property(fc.array(fc.tuple(place, byte), { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = original.slice();
        for (const [at, value] of changes) bytes[at] = value;
        parsesOrRefuses(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test.each(names)('%s with words of its tables changed', (name) => {
    const original = object(name);
    const view = new DataView(original.buffer);
    const table = Number(view.getBigUint64(40, true));
    // Headers, symbols, BTF and relocations, where a changed number matters most.
    const words: number[] = [];
    for (let at = table; at + 4 <= original.length; at += 4) words.push(at);
    for (const section of ['.symtab', '.BTF', '.BTF.ext', '.rel.maps', '.relsocket', 'maps']) {
      try {
        const { data, size } = find(original, section);
        for (let at = data; at + 4 <= data + size; at += 4) words.push(at);
      } catch {
        // Not every object has every section.
      }
    }
    const value = fc.oneof(fc.constantFrom(0, 1, 8, 0x7fffffff, 0x80000000, 0xffffffff), fc.nat(64), fc.nat());
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(words.length - 1), value), { minLength: 1, maxLength: 3 }), (changes) => {
        const bytes = original.slice();
        const out = new DataView(bytes.buffer);
        for (const [index, word] of changes) out.setUint32(words[index] ?? 0, word, true);
        parsesOrRefuses(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test.each(names)('%s truncated anywhere', (name) => {
    const bytes = object(name);
    const step = Math.ceil(bytes.length / 600);
    for (let size = 0; size < bytes.length; size += step) parsesOrRefuses(bytes.slice(0, size));
  });
});

test('longer legacy definitions say their node and their inner map', () => {
  const bytes = Uint8Array.from(readFileSync(new URL('../../testdata/objects/legacy-def.bpf.o', import.meta.url)));
  const view = new DataView(bytes.buffer);
  const { data } = find(bytes, 'maps');
  view.setUint32(data, 13, true);
  view.setUint32(data + 20, 1, true);
  view.setUint32(data + 24, 2, true);
  const [first, second] = parseElf(bytes).maps;
  expect(first).toMatchObject({ name: 'first', type: 13, numaNode: 2, inner: { name: 'second' } });
  expect(second?.inner).toBeUndefined();
});
