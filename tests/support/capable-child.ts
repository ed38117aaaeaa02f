/** Runs with few capabilities: reads questions as JSON from standard input, asks the live kernel each, and prints its answers, null where it may not make the maps. */
import { readFileSync } from 'node:fs';
import { openBpf } from '../../src/sys/bpf.ts';
import { type Answer, Pair, type Question } from './verifier.ts';

const questions = JSON.parse(readFileSync(0, 'utf8')) as Question[];
const pair = new Pair(openBpf());
const answers = questions.map((question): Answer | undefined => {
  let insns: Uint8Array;
  try {
    insns = pair.bytes(question);
  } catch {
    return undefined;
  }
  return pair.kernel({ ...question, insns });
});
process.stdout.write(JSON.stringify(answers));
