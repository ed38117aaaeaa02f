/** CO-RE relocations by rows: local and target types, a record, and what its instruction must hold; instructions changed; refusals; hostile graphs. */
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError, NotSupportedError } from '../../base/index.ts';
import { parseElf } from '../../elf/index.ts';
import {
  Btf,
  type BtfKind,
  type BtfType,
  CORE_KINDS,
  CORE_POISON,
  type CoreKind,
  CoreResolver,
  encodeBtf,
  explainRelocations,
  relocateCore,
} from '../index.ts';

type Draft = { readonly kind: BtfKind; readonly name?: string } & Readonly<Record<string, unknown>>;

/** A BTF of these types; the first has id 1. */
function graph(...types: readonly Draft[]): Btf {
  return Btf.parse(encodeBtf(types.map((t, i) => ({ name: '', ...t, id: i + 1 }) as unknown as BtfType)));
}
const int = (name: string, size: number, signed = true, bitOffset = 0): Draft => ({
  kind: 'int',
  name,
  size,
  signed,
  bits: bitOffset === 0 ? size * 8 : 3,
  bitOffset,
  char: false,
  bool: false,
});
const ref = (kind: BtfKind, type: number, name = ''): Draft => ({ kind, type, name });
const array = (type: number, count: number): Draft => ({ kind: 'array', type, indexType: 1, count });
/** Members as `[name, type, bit offset, bit size]`. */
const aggregate =
  (kind: 'struct' | 'union') =>
  (name: string, size: number, ...members: readonly (readonly [string, number, number, number?])[]): Draft => ({
    kind,
    name,
    size,
    members: members.map(([member, type, bitOffset, bitSize = 0]) => ({ name: member, type, bitOffset, bitSize })),
  });
const struct = aggregate('struct');
const union = aggregate('union');
const enumeration = (kind: 'enum' | 'enum64', name: string, values: Readonly<Record<string, bigint>>): Draft => ({
  kind,
  name,
  size: kind === 'enum' ? 4 : 8,
  signed: Object.values(values).some((v) => v < 0n),
  values: Object.entries(values).map(([value, number]) => ({ name: value, value: number })),
});
const fwd = (name: string, of: 'struct' | 'union' = 'struct'): Draft => ({ kind: 'fwd', name, of });
const proto = (returnType: number, ...params: readonly number[]): Draft => ({
  kind: 'func_proto',
  returnType,
  params: params.map((type) => ({ name: 'p', type })),
});

const INT = int('int', 4);
const UINT = int('unsigned int', 4, false);
const LONG = int('long', 8);
const ULONG = int('unsigned long', 8, false);

interface Row {
  readonly what: string;
  readonly local: readonly Draft[];
  readonly target: readonly Draft[];
  readonly relo: readonly [typeId: number, access: string, kind: CoreKind];
  /** The value, 'poison', or the error's text. */
  readonly gives: number | bigint | 'poison' | RegExp;
}

const S = struct('s', 8, ['a', 1, 0], ['b', 1, 32]);
const MOVED = struct('s', 16, ['x', 1, 0], ['b', 1, 32], ['a', 1, 96]);

const ROWS: readonly Row[] = [
  { what: 'a field that moved', local: [INT, S], target: [INT, MOVED], relo: [2, '0:0', 'field_byte_offset'], gives: 12 },
  { what: 'whole objects counted first', local: [INT, S], target: [INT, MOVED], relo: [2, '2:0', 'field_byte_offset'], gives: 44 },
  { what: 'a field that exists', local: [INT, S], target: [INT, MOVED], relo: [2, '0:1', 'field_exists'], gives: 1 },
  {
    what: 'a field that does not',
    local: [INT, S],
    target: [INT, struct('s', 4, ['b', 1, 0])],
    relo: [2, '0:0', 'field_exists'],
    gives: 0,
  },
  {
    what: 'its offset',
    local: [INT, S],
    target: [INT, struct('s', 4, ['b', 1, 0])],
    relo: [2, '0:0', 'field_byte_offset'],
    gives: 'poison',
  },
  { what: 'no type of the name', local: [INT, S], target: [INT], relo: [2, '0:0', 'field_byte_size'], gives: 'poison' },
  {
    what: 'a field of another kind',
    local: [INT, S],
    target: [INT, ref('ptr', 1), struct('s', 8, ['a', 2, 0])],
    relo: [2, '0:0', 'field_exists'],
    gives: 0,
  },
  {
    what: 'a union is no struct',
    local: [INT, S],
    target: [INT, union('s', 4, ['a', 1, 0])],
    relo: [2, '0:0', 'field_exists'],
    gives: 0,
  },
  {
    what: 'integers of other sizes and signs',
    local: [INT, S],
    target: [ULONG, struct('s', 16, ['a', 1, 64])],
    relo: [2, '0:0', 'field_byte_offset'],
    gives: 8,
  },
  { what: 'size', local: [INT, S], target: [ULONG, struct('s', 16, ['a', 1, 64])], relo: [2, '0:0', 'field_byte_size'], gives: 8 },
  { what: 'sign', local: [INT, S], target: [ULONG, struct('s', 16, ['a', 1, 64])], relo: [2, '0:0', 'field_signed'], gives: 0 },
  {
    what: 'sign of an enum',
    local: [INT, enumeration('enum', 'e', { A: 1n }), struct('s', 4, ['a', 2, 0])],
    target: [enumeration('enum', 'e', { A: -1n }), struct('s', 4, ['a', 1, 0])],
    relo: [3, '0:0', 'field_signed'],
    gives: 1,
  },
  {
    what: 'integers that are bit fields of old',
    local: [INT, S],
    target: [int('int', 4, true, 3), struct('s', 16, ['a', 1, 64])],
    relo: [2, '0:0', 'field_exists'],
    gives: 0,
  },
  {
    what: 'flavours of the local type',
    local: [INT, struct('s___old', 4, ['a', 1, 0])],
    target: [INT, MOVED],
    relo: [2, '0:0', 'field_byte_offset'],
    gives: 12,
  },
  {
    what: 'flavours of the target',
    local: [INT, S],
    target: [INT, struct('s___new', 16, ['a', 1, 96])],
    relo: [2, '0:0', 'field_byte_offset'],
    gives: 12,
  },
  {
    what: 'four underscores are no flavour',
    local: [INT, struct('s____old', 4, ['a', 1, 0])],
    target: [INT, MOVED],
    relo: [2, '0:0', 'field_exists'],
    gives: 0,
  },
  {
    what: 'inside anonymous members of the target',
    local: [INT, S],
    target: [INT, struct('', 8, ['z', 1, 0], ['a', 1, 32]), union('', 8, ['', 2, 0]), struct('s', 24, ['', 3, 128])],
    relo: [2, '0:0', 'field_byte_offset'],
    gives: 20,
  },
  {
    what: 'inside anonymous members of the object',
    local: [INT, union('', 4, ['a', 1, 0]), struct('s', 8, ['z', 1, 0], ['', 2, 32])],
    target: [INT, MOVED],
    relo: [3, '0:1:0', 'field_byte_offset'],
    gives: 12,
  },
  {
    what: 'a path through a struct by value',
    local: [INT, S, struct('outer', 12, ['in', 2, 32])],
    target: [INT, MOVED, struct('outer', 64, ['in', 2, 256])],
    relo: [3, '0:0:0', 'field_byte_offset'],
    gives: 44,
  },
  {
    what: 'an array element',
    local: [INT, array(1, 4), struct('s', 16, ['v', 2, 0])],
    target: [LONG, array(1, 3), struct('s', 32, ['v', 2, 64])],
    relo: [3, '0:0:2', 'field_byte_offset'],
    gives: 24,
  },
  {
    what: 'an element beyond the target’s',
    local: [INT, array(1, 4), struct('s', 16, ['v', 2, 0])],
    target: [LONG, array(1, 3), struct('s', 32, ['v', 2, 64])],
    relo: [3, '0:0:3', 'field_exists'],
    gives: 0,
  },
  {
    what: 'an element of an array at the end without length',
    local: [INT, array(1, 4), struct('s', 16, ['v', 2, 0])],
    target: [LONG, array(1, 0), struct('s', 8, ['v', 2, 64])],
    relo: [3, '0:0:3', 'field_byte_offset'],
    gives: 32,
  },
  {
    what: 'size of an element',
    local: [INT, array(1, 4), struct('s', 16, ['v', 2, 0])],
    target: [LONG, array(1, 4), struct('s', 32, ['v', 2, 0])],
    relo: [3, '0:0:1', 'field_byte_size'],
    gives: 8,
  },
  {
    what: 'sign of an element',
    local: [INT, array(1, 4), struct('s', 16, ['v', 2, 0])],
    target: [INT],
    relo: [3, '0:0:1', 'field_signed'],
    gives: /field_signed of an array element/,
  },
  ...(
    [
      ['field_byte_offset', 4],
      ['field_byte_size', 4],
      ['field_lshift_u64', 64 - 13],
      ['field_rshift_u64', 64 - 6],
      ['field_signed', 0],
    ] as const
  ).map(
    ([kind, gives]): Row => ({
      what: `bit field: ${kind}`,
      local: [UINT, struct('s', 4, ['f', 1, 0, 3])],
      target: [UINT, struct('s', 8, ['f', 1, 39, 6])],
      relo: [2, '0:0', kind],
      gives,
    }),
  ),
  ...(
    [
      ['field_byte_offset', 0],
      ['field_byte_size', 4],
      ['field_lshift_u64', 64 - 18],
    ] as const
  ).map(
    ([kind, gives]): Row => ({
      what: `bit field across two units: ${kind}`,
      local: [UINT, struct('s', 4, ['f', 1, 0, 3])],
      target: [int('unsigned char', 1, false), struct('s', 8, ['f', 1, 13, 5])],
      relo: [2, '0:0', kind],
      gives,
    }),
  ),
  {
    what: 'bit field that no unit holds',
    local: [UINT, struct('s', 4, ['f', 1, 0, 3])],
    target: [int('unsigned char', 1, false), struct('s', 16, ['f', 1, 62, 5])],
    relo: [2, '0:0', 'field_byte_offset'],
    gives: /fits no unit of 8 bytes/,
  },
  {
    what: 'two types of one name that agree',
    local: [INT, S],
    target: [INT, MOVED, struct('s', 40, ['a', 1, 96])],
    relo: [2, '0:0', 'field_byte_offset'],
    gives: 12,
  },
  {
    what: 'two types of one name of which one has the field',
    local: [INT, S],
    target: [INT, MOVED, struct('s', 40, ['q', 1, 0])],
    relo: [2, '0:0', 'field_byte_offset'],
    gives: 12,
  },
  {
    what: 'two types of one name that differ',
    local: [INT, S],
    target: [INT, MOVED, S],
    relo: [2, '0:0', 'field_byte_offset'],
    gives: /field_byte_offset of struct s\.a is ambiguous: 12 in type 2, 0 in type 3/,
  },
  { what: 'local type id', local: [INT, S], target: [], relo: [2, '0', 'type_id_local'], gives: 2 },
  { what: 'target type id', local: [INT, S], target: [INT, INT, MOVED], relo: [2, '0', 'type_id_target'], gives: 3 },
  { what: 'target type id of none', local: [INT, S], target: [INT], relo: [2, '0', 'type_id_target'], gives: 0 },
  { what: 'a type that exists', local: [INT, S], target: [INT, MOVED], relo: [2, '0', 'type_exists'], gives: 1 },
  { what: 'a type that does not', local: [INT, S], target: [INT], relo: [2, '0', 'type_exists'], gives: 0 },
  { what: 'a declaration only', local: [INT, S], target: [INT, fwd('s')], relo: [2, '0', 'type_exists'], gives: 0 },
  { what: 'size of a type', local: [INT, S], target: [INT, MOVED], relo: [2, '0', 'type_size'], gives: 16 },
  { what: 'size of none', local: [INT, S], target: [INT], relo: [2, '0', 'type_size'], gives: 0 },
  {
    what: 'typedefs compare what they name',
    local: [INT, ref('typedef', 1, 't')],
    target: [INT, ref('ptr', 1), ref('typedef', 2, 't')],
    relo: [2, '0', 'type_exists'],
    gives: 0,
  },
  {
    what: 'function pointers by parameters',
    local: [INT, proto(0, 1, 1), ref('ptr', 2), ref('typedef', 3, 't')],
    target: [INT, proto(0, 1), ref('ptr', 2), ref('typedef', 3, 't')],
    relo: [4, '0', 'type_exists'],
    gives: 0,
  },
  {
    what: 'function pointers that agree',
    local: [INT, proto(1, 1, 1), ref('ptr', 2), ref('typedef', 3, 't')],
    target: [LONG, proto(1, 1, 1), ref('ptr', 2), ref('typedef', 3, 't')],
    relo: [4, '0', 'type_exists'],
    gives: 1,
  },
  { what: 'a match needs the members', local: [INT, S], target: [INT, MOVED], relo: [2, '0', 'type_matches'], gives: 1 },
  {
    what: 'and their sizes',
    local: [INT, S],
    target: [INT, LONG, struct('s', 16, ['a', 2, 0], ['b', 1, 64])],
    relo: [2, '0', 'type_matches'],
    gives: 0,
  },
  {
    what: 'and signs',
    local: [INT, S],
    target: [INT, int('int', 4, false), struct('s', 16, ['a', 2, 0], ['b', 1, 64])],
    relo: [2, '0', 'type_matches'],
    gives: 0,
  },
  {
    what: 'behind a pointer the name is enough',
    local: [INT, S, ref('ptr', 2), struct('t', 8, ['p', 3, 0])],
    target: [fwd('s'), ref('ptr', 1), struct('t', 8, ['p', 2, 0])],
    relo: [4, '0', 'type_matches'],
    gives: 1,
  },
  {
    what: 'and must be the same',
    local: [INT, S, ref('ptr', 2), struct('t', 8, ['p', 3, 0])],
    target: [fwd('u'), ref('ptr', 1), struct('t', 8, ['p', 2, 0])],
    relo: [4, '0', 'type_matches'],
    gives: 0,
  },
  {
    what: 'enums match by names',
    local: [enumeration('enum', 'e', { A: 1n, B___x: 2n })],
    target: [enumeration('enum', 'e', { B: 9n, C: 3n, A: 4n })],
    relo: [1, '0', 'type_matches'],
    gives: 1,
  },
  {
    what: 'enums of another size do not',
    local: [enumeration('enum', 'e', { A: 1n })],
    target: [enumeration('enum64', 'e', { A: 1n })],
    relo: [1, '0', 'type_matches'],
    gives: 0,
  },
  {
    what: 'an enumerator’s value',
    local: [enumeration('enum', 'e', { A: 1n, B: 2n })],
    target: [enumeration('enum', 'e', { B: 9n })],
    relo: [1, '1', 'enumval_value'],
    gives: 9,
  },
  {
    what: 'a 64-bit one',
    local: [enumeration('enum', 'e', { A: 1n, B: 2n })],
    target: [enumeration('enum64', 'e', { B: 1n << 40n })],
    relo: [1, '1', 'enumval_value'],
    gives: 1n << 40n,
  },
  {
    what: 'a negative one',
    local: [enumeration('enum', 'e', { A: 1n })],
    target: [enumeration('enum', 'e', { A: -2n })],
    relo: [1, '0', 'enumval_value'],
    gives: 0xffff_ffff_ffff_fffen,
  },
  {
    what: 'one that does not exist',
    local: [enumeration('enum', 'e', { A: 1n })],
    target: [enumeration('enum', 'e', { B: 9n })],
    relo: [1, '0', 'enumval_value'],
    gives: 'poison',
  },
  {
    what: 'whether it exists',
    local: [enumeration('enum', 'e', { A: 1n })],
    target: [enumeration('enum', 'e', { B: 9n })],
    relo: [1, '0', 'enumval_exists'],
    gives: 0,
  },
  {
    what: 'enumerators have flavours too',
    local: [enumeration('enum', 'e', { A___mine: 1n })],
    target: [enumeration('enum', 'e', { B: 1n, A: 9n })],
    relo: [1, '0', 'enumval_exists'],
    gives: 1,
  },
  {
    what: 'a type without a name',
    local: [INT, struct('', 4, ['a', 1, 0])],
    target: [INT],
    relo: [2, '0:0', 'field_exists'],
    gives: /without a name/,
  },
  {
    what: 'a path that is none',
    local: [INT, S],
    target: [INT],
    relo: [2, '0:x', 'field_exists'],
    gives: /'0:x': expected 1 to 64 numbers/,
  },
  { what: 'an empty path', local: [INT, S], target: [INT], relo: [2, '', 'field_exists'], gives: /expected 1 to 64 numbers/ },
  {
    what: 'a member that is none',
    local: [INT, S],
    target: [INT],
    relo: [2, '0:7', 'field_exists'],
    gives: /struct s has no member 7, expected 0\.\.1/,
  },
  { what: 'members of an int', local: [INT, S], target: [INT], relo: [2, '0:0:1', 'field_exists'], gives: /int has no members/ },
  { what: 'a path for a type', local: [INT, S], target: [INT], relo: [2, '1', 'type_exists'], gives: /expected '0' for type_exists/ },
  {
    what: 'an enumerator of a struct',
    local: [INT, S],
    target: [INT],
    relo: [2, '0', 'enumval_value'],
    gives: /expected one number of an enumerator/,
  },
  {
    what: 'an element beyond the object’s own array',
    local: [INT, array(1, 4), struct('s', 20, ['v', 2, 0], ['w', 1, 128])],
    target: [INT],
    relo: [3, '0:0:4', 'field_exists'],
    gives: /element 4 of an array of 4/,
  },
  { what: 'a path beyond all objects', local: [INT, S], target: [INT], relo: [2, '4294967295:0', 'field_exists'], gives: /beyond 4 GiB/ },
];

const resolve = (local: Btf, target: Btf, [typeId, access, kind]: Row['relo']) =>
  new CoreResolver(local, [{ name: 'vmlinux', btf: target }]).resolve({ insn: 0, typeId, access, kind });

describe('values', () => {
  test.each(ROWS)('$what', ({ local, target, relo, gives }) => {
    const run = () => resolve(graph(...local), graph(...target), relo);
    if (gives instanceof RegExp) expect(run).toThrow(gives);
    else expect(run().value).toBe(gives === 'poison' ? undefined : BigInt(gives));
  });

  test('every kind has rows', () => expect(new Set(ROWS.map((r) => r.relo[2]))).toEqual(new Set(CORE_KINDS)));

  test('modules are searched for what the kernel lacks', () => {
    const local = graph(INT, S);
    const targets = [
      { name: 'vmlinux', btf: graph(INT) },
      { name: 'mod', btf: graph(INT, MOVED) },
    ];
    const resolution = new CoreResolver(local, targets).resolve({ insn: 0, typeId: 2, access: '0:0', kind: 'field_byte_offset' });
    expect(resolution.value).toBe(12n);
    expect(resolution.candidates).toEqual([{ target: 'mod', typeId: 2, type: 'struct s', mismatch: undefined }]);
  });

  test('a candidate that did not match is out for the later records of its type', () => {
    const resolver = new CoreResolver(graph(INT, S), [
      { name: 'vmlinux', btf: graph(INT, struct('s', 4, ['a', 1, 0]), struct('s', 8, ['b', 1, 32])) },
    ]);
    expect(resolver.resolve({ insn: 0, typeId: 2, access: '0:0', kind: 'field_exists' }).value).toBe(1n);
    expect(resolver.resolve({ insn: 0, typeId: 2, access: '0:1', kind: 'field_exists' }).value).toBe(0n);
  });
});

const hex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (b) => Number.parseInt(b, 16));
const POISON = '850000001023ad0b';

interface PatchRow {
  readonly what: string;
  readonly insns: string;
  readonly type: Draft;
  readonly to: Draft;
  readonly kind?: CoreKind;
  readonly at?: number;
  readonly becomes: string | RegExp;
}
/** A struct whose first member is at bit 32 of the object's and at `bits` of the kernel's. */
const PATCHES: readonly PatchRow[] = [
  { what: 'constant', insns: 'b700000004000000', type: INT, to: INT, becomes: 'b70000000c000000' },
  { what: '32-bit constant', insns: 'b400000004000000', type: INT, to: INT, becomes: 'b40000000c000000' },
  { what: 'load', insns: '6110040000000000', type: INT, to: INT, becomes: '61100c0000000000' },
  { what: 'sign-extending load', insns: '8110040000000000', type: INT, to: INT, becomes: '81100c0000000000' },
  { what: 'store', insns: '6310040000000000', type: INT, to: INT, becomes: '63100c0000000000' },
  { what: 'store of a constant', insns: '6210040007000000', type: INT, to: INT, becomes: '62100c0007000000' },
  {
    what: 'wide constant',
    insns: '18010000040000000000000000000000',
    type: INT,
    to: INT,
    becomes: '180100000c0000000000000000000000',
  },
  { what: 'unsigned load made wider', insns: '6110040000000000', type: UINT, to: ULONG, becomes: '79100c0000000000' },
  { what: 'unsigned load made narrower', insns: '7910040000000000', type: ULONG, to: UINT, becomes: '61100c0000000000' },
  { what: 'to a byte', insns: '7910040000000000', type: ULONG, to: int('u8', 1, false), becomes: '71100c0000000000' },
  { what: 'to two bytes', insns: '7b10040000000000', type: ULONG, to: int('u16', 2, false), becomes: '6b100c0000000000' },
  { what: 'signed load of another size', insns: '6110040000000000', type: INT, to: LONG, becomes: POISON },
  { what: 'unsigned load of a signed field of another size', insns: '6110040000000000', type: UINT, to: LONG, becomes: POISON },
  { what: 'a size the instruction does not have', insns: '7910040000000000', type: UINT, to: ULONG, becomes: /does not access 4 bytes/ },
  {
    what: 'a size no load has',
    insns: '6110040000000000',
    type: UINT,
    to: int('u128', 16, false),
    becomes: /has 16 bytes, expected 1, 2, 4 or 8/,
  },
  { what: 'another value than the compiler’s', insns: 'b700000005000000', type: INT, to: INT, becomes: /insn 0: .*holds 5, expected 4/ },
  { what: 'another offset', insns: '6110080000000000', type: INT, to: INT, becomes: /holds 8, expected 4/ },
  { what: 'an operation on registers', insns: 'bf10000000000000', type: INT, to: INT, becomes: /0xbf has no immediate/ },
  { what: 'a jump', insns: '0500040000000000', type: INT, to: INT, becomes: /0x5 holds no offset and no constant/ },
  { what: 'half a wide constant', insns: '1801000004000000', type: INT, to: INT, becomes: /no plain ld_imm64/ },
  { what: 'a reference to a map', insns: '18110000040000000000000000000000', type: INT, to: INT, becomes: /no plain ld_imm64/ },
  { what: 'beyond the program', insns: 'b700000004000000', at: 1, type: INT, to: INT, becomes: /the program has 1 instructions/ },
  {
    what: 'poison',
    insns: '6110040000000000',
    type: INT,
    to: ref('ptr', 0),
    becomes: POISON,
  },
  {
    what: 'poison of a wide constant',
    insns: '18010000040000000000000000000000',
    type: INT,
    to: ref('ptr', 0),
    becomes: POISON + POISON,
  },
];

describe('instructions', () => {
  test.each(PATCHES)('$what', ({ insns, type, to, kind = 'field_byte_offset', at = 0, becomes }) => {
    const local = graph(type, struct('s', 64, ['f', 1, 32]));
    const target = graph(to, struct('s', 64, ['f', 1, 96]));
    const bytes = hex(insns);
    const run = () =>
      relocateCore(bytes, [{ insn: at, typeId: 2, access: '0:0', kind }], new CoreResolver(local, [{ name: 'vmlinux', btf: target }]));
    if (becomes instanceof RegExp) return expect(run).toThrow(becomes);
    const [explanation] = run();
    expect(Buffer.from(bytes).toString('hex')).toBe(becomes);
    expect(explanation?.action).toBe(becomes.startsWith(POISON) ? 'poisoned' : 'patched');
  });

  test('an offset that no instruction can hold', () => {
    const local = graph(INT, struct('s', 64, ['f', 1, 32]));
    const target = graph(INT, struct('s', 70000, ['f', 1, 32768 * 8]));
    const resolver = new CoreResolver(local, [{ name: 'vmlinux', btf: target }]);
    const relo = { insn: 0, typeId: 2, access: '0:0', kind: 'field_byte_offset' } as const;
    expect(() => relocateCore(hex('6110040000000000'), [relo], resolver)).toThrow(/offset 32768 does not fit .*ERANGE/);
    expect(relocateCore(hex('b700000004000000'), [relo], resolver)[0]?.to).toBe(32768n);
  });

  test('the poison is a call of no function', () =>
    expect(hex(POISON)).toEqual(hex(`8500000${'0'}${Buffer.from(Int32Array.of(CORE_POISON).buffer).toString('hex')}`)));

  test('what an explanation says', () => {
    const target = graph(INT, MOVED, ref('ptr', 1), struct('t', 8, ['a', 3, 0]));
    const resolver = new CoreResolver(graph(INT, S, struct('t', 4, ['a', 1, 0]), struct('u', 4, ['a', 1, 0])), [
      { name: 'vmlinux', btf: target },
    ]);
    const relo = (typeId: number) => ({ insn: 0, typeId, access: '0:0', kind: 'field_byte_offset' }) as const;
    expect([2, 3, 4].map((typeId) => relocateCore(hex('b700000000000000'), [relo(typeId)], resolver)[0]?.text)).toEqual([
      'field_byte_offset of struct s.a: 0 -> 12 (struct s, type 2 of vmlinux)',
      'field_byte_offset of struct t.a: poisoned, for there is none (struct t.a is int *, not int)',
      'field_byte_offset of struct u.a: poisoned, for there is no type of that name',
    ]);
  });
});

test('refusals are explained where nothing is to be loaded', () => {
  const resolver = new CoreResolver(graph(INT, S), [{ name: 'vmlinux', btf: graph(INT, MOVED, S) }]);
  const relos = (['field_byte_offset', 'field_exists'] as const).map((kind) => ({ insn: 0, typeId: 2, access: '0:0', kind }));
  const insns = hex('b700000001000000');
  expect(explainRelocations(insns, relos, resolver).map((e) => [e.action, e.text])).toEqual([
    ['refused', 'CO-RE relocation field_byte_offset of struct s.a is ambiguous: 12 in type 2, 0 in type 3'],
    ['refused', 'CO-RE relocation field_exists of struct s.a is ambiguous: 1 in type 2, 1 in type 3'],
  ]);
  expect(insns).toEqual(hex('b700000001000000'));
});

describe('hostile graphs', () => {
  test('anonymous members that multiply end in an error', () => {
    const levels = Array.from({ length: 24 }, (_, i) => struct('', 0, ...Array.from({ length: 64 }, () => ['', i + 1, 0] as const)));
    const target = graph(struct('', 0), ...levels, struct('s', 0, ['', 25, 0]));
    expect(() => resolve(graph(INT, S), target, [2, '0:0', 'field_exists'])).toThrow(/compare more than \d+ members/);
  });

  test('prototypes that multiply end in an error', () => {
    const types = (): Draft[] => [
      INT,
      ...Array.from({ length: 28 }, (_, i) => proto(0, ...Array.from({ length: 64 }, () => i + 1))),
      ref('typedef', 29, 't'),
    ];
    for (const kind of ['type_exists', 'type_matches'] as const) {
      expect(() => resolve(graph(...types()), graph(...types()), [30, '0', kind])).toThrow(/compare more than \d+ members/);
    }
  });

  test('names that all begin alike end in an error', () => {
    const many = (n: number) => graph(INT, ...Array.from({ length: n }, (_, i) => struct(`same_prefix_${i}`, 4, ['a', 1, 0])));
    const resolver = new CoreResolver(many(3000), [{ name: 'vmlinux', btf: many(6000) }]);
    const relos = Array.from({ length: 3000 }, (_, i) => ({ insn: 0, typeId: i + 2, access: '0:0', kind: 'field_exists' }) as const);
    expect(() => relos.map((relo) => resolver.resolve(relo))).toThrow(/compare more than \d+ members/);
  });

  test('chains of pointers end in an error', () => {
    const chain = graph(INT, ...Array.from({ length: 60 }, (_, i) => ref('ptr', i + 1)), ref('typedef', 61, 't'));
    for (const kind of ['type_exists', 'type_matches'] as const) {
      expect(() => resolve(chain, chain, [62, '0', kind])).toThrow(/nested more than 32 deep/);
    }
  });

  test('cyclic types that are read lazily end in an error', () => {
    const bytes = encodeBtf([
      { kind: 'typedef', id: 1, name: 't', type: 2 },
      { kind: 'const', id: 2, name: '', type: 1 },
      { kind: 'struct', id: 3, name: 's', size: 8, members: [{ name: '', type: 3, bitOffset: 0, bitSize: 0 }] },
    ]);
    const target = Btf.open(bytes);
    expect(() => resolve(graph(INT, ref('typedef', 1, 't')), target, [2, '0', 'type_exists'])).toThrow(/chain of more than 32/);
    expect(() => resolve(graph(INT, S), target, [2, '0:0', 'field_exists'])).toThrow(/nested more than 32 deep/);
  });

  const object = readFileSync(new URL('../../../testdata/objects/core-kinds.bpf.o', import.meta.url));
  const { btf, programs } = parseElf(object, 'core-kinds.bpf.o');

  test('a target with changed words gives values or refusals', () => {
    const good = encodeBtf(Array.from({ length: (btf?.count ?? 1) - 1 }, (_, i) => btf?.type(i + 1)).filter((t) => t !== undefined));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length - 25), fc.nat(255)), { minLength: 1, maxLength: 12 }), (changes) => {
        const bytes = good.slice();
        for (const [at, value] of changes) bytes[24 + at] = value;
        let resolver: CoreResolver;
        try {
          resolver = new CoreResolver(btf ?? graph(), [{ name: 'x', btf: Btf.open(bytes) }]);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
          return;
        }
        for (const program of programs) {
          try {
            relocateCore(program.insns.slice(), program.coreRelos, resolver);
          } catch (error) {
            expect(error instanceof FormatError || error instanceof NotSupportedError).toBe(true);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('against its own types an object stays as it is', () => {
    const resolver = new CoreResolver(btf ?? graph(), [{ name: 'itself', btf: btf ?? graph() }]);
    // Flavours of one name are two candidates there.
    const plain = programs.filter((p) => ['bits', 'sizes', 'flexible', 'more_bits', 'two_of_a_name'].includes(p.name));
    expect(plain.length).toBe(5);
    for (const program of plain) {
      const relos = program.coreRelos.filter((r) => !/task_struct/.test(btf?.typeName(r.typeId) ?? ''));
      const insns = program.insns.slice();
      relocateCore(insns, relos, resolver);
      expect(insns).toEqual(program.insns);
    }
  });

  const VMLINUX = '/sys/kernel/btf/vmlinux';
  test.skipIf(!existsSync(VMLINUX))(`the running kernel has what never changes (skipped without ${VMLINUX})`, () => {
    const resolver = new CoreResolver(btf ?? graph(), [{ name: 'vmlinux', btf: Btf.open(readFileSync(VMLINUX)) }]);
    const values = (name: string) => {
      const program = programs.find((p) => p.name === name);
      return relocateCore(program?.insns.slice() ?? hex(''), program?.coreRelos ?? [], resolver).map((e) => e.to);
    };
    expect(values('whole')).toEqual([112n, 3n * 168n + 128n, 168n + 152n]);
    expect(values('enums')).toEqual([1n, 0n, 1n, 0n]);
    expect(values('missing_bits')).toEqual([undefined]);
    expect(values('prototypes')).toEqual([1n, 0n, 0n, 16n]);
    expect(values('guarded').slice(0, 2)).toEqual([0n, undefined]);
  });
});
