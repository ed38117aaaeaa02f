/**
 * Random programs: verify() and the live kernel give the same verdict and errno. VERIFIER_PROGRAMS and VERIFIER_SEED choose how many and which;
 * the sample here is small. Comparing a scalar with itself refines less here than in the kernel, so that now and then a counter or message
 * differs, and, rarely, a program is refused that the kernel accepts; never the other way round.
 */
import { describe, expect, it } from 'vitest';
import { kernel } from '../support/kernel.ts';
import { Pair } from '../support/verifier.ts';
import { ProgramGenerator } from './generate.ts';

const { bpf, reason } = kernel;
const count = Number(process.env.VERIFIER_PROGRAMS ?? 1000);
const seed = Number(process.env.VERIFIER_SEED ?? 20260101);

if (bpf === undefined) {
  describe('generated programs', () => it.skip(`skipped: ${reason}`));
} else {
  it(`${count} generated programs have the kernel's verdict`, () => {
    const pair = new Pair(bpf);
    const generator = new ProgramGenerator(seed);
    const unsound: string[] = [];
    let same = 0;
    let accepted = 0;
    let counters = 0;
    for (let i = 0; i < count; i++) {
      const text = generator.program();
      const question = { insns: pair.assemble(text) };
      const theirs = pair.kernel(question);
      const ours = pair.ours(question);
      if (theirs.errno === undefined) accepted++;
      if (ours.errno === undefined && theirs.errno !== undefined) unsound.push(text);
      if (ours.errno === theirs.errno) same++;
      if (ours.counters === theirs.counters && ours.message === theirs.message) counters++;
    }
    console.log(`generated programs: ${count}, accepted ${accepted}, same verdict ${same}, same message and counters too ${counters}`);
    expect(unsound).toEqual([]);
    expect(same).toBeGreaterThanOrEqual(Math.floor(count * 0.999));
    expect(accepted).toBeGreaterThan(count / 20);
  }, 600_000);
}
