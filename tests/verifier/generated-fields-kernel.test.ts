/**
 * Random programs over special fields, own objects and dynptrs: verify() and the live kernel give the same verdict, errno, message and counters.
 * VERIFIER_PROGRAMS and VERIFIER_SEED choose how many and which; the sample here is small.
 */
import { describe, expect, it } from 'vitest';
import { kernel } from '../support/kernel.ts';
import { Pair } from '../support/verifier.ts';
import { FIELD_MAPS, SHARED } from './field-maps.ts';
import { FieldProgramGenerator } from './generate-fields.ts';

const { bpf, reason } = kernel;
const count = Number(process.env.VERIFIER_PROGRAMS ?? 500);
const seed = Number(process.env.VERIFIER_SEED ?? 20260101);
/** BPF_F_TEST_STATE_FREQ: states are kept at every instruction that may be come to twice. */
const STATE_FREQ = 8;

if (bpf === undefined) {
  describe('generated programs over special fields', () => it.skip(`skipped: ${reason}`));
} else {
  it(`${count} generated programs over special fields have the kernel's verdict`, () => {
    const pair = new Pair(bpf, FIELD_MAPS);
    const generator = new FieldProgramGenerator(seed);
    const different: string[] = [];
    let accepted = 0;
    for (let i = 0; i < count; i++) {
      const question = { type: 3, flags: i % 4 === 0 ? STATE_FREQ : 0, ...SHARED.program(generator.program()) };
      const theirs = pair.kernel(question);
      const ours = pair.ours(question);
      if (theirs.errno === undefined) accepted++;
      if (ours.errno === theirs.errno && ours.message === theirs.message && ours.counters === theirs.counters) continue;
      different.push(`program ${i}: ${ours.errno} '${ours.message}', the kernel: ${theirs.errno} '${theirs.message}'\n${question.text}`);
    }
    expect(different).toEqual([]);
    expect(accepted).toBeGreaterThan(count / 4);
  }, 600_000);
}
