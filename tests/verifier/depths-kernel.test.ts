/** Stack by subprogram, as the log's statistics tell it: verify() and the live kernel agree. */
import { describe, expect, it } from 'vitest';
import { kernel } from '../support/kernel.ts';
import { Pair } from '../support/verifier.ts';
import { DEPTH_CASES } from './kfuncs/depths.ts';

const { bpf, reason } = kernel;
const depths = (log: string): string | undefined => /^stack depth .*$/m.exec(log)?.[0];

if (bpf === undefined) {
  describe('stack depths', () => it.skip(`skipped: ${reason}`));
} else {
  const pair = new Pair(bpf);
  it.each(DEPTH_CASES.map((row) => [row.name, row] as const))('%s', (_, row) => {
    const theirs = pair.kernel(row);
    const ours = pair.ours(row);
    const shown = ({ errno, message, counters, log }: typeof ours) => ({ errno, message, counters, depths: depths(log) });
    expect(shown(ours)).toEqual(shown(theirs));
  });
}
