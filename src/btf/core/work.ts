/** The bound on CO-RE's searches: nested anonymous aggregates and prototypes could otherwise multiply without end. */
import { FormatError } from '../../base/index.ts';

/** Members and values looked at in all relocations of one object. Honest objects need some ten thousand. */
const MAX_STEPS = 1 << 24;
/** What comparing two types costs, in members. */
export const COMPARISON = 16;
/** Nesting of anonymous members, pointers and prototypes in one comparison (tools/lib/bpf/relo_core.c, v6.18: 32). */
export const MAX_LEVELS = 32;

/** Counts steps; spend() throws FormatError when they are used up. */
export class Work {
  #left = MAX_STEPS;

  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new FormatError(`CO-RE relocations compare more than ${MAX_STEPS} members`);
  }
}
