/**
 * Completes an object's BTF: the compiler leaves sizes of data sections and offsets of global variables to the loader
 * (tools/lib/bpf/libbpf.c btf_fixup_datasec, v6.18), and hidden functions must be static for the verifier.
 */
import type { Location } from '../base/index.ts';
import { Btf, type BtfSecinfo } from '../btf/index.ts';
import { type ElfFile, type ElfRelocation, STB, STT } from './file.ts';
import { isCode } from './functions.ts';
import type { ExternSpec } from './types.ts';

/** BTF_VAR_GLOBAL_ALLOCATED. */
const GLOBAL = 1;

/** Parses .BTF and returns it with sizes, offsets and linkages filled in. `relocations` are those of the .BTF section. */
export function completeBtf(file: ElfFile, bytes: Uint8Array, relocations: readonly ElfRelocation[], location: Location): Btf {
  const patched = withAddends(bytes, relocations);
  const words = new DataView(patched.buffer);
  const raw = Btf.parse(patched, location);

  const globals = new Map<string, number>();
  const hidden = new Set<string>();
  for (const symbol of file.symbols) {
    if (symbol.binding === STB.LOCAL) continue;
    const section = file.section(symbol.section);
    if (section === undefined) continue;
    if (symbol.type === STT.FUNC) {
      if (isCode(section) && (symbol.visibility === 1 || symbol.visibility === 2)) hidden.add(symbol.name);
    } else {
      globals.set(`${symbol.section}:${symbol.name}`, symbol.value);
    }
  }
  const sections = new Map(file.sections.map((s) => [s.name, s]));

  let changed = false;
  const put = (offset: number, value: number): void => {
    if (words.getUint32(offset, true) === value) return;
    words.setUint32(offset, value, true);
    changed = true;
  };
  for (let id = 1; id < raw.count; id++) {
    const kind = raw.kind(id);
    if (kind === 'func' && hidden.size > 0) {
      const type = raw.type(id);
      const info = raw.recordOffset(id) + 4;
      if (hidden.has(type.name)) put(info, (words.getUint32(info, true) & 0xffff0000) >>> 0);
    }
    if (kind !== 'datasec') continue;
    const type = raw.type(id);
    const section = sections.get(type.name);
    if (type.kind !== 'datasec' || section === undefined) continue;
    const record = raw.recordOffset(id);
    if (type.size === 0) put(record + 8, section.size);
    const vars = type.vars.map((info): BtfSecinfo => {
      const variable = raw.type(info.type);
      const value = variable.kind === 'var' && variable.linkage === 'global' ? globals.get(`${section.index}:${variable.name}`) : undefined;
      return value === undefined ? info : { ...info, offset: value };
    });
    putVars(put, record, vars);
  }
  return changed ? Btf.parse(patched, location) : raw;
}

/** The BTF with the kconfig externs at their places, as global variables of a section of their own. */
export function placeKconfig(btf: Btf, externs: readonly ExternSpec[], size: number, location: Location): Btf {
  const id = btf.find('.kconfig', 'datasec');
  const type = btf.type(id ?? 0);
  if (id === undefined || type.kind !== 'datasec') return btf;
  const patched = Uint8Array.from(btf.bytes);
  const words = new DataView(patched.buffer);
  const put = (offset: number, value: number): void => words.setUint32(offset, value, true);
  const places = new Map(externs.map((e) => [e.name, e]));
  put(btf.recordOffset(id) + 8, size);
  const vars = type.vars.map((info): BtfSecinfo => {
    const extern = places.get(btf.type(info.type).name);
    if (extern === undefined || btf.kind(info.type) !== 'var') return info;
    put(btf.recordOffset(info.type) + 12, GLOBAL);
    return { ...info, offset: extern.offset, size: extern.size };
  });
  putVars(put, btf.recordOffset(id), vars);
  return Btf.parse(patched, location);
}

/** Writes a data section's variables in the order that the kernel wants: ascending. */
function putVars(put: (offset: number, value: number) => void, record: number, vars: readonly BtfSecinfo[]): void {
  [...vars]
    .sort((a, b) => a.offset - b.offset)
    .forEach((info, i) => {
      put(record + 12 + i * 12, info.type);
      put(record + 16 + i * 12, info.offset);
      put(record + 20 + i * 12, info.size);
    });
}

/** A copy with explicit addends put in place, where all other compilers leave them. */
export function withAddends(bytes: Uint8Array, relocations: readonly ElfRelocation[]): Uint8Array<ArrayBuffer> {
  const out = Uint8Array.from(bytes);
  const words = new DataView(out.buffer);
  for (const { addend, offset } of relocations) {
    if (addend !== undefined && offset + 4 <= out.length) words.setUint32(offset, addend, true);
  }
  return out;
}
