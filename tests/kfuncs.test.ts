/** The kfunc table against the running kernel: names in its BTF, who may call them and which may sleep by its verifier's answers. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { VerifierError } from '../src/base/index.ts';
import { Btf } from '../src/btf/index.ts';
import { KFUNC_BY_NAME, KFUNCS, kfuncAllowed } from '../src/kfuncs/index.ts';
import { PROGRAM_TYPE_BY_ID } from '../src/programs/index.ts';
import { kernel } from './support/kernel.ts';

describe('kfunc table', () => {
  it('has every name once', () => {
    expect(KFUNC_BY_NAME.size).toBe(KFUNCS.length);
    for (const row of KFUNCS) {
      expect(row.since).toMatch(/^[56]\.\d+$/);
      expect(row.hooks.length).toBeGreaterThan(0);
      expect(new Set(row.flags).size).toBe(row.flags.length);
    }
  });

  it('flags fit names', () => {
    for (const { name, flags } of KFUNCS) {
      const iterator = /^bpf_iter_\w+_(new|next|destroy)$/.exec(name)?.[1];
      for (const step of ['new', 'next', 'destroy'])
        expect([name, flags.includes(`iter_${step}` as 'iter_new')]).toEqual([name, iterator === step]);
      if (/_acquire(_impl)?$|_alloc$/.test(name)) expect([name, flags.includes('acquire')]).toEqual([name, true]);
      if (/_(release|put|drop_impl)$/.test(name)) expect([name, flags.includes('release')]).toEqual([name, true]);
    }
  });
});

const VMLINUX = '/sys/kernel/btf/vmlinux';
const btf = existsSync(VMLINUX) ? Btf.open(readFileSync(VMLINUX)) : undefined;
/** Functions that the kernel's BTF marks as kfuncs. */
const live = new Map<string, number>();
if (btf !== undefined) {
  for (let id = 1; id < btf.count; id++) {
    const tag = btf.kind(id) === 'decl_tag' ? btf.type(id) : undefined;
    if (tag?.kind === 'decl_tag' && tag.name === 'bpf_kfunc') live.set(btf.type(tag.type).name, tag.type);
  }
}

describe('the kernel’s BTF', () => {
  if (btf === undefined) it.skip(`skipped: ${VMLINUX} does not exist`);
  else if (live.size === 0) it.skip('skipped: this kernel’s BTF does not mark kfuncs');
  else it('has no kfunc that the table lacks', () => expect([...live.keys()].filter((name) => !KFUNC_BY_NAME.has(name))).toEqual([]));
});

const { bpf, reason } = kernel;
describe('the kernel’s verifier', () => {
  if (bpf === undefined) return it.skip(`skipped: ${reason}`);
  if (live.size === 0) return it.skip('skipped: this kernel’s BTF does not mark kfuncs');
  const SLEEPABLE = 16;

  /** The log of a program that calls the function with nothing prepared. */
  const logOf = (type: number, attachType: number, id: number): string => {
    const insns = assemble('call 1\nr0 = 0\nexit');
    insns[1] = 2 << 4;
    new DataView(insns.buffer).setInt32(4, id, true);
    try {
      const { fd } = bpf.progLoad({ type, expectedAttachType: attachType, flags: type === 31 ? SLEEPABLE : 0, license: 'GPL', insns });
      bpf.close(fd);
      return '';
    } catch (error) {
      if (error instanceof VerifierError) return error.log;
      throw error;
    }
  };
  const TYPES: readonly (readonly [type: number, attachType: number])[] = [
    ...[1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 17, 19, 31].map((type) => [type, 0] as const),
    [9, 2],
    [13, 3],
    [14, 4],
    [15, 6],
    [16, 7],
    [18, 10],
    [25, 21],
    [30, 36],
    [32, 45],
  ];

  it.each(TYPES.map(([type, attachType]) => [PROGRAM_TYPE_BY_ID.get(type)?.name, type, attachType] as const))(
    'lets %s call the same functions',
    (_, type, attachType) => {
      const theirs: string[] = [];
      const ours: string[] = [];
      for (const [name, id] of live) {
        const row = KFUNC_BY_NAME.get(name);
        if (row === undefined) continue;
        if (!/calling kernel function \S+ is not allowed|metadata kfuncs require device-bound program/.test(logOf(type, attachType, id)))
          theirs.push(name);
        if (kfuncAllowed(row, { type, expectedAttachType: attachType })) ours.push(name);
      }
      expect(ours).toEqual(theirs);
    },
  );

  it('finds the same functions to sleep', () => {
    const theirs: string[] = [];
    const ours: string[] = [];
    for (const [name, id] of live) {
      const row = KFUNC_BY_NAME.get(name);
      const type = TYPES.find(([t]) => t !== 31 && row !== undefined && kfuncAllowed(row, { type: t }));
      if (row === undefined || type === undefined) continue;
      if (/program must be sleepable to call sleepable kfunc/.test(logOf(type[0], type[1], id))) theirs.push(name);
      if (row.flags.includes('sleepable')) ours.push(name);
    }
    expect(ours).toEqual(theirs);
  });
});
