/**
 * The ELF container: header, sections, symbols and relocations of a 64-bit little-endian eBPF object, every read bounded.
 * What the sections mean is parse.ts's business.
 */
import { ByteView, decodeText, FormatError, type Location, NotSupportedError } from '../base/index.ts';

/** Section types (System V gABI). */
export const SHT = { NULL: 0, PROGBITS: 1, SYMTAB: 2, STRTAB: 3, RELA: 4, NOBITS: 8, REL: 9 } as const;
/** Section flag: occupies memory. */
export const SHF_ALLOC = 2;
/** Section flag: code. */
export const SHF_EXECINSTR = 4;
/** Symbol types. */
export const STT = { NOTYPE: 0, OBJECT: 1, FUNC: 2, SECTION: 3, FILE: 4 } as const;
/** Symbol bindings. */
export const STB = { LOCAL: 0, GLOBAL: 1, WEAK: 2 } as const;
/** Section index of undefined symbols. */
export const SHN_UNDEF = 0;

const EM_NONE = 0;
const EM_BPF = 247;
const ET_REL = 1;
const HEADER_SIZE = 64;
const SECTION_SIZE = 64;
const SYMBOL_SIZE = 24;
const SHN_XINDEX = 0xffff;
/** Longest name read: names may overlap in the string table, so that their total is not bounded by the file's size. */
const MAX_NAME = 2048;
/** The largest value size that a map may have (kernel/bpf/arraymap.c: INT_MAX, v6.18), hence the largest .bss. */
const MAX_NOBITS = 0x7fff_ffff;

/** A section. */
export interface ElfSection {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** Bytes; for NOBITS the size in memory. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  /** Its bytes, none for NOBITS; errors name section and offset in the file. */
  readonly data: ByteView;
}

/** A symbol. */
export interface ElfSymbol {
  readonly name: string;
  readonly type: number;
  readonly binding: number;
  readonly visibility: number;
  /** Section index; 0 = undefined, 0xfff1 = absolute. */
  readonly section: number;
  /** Offset in its section. */
  readonly value: number;
  readonly size: number;
}

/** A relocation. */
export interface ElfRelocation {
  /** Byte offset in the relocated section. */
  readonly offset: number;
  readonly symbol: ElfSymbol;
  readonly type: number;
  /** Explicit addend of RELA; undefined for REL, whose addend is in place. */
  readonly addend: number | undefined;
}

/** A checked ELF64 little-endian relocatable eBPF object. */
export class ElfFile {
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
  readonly #location: Location;
  readonly #symtab: number;
  #bySection: Map<number, ElfSymbol[]> | undefined;

  /** Reads the container; FormatError with section and offset, NotSupportedError for other machines' objects. */
  constructor(bytes: Uint8Array, location: Location) {
    this.#location = location;
    const view = new ByteView(bytes, location);
    const table = readHeader(view);
    this.sections = readSections(view, table);
    const symtabs = this.sections.filter((s) => s.type === SHT.SYMTAB);
    const symtab = symtabs[0];
    if (symtab === undefined) throw new FormatError('no symbol table: a stripped object cannot be loaded', location);
    if (symtabs.length > 1) throw new FormatError(`${symtabs.length} symbol tables, expected one`, location);
    this.#symtab = symtab.index;
    this.symbols = this.#readSymbols(symtab);
  }

  /** A FormatError about the whole file or one of its sections. */
  error(message: string, location: Location = {}): FormatError {
    return new FormatError(message, { ...this.#location, ...location });
  }

  section(index: number): ElfSection | undefined {
    return this.sections[index];
  }

  /** Symbols defined in a section, in file order. */
  symbolsOf(section: number): readonly ElfSymbol[] {
    if (this.#bySection === undefined) {
      this.#bySection = new Map();
      for (const symbol of this.symbols) {
        const list = this.#bySection.get(symbol.section);
        if (list === undefined) this.#bySection.set(symbol.section, [symbol]);
        else list.push(symbol);
      }
    }
    return this.#bySection.get(section) ?? [];
  }

  /** Relocations of a REL or RELA section, in file order. */
  relocations(section: ElfSection): ElfRelocation[] {
    const { data } = section;
    const rela = section.type === SHT.RELA;
    const size = rela ? 24 : 16;
    if (data.length % size !== 0) throw data.error(0, `${data.length} bytes are no whole number of ${size}-byte relocations`);
    if (section.link !== this.#symtab) throw data.error(0, `relocations use symbol table ${section.link}, expected ${this.#symtab}`);
    const target = this.sections[section.info];
    if (target === undefined) throw data.error(0, `relocations are for section ${section.info}, which does not exist`);
    const out: ElfRelocation[] = [];
    for (let at = 0; at < data.length; at += size) {
      const offset = toNumber(data, at, 'relocation offset');
      const type = data.u32(at + 8);
      const index = data.u32(at + 12);
      const symbol = this.symbols[index];
      if (symbol === undefined) throw data.error(at + 12, `symbol index ${index} is outside 0..${this.symbols.length - 1}`);
      if (offset >= target.size) {
        throw data.error(at, `relocation at 0x${offset.toString(16)}, but section ${target.name} ends at 0x${target.size.toString(16)}`);
      }
      out.push({ offset, symbol, type, addend: rela ? Number(BigInt.asIntN(64, data.u64(at + 16))) : undefined });
    }
    return out;
  }

  #readSymbols(symtab: ElfSection): ElfSymbol[] {
    const { data } = symtab;
    const strings = this.sections[symtab.link];
    if (strings === undefined || strings.type !== SHT.STRTAB) {
      throw data.error(0, `symbol table's string table is section ${symtab.link}, which is none`);
    }
    if (data.length % SYMBOL_SIZE !== 0) throw data.error(0, `${data.length} bytes are no whole number of ${SYMBOL_SIZE}-byte symbols`);
    const name = nameReader(strings.data);
    const out: ElfSymbol[] = [];
    for (let at = 0; at < data.length; at += SYMBOL_SIZE) {
      const info = data.u8(at + 4);
      const section = data.u16(at + 6);
      const type = info & 15;
      // Indexes from 0xff00 on are reserved (ABS, COMMON, XINDEX): nothing of an eBPF object is there.
      if (section >= this.sections.length && section < 0xff00) {
        throw data.error(at + 6, `symbol ${at / SYMBOL_SIZE}: section index ${section} is outside 0..${this.sections.length - 1}`);
      }
      const own = name(data.u32(at));
      out.push({
        name: type === STT.SECTION && own === '' ? (this.sections[section]?.name ?? '') : own,
        type,
        binding: info >>> 4,
        visibility: data.u8(at + 5) & 3,
        section,
        value: Number(data.u64(at + 8)),
        size: Number(data.u64(at + 16)),
      });
    }
    return out;
  }
}

interface SectionTable {
  readonly offset: number;
  readonly count: number;
  readonly names: number;
}

function readHeader(view: ByteView): SectionTable {
  view.need(0, 16, 'ELF identification');
  if (view.u8(0) !== 0x7f || view.u8(1) !== 0x45 || view.u8(2) !== 0x4c || view.u8(3) !== 0x46) {
    throw view.error(0, 'no ELF file: the first bytes are not 7f 45 4c 46');
  }
  const elfClass = view.u8(4);
  if (elfClass !== 2) throw view.error(4, `ELF class ${elfClass}${elfClass === 1 ? ' (32-bit)' : ''}, expected 2 (64-bit)`);
  const order = view.u8(5);
  if (order === 2) {
    throw new NotSupportedError('big-endian eBPF object: this engine runs little-endian programs; build with -target bpfel', {
      hint: 'clang -target bpf compiles for the byte order of the machine it runs on',
    });
  }
  if (order !== 1) throw view.error(5, `ELF byte order ${order}, expected 1 (little-endian)`);
  if (view.u8(6) !== 1) throw view.error(6, `ELF version ${view.u8(6)}, expected 1`);
  view.need(0, HEADER_SIZE, 'ELF header');
  const type = view.u16(16);
  const machine = view.u16(18);
  // Before EM_BPF was assigned (LLVM 3.7), objects had machine 0.
  if (machine !== EM_NONE && machine !== EM_BPF) {
    throw view.error(18, `no eBPF object: ELF machine ${machine}, expected 247 (eBPF); compile with clang -target bpf`);
  }
  if (type !== ET_REL) throw view.error(16, `ELF type ${type}, expected 1 (relocatable object)`);
  const offset = toNumber(view, 40, 'section table offset');
  if (offset === 0) throw view.error(40, 'no section table');
  const entry = view.u16(58);
  if (entry !== SECTION_SIZE) throw view.error(58, `section headers of ${entry} bytes, expected ${SECTION_SIZE}`);
  view.need(offset, SECTION_SIZE, 'section header 0');
  // With 0xff00 sections and more, the numbers are in section header 0.
  const count = view.u16(60) || toNumber(view, offset + 32, 'number of sections');
  const names = view.u16(62) === SHN_XINDEX ? view.u32(offset + 40) : view.u16(62);
  view.need(offset, count * SECTION_SIZE, `${count} section headers`);
  return { offset, count, names };
}

function readSections(view: ByteView, table: SectionTable): ElfSection[] {
  const at = (index: number): number => table.offset + index * SECTION_SIZE;
  if (table.names >= table.count)
    throw view.error(62, `section name table is section ${table.names}, but there are ${table.count} sections`);
  const base = at(table.names);
  if (view.u32(base + 4) !== SHT.STRTAB) {
    throw view.error(base + 4, `section name table has type ${view.u32(base + 4)}, expected ${SHT.STRTAB}`);
  }
  const name = nameReader(view.slice(toNumber(view, base + 24, 'offset'), toNumber(view, base + 32, 'size'), 'section name table'));

  const sections: ElfSection[] = [];
  const ranges: { start: number; end: number; name: string }[] = [];
  for (let index = 0; index < table.count; index++) {
    const head = at(index);
    const type = view.u32(head + 4);
    const own = index === 0 ? '' : name(view.u32(head));
    const size = type === SHT.NULL ? 0 : toNumber(view, head + 32, `section ${own}: size`);
    let data: ByteView;
    if (type === SHT.NOBITS || type === SHT.NULL) {
      if (size > MAX_NOBITS) throw view.error(head + 32, `section ${own}: size ${size}, expected at most ${MAX_NOBITS}`);
      data = view.slice(0, 0, own, { section: own });
    } else {
      const start = toNumber(view, head + 24, `section ${own}: offset`);
      data = view.slice(start, size, `section ${own}`, { section: own });
      if (size > 0) ranges.push({ start, end: start + size, name: own });
    }
    sections.push({
      index,
      name: own,
      type,
      flags: Number(view.u64(head + 8) & 0xffffn),
      size,
      link: view.u32(head + 40),
      info: view.u32(head + 44),
      data,
    });
  }

  // Compilers never share bytes between sections; refusing it keeps the work linear in the file's size.
  ranges.sort((a, b) => a.start - b.start);
  for (let i = 1; i < ranges.length; i++) {
    const [a, b] = [ranges[i - 1], ranges[i]];
    if (a !== undefined && b !== undefined && b.start < a.end) {
      throw view.error(b.start, `sections ${a.name || 'without name'} and ${b.name || 'without name'} overlap`);
    }
  }
  return sections;
}

/** Names of a string table by offset; bounded in length. */
function nameReader(strings: ByteView): (offset: number) => string {
  const known = new Map<number, string>([[0, '']]);
  return (offset) => {
    const before = known.get(offset);
    if (before !== undefined) return before;
    if (offset >= strings.length) {
      throw strings.error(0, `name offset 0x${offset.toString(16)} is outside the ${strings.length}-byte string table`);
    }
    const window = strings.bytes.subarray(offset, offset + MAX_NAME);
    const end = window.indexOf(0);
    if (end < 0) {
      throw strings.error(offset, window.length < MAX_NAME ? 'name is not NUL-terminated' : `name is longer than ${MAX_NAME} bytes`);
    }
    const text = decodeText(window, 0, end);
    known.set(offset, text);
    return text;
  };
}

/** A u64 that must be a sensible file quantity. */
function toNumber(view: ByteView, offset: number, what: string): number {
  const value = view.u64(offset, what);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw view.error(offset, `${what} is 0x${value.toString(16)}, far beyond any file`);
  return Number(value);
}
