/** Programs that show where verify() differs from the live kernel on purpose. They are not run: the kernel is wrong about them. */
import { describe, expect, it } from 'vitest';
import { ask, differenceOf } from '../support/campaign.ts';
import { describeFunctions } from '../support/functions.ts';
import { kernel } from '../support/kernel.ts';
import { Pair } from '../support/verifier.ts';
import { explain } from './differences.ts';

const { bpf, reason } = kernel;

/** The callee writes 0 into its own slot, which the kernel takes for the caller's: it believes that 4096 is 0, and lets the map value be left. */
const CALLER_SLOT = `
r6 = map[fd:$one][0]+0
*(u64 *)(r10 - 8) = 4096
call pc+4
r1 = *(u64 *)(r10 - 8)
r6 += r1
r0 = *(u64 *)(r6 + 0)
exit
r2 = 0
r2 += r10
*(u64 *)(r2 - 8) = 0
r0 = 0
exit`;

if (bpf === undefined) {
  describe('known differences', () => it.skip(`skipped: ${reason}`));
} else {
  it('a number plus r10 points into the frame whose r10 it is', () => {
    const pair = new Pair(bpf);
    const functions = describeFunctions([
      { insn: 0, linkage: 'global', params: ['ctx'] },
      { insn: 8, linkage: 'static', params: [] },
    ]);
    const asked = ask(pair, { insns: pair.assemble(CALLER_SLOT), functions });
    if (asked.fd !== undefined) bpf.close(asked.fd);
    expect(asked.theirs.errno, asked.theirs.log).toBeUndefined();
    expect(differenceOf(asked), asked.ours.log).toBe('verdict');
    expect(asked.ours.message).toMatch(/R6 .*outside of the allowed memory range/);
    expect(asked.parting()).toEqual([expect.stringMatching(/R2=fp0/), expect.stringMatching(/R2=fp\[0\]0/)]);
    expect(explain(asked)?.name).toBe('number plus a stack pointer of an inner frame');
    pair.close();
  });
}
