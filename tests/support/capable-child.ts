/** Runs with few capabilities: reads programs and maps as JSON from standard input, asks the live kernel each, and prints its answers. */
import { readFileSync } from 'node:fs';
import { errnoName, SyscallError } from '../../src/base/index.ts';
import { openBpf, type RawMapAttr } from '../../src/sys/bpf.ts';
import { type Answer, Pair, type Question } from './verifier.ts';

/** What is asked. */
export interface Asked {
  readonly programs: readonly Question[];
  readonly maps: readonly RawMapAttr[];
}

/** What the kernel answers. */
export interface Answers {
  /** null where the program's maps may not be made. */
  readonly programs: readonly (Answer | null)[];
  /** Errno, or null where the map was made. */
  readonly maps: readonly (string | null)[];
}

const asked = JSON.parse(readFileSync(0, 'utf8')) as Asked;
const bpf = openBpf();
const pair = new Pair(bpf);
const programs = asked.programs.map((question): Answer | null => {
  let insns: Uint8Array;
  try {
    insns = pair.bytes(question);
  } catch {
    return null;
  }
  return pair.kernel({ ...question, insns });
});
const maps = asked.maps.map((attr): string | null => {
  try {
    bpf.close(bpf.mapCreate(attr));
    return null;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return errnoName(error.errno);
  }
});
process.stdout.write(JSON.stringify({ programs, maps } satisfies Answers));
