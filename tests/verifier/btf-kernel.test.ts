/** Programs on kernel structures: verify() answers as the live kernel does, the whole log. Needs bpf(2) and the kernel's BTF, else one skip. */
import { describe, expect, it } from 'vitest';
import { kernel } from '../support/kernel.ts';
import { type Answer, Pair, vmlinux } from '../support/verifier.ts';
import { btfCases, symbolCases } from './btf-cases.ts';
import { PROTOTYPE_CASES } from './prototype-cases.ts';

const { bpf, reason } = kernel;

/** Every helper is called from programs of these types, as they are attached. */
const CALLERS = {
  tracepoint: { type: 26, attach: 23, attachTo: 'sched_switch' },
  iterator: { type: 26, attach: 28, attachTo: 'task' },
  'iterator over sockets': { type: 26, attach: 28, attachTo: 'tcp' },
  'sleepable iterator': { type: 26, attach: 28, attachTo: 'task', flags: 16 },
  'congestion control': { type: 27, attach: 0, attachTo: 'tcp_congestion_ops' },
  'dummy operation': { type: 27, attach: 0, attachTo: 'bpf_dummy_ops' },
  'cgroup socket options': { type: 25, attach: 22 },
  'cgroup addresses': { type: 18, attach: 10 },
  'socket lookup': { type: 30, attach: 36 },
  syscall: { type: 31, flags: 16 },
} as const;
const LAST_HELPER = 211;
/** Allowed by the documented rule, and refused where the kernel is built without it or locked down: probe_write_user, override_return. */
const CONFIGURED = [36, 58];
/** Errno and the whole log; the kernel prints where its maps are. */
const shown = ({ errno, log }: Answer): object => ({
  errno,
  log: log.replace(/\(18\) (r\d+) = 0x[0-9a-f]+ *;?/g, '(18) $1 = …').split('\n'),
});

if (bpf === undefined || vmlinux() === undefined) {
  describe('verifier by BTF', () => it.skip(`skipped: ${reason ?? 'the kernel has no BTF'}`));
} else {
  const pair = new Pair(bpf);
  describe('structures, contexts and attach targets', () => {
    it.each(btfCases().map((row) => [row.name, row] as const))('%s', (_, row) => {
      expect(shown(pair.ours(row))).toEqual(shown(pair.kernel(row)));
    });
  });
  describe('prototypes and records', () => {
    it.each(PROTOTYPE_CASES.map((row) => [row.name, row] as const))('%s', (_, row) => {
      expect(shown(pair.ours(row))).toEqual(shown(pair.kernel(row)));
    });
  });
  it.each(Object.entries(CALLERS))('helpers of a program: %s', (_, caller) => {
    const different: string[] = [];
    for (let id = 1; id <= LAST_HELPER; id++) {
      if (CONFIGURED.includes(id)) continue;
      const question = { ...caller, text: `r2 = r1\nr3 = r1\nr4 = r1\nr5 = r1\ncall ${id}\nr0 = 0\nexit` };
      const [ours, theirs] = [pair.ours(question), pair.kernel(question)];
      if (ours.message !== theirs.message) different.push(`${id}: ${ours.message} instead of ${theirs.message}`);
    }
    expect(different).toEqual([]);
  });
  describe('kernel symbols', () => {
    it.each(symbolCases().map((row) => [row.name, row] as const))('%s', (_, { symbol, text, type }) => {
      const question = { insns: Uint8Array.from([...symbol, ...pair.assemble(text)]), type };
      expect(shown(pair.ours(question))).toEqual(shown(pair.kernel(question)));
    });
  });
}
