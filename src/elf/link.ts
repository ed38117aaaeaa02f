/**
 * Joins a program with its subprograms as libbpf does (a callee is appended at its first use, depth first; tools/lib/bpf/libbpf.c
 * bpf_object__reloc_code, v6.18), and turns relocations into references. Instructions are handled as bytes: opcode, registers, offset, imm.
 */
import { FormatError } from '../base/index.ts';
import type { BtfExt, BtfExtSection, CoreRelo, FuncInfo, LineInfo } from '../btf/index.ts';
import { type ElfFile, type ElfRelocation, SHN_UNDEF, STT } from './file.ts';
import type { CodeSection, ElfFunction } from './functions.ts';
import type { ExternSpec, FunctionSpec, ProgramSpec, Reference } from './types.ts';

const LD_IMM64 = 0x18;
const CALL = 0x85;
/** src_reg of ld_imm64 and of call (uapi BPF_PSEUDO_*). */
const MAP_FD = 1;
const MAP_VALUE = 2;
const BTF_ID = 3;
const FUNC = 4;
const LOCAL_CALL = 1;
const KFUNC_CALL = 2;

/** Instructions and records of all programs together: calls of one big function from many programs multiply the file's size. */
const MAX_LINKED = 1 << 21;

/** Where data that instructions refer to lives. */
export interface DataPlaces {
  /** The map that a symbol in a `maps` or `.maps` section at this offset names, or undefined. */
  mapAt(section: number, offset: number): string | undefined;
  /** Whether the section defines maps. */
  isMaps(section: number): boolean;
  /** The map made of a data section. */
  dataMap(section: number): { readonly name: string; readonly size: number } | undefined;
  extern(name: string): ExternSpec | undefined;
}

/** Links programs of one object. */
export class Linker {
  readonly #file: ElfFile;
  readonly #code: ReadonlyMap<number, CodeSection>;
  readonly #places: DataPlaces;
  readonly #ext: BtfExt;
  #budget = MAX_LINKED;

  constructor(file: ElfFile, code: ReadonlyMap<number, CodeSection>, places: DataPlaces, ext: BtfExt) {
    this.#file = file;
    this.#code = code;
    this.#places = places;
    this.#ext = ext;
  }

  /**
   * The program that starts with `main`; one that cannot be linked says why.
   * @param last finds a function that comes after all others, called or not: the exception callback
   */
  link(main: ElfFunction, last: () => ElfFunction | undefined): ProgramSpec {
    const named = { name: main.name, section: main.section.name, autoload: main.section.autoload };
    try {
      return { ...named, ...this.#join(main, last()) };
    } catch (fault) {
      if (!(fault instanceof FormatError) || this.#budget < 0) throw fault;
      return { ...named, insns: new Uint8Array(0), references: [], functions: [], funcInfo: [], lines: [], coreRelos: [], fault };
    }
  }

  #join(main: ElfFunction, last: ElfFunction | undefined): Omit<ProgramSpec, 'name' | 'section' | 'autoload' | 'fault'> {
    const placed = new Map<ElfFunction, number>();
    const order: ElfFunction[] = [];
    let total = 0;
    const place = (fn: ElfFunction): number => {
      this.#spend(fn.count, fn);
      const start = total;
      placed.set(fn, start);
      order.push(fn);
      total += fn.count;
      return start;
    };

    const patches: { at: number; src: number; imm: number; imm2: number | undefined }[] = [];
    const references: Reference[] = [];
    place(main);
    const stack: { fn: ElfFunction; slot: number }[] = [{ fn: main, slot: 0 }];
    for (;;) {
      const frame = stack.at(-1);
      if (frame === undefined) {
        if (last === undefined || placed.has(last)) break;
        place(last);
        stack.push({ fn: last, slot: 0 });
        continue;
      }
      const { fn } = frame;
      if (frame.slot >= fn.count) {
        stack.pop();
        continue;
      }
      const { slot } = frame;
      const here = (placed.get(fn) ?? 0) + slot;
      const step = this.#instruction(fn, slot);
      frame.slot += step.slots;
      if (step.reference !== undefined) references.push({ insn: here, ...step.reference });
      if (step.callee !== undefined) {
        let start = placed.get(step.callee);
        if (start === undefined) {
          start = place(step.callee);
          stack.push({ fn: step.callee, slot: 0 });
        }
        patches.push({ at: here, src: step.src, imm: start - here - 1, imm2: step.slots === 2 ? 0 : undefined });
      } else if (step.patch !== undefined) {
        patches.push({ at: here, src: step.src, imm: step.patch[0], imm2: step.patch[1] });
      }
    }

    const insns = new Uint8Array(total * 8);
    for (const fn of order) {
      insns.set(fn.section.elf.data.bytes.subarray(fn.start * 8, (fn.start + fn.count) * 8), (placed.get(fn) ?? 0) * 8);
    }
    const view = new DataView(insns.buffer);
    for (const patch of patches) {
      view.setUint8(patch.at * 8 + 1, (view.getUint8(patch.at * 8 + 1) & 15) | (patch.src << 4));
      view.setInt32(patch.at * 8 + 4, patch.imm, true);
      if (patch.imm2 !== undefined) view.setInt32(patch.at * 8 + 12, patch.imm2, true);
    }
    return {
      insns,
      references: references.sort((a, b) => a.insn - b.insn),
      functions: order.map((fn) => functionSpec(fn, placed.get(fn) ?? 0)),
      ...this.#records(order, placed),
    };
  }

  #spend(units: number, fn: ElfFunction): void {
    this.#budget -= units;
    if (this.#budget < 0) {
      throw fn.section.elf.data.error(fn.start * 8, `programs with their subprograms are more than ${MAX_LINKED} instructions`);
    }
  }

  /** What one instruction needs: slots it takes, its callee or reference, and the words to patch. */
  #instruction(fn: ElfFunction, slot: number): Step {
    const { section } = fn;
    const { data } = section.elf;
    const at = (fn.start + slot) * 8;
    const opcode = data.u8(at);
    const src = data.u8(at + 1) >>> 4;
    const relocation = section.relocations.get(fn.start + slot);
    if (opcode === LD_IMM64) {
      if (slot + 1 >= fn.count) throw data.error(at, `ld_imm64 has no second slot in function ${fn.name}`);
      if (section.relocations.has(fn.start + slot + 1)) throw data.error(at + 8, 'relocation of the second slot of ld_imm64');
      if (relocation !== undefined) return this.#relocatedLoad(section, at, relocation);
      if (src !== FUNC) return { slots: 2, src };
      return { slots: 2, src, ...this.#callee(section, at, section, at / 8 + data.i32(at + 4) + 1, 'func') };
    }
    if (opcode === CALL && (src === LOCAL_CALL || relocation !== undefined)) {
      if (relocation === undefined) {
        return { slots: 1, src, ...this.#callee(section, at, section, at / 8 + data.i32(at + 4) + 1, undefined) };
      }
      return this.#relocatedCall(section, at, relocation);
    }
    if (relocation !== undefined) {
      throw data.error(
        at,
        `relocation against ${symbolName(relocation)} of an instruction that is neither ld_imm64 nor call (0x${opcode.toString(16)})`,
      );
    }
    return { slots: 1, src };
  }

  #relocatedLoad(section: CodeSection, at: number, relocation: ElfRelocation): Step {
    const { data } = section.elf;
    const { symbol } = relocation;
    const addend = relocation.addend ?? data.i32(at + 4);
    if (symbol.section === SHN_UNDEF) {
      const extern = this.#extern(section, at, relocation);
      if (extern.kind === 'kconfig') {
        const offset = extern.offset + addend;
        return { slots: 2, src: MAP_VALUE, patch: [0, offset | 0], reference: { kind: 'kconfig', name: extern.name, offset } };
      }
      const src = extern.kind === 'ksym' && extern.typeId !== 0 ? BTF_ID : 0;
      return { slots: 2, src, patch: [0, 0], reference: { kind: 'ksym', name: extern.name, offset: 0 } };
    }
    const offset = symbol.value + addend;
    if (this.#places.isMaps(symbol.section)) {
      const name = this.#places.mapAt(symbol.section, offset);
      if (name === undefined)
        throw data.error(at, `reference to offset ${offset} of section ${this.#nameOf(symbol.section)}, where no map starts`);
      return { slots: 2, src: MAP_FD, patch: [0, 0], reference: { kind: 'map', name, offset: 0 } };
    }
    const map = this.#places.dataMap(symbol.section);
    if (map !== undefined) {
      if (!(offset >= 0 && offset <= map.size)) {
        throw data.error(at, `reference to offset ${offset} of section ${this.#nameOf(symbol.section)}, which has ${map.size} bytes`);
      }
      return { slots: 2, src: MAP_VALUE, patch: [0, offset | 0], reference: { kind: 'map_value', name: map.name, offset } };
    }
    const target = this.#code.get(symbol.section);
    if (target !== undefined) return { slots: 2, src: FUNC, ...this.#callee(section, at, target, offset / 8, 'func') };
    throw data.error(
      at,
      `relocation against ${symbolName(relocation)} in section ${this.#nameOf(symbol.section)}, expected a map, data or a function`,
    );
  }

  #relocatedCall(section: CodeSection, at: number, relocation: ElfRelocation): Step {
    const { data } = section.elf;
    const { symbol } = relocation;
    if (symbol.section === SHN_UNDEF) {
      const extern = this.#extern(section, at, relocation);
      if (extern.kind !== 'kfunc') throw data.error(at, `call of ${extern.name}, which is a ${extern.kind} and no function`);
      return { slots: 1, src: KFUNC_CALL, patch: [0, undefined], reference: { kind: 'kfunc', name: extern.name, offset: 0 } };
    }
    const target = this.#code.get(symbol.section);
    if (target === undefined) {
      throw data.error(at, `call of ${symbolName(relocation)} in section ${this.#nameOf(symbol.section)}, which has no code`);
    }
    // In place, imm counts instructions from the next one (-1 = the symbol itself); an explicit addend counts bytes (LLVM R_BPF_64_32).
    const imm = relocation.addend === undefined ? data.i32(at + 4) : relocation.addend / 8 - 1;
    return { slots: 1, src: LOCAL_CALL, ...this.#callee(section, at, target, symbol.value / 8 + imm + 1, undefined) };
  }

  #callee(from: CodeSection, at: number, target: CodeSection, slot: number, kind: 'func' | undefined): Pick<Step, 'callee' | 'reference'> {
    const callee = target.at.get(slot);
    if (callee === undefined) throw from.elf.data.error(at, `no function starts at instruction ${slot} of section ${target.elf.name}`);
    return kind === undefined ? { callee } : { callee, reference: { kind, name: callee.name, offset: 0 } };
  }

  #extern(section: CodeSection, at: number, relocation: ElfRelocation): ExternSpec {
    const extern = this.#places.extern(relocation.symbol.name);
    if (extern === undefined) {
      throw section.elf.data.error(
        at,
        `undefined symbol ${relocation.symbol.name}: only externs declared __kconfig or __ksym can stay open`,
      );
    }
    return extern;
  }

  #nameOf(section: number): string {
    return this.#file.section(section)?.name ?? `number ${section}`;
  }

  /** Records of BTF.ext with the linked program's instruction numbers. */
  #records(order: readonly ElfFunction[], placed: ReadonlyMap<ElfFunction, number>): Records {
    const funcInfo: FuncInfo[] = [];
    const lines: LineInfo[] = [];
    const coreRelos: CoreRelo[] = [];
    for (const fn of order) {
      const records: BtfExtSection | undefined = this.#ext.get(fn.section.elf.name);
      if (records === undefined) continue;
      const shift = (placed.get(fn) ?? 0) - fn.start;
      const own = <T extends { readonly insn: number }>(all: readonly T[], end: number): T[] => {
        const found = all.slice(lowerBound(all, fn.start), lowerBound(all, end));
        this.#spend(found.length, fn);
        return found.map((r) => ({ ...r, insn: r.insn + shift }));
      };
      funcInfo.push(...own(records.funcs, fn.start + 1).slice(0, 1));
      for (const line of own(records.lines, fn.start + fn.count)) lines.push(line);
      for (const relo of own(records.coreRelos, fn.start + fn.count)) coreRelos.push(relo);
    }
    return { funcInfo, lines, coreRelos };
  }
}

interface Records {
  readonly funcInfo: FuncInfo[];
  readonly lines: LineInfo[];
  readonly coreRelos: CoreRelo[];
}

interface Step {
  readonly slots: 1 | 2;
  /** src_reg after linking. */
  readonly src: number;
  readonly callee?: ElfFunction;
  readonly reference?: Omit<Reference, 'insn'>;
  /** imm of the first and of the second slot. */
  readonly patch?: readonly [number, number | undefined];
}

function functionSpec(fn: ElfFunction, insn: number): FunctionSpec {
  return { name: fn.name, insn, count: fn.count, section: fn.section.name, sectionInsn: fn.start };
}

function symbolName(relocation: ElfRelocation): string {
  const { symbol } = relocation;
  return symbol.type === STT.SECTION ? `section ${symbol.name}` : symbol.name || 'a symbol without name';
}

/** First index whose insn is at least `insn`. */
function lowerBound(records: readonly { readonly insn: number }[], insn: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle]?.insn ?? 0) < insn) low = middle + 1;
    else high = middle;
  }
  return low;
}
