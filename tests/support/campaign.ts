/** Programs of the generator put to verify() and the live kernel: what differs, and how. */
import { Btf } from '../../src/btf/index.ts';
import { Trail } from '../../src/verifier/index.ts';
import { generate } from '../verifier/generate/index.ts';
import type { RunResult, Sides } from './sides.ts';
import type { Answer, Pair, Question } from './verifier.ts';

/** A generated program with both answers. */
export interface Compared {
  readonly question: Question & { readonly insns: Uint8Array };
  readonly ours: Answer;
  readonly theirs: Answer;
  /** Open where the kernel accepts. */
  readonly fd: number | undefined;
  /** Where the whole logs part: a line of each, without what differs always. */
  readonly parting: () => readonly [ours: string, theirs: string];
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
  return { question, theirs, ours: pair.ours(question), fd, parting: () => parting(pair, { ...question, level: 2 }) };
}

function parting(pair: Pair, question: Question): readonly [string, string] {
  const [ours, theirs] = [pair.ours(question).log, pair.kernel(question).log].map((log) =>
    log
      .replace(/(\(18\) r\d = )0x[0-9a-f]+/g, '$1')
      .replace(/ R10=fp0| +(?= )/g, '')
      .split('\n')
      .filter((line) => line !== '' && !/^\(\d/.test(line)),
  );
  const at = ours?.findIndex((line, i) => line !== theirs?.[i]) ?? 0;
  return [ours?.[at] ?? '', theirs?.[at] ?? ''];
}

export function differenceOf({ ours, theirs }: Pick<Compared, 'ours' | 'theirs'>): Difference | undefined {
  if (ours.errno === undefined && theirs.errno !== undefined) return 'unsound';
  if (ours.errno !== undefined && theirs.errno === undefined) return 'verdict';
  if (ours.errno !== theirs.errno) return 'errno';
  if (ours.message !== theirs.message) return 'message';
  return ours.counters === theirs.counters ? undefined : 'counters';
}

/** Steps of a verification beyond which the oracle is not asked. */
const TRAIL_LIMIT = 5000;

/** Runs an accepted program here, under the oracle's eyes, and on the kernel. */
export function runBoth(pair: Pair, sides: Sides, { question, fd }: Compared, seed: number): RunResult | undefined {
  if (fd === undefined) return undefined;
  const trail = new Trail(TRAIL_LIMIT);
  const { facts, verdict } = pair.verify({ ...question, level: 0 }, {}, { trail });
  if (verdict !== 'accepted' || trail.full) return undefined;
  return sides.run({ insns: question.insns, type: question.type ?? 1, fd, globals: globalsOf(question) }, facts, trail, seed);
}

/** First slots of the functions that are global. */
function globalsOf({ functions }: Question): ReadonlySet<number> {
  const starts = new Set<number>();
  if (functions === undefined) return starts;
  const btf = Btf.open(functions.btf);
  const view = new DataView(functions.records.buffer, functions.records.byteOffset, functions.records.length);
  for (let at = 0; at < functions.records.length; at += 8) {
    const type = btf.type(view.getUint32(at + 4, true));
    if (type.kind === 'func' && type.linkage === 'global') starts.add(view.getUint32(at, true));
  }
  return starts;
}
