/** The BTF reader on compiled and hand-made type graphs, and its refusals. */
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../base/index.ts';
import { parseElf } from '../elf/index.ts';
import { Btf, describeCoreRelo } from './index.ts';

/** One record: name offset, kind, vlen, size or type, further words. */
type Row = readonly [name: number, kind: number, vlen: number, word: number, ...rest: number[]];

/** A BTF blob of these records; `strings` starts with its NUL. */
function blob(rows: readonly Row[], strings = '\0a\0bb\0'): Uint8Array {
  const words = rows.flatMap(([name, kind, vlen, word, ...rest]) => [name, ((kind << 24) | vlen) >>> 0, word, ...rest]);
  const text = new TextEncoder().encode(strings);
  const out = new Uint8Array(24 + words.length * 4 + text.length);
  const view = new DataView(out.buffer);
  [0xeb9f | (1 << 16), 24, 0, words.length * 4, words.length * 4, text.length].forEach((w, i) => {
    view.setUint32(i * 4, w, true);
  });
  words.forEach((w, i) => {
    view.setUint32(24 + i * 4, w, true);
  });
  out.set(text, 24 + words.length * 4);
  return out;
}

const INT: Row = [1, 1, 0, 4, 0x01000020];

const REFUSALS: readonly { what: string; bytes: Uint8Array; message: RegExp }[] = [
  { what: 'empty', bytes: new Uint8Array(0), message: /BTF header needs 24 bytes/ },
  { what: 'big-endian', bytes: Uint8Array.of(0xeb, 0x9f, 1, 0, ...new Array(20).fill(0)), message: /big-endian BTF/ },
  { what: 'no strings', bytes: blob([], ''), message: /must start and end with a NUL/ },
  { what: 'strings without end', bytes: blob([], '\0a'), message: /must start and end with a NUL/ },
  { what: 'unknown kind', bytes: blob([[0, 20, 0, 0]]), message: /offset 0x1c: type 1: unknown BTF kind 20, expected 1\.\.19/ },
  { what: 'struct beyond the end', bytes: blob([[0, 4, 65535, 4]]), message: /type 1: struct record needs 786432 bytes/ },
  { what: 'name beyond the strings', bytes: blob([[99, 1, 0, 4, 32]]), message: /name offset 0x63 is outside/ },
  { what: 'reference beyond the types', bytes: blob([[0, 2, 0, 7]]), message: /ptr refers to type 7, but the last type is 1/ },
  { what: 'int of 129 bits', bytes: blob([[1, 1, 0, 32, 129]]), message: /int of 129 bits/ },
  { what: 'int wider than its bytes', bytes: blob([[1, 1, 0, 4, 33]]), message: /int of 33 bits ending at bit 33/ },
  { what: 'enum of 5 bytes', bytes: blob([[1, 6, 0, 5]]), message: /enum of 5 bytes/ },
  { what: 'func of no prototype', bytes: blob([INT, [1, 12, 0, 1]]), message: /func refers to type 1, which is int/ },
  { what: 'typedef of itself', bytes: blob([[1, 8, 0, 1]]), message: /type 1: typedef contains itself/ },
  {
    what: 'ring of qualifiers',
    bytes: blob([
      [0, 9, 0, 2],
      [0, 10, 0, 3],
      [0, 11, 0, 1],
    ]),
    message: /contains itself \(through type 3\)/,
  },
  { what: 'array of itself', bytes: blob([INT, [0, 3, 0, 0, 2, 1, 4]]), message: /type 2: array contains itself/ },
  {
    what: 'struct in itself',
    bytes: blob([
      [1, 4, 1, 4, 3, 2, 0],
      [0, 3, 0, 0, 1, 1, 1],
    ]),
    message: /contains itself/,
  },
];

describe('refusals', () => {
  test.each(REFUSALS)('$what', ({ bytes, message }) => {
    expect(() => Btf.parse(bytes)).toThrow(message);
  });

  test('a struct that points to itself is none of them', () => {
    const btf = Btf.parse(
      blob([
        [1, 4, 1, 8, 3, 2, 0],
        [0, 2, 0, 1],
      ]),
    );
    expect(btf.typeName(2)).toBe('struct a *');
    expect(btf.sizeOf(1)).toBe(8);
  });

  test('sizes', () => {
    const huge = Btf.parse(blob([INT, [0, 3, 0, 0, 1, 1, 0x7fffffff], [0, 3, 0, 0, 2, 1, 0x7fffffff]]));
    expect(() => huge.sizeOf(3)).toThrow(/more than 4 GiB/);
    const fwd = Btf.parse(blob([[1, 7, 0, 0]]));
    expect(() => fwd.sizeOf(1)).toThrow(/fwd a has no size/);
    expect(() => fwd.sizeOf(0)).toThrow(/void has no size/);
    expect(() => fwd.type(2)).toThrow(/type id 2 is outside 1\.\.1/);
    const chain = Btf.parse(blob([INT, ...Array.from({ length: 40 }, (_, i): Row => [1, 8, 0, i + 1])]));
    expect(chain.sizeOf(20)).toBe(4);
    expect(() => chain.sizeOf(41)).toThrow(/more than 32 typedefs/);
  });

  test('types that multiply are spelled and aligned in bounded time', () => {
    // Prototypes that take the previous one forty times, and structs that contain the previous one forty times.
    const protos: Row[] = [];
    const structs: Row[] = [INT];
    for (let i = 1; i < 30; i++) {
      protos.push([0, 13, 40, 0, ...Array.from({ length: 40 }, () => [0, Math.max(0, i - 1)]).flat()]);
      structs.push([0, 4, 40, 4, ...Array.from({ length: 40 }, () => [0, i, 0]).flat()]);
    }
    expect(Btf.parse(blob(protos)).typeName(29).length).toBeLessThan(100_000);
    expect(Btf.parse(blob(structs)).alignOf(29)).toBe(4);
  });
});

const object = (name: string) => {
  const spec = parseElf(readFileSync(new URL(`../../testdata/objects/${name}.bpf.o`, import.meta.url)), name);
  if (spec.btf === undefined) throw new Error('no BTF');
  return { ...spec, btf: spec.btf };
};

describe('a compiled object', () => {
  const { btf } = object('types');
  const id = (name: string) => btf.find(name) ?? 0;

  test('has every kind that compilers make', () => {
    const kinds = new Set(Array.from({ length: btf.count }, (_, i) => btf.kind(i)));
    for (const kind of ['func', 'func_proto', 'var', 'datasec', 'float', 'decl_tag', 'type_tag', 'enum64', 'fwd', 'restrict'] as const) {
      expect(kinds.has(kind), kind).toBe(kind !== 'restrict');
    }
  });

  const NAMES: readonly [member: string, type: string][] = [
    ['letter', 'char'],
    ['dword', '__u64'],
    ['e', 'enum small'],
    ['text', 'char[8]'],
    ['grid', 'int[2][3]'],
    ['named', 'struct {...}'],
    ['node', 'const volatile struct node'],
    ['i128', '__int128'],
    ['tail', 'int[0]'],
  ];
  test.each(NAMES)('spells %s as %s', (member, type) => {
    const struct = btf.type(btf.find('everything', 'struct') ?? 0);
    const found = struct.kind === 'struct' ? struct.members.find((m) => m.name === member) : undefined;
    expect(btf.typeName(found?.type ?? 0)).toBe(type);
  });

  test('spells pointers', () => {
    const node = btf.type(btf.find('node', 'struct') ?? 0);
    const members = node.kind === 'struct' ? node.members : [];
    expect(members.map((m) => btf.typeName(m.type))).toEqual([
      'struct node *',
      'struct forward *',
      'int (int, const char *, ...) *',
      'int *',
    ]);
  });

  test('finds by name and kind', () => {
    expect(btf.kind(id('everything'))).toBe('struct');
    expect(btf.find('everything', 'union')).toBeUndefined();
    expect(btf.find('nothing')).toBeUndefined();
    expect(btf.findAll('single').map((i) => btf.kind(i))).toEqual(['var']);
  });

  test('names what CO-RE records are about', () => {
    const core = object('core');
    expect(core.programs.map((p) => p.coreRelos.map((r) => describeCoreRelo(core.btf, r)))).toEqual([
      ['struct task_struct.in.array[2]'],
      ['struct task_struct.second'],
      ['struct task_struct.flag'],
      ['enum state.DEAD'],
      ['struct task_struct'],
      ['struct inner_type'],
    ]);
  });
});

describe.skipIf(!existsSync('/sys/kernel/btf/vmlinux'))("the running kernel's own BTF", () => {
  test('is read whole', () => {
    const btf = Btf.parse(readFileSync('/sys/kernel/btf/vmlinux'));
    const task = btf.find('task_struct', 'struct') ?? 0;
    expect(btf.sizeOf(task)).toBeGreaterThan(1000);
    for (let id = 0; id < btf.count; id++) btf.typeName(btf.type(id).id);
  });
});

describe('lazily', () => {
  test('a type is checked when it is first used', () => {
    const btf = Btf.open(blob([INT, [0, 2, 0, 7], [1, 4, 1, 4, 3, 1, 0]]));
    expect(btf.type(3)).toMatchObject({ kind: 'struct', name: 'a', members: [{ name: 'bb', type: 1 }] });
    expect(() => btf.type(2)).toThrow(/ptr refers to type 7, but the last type is 3/);
    expect(btf.findAll('a')).toEqual([1, 3]);
    expect(btf.find('a', 'struct')).toBe(3);
    expect(btf.find('bb')).toBeUndefined();
    expect(() => Btf.open(blob([[0, 20, 0, 0]]))).toThrow(/unknown BTF kind 20/);
  });

  test('names by their essential part', () => {
    const btf = Btf.open(
      blob(
        [1, 3, 9, 17, 26, 35].map((name): Row => [name, 1, 0, 4, 0x01000020]),
        '\0a\0a___x\0 a__x\0  a____x\0 b___c___d\0___e\0',
      ),
    );
    const named = (name: string): string[] => btf.findEssential(name).map((id) => btf.type(id).name.trim());
    expect(named('a')).toEqual(['a', 'a___x']);
    expect(named('a___other')).toEqual(['a', 'a___x']);
    expect(named('b___c')).toEqual([]);
    expect(btf.findEssential('')).toEqual([]);
  });

  test('a module’s types continue the kernel’s', () => {
    const base = Btf.open(blob([INT, [3, 4, 0, 8]]));
    const module = Btf.open(
      blob(
        [
          [6, 4, 1, 4, 3, 1, 0],
          [0, 2, 0, 3],
          [1, 2, 0, 2],
        ],
        'cc\0',
      ),
      { base },
    );
    expect([module.first, module.count]).toEqual([3, 6]);
    expect(module.type(3)).toMatchObject({ name: 'cc', members: [{ name: 'bb', type: 1 }] });
    expect(module.typeName(4)).toBe('struct cc *');
    expect(module.typeName(5)).toBe('struct bb *');
    expect(module.type(2)).toBe(base.type(2));
    expect(module.sizeOf(3)).toBe(4);
    expect(module.findAll('cc')).toEqual([3]);
    expect(module.findAll('a')).toEqual([1, 5]);
    expect(module.findEssential('a')).toEqual([5]);
    expect(() => module.type(6)).toThrow(/type id 6 is outside 3\.\.5/);
    expect(() => base.type(3)).toThrow(/outside/);
  });

  test('changed words give types or refusals', () => {
    const good =
      parseElf(readFileSync(new URL('../../testdata/objects/core-kinds.bpf.o', import.meta.url)), 'x.bpf.o').btf?.bytes ?? new Uint8Array();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = good.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          const btf = Btf.open(bytes);
          for (let id = 0; id < btf.count; id++) {
            for (const use of [() => btf.typeName(id), () => btf.sizeOf(id), () => btf.alignOf(id), () => btf.findAll(btf.type(id).name)]) {
              try {
                use();
              } catch (error) {
                expect(error).toBeInstanceOf(FormatError);
              }
            }
          }
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 100 },
    );
  });
});
