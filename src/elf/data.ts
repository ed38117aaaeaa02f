/** Data sections as maps: names by libbpf's rule, the variables inside, and `extern` declarations with their place in the .kconfig map. */
import type { Btf } from '../btf/index.ts';
import { type ElfFile, type ElfSection, SHF_ALLOC, SHF_EXECINSTR, SHN_UNDEF, SHT, STB, STT } from './file.ts';
import type { ExternSpec, GlobalSpec, MapSpec } from './types.ts';

const ARRAY = 2;
const BPF_F_RDONLY_PROG = 0x80;
const BPF_F_MMAPABLE = 0x400;
/** Far beyond any configuration: a declared size alone must not allocate gigabytes. */
const MAX_KCONFIG = 1 << 20;
/** Bytes of a kernel object name without its NUL. */
const NAME_SIZE = 15;

/** What kind of data a section is, or undefined when it makes no map. */
export function dataOrigin(section: ElfSection): 'rodata' | 'data' | 'bss' | undefined {
  if ((section.flags & SHF_ALLOC) === 0 || (section.flags & SHF_EXECINSTR) !== 0 || section.size === 0) return undefined;
  const named = (name: string): boolean => section.name === name || section.name.startsWith(`${name}.`);
  if (section.type === SHT.NOBITS) return named('.bss') ? 'bss' : undefined;
  if (section.type !== SHT.PROGBITS) return undefined;
  return named('.rodata') ? 'rodata' : named('.data') ? 'data' : undefined;
}

/** Variables of programs' arenas (`__arena`). */
const ARENA_SECTION = '.addr_space.1';
const ARENA = 33;
const PAGE = 4096;

/** The arena that holds the variables of an `.addr_space.1` section; undefined for other sections. */
export function arenaOf(file: ElfFile, section: ElfSection, maps: readonly MapSpec[]): MapSpec | undefined {
  if (section.name !== ARENA_SECTION || section.type !== SHT.PROGBITS || section.size === 0) return undefined;
  const arena = maps.find((m) => m.type === ARENA);
  if (arena === undefined) throw file.error('global __arena variables need an arena map declared in .maps', { section: section.name });
  if (section.size > arena.maxEntries * PAGE) {
    throw file.error(`${section.size} bytes of variables, but arena ${arena.name} has ${arena.maxEntries * PAGE}`, {
      section: section.name,
    });
  }
  return arena;
}

/** `exec.rodata`: up to 8 characters of the object's name and the section's; `.data.x` keeps its name (libbpf internal_map_name, v6.18). */
export function dataMapName(object: string, section: string): string {
  if (section.indexOf('.', 1) >= 0) return section;
  const suffix = Math.min(Math.max(7, section.length), NAME_SIZE);
  const prefix = object.slice(0, NAME_SIZE - suffix);
  return `${prefix}${section.slice(0, suffix)}`.replace(/[^A-Za-z0-9_.]/g, '_');
}

/** The map of a data section. */
export function dataMap(object: string, section: ElfSection, origin: 'rodata' | 'data' | 'bss', btf: Btf | undefined): MapSpec {
  const datasecId = btf?.find(section.name, 'datasec') ?? 0;
  const readOnly = origin === 'rodata' ? BPF_F_RDONLY_PROG : 0;
  return {
    name: dataMapName(object, section.name),
    origin,
    section: section.name,
    type: ARRAY,
    keySize: 4,
    valueSize: section.size,
    maxEntries: 1,
    flags: readOnly | (hasGlobals(btf, datasecId) ? BPF_F_MMAPABLE : 0),
    numaNode: 0,
    mapExtra: 0n,
    pinning: 'none',
    keyTypeId: 0,
    valueTypeId: datasecId,
    values: [],
    ...(origin === 'bss' ? {} : { contents: section.data.bytes }),
  };
}

/** Maps whose variables are all static are not mapped into user space. */
function hasGlobals(btf: Btf | undefined, datasecId: number): boolean {
  const type = btf?.type(datasecId);
  if (btf === undefined || type?.kind !== 'datasec') return false;
  return type.vars.some((v) => {
    const variable = btf.type(v.type);
    return variable.kind === 'var' && variable.linkage !== 'static';
  });
}

/** Variables of a data section: from BTF, else from the symbols. */
export function readGlobals(file: ElfFile, section: ElfSection, map: MapSpec, btf: Btf | undefined): GlobalSpec[] {
  const origin = map.origin;
  if (origin !== 'rodata' && origin !== 'data' && origin !== 'bss') return [];
  const datasec = btf?.type(map.valueTypeId);
  if (btf === undefined || datasec?.kind !== 'datasec') {
    return file
      .symbolsOf(section.index)
      .filter((s) => s.type === STT.OBJECT && s.value + s.size <= section.size)
      .map((s) => ({
        name: s.name,
        map: map.name,
        origin,
        offset: s.value,
        size: s.size,
        typeId: 0,
        linkage: s.binding === STB.LOCAL ? ('static' as const) : ('global' as const),
      }))
      .sort((a, b) => a.offset - b.offset);
  }
  const out: GlobalSpec[] = [];
  for (const info of datasec.vars) {
    const variable = btf.type(info.type);
    if (variable.kind !== 'var') throw btf.error(info.type, `${section.name} contains a ${variable.kind}, expected variables`);
    const size = btf.sizeOf(variable.type);
    if (info.offset + size > section.size) {
      throw btf.error(
        info.type,
        `variable ${variable.name} at offset ${info.offset} of ${size} bytes is outside the ${section.size}-byte section ${section.name}`,
      );
    }
    out.push({
      name: variable.name,
      map: map.name,
      origin,
      offset: info.offset,
      size,
      typeId: variable.type,
      linkage: variable.linkage === 'static' ? 'static' : 'global',
    });
  }
  return out.sort((a, b) => a.offset - b.offset);
}

/** Externs that BTF declares in .kconfig and .ksyms and that the symbol table leaves undefined. */
export function readExterns(file: ElfFile, btf: Btf | undefined): { externs: ExternSpec[]; kconfigSize: number } {
  if (btf === undefined) return { externs: [], kconfigSize: 0 };
  const undefinedSymbols = new Map(
    file
      .symbolsOf(SHN_UNDEF)
      .filter((s) => s.name !== '')
      .map((s) => [s.name, s]),
  );
  const kconfig: (ExternSpec & { readonly align: number })[] = [];
  const ksyms: ExternSpec[] = [];
  for (const section of ['.kconfig', '.ksyms'] as const) {
    for (const id of btf.findAll(section, 'datasec').slice(0, 1)) {
      const datasec = btf.type(id);
      if (datasec.kind !== 'datasec') continue;
      for (const { type: typeId } of datasec.vars) {
        const type = btf.type(typeId);
        const symbol = undefinedSymbols.get(type.name);
        if (symbol === undefined || (type.kind !== 'var' && type.kind !== 'func')) continue;
        const weak = symbol.binding === STB.WEAK;
        const common = { name: type.name, weak, offset: 0 };
        if (type.kind === 'func') {
          ksyms.push({ ...common, kind: 'kfunc', typeId, size: 0 });
        } else if (section === '.ksyms') {
          ksyms.push({ ...common, kind: 'ksym', typeId: btf.resolve(type.type).kind === 'void' ? 0 : type.type, size: 0 });
        } else {
          kconfig.push({ ...common, kind: 'kconfig', typeId: type.type, size: btf.sizeOf(type.type), align: btf.alignOf(type.type) });
        }
      }
    }
  }
  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  kconfig.sort((a, b) => b.align - a.align || a.size - b.size || order(a.name, b.name));
  let offset = 0;
  const placed = kconfig.map(({ align, ...extern }): ExternSpec => {
    const at = Math.ceil(offset / align) * align;
    offset = at + extern.size;
    if (offset > MAX_KCONFIG) throw btf.error(extern.typeId, `kconfig externs need ${offset} bytes, expected at most ${MAX_KCONFIG}`);
    return { ...extern, offset: at };
  });
  return { externs: [...placed, ...ksyms], kconfigSize: offset };
}

/** The map that kconfig externs live in. */
export function kconfigMap(object: string, size: number, btf: Btf | undefined): MapSpec {
  return {
    name: dataMapName(object, '.kconfig'),
    origin: 'kconfig',
    section: '.kconfig',
    type: ARRAY,
    keySize: 4,
    valueSize: size,
    maxEntries: 1,
    flags: BPF_F_RDONLY_PROG | BPF_F_MMAPABLE,
    numaNode: 0,
    mapExtra: 0n,
    pinning: 'none',
    keyTypeId: 0,
    valueTypeId: btf?.find('.kconfig', 'datasec') ?? 0,
    values: [],
  };
}
