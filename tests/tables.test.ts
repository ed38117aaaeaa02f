/** The tables of helpers, program types, attach types and sections: sound in themselves, and the same as the running kernel's. */
import { existsSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { VerifierError } from '../src/base/index.ts';
import { Btf } from '../src/btf/index.ts';
import { HELPER_BY_ID, HELPER_IMPL_BY_ID, HELPER_IMPLS, HELPERS, helperRefusal } from '../src/helpers/index.ts';
import { ATTACH_TYPE, isGplCompatible, matchSection, PROGRAM_TYPE_BY_ID, PROGRAM_TYPES, SECTIONS } from '../src/programs/index.ts';
import { kernel } from './support/kernel.ts';

describe('helper table', () => {
  it('has every id once, in order', () => {
    expect(HELPERS.map((h) => h.id)).toEqual(Array.from({ length: 211 }, (_, i) => i + 1));
    expect(new Set(HELPERS.map((h) => h.name)).size).toBe(211);
  });

  it.each(HELPERS.map((h) => [h.name, h] as const))('%s is sound', (_, helper) => {
    expect(helper.args.length).toBeLessThanOrEqual(5);
    expect(helper.doc).toMatch(/^[A-Z].*\.$/);
    expect(helper.since).toMatch(/^[3-6]\.\d+$/);
    for (const [i, { kind, size, btf }] of helper.args.entries()) {
      const next = helper.args[i + 1]?.kind;
      if (/^mem/.test(kind)) expect(next).toMatch(/^size/);
      if (/^size/.test(kind)) expect(helper.args[i - 1]?.kind).toMatch(/^mem/);
      if (/^fixed_mem/.test(kind)) expect(size).toBeGreaterThan(0);
      if (/^btf_id/.test(kind) && helper.name !== 'kptr_xchg') expect(btf).toBeDefined();
      if (/^map_/.test(kind)) expect(helper.args.some((a) => a.kind === 'map')).toBe(true);
    }
    expect(helper.ret === 'void').toBe(helper.cret === 'void' || ['tail_call', 'spin_lock', 'spin_unlock'].includes(helper.name));
  });

  it('says for every helper that the engine has it or why not', () => {
    for (const helper of HELPERS) {
      const has = HELPER_IMPLS[helper.name] !== undefined || helper.name === 'tail_call';
      expect(helperRefusal(helper.id) === undefined).toBe(has);
      expect(HELPER_IMPL_BY_ID[helper.id]).toBe(HELPER_IMPLS[helper.name]);
      expect(helperRefusal(helper.id)).not.toBe('the engine does not have it');
    }
    expect(helperRefusal(212)).toBeUndefined();
  });
});

describe('program table', () => {
  it('has every id once, in order', () => {
    expect(PROGRAM_TYPES.map((p) => p.id)).toEqual(Array.from({ length: 32 }, (_, i) => i + 1));
  });

  it.each(PROGRAM_TYPES.map((p) => [p.name, p] as const))('%s is sound', (_, program) => {
    for (const id of program.helpers) expect(HELPER_BY_ID.has(id)).toBe(true);
    if (program.ctx.kind !== 'fields') return;
    let end = 0;
    for (const field of program.ctx.fields) {
      // Unions: sk and cookie of sk_lookup, args and reply of sock_ops.
      if (field.name !== 'cookie' && field.name !== 'reply') expect(field.offset).toBeGreaterThanOrEqual(end);
      end = Math.max(end, field.offset + field.size);
    }
    expect(end).toBeLessThanOrEqual(program.ctx.size);
  });
});

describe('sections', () => {
  it.each<[string, number | undefined, string | undefined]>([
    ['kprobe/do_execve', 2, 'do_execve'],
    ['kprobe', 2, undefined],
    ['?kretprobe/x', 2, 'x'],
    ['uprobe.s//bin/sh:main', 2, '/bin/sh:main'],
    ['tp/syscalls/sys_enter_write', 5, 'syscalls/sys_enter_write'],
    ['raw_tp.w/x', 24, 'x'],
    ['fentry.s/do_exit', 26, 'do_exit'],
    ['xdp', 6, undefined],
    ['xdp/devmap', 6, undefined],
    ['xdp/eth0', undefined, undefined],
    ['tc/ingress', 3, undefined],
    ['cgroup/connect4', 18, undefined],
    ['kprobes/x', undefined, undefined],
    ['', undefined, undefined],
    ['/x', undefined, undefined],
  ])('%s', (name, type, target) => {
    expect(matchSection(name)?.row.progType).toBe(type);
    expect(matchSection(name)?.target).toBe(target);
  });

  it('name known program and attach types, each prefix once', () => {
    expect(new Set(SECTIONS.map((s) => s.prefix)).size).toBe(SECTIONS.length);
    const attachTypes = new Set<number>(Object.values(ATTACH_TYPE));
    for (const { progType, attachType } of SECTIONS) {
      expect(PROGRAM_TYPE_BY_ID.has(progType)).toBe(true);
      if (attachType !== undefined) expect(attachTypes.has(attachType)).toBe(true);
    }
  });
});

describe('licences', () => {
  it.each([
    ['GPL', true],
    ['GPL v2', true],
    ['GPL and additional rights', true],
    ['Dual BSD/GPL', true],
    ['Dual MIT/GPL', true],
    ['Dual MPL/GPL', true],
    ['GPL\0junk', true],
    ['GPLv2', false],
    ['gpl', false],
    ['GPL-2.0', false],
    ['Dual GPL/BSD', false],
    ['', false],
    ['GPL ', false],
  ])('%j: %s', (license, compatible) => expect(isGplCompatible(license)).toBe(compatible));
});

const VMLINUX = '/sys/kernel/btf/vmlinux';
if (!existsSync(VMLINUX)) {
  describe('kernel BTF', () => it.skip(`skipped: ${VMLINUX} does not exist`));
} else {
  describe('kernel BTF', () => {
    let btf: Btf;
    beforeAll(() => {
      btf = Btf.parse(readFileSync(VMLINUX));
    });

    function enumeration(name: string, prefix: string): Map<string, number> {
      const id = btf.find(name, 'enum');
      const type = id === undefined ? undefined : btf.type(id);
      if (type?.kind !== 'enum') throw new Error(`no enum ${name}`);
      return new Map(type.values.filter((v) => v.name.startsWith(prefix)).map((v) => [v.name.slice(prefix.length), Number(v.value)]));
    }

    it('numbers the helpers alike', () => {
      const theirs = enumeration('bpf_func_id', 'BPF_FUNC_');
      theirs.delete('unspec');
      expect(new Map(HELPERS.map((h) => [h.name, h.id]))).toEqual(theirs);
    });

    it('numbers the program types alike', () => {
      const theirs = enumeration('bpf_prog_type', 'BPF_PROG_TYPE_');
      theirs.delete('UNSPEC');
      expect(new Map(PROGRAM_TYPES.map((p) => [p.name.toUpperCase(), p.id]))).toEqual(theirs);
    });

    it('numbers the attach types alike', () => {
      expect(new Map<string, number>(Object.entries(ATTACH_TYPE))).toEqual(enumeration('bpf_attach_type', 'BPF_'));
    });

    it('lays out the contexts alike', () => {
      for (const { ctx, ctxType } of PROGRAM_TYPES) {
        if (ctx.kind !== 'fields') continue;
        const id = btf.find(ctxType.replace('struct ', ''), 'struct');
        const type = id === undefined ? undefined : btf.type(id);
        if (type?.kind !== 'struct') throw new Error(`no ${ctxType}`);
        expect([ctxType, type.size]).toEqual([ctxType, ctx.size]);
        const offsets = new Map(type.members.map((m) => [m.name, m.bitOffset / 8]));
        for (const f of ctx.fields) if (offsets.has(f.name)) expect([f.name, f.offset]).toEqual([f.name, offsets.get(f.name)]);
      }
    });
  });
}

const { bpf, reason } = kernel;
if (bpf === undefined) {
  describe('the kernel’s verifier', () => it.skip(`skipped: ${reason}`));
} else {
  /** Offered or withheld by the kernel's configuration: probe_write_user (lockdown) and override_return. */
  const CONFIGURED = new Set([36, 58]);
  const SLEEPABLE = 16;

  /** Program types that load with nothing attached, and an attach type where one is needed. */
  const loadable: readonly (readonly [type: number, attachTypes: readonly number[]])[] = [
    ...[1, 2, 3, 4, 5, 7, 8, 10, 11, 12, 17, 19, 24, 31].map((t) => [t, [0]] as const),
    [6, [0, 33]],
    [9, [2, 12]],
    [13, [3]],
    [14, [4]],
    [15, [6]],
    [16, [7]],
    [18, [10, 11, 14, 15, 19]],
    [21, [39]],
    [22, [17]],
    [23, [18]],
    [25, [21, 22]],
    [30, [36]],
    [32, [45]],
  ];

  /** The verifier's log of a program, undefined when it loads; throws when the type cannot be loaded at all here. */
  const logOf = (type: number, attachType: number, text: string, license = 'GPL'): string | undefined => {
    try {
      const flags = type === 31 ? SLEEPABLE : 0;
      bpf.close(bpf.progLoad({ type, expectedAttachType: attachType, flags, license, insns: assemble(text) }).fd);
      return undefined;
    } catch (error) {
      if (!(error instanceof VerifierError) || error.log === '') throw error;
      return error.log;
    }
  };

  describe('the kernel’s verifier', () => {
    it.each(loadable.map(([type, attachTypes]) => [PROGRAM_TYPE_BY_ID.get(type)?.name, type, attachTypes] as const))(
      'gives %s the same helpers',
      (_, type, attachTypes) => {
        const theirs = new Set<number>();
        for (const { id } of HELPERS) {
          for (const attachType of attachTypes) {
            const log = logOf(type, attachType, `call ${id}\nr0 = 0\nexit`);
            if (log === undefined || !/cannot use helper|unknown func/.test(log)) theirs.add(id);
          }
        }
        const ours = [...(PROGRAM_TYPE_BY_ID.get(type)?.helpers ?? [])];
        const configured = (id: number): boolean => !CONFIGURED.has(id);
        expect(ours.filter(configured).sort((a, b) => a - b)).toEqual([...theirs].filter(configured).sort((a, b) => a - b));
      },
    );

    it('restricts the same helpers to GPL programs', () => {
      for (const [type, attachTypes] of loadable) {
        for (const id of PROGRAM_TYPE_BY_ID.get(type)?.helpers ?? []) {
          if (CONFIGURED.has(id)) continue;
          const log = logOf(type, attachTypes[0] ?? 0, `call ${id}\nr0 = 0\nexit`, 'MIT');
          const theirs = log?.includes('GPL-restricted') ?? false;
          const exempt = /cannot use helper/.test(log ?? '') || (type === 7 && id === 27);
          if (!exempt) expect([type, id, theirs]).toEqual([type, id, HELPER_BY_ID.get(id)?.gplOnly]);
        }
      }
    });
  });
}
