/**
 * Which attach types programs may be loaded for, and what they may return, compared with the live kernel: every program type with every attach
 * type. BPF_CONTEXTS=full asks everything, otherwise a sample that moves with the seed.
 */
import { describe, expect, it } from 'vitest';
import { attachTypeOf, checkProgLoad, PROGRAM_TYPES } from '../src/programs/index.ts';
import { kernel } from './support/kernel.ts';
import { random } from './support/random.ts';
import { Pair, vmlinux } from './support/verifier.ts';

const { bpf, reason } = kernel;
const ONE_IN = process.env.BPF_CONTEXTS === 'full' ? 1 : 16;
const SEED = Number(process.env.BPF_CONTEXTS_SEED ?? 1);
const RESULTS = ['r0 = 0', 'r0 = 1', 'r0 = 2', 'r0 = 3', 'r0 = 4', 'r0 = -1', 'call get_prandom_u32', 'r0 = r1'];
const LAST_ATTACH_TYPE = 60;
const LIRC = 20;
const SYSCALL = 31;
const SLEEPABLE = 16;
/** Types that attach to something: what, and with which attach types. */
const TARGETS: readonly (readonly [type: number, attachTypes: readonly number[], to: string])[] = [
  [26, [23], 'sched_switch'],
  [26, [28], 'task'],
  [26, [28], 'bpf_map_elem'],
  [27, Array.from({ length: 25 }, (_, i) => i), 'tcp_congestion_ops'],
  [27, [0, 1, 2], 'bpf_dummy_ops'],
];

if (bpf === undefined) {
  describe('results', () => it.skip(`skipped: ${reason}`));
} else {
  const pair = new Pair(bpf);
  const plain = PROGRAM_TYPES.filter(({ ctx, id }) => ctx.kind !== 'none' && id !== LIRC && (ctx.kind !== 'btf_args' || id === 32));
  const all = Array.from({ length: LAST_ATTACH_TYPE }, (_, i) => i);
  const cases = [
    ...plain.map(({ name, id }) => [name, id, all, undefined] as const),
    ...(vmlinux() === undefined ? [] : TARGETS.map(([type, attach, to]) => [to, type, attach, to] as const)),
  ];
  it.each(cases)('%s (%i)', (_, type, attachTypes, to) => {
    const next = random(SEED * 100 + type);
    const different: unknown[] = [];
    for (const attach of attachTypes) {
      for (const result of RESULTS) {
        if (next(ONE_IN) !== 0) continue;
        const flags = type === SYSCALL ? SLEEPABLE : 0;
        const question = { text: `${result}\nexit`, type, attach, flags, ...(to === undefined ? {} : { attachTo: to }) };
        const early = checkProgLoad({ type, insns: pair.bytes(question), flags, expectedAttachType: attach });
        const meant = attachTypeOf({ type, expectedAttachType: attach });
        const ours = early === undefined ? pair.ours({ ...question, attach: meant }) : { errno: early.errno, message: '' };
        const theirs = pair.kernel(question);
        if (ours.errno === theirs.errno && ours.message === theirs.message) continue;
        different.push({ attach, result, ours: [ours.errno, ours.message], kernel: [theirs.errno, theirs.message] });
      }
    }
    expect(different).toEqual([]);
  });
}
