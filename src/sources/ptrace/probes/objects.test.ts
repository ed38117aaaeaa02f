/** Layouts of made kernel objects and of pt_regs against the running kernel's BTF. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Btf } from '../../../btf/index.ts';
import { X86_64_REGISTERS } from '../../../events/index.ts';
import { OBJECT_LAYOUTS } from './objects.ts';

const KERNEL_BTF = '/sys/kernel/btf/vmlinux';
/** Names that differ between user space's registers and the kernel's struct. */
const REGISTER_MEMBERS: Readonly<Record<string, string>> = { orig_rax: 'orig_ax', eflags: 'flags' };

describe.skipIf(!existsSync(KERNEL_BTF) || process.arch !== 'x64')('as the kernel lays them out (skipped without BTF on x86-64)', () => {
  const btf = existsSync(KERNEL_BTF) ? Btf.parse(readFileSync(KERNEL_BTF)) : undefined;
  /** Byte offsets of a structure's members, those of anonymous members included. */
  const members = (id: number, base = 0): Map<string, number> => {
    const out = new Map<string, number>();
    const type = btf?.resolve(id);
    if (type?.kind !== 'struct' && type?.kind !== 'union') return out;
    for (const member of type.members) {
      const at = base + member.bitOffset / 8;
      if (member.name !== '') out.set(member.name, at);
      else for (const [name, offset] of members(member.type, at)) out.set(name, offset);
    }
    return out;
  };

  test.each(Object.entries(OBJECT_LAYOUTS))('struct %s', (name, layout) => {
    const id = btf?.find(name, 'struct');
    if (btf === undefined || id === undefined) return;
    const { SIZE, ...offsets } = layout;
    const there = members(id);
    for (const [member, offset] of Object.entries(offsets)) expect([member, there.get(member.toLowerCase())]).toEqual([member, offset]);
    if (SIZE !== undefined) expect(btf.sizeOf(id)).toBe(SIZE);
  });

  test('struct pt_regs', () => {
    const id = btf?.find('pt_regs', 'struct');
    if (btf === undefined || id === undefined) return;
    const there = members(id);
    for (const [register, offset] of Object.entries(X86_64_REGISTERS.offsets)) {
      const member = REGISTER_MEMBERS[register] ?? register.replace(/^r([a-z])/, '$1');
      expect([register, there.get(member)]).toEqual([register, offset]);
    }
    expect(btf.sizeOf(id)).toBe(X86_64_REGISTERS.size);
  });
});
