/** The BTF writer: what it writes is read back as the same graph. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseElf } from '../elf/index.ts';
import { Btf, type BtfType, encodeBtf } from './index.ts';

const folder = fileURLToPath(new URL('../../testdata/objects/', import.meta.url));
const graph = (btf: Btf): BtfType[] => Array.from({ length: btf.count - 1 }, (_, i) => btf.type(i + 1));

describe('encodeBtf', () => {
  test.each(readdirSync(folder).filter((n) => n.endsWith('.bpf.o') && !n.startsWith('big')))('%s again', (name) => {
    const { btf } = parseElf(readFileSync(folder + name), name);
    if (btf === undefined) return;
    const types = graph(btf);
    expect(graph(Btf.parse(encodeBtf(types)))).toEqual(types);
  });

  const VMLINUX = '/sys/kernel/btf/vmlinux';
  test.skipIf(!existsSync(VMLINUX))(`${VMLINUX} again (skipped where it does not exist)`, () => {
    const types = graph(Btf.open(readFileSync(VMLINUX)));
    const again = graph(Btf.parse(encodeBtf(types)));
    expect(again.length).toBe(types.length);
    expect(again.findIndex((t, i) => JSON.stringify(t, plain) !== JSON.stringify(types[i], plain))).toBe(-1);
  });

  test('ids must be places', () => {
    expect(() => encodeBtf([{ kind: 'ptr', id: 2, name: '', type: 0 }])).toThrow(/type ptr has id 2, expected 1/);
    expect(() => encodeBtf([{ kind: 'void', id: 1, name: '' }])).toThrow(/void has id 0/);
  });
});

const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);
