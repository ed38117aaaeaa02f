/**
 * parseElf: an eBPF object file becomes a CollectionSpec. Pure: the same bytes give the same spec. Program types, kernel objects
 * and attaching are the loader's business.
 */
import { type Diagnostic, decodeText, FormatError, type Location } from '../base/index.ts';
import { type Btf, type BtfExt, parseBtfExt } from '../btf/index.ts';
import { arenaOf, dataMap, dataOrigin, kconfigMap, readExterns, readGlobals } from './data.ts';
import { exceptionCallback } from './exceptions.ts';
import { ElfFile, type ElfRelocation, type ElfSection, SHF_ALLOC, SHT } from './file.ts';
import { completeBtf, placeKconfig, withAddends } from './fixup.ts';
import { type CodeSection, isCode, readCode } from './functions.ts';
import { type DataPlaces, Linker } from './link.ts';
import { type PlacedMap, readBtfMaps, readLegacyMaps } from './maps.ts';
import { isStructOps, readStructOps } from './struct-ops.ts';
import type { CollectionSpec, ExternSpec, GlobalSpec, MapSpec, ProgramSpec, StructOpsSpec } from './types.ts';

/** Sections that stand for themselves, whatever their flags. */
const METADATA = new Set(['license', 'version', 'maps', '.maps', '.BTF', '.BTF.ext', '.kconfig', '.ksyms', '']);

/**
 * Reads an object file.
 * @param name file name: shown in errors, and its part before the first dot is the prefix of data maps' names
 * @throws FormatError with section and offset for malformed files, NotSupportedError for what needs another loader
 */
export function parseElf(bytes: Uint8Array, name = ''): CollectionSpec {
  const location: Location = name === '' ? {} : { file: name };
  // A copy: the spec's contents must not change when the caller reuses the buffer.
  // Not slice(): on a Buffer that is a view of its pool.
  const file = new ElfFile(Uint8Array.from(bytes), location);
  const object = objectName(name);
  const warnings: Diagnostic[] = [];
  const warn = (code: string, message: string, section: ElfSection): void => {
    warnings.push({ code, severity: 'warning', message, location: { ...location, section: section.name }, notes: [] });
  };

  const relocations = readRelocations(file);
  const named = byName(file);
  const only = (section: string): ElfSection | undefined => {
    const found = named.get(section) ?? [];
    if (found.length > 1) throw file.error(`${found.length} sections of this name, expected one`, { section });
    return found[0];
  };
  const btfSection = only('.BTF');
  // What only describes is left out where it is damaged, with a warning, as libbpf does; what defines something is needed.
  const unless = <T>(needed: boolean, section: ElfSection, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (needed || !(error instanceof FormatError)) throw error;
      warn('damaged-section', `section ${section.name} is damaged and left out: ${error.message}`, section);
      return undefined;
    }
  };
  const definedByBtf = file.sections.some((s) => s.size > 0 && (s.name === '.maps' || isStructOps(s)));
  const completed: Btf | undefined =
    btfSection &&
    unless(definedByBtf, btfSection, () =>
      completeBtf(file, btfSection.data.bytes, relocations.get(btfSection.index) ?? [], offsetOf(btfSection, location)),
    );
  const { externs, kconfigSize } = readExterns(file, completed);
  const btf =
    completed && btfSection && kconfigSize > 0 ? placeKconfig(completed, externs, kconfigSize, offsetOf(btfSection, location)) : completed;
  const extSection = only('.BTF.ext');
  const ext: BtfExt =
    (btf &&
      extSection &&
      unless(false, extSection, () =>
        parseBtfExt(btf, withAddends(extSection.data.bytes, relocations.get(extSection.index) ?? []), offsetOf(extSection, location)),
      )) ??
    new Map();

  const code = readCode(file, relocations);
  const placed = readMaps(file, btf, relocations, code, only);
  const maps: MapSpec[] = placed.map((p) => p.spec);
  const structOps: StructOpsSpec[] = [];
  const globals: GlobalSpec[] = [];
  const arenas = new Map<number, { readonly name: string; readonly size: number }>();
  const dataMaps = new Map<number, MapSpec>();
  for (const section of file.sections) {
    const origin = dataOrigin(section);
    if (origin !== undefined) {
      only(section.name);
      const map = dataMap(object, section, origin, btf);
      dataMaps.set(section.index, map);
      maps.push(map);
      for (const global of readGlobals(file, section, map, btf)) globals.push(global);
      if (relocations.has(section.index)) warn('data-relocation', `relocations of ${section.name} are not applied`, section);
    } else if (section.name === '.addr_space.1') {
      const arena = arenaOf(file, section, maps);
      if (arena !== undefined) arenas.set(section.index, { name: arena.name, size: section.size });
    } else if (isStructOps(section) && section.size > 0) {
      const program = (index: number, offset: number): string | undefined => programAt(code, index, offset);
      for (const table of readStructOps(file, section, btf, relocations.get(section.index) ?? [], program)) structOps.push(table);
    } else if (
      section.type === SHT.PROGBITS &&
      (section.flags & SHF_ALLOC) !== 0 &&
      !isCode(section) &&
      !METADATA.has(section.name) &&
      !isLegacyMaps(section)
    ) {
      if (section.size > 0) warn('unknown-section', `section ${section.name} is not loaded`, section);
    }
  }
  const kconfig = kconfigMap(object, kconfigSize, btf);
  if (kconfigSize > 0) {
    maps.push(kconfig);
    for (const { kind, name: extern, offset, size, typeId } of externs) {
      if (kind === 'kconfig') globals.push({ name: extern, map: kconfig.name, origin: 'kconfig', offset, size, typeId, linkage: 'global' });
    }
  }

  const linker = new Linker(file, code, dataPlaces(placed, dataMaps, arenas, externs), ext);
  const programs: ProgramSpec[] = [];
  for (const section of code.values()) {
    if (section.name === '.text') continue;
    for (const fn of section.functions) if (fn.global) programs.push(linker.link(fn, () => exceptionCallback(btf, fn.name, code)));
  }
  unique(file, 'programs', programs);
  unique(file, 'maps', maps);
  return {
    name: object,
    license: readLicense(only('license')),
    version: readVersion(only('version')),
    maps,
    structOps,
    programs,
    globals,
    externs,
    btf,
    warnings,
  };
}

/** Sections of map definitions from before BTF: one for all maps, or one each. */
function isLegacyMaps(section: ElfSection): boolean {
  return section.type === SHT.PROGBITS && section.size > 0 && (section.name === 'maps' || section.name.startsWith('maps/'));
}

/** `dir/exec.bpf.o` -> `exec`; `object` without a name. */
function objectName(name: string): string {
  const base = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
  const dot = base.indexOf('.');
  return (dot < 0 ? base : base.slice(0, dot)) || 'object';
}

function offsetOf(section: ElfSection, location: Location): Location {
  return { ...location, section: section.name, offset: section.data.bytes.byteOffset };
}

/** The sections by name; those of data and metadata must be the only ones of their name. */
function byName(file: ElfFile): Map<string, ElfSection[]> {
  const out = new Map<string, ElfSection[]>();
  for (const section of file.sections) {
    if (section.type === SHT.REL || section.type === SHT.RELA) continue;
    const list = out.get(section.name);
    if (list === undefined) out.set(section.name, [section]);
    else list.push(section);
  }
  return out;
}

/** Relocations of the sections that need them, by section index; debugging information's are not read. */
function readRelocations(file: ElfFile): Map<number, ElfRelocation[]> {
  const out = new Map<number, ElfRelocation[]>();
  for (const section of file.sections) {
    if (section.type !== SHT.REL && section.type !== SHT.RELA) continue;
    const target = file.section(section.info);
    if (target === undefined) throw section.data.error(0, `relocations are for section ${section.info}, which does not exist`);
    const wanted =
      isCode(target) ||
      target.name === '.maps' ||
      isStructOps(target) ||
      target.name.startsWith('.BTF') ||
      dataOrigin(target) !== undefined;
    if (!wanted) continue;
    const list = out.get(section.info) ?? [];
    out.set(section.info, list);
    for (const relocation of file.relocations(section)) list.push(relocation);
  }
  return out;
}

function readMaps(
  file: ElfFile,
  btf: Btf | undefined,
  relocations: ReadonlyMap<number, readonly ElfRelocation[]>,
  code: ReadonlyMap<number, CodeSection>,
  only: (name: string) => ElfSection | undefined,
): PlacedMap[] {
  const out: PlacedMap[] = [];
  only('maps');
  for (const section of file.sections) {
    if (isLegacyMaps(section)) for (const map of readLegacyMaps(file, section)) out.push(map);
  }
  const modern = only('.maps');
  if (modern !== undefined && modern.size > 0) {
    const program = (section: number, offset: number): string | undefined => programAt(code, section, offset);
    for (const map of readBtfMaps(file, modern, btf, relocations.get(modern.index) ?? [], { program })) out.push(map);
  }
  return out;
}

/** The program that starts at a place of an executable section. */
function programAt(code: ReadonlyMap<number, CodeSection>, section: number, offset: number): string | undefined {
  const target = code.get(section);
  const fn = target?.name === '.text' ? undefined : target?.at.get(offset / 8);
  return fn?.global === true ? fn.name : undefined;
}

function dataPlaces(
  placed: readonly PlacedMap[],
  dataMaps: ReadonlyMap<number, MapSpec>,
  arenas: ReadonlyMap<number, { readonly name: string; readonly size: number }>,
  externs: readonly ExternSpec[],
): DataPlaces {
  const byPlace = new Map(placed.map((p) => [`${p.section}:${p.offset}`, p.spec.name]));
  const mapSections = new Set(placed.map((p) => p.section));
  const byName = new Map(externs.map((e) => [e.name, e]));
  return {
    mapAt: (section, offset) => byPlace.get(`${section}:${offset}`),
    isMaps: (section) => mapSections.has(section),
    dataMap: (section) => {
      const map = dataMaps.get(section);
      return map === undefined ? arenas.get(section) : { name: map.name, size: map.valueSize };
    },
    extern: (name) => byName.get(name),
  };
}

/** Everything is found by name: two of one name would make references ambiguous. */
function unique(file: ElfFile, what: string, named: readonly { readonly name: string; readonly section: string }[]): void {
  const seen = new Map<string, string>();
  for (const { name, section } of named) {
    const before = seen.get(name);
    if (before !== undefined) throw file.error(`two ${what} named ${name} (the other in section ${before})`, { section });
    seen.set(name, section);
  }
}

function readLicense(section: ElfSection | undefined): string {
  if (section === undefined) return '';
  const { bytes } = section.data;
  const end = bytes.indexOf(0);
  // The kernel reads at most 128 bytes of it.
  return decodeText(bytes, 0, Math.min(end < 0 ? bytes.length : end, 128));
}

function readVersion(section: ElfSection | undefined): number | undefined {
  if (section === undefined) return undefined;
  if (section.size !== 4 || section.type === SHT.NOBITS) {
    throw section.data.error(0, `version section of ${section.size} bytes, expected 4`);
  }
  return section.data.u32(0);
}
