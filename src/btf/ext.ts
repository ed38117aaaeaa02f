/** The .BTF.ext reader: function, line and CO-RE records by section. Remapping them to linked programs is src/elf's business. */
import { ByteView, type Location } from '../base/index.ts';
import type { Btf } from './btf.ts';
import { CORE_KINDS, type CoreRelo, type FuncInfo, type LineInfo } from './types.ts';

const MAGIC = 0xeb9f;
/** Header with the three info ranges, and the older one without CO-RE (uapi: libbpf struct btf_ext_header). */
const HEADER_WITHOUT_CORE = 24;
const HEADER_WITH_CORE = 32;

/** Records of one ELF section, ascending by instruction. */
export interface BtfExtSection {
  readonly funcs: readonly FuncInfo[];
  readonly lines: readonly LineInfo[];
  readonly coreRelos: readonly CoreRelo[];
}

/** All records, by section name. */
export type BtfExt = ReadonlyMap<string, BtfExtSection>;

interface Mutable {
  funcs: FuncInfo[];
  lines: LineInfo[];
  coreRelos: CoreRelo[];
}

/** Reads .BTF.ext; throws FormatError with the offset of what is wrong. */
export function parseBtfExt(btf: Btf, bytes: Uint8Array, location: Location = { section: '.BTF.ext' }): BtfExt {
  const view = new ByteView(bytes, location);
  view.need(0, HEADER_WITHOUT_CORE, '.BTF.ext header');
  if (view.u16(0) !== MAGIC) throw view.error(0, `.BTF.ext magic is 0x${view.u16(0).toString(16)}, expected 0xeb9f`);
  if (view.u8(2) !== 1) throw view.error(2, `.BTF.ext version ${view.u8(2)}, expected 1`);
  const headerSize = view.u32(4);
  if (headerSize < HEADER_WITHOUT_CORE)
    throw view.error(4, `.BTF.ext header length ${headerSize}, expected at least ${HEADER_WITHOUT_CORE}`);
  view.need(0, headerSize, '.BTF.ext header');

  const out = new Map<string, Mutable>();
  const section = (name: string): Mutable => {
    let found = out.get(name);
    if (found === undefined) {
      found = { funcs: [], lines: [], coreRelos: [] };
      out.set(name, found);
    }
    return found;
  };
  const slot = (range: ByteView, at: number): number => {
    const bytes = range.u32(at);
    if (bytes % 8 !== 0) throw range.error(at, `instruction offset ${bytes} is not a multiple of 8`);
    return bytes / 8;
  };

  const funcs = view.slice(headerSize + view.u32(8), view.u32(12), 'func_info');
  readRecords(btf, funcs, 8, 'func_info', (name, at) => {
    const insn = slot(funcs, at);
    const typeId = funcs.u32(at + 4);
    if (typeId >= btf.count || btf.kind(typeId) !== 'func') throw funcs.error(at + 4, `type ${typeId} is no func`);
    section(name).funcs.push({ insn, typeId });
  });

  const lines = view.slice(headerSize + view.u32(16), view.u32(20), 'line_info');
  readRecords(btf, lines, 16, 'line_info', (name, at) => {
    const fileOff = lines.u32(at + 4);
    const sourceOff = lines.u32(at + 8);
    const position = lines.u32(at + 12);
    section(name).lines.push({
      insn: slot(lines, at),
      file: btf.string(fileOff),
      source: btf.string(sourceOff),
      line: position >>> 10,
      column: position & 1023,
      fileOff,
      sourceOff,
    });
  });

  if (headerSize >= HEADER_WITH_CORE) {
    const relos = view.slice(headerSize + view.u32(24), view.u32(28), 'core_relo');
    readRecords(btf, relos, 16, 'core_relo', (name, at) => {
      const typeId = relos.u32(at + 4);
      if (typeId >= btf.count) throw relos.error(at + 4, `type ${typeId} does not exist`);
      const kind = CORE_KINDS[relos.u32(at + 12)];
      if (kind === undefined) throw relos.error(at + 12, `unknown CO-RE relocation kind ${relos.u32(at + 12)}, expected 0..12`);
      section(name).coreRelos.push({ insn: slot(relos, at), typeId, access: btf.string(relos.u32(at + 8)), kind });
    });
  }

  for (const s of out.values()) {
    s.funcs.sort(byInsn);
    s.lines.sort(byInsn);
    s.coreRelos.sort(byInsn);
  }
  return out;
}

function byInsn(a: { insn: number }, b: { insn: number }): number {
  return a.insn - b.insn;
}

/** Walks `u32 record size`, then per section its name, count and records. Every record takes space, so the input bounds the work. */
function readRecords(btf: Btf, view: ByteView, minimum: number, what: string, record: (section: string, at: number) => void): void {
  if (view.length === 0) return;
  const size = view.u32(0, `${what} record size`);
  if (size < minimum || size % 4 !== 0) throw view.error(0, `${what} record size ${size}, expected a multiple of 4 from ${minimum}`);
  let at = 4;
  while (at < view.length) {
    const name = btf.string(view.u32(at, `${what} section name`));
    const count = view.u32(at + 4, `${what} record count`);
    view.need(at + 8, count * size, `${what} of section ${name} (${count} records)`);
    at += 8;
    for (let i = 0; i < count; i++, at += size) record(name, at);
  }
}
