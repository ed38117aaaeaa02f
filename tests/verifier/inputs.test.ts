/** Bytes that are no programs: a verdict on each, and no exception. VERIFIER_INPUTS chooses how many; `npm run generated` does a million. */
import { expect, it } from 'vitest';
import { input, judge, seedPrograms } from './inputs.ts';

const count = Number(process.env.VERIFIER_INPUTS ?? 1500);

it(`${count} inputs have a verdict`, () => {
  const seeds = seedPrograms(40);
  for (let n = 0; n < count; n++) {
    const bytes = input(20260101, n, seeds);
    let verdict: string | undefined;
    try {
      verdict = judge(bytes, n);
    } catch (error) {
      expect.fail(`input ${n}, ${Buffer.from(bytes).toString('hex')}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    expect(['accepted', 'rejected']).toContain(verdict);
  }
}, 120_000);
