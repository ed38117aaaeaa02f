/** The long run behind `npm run generated`: many generated programs against the live kernel, and many inputs that are no programs. */
import { disassemble } from '../../src/asm/index.ts';
import type { RawBpf } from '../../src/sys/bpf.ts';
import { ask, type Compared, compare, differenceOf, runBoth } from '../support/campaign.ts';
import { kernel } from '../support/kernel.ts';
import { Sides } from '../support/sides.ts';
import { type Answer, Pair } from '../support/verifier.ts';
import { explain, KNOWN_DIFFERENCES } from './differences.ts';
import { shrink } from './generate/index.ts';
import { input, judge, seedPrograms } from './inputs.ts';

/** Runs of fewer programs than this need not meet every known difference. */
const FULL = 100_000;
const PROGRESS_MS = 5000;
/** Findings that are shrunk and shown. */
const MAX_SHOWN = 10;
/** Fresh maps after so many programs: their number of users grows. */
const RENEW = 20_000;

/** @returns the exit code */
export async function main(argv: readonly string[]): Promise<number> {
  const option = (name: string, fallback: number): number => {
    const at = argv.indexOf(`--${name}`);
    return at < 0 ? fallback : Number(argv[at + 1]);
  };
  const seed = option('seed', 1);
  const programs = option('programs', FULL);
  const inputs = option('inputs', 1_000_000);
  let failed = false;
  if (programs > 0) {
    if (kernel.bpf === undefined) console.log(`programs: skipped: ${kernel.reason}`);
    else failed = new Programs(kernel.bpf, seed).run(programs) || failed;
  }
  if (inputs > 0) failed = runInputs(seed, inputs) || failed;
  return failed ? 1 : 0;
}

/** Says now and then how far a run is. */
class Progress {
  readonly #what: string;
  readonly #of: number;
  #last = performance.now();

  constructor(what: string, of: number) {
    this.#what = what;
    this.#of = of;
  }

  at(n: number, more: () => string): void {
    if (performance.now() - this.#last < PROGRESS_MS) return;
    this.#last = performance.now();
    console.log(`${this.#what}: ${n} of ${this.#of}, ${more()}`);
  }
}

class Programs {
  readonly #bpf: RawBpf;
  readonly #seed: number;
  #pair: Pair;
  #sides: Sides;
  readonly #known = new Map<string, number>();
  readonly #skipped = new Map<string, number>();
  #accepted = 0;
  #same = 0;
  #compared = 0;
  #steps = 0;
  #failures = 0;

  constructor(bpf: RawBpf, seed: number) {
    this.#bpf = bpf;
    this.#seed = seed;
    this.#pair = new Pair(bpf);
    this.#sides = new Sides(bpf, this.#pair);
  }

  /** @returns whether something is unexplained */
  run(count: number): boolean {
    const progress = new Progress('programs', count);
    for (let n = 0; n < count; n++) {
      if (n % RENEW === 0 && n > 0) this.#renew();
      this.#one(n);
      progress.at(n, () => `${this.#accepted} accepted, ${this.#compared} run on both, ${this.#failures} unexplained`);
    }
    const list = (of: ReadonlyMap<string, number>): string => [...of].map(([name, times]) => `  ${times} ${name}`).join('\n');
    console.log(
      `programs: ${count} of seed ${this.#seed}: ${this.#accepted} accepted, ${this.#same} with the kernel's verdict, message and counters\n` +
        `run on both with the same result: ${this.#compared}; ${this.#steps} instructions under the oracle\n` +
        `accepted and not compared, because of:\n${list(this.#skipped)}\nknown differences:\n${list(this.#known)}`,
    );
    const gone = KNOWN_DIFFERENCES.filter(({ name }) => !this.#known.has(name));
    if (count >= FULL)
      for (const { name } of gone) console.log(`the known difference '${name}' does not occur any more: take it out of the table`);
    return this.#failures > 0 || (count >= FULL && gone.length > 0);
  }

  #renew(): void {
    this.#pair.close();
    this.#pair = new Pair(this.#bpf);
    this.#sides = new Sides(this.#bpf, this.#pair);
  }

  #one(n: number): void {
    let compared: Compared;
    try {
      compared = compare(this.#pair, this.#seed, n);
    } catch (error) {
      this.#fail(n, `an exception: ${error instanceof Error ? error.stack : String(error)}`);
      return;
    }
    if (compared.fd !== undefined) this.#accepted++;
    const difference = differenceOf(compared);
    if (difference === undefined) {
      this.#same++;
    } else {
      const known = explain(compared);
      if (known === undefined) this.#show(n, compared);
      else this.#known.set(known.name, (this.#known.get(known.name) ?? 0) + 1);
    }
    const result = runBoth(this.#pair, this.#sides, compared, n);
    if (compared.fd !== undefined) this.#bpf.close(compared.fd);
    if (result === undefined) return;
    this.#steps += result.checks;
    if (result.skipped !== undefined) this.#skipped.set(result.skipped, (this.#skipped.get(result.skipped) ?? 0) + 1);
    const wrong = result.violation ?? result.difference;
    if (wrong !== undefined) this.#fail(n, `${wrong}\n${disassemble(compared.question.insns)}`);
    else if (result.skipped === undefined) this.#compared++;
  }

  #fail(n: number, what: string): void {
    this.#failures++;
    if (this.#failures <= MAX_SHOWN) console.log(`program ${n} of seed ${this.#seed}: ${what}`);
  }

  /** Shows a difference, as small as it gets. */
  #show(n: number, compared: Compared): void {
    this.#failures++;
    if (this.#failures > MAX_SHOWN) return;
    const kind = differenceOf(compared);
    const { question } = compared;
    const again = (insns: Uint8Array): Compared => {
      const made = ask(this.#pair, { ...question, insns });
      if (made.fd !== undefined) this.#bpf.close(made.fd);
      return made;
    };
    const least = shrink(question.insns, (insns) => differenceOf(again(insns)) === kind, question.functions !== undefined);
    const { ours, theirs } = again(least);
    console.log(`program ${n} of seed ${this.#seed}, ${kind}:\n${disassemble(least)}\nhere:   ${said(ours)}\nkernel: ${said(theirs)}`);
  }
}

/** An answer's verdict and counters. */
function said({ errno, message, counters }: Answer): string {
  return `${errno === undefined ? 'accepted' : `${errno} ${message}`}\n        ${counters}`;
}

/** Inputs that are no programs. @returns whether one had no verdict */
export function runInputs(seed: number, count: number): boolean {
  const progress = new Progress('inputs', count);
  const seeds = seedPrograms(200);
  let accepted = 0;
  let slowest = 0;
  let slow = 0;
  for (let n = 0; n < count; n++) {
    const bytes = input(seed, n, seeds);
    const start = performance.now();
    try {
      if (judge(bytes, n) === 'accepted') accepted++;
    } catch (error) {
      console.log(
        `input ${n} of seed ${seed}: ${error instanceof Error ? error.stack : String(error)}\n${Buffer.from(bytes).toString('hex')}`,
      );
      return true;
    }
    const time = performance.now() - start;
    if (time > slowest) [slowest, slow] = [time, n];
    progress.at(n, () => `${accepted} accepted, slowest ${slowest.toFixed(0)} ms`);
  }
  console.log(
    `inputs: ${count} of seed ${seed}: a verdict on each, ${accepted} accepted; the slowest, ${slow}, took ${slowest.toFixed(0)} ms`,
  );
  return false;
}
