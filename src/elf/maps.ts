/** User maps: rows of legacy `maps` sections (the 4.4 loader's and the longer struct bpf_map_def) and BTF-described `.maps` variables. */
import { FormatError, NotSupportedError } from '../base/index.ts';
import { type Btf, type BtfComposite, type BtfMember, describe } from '../btf/index.ts';
import { type ElfFile, type ElfRelocation, type ElfSection, STB, STT } from './file.ts';
import type { InitialValue, MapSpec } from './types.ts';

const PROG_ARRAY = 3;
const ARRAY_OF_MAPS = 12;
const HASH_OF_MAPS = 13;
const PERF_EVENT_ARRAY = 4;
/** Values of a perf event array are file descriptors. */
const FD_SIZE = 4;
/** Perf event arrays and ring buffers: their elements have no size of their own, a value type says what their records are (as cilium/ebpf reads it). */
const STREAMS = [PERF_EVENT_ARRAY, 27, 31];
const MAPS_OF_MAPS = [ARRAY_OF_MAPS, HASH_OF_MAPS];
/** type, key_size, value_size, max_entries: all that Linux 4.4's loader knew. */
const LEGACY_ROW = 16;

/** A map and where it is defined. */
export interface PlacedMap {
  readonly section: number;
  readonly offset: number;
  readonly spec: MapSpec;
}

/** Rows of a `maps` section, named by their symbols. */
export function readLegacyMaps(file: ElfFile, section: ElfSection): PlacedMap[] {
  const { data } = section;
  const symbols = file.symbols.filter(
    (s) => s.section === section.index && (s.type === STT.OBJECT || s.type === STT.NOTYPE) && s.name !== '',
  );
  if (symbols.length === 0) throw data.error(0, 'a maps section without symbols: its maps have no names');
  const row = data.length / symbols.length;
  if (row % 4 !== 0 || row < LEGACY_ROW) {
    throw data.error(0, `${symbols.length} maps in ${data.length} bytes, expected rows of equal size, at least ${LEGACY_ROW} bytes`);
  }
  const layout = LEGACY_LAYOUTS[row] ?? {};
  const rows = symbols.map((symbol): LegacyRow => {
    if (symbol.value % row !== 0 || symbol.value >= data.length) {
      throw data.error(0, `map ${symbol.name} at offset ${symbol.value}, expected a multiple of the row size ${row}`);
    }
    const word = (offset: number | undefined): number => (offset === undefined ? 0 : data.u32(symbol.value + offset));
    for (let at = 20; at < row && LEGACY_LAYOUTS[row] === undefined; at += 4) {
      if (word(at) === 0) continue;
      throw new NotSupportedError(
        `map ${symbol.name}: ${row}-byte definition with a value at offset ${at}; only type, sizes, entries and flags are read`,
        { hint: 'define the map in .maps (BTF) instead' },
      );
    }
    return {
      id: word(layout.id),
      innerId: word(layout.innerId),
      innerIndex: word(layout.innerIndex),
      section: section.index,
      offset: symbol.value,
      spec: {
        name: symbol.name,
        origin: 'legacy',
        section: section.name,
        type: word(0),
        keySize: word(4),
        valueSize: word(8),
        maxEntries: word(12),
        flags: row >= 20 ? word(16) : 0,
        numaNode: word(layout.numaNode),
        mapExtra: 0n,
        pinning: 'none',
        keyTypeId: 0,
        valueTypeId: 0,
        values: [],
      },
    };
  });
  rows.sort((a, b) => a.offset - b.offset);
  return rows.map(({ section: index, offset, spec, ...rest }) => {
    const byId = layout.id !== undefined ? rows.find((r) => r.id !== 0 && r.id === rest.innerId) : undefined;
    const inner = layout.innerIndex === undefined ? byId : rows[rest.innerIndex];
    const nested = inner !== undefined && MAPS_OF_MAPS.includes(spec.type) && !MAPS_OF_MAPS.includes(inner.spec.type);
    return { section: index, offset, spec: nested ? { ...spec, inner: inner.spec } : spec };
  });
}

/** A row, and what it says of inner maps. */
interface LegacyRow extends PlacedMap {
  readonly id: number;
  readonly innerId: number;
  readonly innerIndex: number;
}

/** Offsets of what longer rows have besides. */
interface LegacyLayout {
  readonly innerIndex?: number;
  readonly numaNode?: number;
  readonly id?: number;
  readonly innerId?: number;
}

/**
 * The longer definitions that were in use, by their size: the kernel samples' (inner_map_idx, numa_node), iproute2's struct bpf_elf_map (id, pinning,
 * inner_id, inner_idx), and gobpf's with the path of its pin. Pins are the tools' own business.
 */
const LEGACY_LAYOUTS: Readonly<Record<number, LegacyLayout>> = {
  28: { innerIndex: 20, numaNode: 24 },
  36: { id: 20, innerId: 28 },
  280: {},
};

/** What relocations of `.maps` may name. */
export interface ValueTargets {
  /** The program that a symbol names, or undefined. */
  program(section: number, offset: number): string | undefined;
}

/** Variables of the `.maps` section (libbpf.c parse_btf_map_def, v6.18). */
export function readBtfMaps(
  file: ElfFile,
  section: ElfSection,
  btf: Btf | undefined,
  relocations: readonly ElfRelocation[],
  targets: ValueTargets,
): PlacedMap[] {
  const { data } = section;
  const datasecId = btf?.find('.maps', 'datasec');
  if (btf === undefined || datasecId === undefined) throw data.error(0, 'a .maps section without its BTF: compile with -g');
  const datasec = btf.type(datasecId);
  if (datasec.kind !== 'datasec') return [];

  const symbols = new Map(
    file
      .symbolsOf(section.index)
      .filter((s) => s.type !== STT.SECTION)
      .map((s) => [s.name, s]),
  );
  const found = datasec.vars.map((info) => {
    const variable = btf.type(info.type);
    if (variable.kind !== 'var') throw btf.error(info.type, `.maps contains ${describe(variable)}, expected a variable`);
    const symbol = symbols.get(variable.name);
    if (symbol === undefined) throw data.error(0, `map ${variable.name} has no symbol`);
    // The initialiser of a flexible `values` makes the variable longer than its type.
    const size = Math.max(btf.sizeOf(variable.type), symbol.size);
    if (!(symbol.value >= 0 && symbol.value + size <= section.size)) {
      throw data.error(0, `map ${variable.name} at offset ${symbol.value} of ${size} bytes is outside the ${section.size}-byte section`);
    }
    const struct = btf.resolve(variable.type);
    if (struct.kind !== 'struct') throw btf.error(info.type, `map ${variable.name} is ${describe(struct)}, expected a struct`);
    return { name: variable.name, offset: symbol.value, size, struct };
  });
  const maps = found.map((m) => ({ ...m, definition: readDefinition(btf, m.name, m.struct) }));
  maps.sort((a, b) => a.offset - b.offset);

  const values = new Map<string, InitialValue[]>();
  for (const relocation of relocations) {
    const map = lastAt(maps, relocation.offset);
    if (map === undefined || relocation.offset >= map.offset + map.size) throw data.error(relocation.offset, 'relocation outside any map');
    const place = relocation.offset - map.offset - (map.definition.valuesOffset ?? Number.POSITIVE_INFINITY);
    if (!(place >= 0) || place % 8 !== 0) {
      throw data.error(relocation.offset, `map ${map.name}: relocation outside its values`);
    }
    const list = values.get(map.name) ?? [];
    values.set(map.name, list);
    list.push(initialValue(file, section, relocation, map.name, map.definition.type, place / 8, targets));
  }
  return maps.map(({ name, offset, definition }) => {
    const { valuesOffset: _, ...spec } = definition;
    const own = (values.get(name) ?? []).sort((a, b) => a.index - b.index);
    return { section: section.index, offset, spec: { ...spec, values: own } };
  });
}

function initialValue(
  file: ElfFile,
  section: ElfSection,
  relocation: ElfRelocation,
  map: string,
  type: number,
  index: number,
  targets: ValueTargets,
): InitialValue {
  const { symbol } = relocation;
  if (type === PROG_ARRAY) {
    const name = targets.program(symbol.section, symbol.value);
    if (name === undefined) throw section.data.error(relocation.offset, `map ${map}: value ${index} is ${symbol.name}, expected a program`);
    return { index, kind: 'program', name };
  }
  if (symbol.section !== section.index || symbol.binding === STB.LOCAL) {
    const where = file.section(symbol.section)?.name ?? 'no section';
    throw section.data.error(relocation.offset, `map ${map}: value ${index} is ${symbol.name} of ${where}, expected a map of .maps`);
  }
  return { index, kind: 'map', name: symbol.name };
}

/** The last of the ascending places that starts at or before the offset. */
function lastAt<T extends { readonly offset: number }>(places: readonly T[], offset: number): T | undefined {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((places[middle]?.offset ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return places[low - 1];
}

type Definition = MapSpec & { readonly valuesOffset: number | undefined };

/** Reads the members of a definition struct. */
function readDefinition(btf: Btf, name: string, struct: BtfComposite, outer?: string): Definition {
  const numbers = new Map<string, number>();
  const fail = (member: BtfMember, message: string): FormatError =>
    new FormatError(`map ${name}: member ${member.name}: ${message}`, { section: '.maps' });
  let mapExtra = 0n;
  let keyTypeId = 0;
  let valueTypeId = 0;
  let inner: MapSpec | undefined;
  let valuesOffset: number | undefined;

  const size = (what: 'key_size' | 'value_size', member: BtfMember, bytes: number): void => {
    const given = numbers.get(what);
    if (given !== undefined && given !== bytes) throw fail(member, `${bytes} bytes, but ${what} is ${given}`);
    numbers.set(what, bytes);
  };
  const typeMember = struct.members.find((m) => m.name === 'type');
  const stream = typeMember !== undefined && STREAMS.includes(count(btf, typeMember, fail));
  const seen = new Set<string>();
  for (const [i, member] of struct.members.entries()) {
    if (seen.has(member.name)) throw fail(member, 'is there twice');
    seen.add(member.name);
    switch (member.name) {
      case 'type':
      case 'max_entries':
      case 'map_flags':
      case 'numa_node':
      case 'pinning':
        numbers.set(member.name, count(btf, member, fail));
        break;
      case 'key_size':
      case 'value_size':
        size(member.name, member, count(btf, member, fail));
        break;
      case 'map_extra':
        mapExtra = wide(btf, member, fail);
        break;
      case 'key':
        keyTypeId = pointee(btf, member, fail);
        size('key_size', member, btf.sizeOf(keyTypeId));
        break;
      case 'value':
        valueTypeId = pointee(btf, member, fail);
        if (!stream) size('value_size', member, btf.sizeOf(valueTypeId));
        break;
      case 'values': {
        if (i !== struct.members.length - 1) throw fail(member, 'must be the last member');
        if (outer !== undefined) throw fail(member, 'an inner map cannot have values of its own');
        const type = numbers.get('type') ?? 0;
        const array = btf.resolve(member.type);
        if (array.kind !== 'array') throw fail(member, `is ${describe(array)}, expected an array`);
        const element = btf.resolve(array.type);
        if (element.kind !== 'ptr') throw fail(member, `is an array of ${describe(element)}, expected pointers`);
        const target = btf.resolve(element.type);
        if (type === PROG_ARRAY) {
          if (target.kind !== 'func_proto') throw fail(member, `points to ${describe(target)}, expected a function`);
        } else if (type === ARRAY_OF_MAPS || type === HASH_OF_MAPS) {
          if (target.kind !== 'struct') throw fail(member, `points to ${describe(target)}, expected a map definition`);
          inner = withoutValues(readDefinition(btf, `${name}.inner`, target, name));
        } else {
          throw fail(member, `only prog_array and maps of maps have values (type is ${type}; it must come before)`);
        }
        size('value_size', member, 4);
        valuesOffset = member.bitOffset / 8;
        break;
      }
      default:
        throw new NotSupportedError(`map ${name}: unknown member '${member.name}' in its definition`, {
          hint: 'known are type, max_entries, map_flags, numa_node, key, key_size, value, value_size, values, pinning and map_extra',
        });
    }
  }
  const type = numbers.get('type');
  if (type === undefined) throw new FormatError(`map ${name}: its definition has no type`, { section: '.maps' });
  const pinning = numbers.get('pinning') ?? 0;
  if (pinning > 1 || (pinning !== 0 && outer !== undefined)) {
    throw new FormatError(
      `map ${name}: pinning ${pinning}, expected ${outer === undefined ? '0 (none) or 1 (by name)' : 'none for an inner map'}`,
      {
        section: '.maps',
      },
    );
  }
  return {
    name,
    origin: 'btf',
    section: '.maps',
    type,
    keySize: numbers.get('key_size') ?? 0,
    valueSize: numbers.get('value_size') ?? (type === PERF_EVENT_ARRAY && valueTypeId !== 0 ? FD_SIZE : 0),
    maxEntries: numbers.get('max_entries') ?? 0,
    flags: numbers.get('map_flags') ?? 0,
    numaNode: numbers.get('numa_node') ?? 0,
    mapExtra,
    pinning: pinning === 1 ? 'by_name' : 'none',
    keyTypeId,
    valueTypeId,
    ...(inner === undefined ? {} : { inner }),
    values: [],
    valuesOffset,
  };
}

function withoutValues({ valuesOffset: _, ...spec }: Definition): MapSpec {
  return spec;
}

type Fail = (member: BtfMember, message: string) => FormatError;

/** `int (*name)[N]` -> N. */
function count(btf: Btf, member: BtfMember, fail: Fail): number {
  const pointer = btf.resolve(member.type);
  const array = pointer.kind === 'ptr' ? btf.resolve(pointer.type) : pointer;
  if (pointer.kind !== 'ptr' || array.kind !== 'array') throw fail(member, `is ${btf.typeName(member.type)}, expected int (*)[N]`);
  return array.count;
}

/** map_extra: `int (*name)[N]`, or an enum with one value for what needs 64 bits. */
function wide(btf: Btf, member: BtfMember, fail: Fail): bigint {
  const type = btf.resolve(member.type);
  if (type.kind !== 'enum' && type.kind !== 'enum64') return BigInt(count(btf, member, fail));
  const [value] = type.values;
  if (value === undefined || type.values.length !== 1) throw fail(member, `an enum of ${type.values.length} values, expected one`);
  return BigInt.asUintN(64, value.value);
}

function pointee(btf: Btf, member: BtfMember, fail: Fail): number {
  const pointer = btf.resolve(member.type);
  if (pointer.kind !== 'ptr') throw fail(member, `is ${btf.typeName(member.type)}, expected a pointer to the type`);
  return pointer.type;
}
