/**
 * Random programs: verify() and the live kernel give the same verdict, errno, message and counters. VERIFIER_PROGRAMS and VERIFIER_SEED choose how
 * many and which; the sample here is small.
 */
import { describe, expect, it } from 'vitest';
import { disassemble } from '../../src/asm/index.ts';
import { compare, differenceOf } from '../support/campaign.ts';
import { kernel } from '../support/kernel.ts';
import { Pair } from '../support/verifier.ts';
import { explain } from './differences.ts';

const { bpf, reason } = kernel;
const count = Number(process.env.VERIFIER_PROGRAMS ?? 400);
const seed = Number(process.env.VERIFIER_SEED ?? 20260101);

if (bpf === undefined) {
  describe('generated programs', () => it.skip(`skipped: ${reason}`));
} else {
  it(`${count} generated programs have the kernel's verdict, message and counters`, () => {
    const pair = new Pair(bpf);
    let accepted = 0;
    for (let n = 0; n < count; n++) {
      const compared = compare(pair, seed, n);
      if (compared.fd !== undefined) {
        accepted++;
        bpf.close(compared.fd);
      }
      if (differenceOf(compared) === undefined || explain(compared) !== undefined) continue;
      const { ours, theirs, question } = compared;
      const shown = ({ errno, message, counters }: typeof ours): object => ({ errno, message, counters });
      expect(shown(ours), `program ${n} of seed ${seed}:\n${disassemble(question.insns)}`).toEqual(shown(theirs));
    }
    expect(accepted).toBeGreaterThan(count / 5);
  }, 600_000);
}
