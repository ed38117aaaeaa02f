/** Every known difference between verify() and the live kernel, with its reason. A full run fails where one of them does not occur any more. */
import { type Compared, differenceOf } from '../support/campaign.ts';

export interface KnownDifference {
  readonly name: string;
  readonly reason: string;
  readonly applies: (compared: Compared) => boolean;
}

const NO_PROGRAM = /^verifier bug: No program to jit at insn \d+ /;

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    name: 'address of a removed function',
    reason: 'the kernel counts the instruction after it has rewritten the program, which nothing here does',
    applies: (c) => differenceOf(c) === 'message' && NO_PROGRAM.test(c.ours.message) && NO_PROGRAM.test(c.theirs.message),
  },
  {
    name: 'prog array of another type of programs',
    reason: 'a prog array takes programs like its first one: whoever loads the program checks that, not verify()',
    applies: (c) =>
      differenceOf(c) === 'unsound' && c.theirs.errno === 'EINVAL' && c.theirs.message === '' && c.ours.counters === c.theirs.counters,
  },
  {
    name: 'number plus a stack pointer of an inner frame',
    reason:
      "the kernel takes the result to point into the outermost frame (adjust_ptr_min_max_vals copies no frame number), which is another frame's memory",
    applies: (c) => {
      const [ours, theirs] = c.parting().map((line) => line.replace(/fp(\[\d\])?(?=-|0)/g, 'fp'));
      return c.question.functions !== undefined && ours !== '' && ours === theirs;
    },
  },
];

/** The entry that explains a difference. */
export function explain(compared: Compared): KnownDifference | undefined {
  return KNOWN_DIFFERENCES.find((known) => known.applies(compared));
}
