/** The engine's own BTF: laid out as a real kernel's where programs meet its interface, and only what it can do; task objects read byte by byte. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../base/index.ts';
import { Btf, type BtfMember } from '../../btf/index.ts';
import { taskPointer } from '../../helpers/index.ts';
import { readAny, readStr } from '../fault-safe.ts';
import { Engine, makeTask } from '../index.ts';
import { declareTypes } from './declare.ts';
import { engineBtf } from './index.ts';

const btf = engineBtf();

/** The engine's own: found by CO-RE only. */
const OWN = new Set(['task_struct', 'cred']);
const composites = Array.from({ length: btf.count - 1 }, (_, i) => btf.type(i + 1)).filter((t) => t.kind === 'struct' && t.name !== '');

/** Members with their bit offsets, those of anonymous members among them. */
function flat(of: Btf, members: readonly BtfMember[], from = 0): Map<string, { bit: number; type: string; size: number }> {
  const out = new Map<string, { bit: number; type: string; size: number }>();
  for (const member of members) {
    const type = of.resolve(member.type);
    const bit = from + member.bitOffset;
    if (member.name !== '') out.set(member.name, { bit, type: type.kind, size: of.sizeOf(member.type) });
    else if (type.kind === 'struct' || type.kind === 'union') for (const [k, v] of flat(of, type.members, bit)) out.set(k, v);
  }
  return out;
}

describe('declarations', () => {
  test('natural layout, arrays, pointers, anonymous members, given places', () => {
    const types = declareTypes({
      ints: { int: [4, 'signed'], char: [1, 'signed'], long: [8, 'signed'] },
      typedefs: { t: 'struct #x' },
      structs: {
        '#x': { members: [['int', 'val']] },
        s: {
          members: [
            ['char', 'a'],
            ['long', 'b'],
            ['union #u', ''],
            ['const struct s *', 'self'],
            ['t[3]', 'many'],
            ['char', 'far', 100],
          ],
        },
      },
      unions: {
        '#u': {
          members: [
            ['int', 'u1'],
            ['long', 'u2'],
          ],
        },
      },
      enums: {},
    });
    const s = types.find((t) => t.name === 's');
    if (s?.kind !== 'struct') throw new Error('no struct s');
    expect([s.size, s.members.map((m) => m.bitOffset / 8)]).toEqual([104, [0, 8, 16, 24, 32, 100]]);
    expect(() => declareTypes({ ints: {}, typedefs: { a: 'b' }, structs: {}, unions: {}, enums: {} })).toThrow(/'b' is not declared/);
  });
});

describe('the engine’s BTF', () => {
  test('has the enumerators of what the engine can do', () => {
    const names = (name: string): string[] => {
      const type = btf.type(btf.find(name, 'enum') ?? 0);
      return type.kind === 'enum' ? type.values.map((v) => v.name) : [];
    };
    expect(names('bpf_func_id')).toContain('BPF_FUNC_tail_call');
    expect(names('bpf_func_id')).not.toContain('BPF_FUNC_skb_load_bytes');
    expect(names('bpf_map_type')).toContain('BPF_MAP_TYPE_HASH');
    expect(names('bpf_map_type')).not.toContain('BPF_MAP_TYPE_ARENA');
    expect(names('bpf_prog_type')).toContain('BPF_PROG_TYPE_RAW_TRACEPOINT');
    expect(names('bpf_prog_type')).not.toContain('BPF_PROG_TYPE_LSM');
  });

  const VMLINUX = '/sys/kernel/btf/vmlinux';
  const kernel = existsSync(VMLINUX) ? Btf.open(readFileSync(VMLINUX)) : undefined;
  if (kernel === undefined) test.skip(`skipped: ${VMLINUX} does not exist`);
  else {
    test.each(composites.filter((t) => !OWN.has(t.name)).map((t) => [t.name, t] as const))(
      'struct %s lies as the kernel’s',
      (name, type) => {
        const theirs = kernel.type(kernel.find(name, 'struct') ?? 0);
        if (type.kind !== 'struct' || theirs.kind !== 'struct') throw new Error(`no struct ${name}`);
        const places = flat(kernel, theirs.members);
        for (const [member, place] of flat(btf, type.members)) expect([member, places.get(member)]).toEqual([member, place]);
        if (name !== 'filename') expect(type.size).toBe(theirs.size);
      },
    );

    test.each([...OWN])('struct %s has fields of the kernel’s', (name) => {
      const own = btf.type(btf.find(name, 'struct') ?? 0);
      const theirs = kernel.type(kernel.find(name, 'struct') ?? 0);
      if (own.kind !== 'struct' || theirs.kind !== 'struct') throw new Error(`no struct ${name}`);
      const places = flat(kernel, theirs.members);
      for (const [member, { type, size }] of flat(btf, own.members)) expect(places.get(member)).toMatchObject({ type, size });
    });

    test.each(['bpf_func_id', 'bpf_map_type', 'bpf_prog_type', 'bpf_attach_type'])('enum %s numbers as the kernel’s', (name) => {
      const own = btf.type(btf.find(name, 'enum') ?? 0);
      const theirs = kernel.type(kernel.find(name, 'enum') ?? 0);
      if (own.kind !== 'enum' || theirs.kind !== 'enum') throw new Error(`no enum ${name}`);
      const numbers = new Map(theirs.values.map((v) => [v.name, v.value]));
      for (const { name: value, value: number } of own.values) expect([value, numbers.get(value)]).toEqual([value, number]);
    });
  }
});

describe('task objects', () => {
  const engine = new Engine({ cpus: 1 });
  const { mem } = engine.runner;
  const dst = engine.runner.alloc(64);
  const task = makeTask(mem, { pid: 12, tgid: 10, uid: 3, gid: 4, comm: 'sleep', startTime: 99n });
  const at = (type: string, field: string): number => {
    const found = btf.type(btf.find(type, 'struct') ?? 0);
    return (found.kind === 'struct' ? (found.members.find((m) => m.name === field)?.bitOffset ?? Number.NaN) : Number.NaN) / 8;
  };
  const read = (address: bigint, size: number, space: 'any' | 'user' | 'kernel' = 'kernel'): bigint | number => {
    mem.dv.setBigUint64(dst, 0n, true);
    const result = readAny(mem, task, dst, size, address, space);
    return result < 0 ? result : mem.dv.getBigUint64(dst, true);
  };
  const own = taskPointer(12);
  const leader = taskPointer(10);
  const field = (name: string): bigint => BigInt(at('task_struct', name));

  test.each<[what: string, address: bigint, size: number, gives: bigint | number]>([
    ['pid', own + field('pid'), 4, 12n],
    ['tgid', own + field('tgid'), 4, 10n],
    ['one byte of it', own + field('tgid'), 1, 10n],
    ['start time', own + field('start_boottime'), 8, 99n],
    ['the leader', own + field('group_leader'), 8, leader],
    ['its pid', leader + field('pid'), 4, 10n],
    ['its tgid', leader + field('tgid'), 4, 10n],
    ['its name, which is not known', leader + field('comm'), 1, -ERRNO.EFAULT],
    ['comm', own + field('comm'), 8, 0x7065656c73n],
    ['the end of comm', own + field('comm') + 15n, 1, 0n],
    ['beyond comm', own + field('comm') + 15n, 2, -ERRNO.EFAULT],
    ['two fields', own + field('pid'), 8, -ERRNO.EFAULT],
    ['before the task', own - 1n, 1, -ERRNO.EFAULT],
    ['a gap', own + 0x1800n, 1, -ERRNO.EFAULT],
    ['another task', taskPointer(13) + field('pid'), 4, -ERRNO.EFAULT],
  ])('%s', (_, address, size, gives) => expect(read(address, size)).toBe(gives));

  test('credentials', () => {
    const cred = read(own + field('cred'), 8);
    expect(typeof cred).toBe('bigint');
    expect(read(BigInt(cred) + BigInt(at('cred', 'uid')), 4)).toBe(3n);
    expect(read(BigInt(cred) + BigInt(at('cred', 'gid')), 4)).toBe(4n);
  });

  test('not as user memory', () => {
    expect(read(own + field('pid'), 4, 'user')).toBe(-ERRNO.EFAULT);
    expect(read(own + field('pid'), 4, 'any')).toBe(12n);
  });

  test.each<[size: number, from: bigint, gives: number, text: string]>([
    [16, 0n, 6, 'sleep'],
    [4, 0n, 4, 'sle'],
    [16, 3n, 3, 'ep'],
  ])('comm as a string of %i bytes from %i', (size, from, gives, text) => {
    expect(readStr(mem, task, dst, size, own + field('comm') + from, 'kernel', dst + 64)).toBe(gives);
    expect(Buffer.from(mem.copyOut(dst, gives - 1)).toString()).toBe(text);
  });
});
