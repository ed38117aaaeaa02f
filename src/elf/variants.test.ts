/** Variants of real objects that mean the same: relocations with explicit addends, and the machine number of compilers before EM_BPF. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type CollectionSpec, parseElf } from './index.ts';

const object = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../../testdata/objects/${name}.bpf.o`, import.meta.url)));

const LD_IMM64 = 0x18;

/** Rewrites every REL section as RELA, moving addends out of the instructions and data. */
function withExplicitAddends(input: Uint8Array): Uint8Array {
  const parts = [input.slice()];
  const view = new DataView((parts[0] ?? new Uint8Array(0)).buffer);
  const table = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  let end = input.length;
  for (let i = 0; i < count; i++) {
    const head = table + i * 64;
    if (view.getUint32(head + 4, true) !== 9) continue;
    const target = table + view.getUint32(head + 44, true) * 64;
    const code = (view.getBigUint64(target + 8, true) & 4n) !== 0n;
    const base = Number(view.getBigUint64(target + 24, true));
    const from = Number(view.getBigUint64(head + 24, true));
    const relocations = Number(view.getBigUint64(head + 32, true)) / 16;
    const out = new Uint8Array(relocations * 24);
    const rows = new DataView(out.buffer);
    for (let r = 0; r < relocations; r++) {
      out.set(input.subarray(from + r * 16, from + r * 16 + 16), r * 24);
      const at = base + Number(rows.getBigUint64(r * 24, true));
      const word = code ? at + 4 : at;
      const imm = view.getInt32(word, true);
      const addend = code && view.getUint8(at) !== LD_IMM64 ? (imm + 1) * 8 : imm;
      rows.setBigInt64(r * 24 + 16, BigInt(addend), true);
      view.setInt32(word, 0, true);
    }
    parts.push(out);
    view.setUint32(head + 4, 4, true);
    view.setBigUint64(head + 24, BigInt(end), true);
    view.setBigUint64(head + 32, BigInt(out.length), true);
    view.setBigUint64(head + 56, 24n, true);
    end += out.length;
  }
  const whole = new Uint8Array(end);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A spec without its BTF object, whose bytes may differ. */
function facts({ btf, ...spec }: CollectionSpec): unknown {
  return { ...spec, types: btf && Array.from({ length: btf.count }, (_, id) => btf.type(id)) };
}

describe('equal objects', () => {
  test.each(['maps', 'data', 'calls', 'calls-dwarf', 'externs', 'types', 'legacy'])('%s with RELA relocations', (name) => {
    expect(facts(parseElf(withExplicitAddends(object(name)), name))).toEqual(facts(parseElf(object(name), name)));
  });

  test('machine 0', () => {
    const bytes = object('legacy');
    bytes[18] = 0;
    expect(parseElf(bytes)).toEqual(parseElf(object('legacy')));
  });

  /** Changes every symbol of the object: its bytes in the table. */
  function withSymbols(name: string, change: (symbol: DataView) => void): Uint8Array {
    const bytes = object(name);
    const view = new DataView(bytes.buffer);
    const table = Number(view.getBigUint64(40, true));
    for (let i = 0; i < view.getUint16(60, true); i++) {
      const head = table + i * 64;
      if (view.getUint32(head + 4, true) !== 2) continue;
      const from = Number(view.getBigUint64(head + 24, true));
      const to = from + Number(view.getBigUint64(head + 32, true));
      for (let at = from + 24; at < to; at += 24) change(new DataView(bytes.buffer, at, 24));
    }
    return bytes;
  }

  test('symbols without type and size, as compilers wrote them once', () => {
    const untyped = withSymbols('legacy', (symbol) => {
      const info = symbol.getUint8(4);
      if ((info & 15) === 1 || (info & 15) === 2) symbol.setUint8(4, info & 0xf0);
      symbol.setBigUint64(16, 0n, true);
    });
    expect(parseElf(untyped)).toEqual(parseElf(object('legacy')));
  });

  test('sections without function symbols are programs named after themselves', () => {
    const nameless = withSymbols('legacy', (symbol) => {
      if ((symbol.getUint8(4) & 15) === 2) symbol.setUint32(0, 0, true);
      if ((symbol.getUint8(4) & 15) === 2) symbol.setUint8(4, 0);
    });
    const { programs } = parseElf(nameless);
    expect(programs.map((p) => p.name)).toEqual(['kprobe_seccomp_phase1', 'kprobe_3', 'kprobe_0x7', 'kretprobe_sys_write']);
    expect(programs.map((p) => p.insns)).toEqual(parseElf(object('legacy')).programs.map((p) => p.insns));
  });

  test('stripping DWARF changes no program', () => {
    const strip = (spec: CollectionSpec): unknown => spec.programs;
    expect(strip(parseElf(object('calls-dwarf')))).toEqual(strip(parseElf(object('calls'))));
  });
});
