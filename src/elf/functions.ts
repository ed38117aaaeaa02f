/** The functions of the executable sections and the relocations inside them. Joining them to programs is link.ts's business. */
import { type ElfFile, type ElfRelocation, type ElfSection, type ElfSymbol, SHF_EXECINSTR, SHT, STB, STT } from './file.ts';

/** A function: a run of whole instructions of one section. */
export interface ElfFunction {
  readonly name: string;
  readonly section: CodeSection;
  /** First slot in the section, and number of slots. */
  readonly start: number;
  readonly count: number;
  readonly global: boolean;
  /** Hidden or internal visibility: static for the verifier. */
  readonly hidden: boolean;
}

/** An executable section. */
export interface CodeSection {
  readonly elf: ElfSection;
  /** Name without the leading `?`. */
  readonly name: string;
  readonly autoload: boolean;
  /** Ascending; functions at the same start are aliases. */
  readonly functions: readonly ElfFunction[];
  /** First function at a slot. */
  readonly at: ReadonlyMap<number, ElfFunction>;
  readonly relocations: ReadonlyMap<number, ElfRelocation>;
}

/** Whether a section holds programs. */
export function isCode(section: ElfSection): boolean {
  return section.type === SHT.PROGBITS && (section.flags & SHF_EXECINSTR) !== 0 && section.size > 0;
}

/** Whether the symbol names a function: FUNC, or global without a type (LLVM before 6 typed no symbols). */
function namesFunction(symbol: ElfSymbol): boolean {
  return symbol.type === STT.FUNC || (symbol.type === STT.NOTYPE && symbol.binding !== STB.LOCAL && symbol.name !== '');
}

/** All executable sections by section index. */
export function readCode(file: ElfFile, relocations: ReadonlyMap<number, readonly ElfRelocation[]>): Map<number, CodeSection> {
  const out = new Map<number, CodeSection>();
  for (const section of file.sections) {
    if (!isCode(section)) continue;
    const symbols = file.symbolsOf(section.index).filter(namesFunction);
    out.set(section.index, readSection(section, symbols, relocations.get(section.index) ?? []));
  }
  return out;
}

function readSection(elf: ElfSection, symbols: readonly ElfSymbol[], relocations: readonly ElfRelocation[]): CodeSection {
  const { data } = elf;
  if (data.length % 8 !== 0) throw data.error(data.length & ~7, `${data.length} bytes are no whole number of 8-byte instructions`);
  const functions: ElfFunction[] = [];
  const at = new Map<number, ElfFunction>();
  const bySlot = new Map<number, ElfRelocation>();
  const section: CodeSection = {
    elf,
    name: elf.name.replace(/^\?/, ''),
    autoload: !elf.name.startsWith('?'),
    functions,
    at,
    relocations: bySlot,
  };

  const sorted = [...symbols].sort((a, b) => a.value - b.value);
  const starts = [...new Set(sorted.map((s) => s.value))];
  let place = 0;
  for (const symbol of sorted) {
    while ((starts[place] ?? Number.POSITIVE_INFINITY) <= symbol.value) place++;
    const next = starts[place] ?? data.length;
    const size = symbol.size === 0 ? Math.min(next, data.length) - symbol.value : symbol.size;
    if (symbol.value % 8 !== 0 || size % 8 !== 0) {
      throw data.error(0, `function ${symbol.name} at 0x${symbol.value.toString(16)} of ${size} bytes is not made of whole instructions`);
    }
    if (size <= 0 || symbol.value + size > data.length) {
      throw data.error(
        0,
        `function ${symbol.name} at 0x${symbol.value.toString(16)} of ${size} bytes is outside the ${data.length}-byte section`,
      );
    }
    if (symbol.value + size > next) throw data.error(next, `function ${symbol.name} overlaps the next function`);
    const fn: ElfFunction = {
      name: symbol.name,
      section,
      start: symbol.value / 8,
      count: size / 8,
      global: symbol.binding !== STB.LOCAL,
      hidden: symbol.visibility === 1 || symbol.visibility === 2,
    };
    functions.push(fn);
    const known = at.get(fn.start);
    if (known === undefined) at.set(fn.start, fn);
    else if (known.count !== fn.count) throw data.error(symbol.value, `functions ${known.name} and ${fn.name} overlap`);
  }
  if (functions.length === 0 && section.name !== '.text') {
    // The 4.4 loader knew no symbols: the section is the program.
    const name = section.name.replace(/[^A-Za-z0-9_.]/g, '_');
    const whole: ElfFunction = { name, section, start: 0, count: data.length / 8, global: true, hidden: false };
    functions.push(whole);
    at.set(0, whole);
  }

  for (const relocation of relocations) {
    if (relocation.offset % 8 !== 0) throw data.error(relocation.offset, 'relocation in the middle of an instruction');
    const slot = relocation.offset / 8;
    if (bySlot.has(slot)) throw data.error(relocation.offset, `two relocations of instruction ${slot}`);
    bySlot.set(slot, relocation);
  }
  return section;
}
