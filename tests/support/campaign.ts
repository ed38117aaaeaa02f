/** Programs of the generator put to verify() and the live kernel: what differs, and how. */
import { generate } from '../verifier/generate/index.ts';
import type { Answer, Pair, Question } from './verifier.ts';

/** A generated program with both answers. */
export interface Compared {
  readonly question: Question & { readonly insns: Uint8Array };
  readonly ours: Answer;
  readonly theirs: Answer;
  /** Open where the kernel accepts. */
  readonly fd: number | undefined;
}

/** How answers differ; undefined where they do not. `unsound`: accepted here, refused by the kernel. */
export type Difference = 'unsound' | 'verdict' | 'errno' | 'message' | 'counters';

/** What the kernel says of program `n` of a seed, and what verify() says. The caller closes `fd`. */
export function compare(pair: Pair, seed: number, n: number): Compared {
  const program = generate(seed, n);
  const bytes = pair.assemble(program.text);
  const insns = program.change?.(bytes) ?? bytes;
  return ask(pair, { insns, type: program.type, ...(program.functions === undefined ? {} : { functions: program.functions }) });
}

/** Both answers. Where the kernel's log is longer than what it may write, neither writes one. */
export function ask(pair: Pair, question: Compared['question']): Compared {
  const loaded = pair.load(question);
  if (loaded.errno === 'ENOSPC') return ask(pair, { ...question, level: 4 });
  const { fd, ...theirs } = loaded;
  return { question, theirs, ours: pair.ours(question), fd };
}

export function differenceOf({ ours, theirs }: Pick<Compared, 'ours' | 'theirs'>): Difference | undefined {
  if (ours.errno === undefined && theirs.errno !== undefined) return 'unsound';
  if (ours.errno !== undefined && theirs.errno === undefined) return 'verdict';
  if (ours.errno !== theirs.errno) return 'errno';
  if (ours.message !== theirs.message) return 'message';
  return ours.counters === theirs.counters ? undefined : 'counters';
}
