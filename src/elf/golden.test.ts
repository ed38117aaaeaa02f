/** Every object of testdata/objects as parseElf reads it, against committed text (`npm run bless` rewrites it after a look at the difference). */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { toHex } from '../base/index.ts';
import { type CollectionSpec, type ProgramSpec, parseElf } from './index.ts';

const folder = fileURLToPath(new URL('../../testdata/objects/', import.meta.url));
const objects = readdirSync(folder).filter((name) => name.endsWith('.bpf.o') && name !== 'big-endian.bpf.o');

describe('objects as specs', () => {
  test.each(objects)('%s', async (name) => {
    const spec = parseElf(readFileSync(folder + name), name);
    await expect(text(spec)).toMatchFileSnapshot(`${folder}${name.replace(/\.o$/, '.txt')}`);
  });
});

function text(spec: CollectionSpec): string {
  const { btf } = spec;
  const type = (id: number): string => (btf === undefined || id === 0 ? '-' : btf.typeName(id));
  const lines = [`object ${spec.name} license "${spec.license}" version ${spec.version ?? 'none'} types ${btf?.count ?? 0}`];
  for (const m of spec.maps) {
    const extra = [m.numaNode && `numa ${m.numaNode}`, m.mapExtra && `extra ${m.mapExtra}`, m.pinning !== 'none' && m.pinning].filter(
      Boolean,
    );
    lines.push(
      `map ${m.name} (${m.origin}, ${m.section}) type ${m.type} key ${m.keySize} ${type(m.keyTypeId)} value ${m.valueSize} ${type(m.valueTypeId)} entries ${m.maxEntries} flags 0x${m.flags.toString(16)} ${extra.join(' ')}`.trimEnd(),
    );
    if (m.inner) lines.push(`  inner type ${m.inner.type} key ${m.inner.keySize} value ${m.inner.valueSize} entries ${m.inner.maxEntries}`);
    for (const v of m.values) lines.push(`  [${v.index}] = ${v.kind} ${v.name}`);
    if (m.contents) lines.push(`  contents ${toHex(m.contents)}`);
  }
  for (const g of spec.globals) lines.push(`${g.linkage} ${g.name} ${g.map}+${g.offset} ${g.size} bytes ${type(g.typeId)}`);
  for (const e of spec.externs)
    lines.push(`extern ${e.kind} ${e.name}${e.weak ? ' weak' : ''} +${e.offset} ${e.size} bytes ${type(e.typeId)}`);
  for (const p of spec.programs) lines.push('', ...program(p));
  for (const w of spec.warnings) lines.push(`warning ${w.code}: ${w.message}`);
  return `${lines.join('\n')}\n`;
}

function program(p: ProgramSpec): string[] {
  const lines = [`program ${p.name} in ${p.section}${p.autoload ? '' : ' (not loaded by itself)'}`];
  for (let slot = 0; slot < p.insns.length / 8; slot++) {
    const fn = p.functions.find((f) => f.insn === slot);
    if (fn) {
      const info = p.funcInfo.find((f) => f.insn === slot);
      lines.push(` ${fn.name}: ${fn.count} of ${fn.section}+${fn.sectionInsn}${info ? ` type ${info.typeId}` : ''}`);
    }
    for (const l of p.lines.filter((x) => x.insn === slot)) lines.push(`  ; ${l.file}:${l.line}:${l.column} ${l.source.trim()}`);
    for (const c of p.coreRelos.filter((x) => x.insn === slot)) lines.push(`  core ${c.kind} type ${c.typeId} ${c.access}`);
    const reference = p.references.find((r) => r.insn === slot);
    const to = reference ? `  -> ${reference.kind} ${reference.name}+${reference.offset}` : '';
    lines.push(`  ${String(slot).padStart(3)} ${toHex(p.insns.subarray(slot * 8, slot * 8 + 8))}${to}`);
  }
  return lines;
}
