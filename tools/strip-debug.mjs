/**
 * Removes DWARF from an ELF object, as `llvm-strip -g` does: programs are loaded by their BTF, and DWARF would make the committed objects differ
 * whenever a line moves in a header.
 */
const HEADER = 64;
const SECTION = 64;
const SYMBOL = 24;
const SHT = { SYMTAB: 2, RELA: 4, NOBITS: 8, REL: 9 };

/** The object without `.debug_*` sections, their relocations and their symbols. Takes little-endian ELF64 that a compiler wrote. */
export function stripDebug(input) {
  // A copy that is no Buffer: the slices below must be copies, not views.
  const bytes = Uint8Array.from(input);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  const names = view.getUint16(62, true);
  const sections = Array.from({ length: count }, (_, n) => {
    const at = table + n * SECTION;
    return {
      header: bytes.slice(at, at + SECTION),
      name: view.getUint32(at, true),
      type: view.getUint32(at + 4, true),
      offset: Number(view.getBigUint64(at + 24, true)),
      size: Number(view.getBigUint64(at + 32, true)),
      link: view.getUint32(at + 40, true),
      info: view.getUint32(at + 44, true),
      align: Math.max(1, Number(view.getBigUint64(at + 48, true))),
    };
  });
  const nameOf = (section) => {
    const start = sections[names].offset + section.name;
    return Buffer.from(bytes.subarray(start, bytes.indexOf(0, start))).toString('latin1');
  };
  const kept = sections.filter((section) => !/^\.(?:rela?\.)?debug_/.test(nameOf(section)));
  const newIndex = new Map(kept.map((section, n) => [sections.indexOf(section), n]));

  // Symbols of the sections that go, and the numbers of those that stay.
  const symtab = kept.find((section) => section.type === SHT.SYMTAB);
  const newSymbol = new Map();
  const symbols = [];
  for (let n = 0; symtab !== undefined && n < symtab.size / SYMBOL; n++) {
    const symbol = bytes.slice(symtab.offset + n * SYMBOL, symtab.offset + (n + 1) * SYMBOL);
    const fields = new DataView(symbol.buffer);
    const home = fields.getUint16(6, true);
    const reserved = home === 0 || home >= 0xff00;
    if (!reserved && !newIndex.has(home)) continue;
    if (!reserved) fields.setUint16(6, newIndex.get(home), true);
    newSymbol.set(n, symbols.length);
    symbols.push(symbol);
  }

  const contents = kept.map((section) => {
    if (section === symtab) return Buffer.concat(symbols);
    const body = section.type === SHT.NOBITS ? new Uint8Array(0) : bytes.slice(section.offset, section.offset + section.size);
    if (section.type !== SHT.REL && section.type !== SHT.RELA) return body;
    const fields = new DataView(body.buffer);
    for (let at = 0; at < body.length; at += section.type === SHT.REL ? 16 : 24) {
      const symbol = newSymbol.get(fields.getUint32(at + 12, true));
      if (symbol === undefined) throw new Error(`relocation in ${nameOf(section)} against a symbol of a debug section`);
      fields.setUint32(at + 12, symbol, true);
    }
    return body;
  });

  const out = [Buffer.from(bytes.slice(0, HEADER))];
  let end = HEADER;
  const append = (body, align) => {
    const padding = (align - (end % align)) % align;
    out.push(Buffer.alloc(padding), Buffer.from(body));
    end += padding + body.length;
    return end - body.length;
  };
  kept.forEach((section, n) => {
    const fields = new DataView(section.header.buffer);
    const offset = append(contents[n], section.align);
    fields.setBigUint64(24, BigInt(n === 0 ? 0 : offset), true);
    if (section.type !== SHT.NOBITS) fields.setBigUint64(32, BigInt(contents[n].length), true);
    fields.setUint32(40, newIndex.get(section.link) ?? 0, true);
    if (section.type === SHT.REL || section.type === SHT.RELA) fields.setUint32(44, newIndex.get(section.info) ?? 0, true);
    // For a symbol table: the number of the first symbol that is not local.
    if (section === symtab) {
      const firstGlobal = [...newSymbol].find(([old]) => old >= section.info)?.[1] ?? symbols.length;
      fields.setUint32(44, firstGlobal, true);
    }
  });
  const newTable = append(Buffer.concat(kept.map((section) => section.header)), 8);
  const header = new DataView(out[0].buffer, out[0].byteOffset);
  header.setBigUint64(40, BigInt(newTable), true);
  header.setUint16(60, kept.length, true);
  header.setUint16(62, newIndex.get(names), true);
  return Buffer.concat(out);
}
