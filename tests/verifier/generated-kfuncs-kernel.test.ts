/**
 * Random calls of every kernel function: verify() writes the live kernel's whole log, and so has its verdict, message and counters. VERIFIER_PROGRAMS
 * and VERIFIER_SEED choose how many and which; the sample here is small.
 */
import { describe, expect, it } from 'vitest';
import { KFUNCS } from '../../src/kfuncs/index.ts';
import { kernel } from '../support/kernel.ts';
import { firstDifference } from '../support/log.ts';
import { Pair, vmlinux } from '../support/verifier.ts';
import { KfuncPrograms } from './generate/kfuncs.ts';
import { Random } from './generate/random.ts';

const { bpf, reason } = kernel;
const count = Number(process.env.VERIFIER_PROGRAMS ?? 1200);
const seed = Number(process.env.VERIFIER_SEED ?? 20260104);
const btf = vmlinux();

if (bpf === undefined || btf === undefined) {
  describe('generated calls of kernel functions', () => it.skip(`skipped: ${reason ?? 'no BTF'}`));
} else {
  it(`${count} generated calls of kernel functions have the kernel's log`, () => {
    const pair = new Pair(bpf);
    const programs = new KfuncPrograms(
      new Random(seed),
      btf,
      KFUNCS.map(({ name }) => name),
    );
    const different: string[] = [];
    const messages = new Set<string>();
    for (let i = 0; i < count; i++) {
      const question = { ...programs.program(), level: 6 };
      const theirs = pair.kernel(question);
      const ours = pair.ours(question);
      messages.add(theirs.message.replace(/\d+/g, 'N'));
      const difference = firstDifference(ours.log, theirs.log);
      if (difference !== undefined || ours.errno !== theirs.errno) different.push(`program ${i}: ${difference}\n${question.text}`);
    }
    expect(different).toEqual([]);
    expect(messages.size).toBeGreaterThan(Math.min(60, count / 20));
  }, 600_000);
}
