/**
 * Random programs: verify() and the live kernel give the same verdict, errno, message and counters; accepted ones give the same result here and there,
 * and every real value lies in the verifier's states. VERIFIER_PROGRAMS and VERIFIER_SEED choose how many and which; the sample here is small, `npm run
 * generated` does many.
 */
import { describe, expect, it } from 'vitest';
import { disassemble } from '../../src/asm/index.ts';
import { compare, differenceOf, runBoth } from '../support/campaign.ts';
import { kernel } from '../support/kernel.ts';
import { Sides } from '../support/sides.ts';
import { Pair } from '../support/verifier.ts';
import { explain } from './differences.ts';

const { bpf, reason } = kernel;
const count = Number(process.env.VERIFIER_PROGRAMS ?? 300);
const seed = Number(process.env.VERIFIER_SEED ?? 20260101);

/** Programs, by seed and number, that were once not to verify() what they were to the kernel. */
const MET = [
  [777, 2861],
  [780, 448],
  [785, 482],
  [787, 1503],
] as const;

if (bpf === undefined) {
  describe('generated programs', () => it.skip(`skipped: ${reason}`));
} else {
  it(`${count} generated programs are to verify() what they are to the kernel, and run as they were verified`, () => {
    const pair = new Pair(bpf);
    const sides = new Sides(bpf, pair);
    let accepted = 0;
    let steps = 0;
    for (let n = 0; n < count; n++) {
      const compared = compare(pair, seed, n);
      const { ours, theirs, question, fd } = compared;
      const what = `program ${n} of seed ${seed}:\n${disassemble(question.insns)}`;
      if (differenceOf(compared) !== undefined && explain(compared) === undefined) {
        const shown = ({ errno, message, counters }: typeof ours): object => ({ errno, message, counters });
        expect(shown(ours), what).toEqual(shown(theirs));
      }
      if (fd === undefined) continue;
      accepted++;
      const result = runBoth(pair, sides, compared, n);
      bpf.close(fd);
      steps += result?.checks ?? 0;
      expect(result?.violation, what).toBeUndefined();
      expect(result?.difference, what).toBeUndefined();
    }
    pair.close();
    expect(accepted).toBeGreaterThan(count / 5);
    expect(steps).toBeGreaterThan(count);
  }, 600_000);

  it.each(MET)('seed %d, program %d', (of, n) => {
    const pair = new Pair(bpf);
    const compared = compare(pair, of, n);
    if (compared.fd !== undefined) bpf.close(compared.fd);
    const difference = differenceOf(compared);
    expect(difference === undefined ? undefined : (explain(compared)?.name ?? difference)).toBe(
      of === 777 ? 'number plus a stack pointer of an inner frame' : undefined,
    );
    pair.close();
  });
}
