/**
 * Objects of a directory compared with the live kernel, program by program: verdict, errno, last message, counters. A script: it prints what
 * differs and a summary. Set BPF_OBJECTS_DIR, or give directories and files; run it with `npm run compare-objects`.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { BpfError } from '../src/base/index.ts';
import { parseElf } from '../src/elf/index.ts';
import { kernelWorld } from '../src/tools/kernel-world.ts';
import { compareObject } from './support/compare-object.ts';
import { kernel } from './support/kernel.ts';

function objectsOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { encoding: 'utf8', recursive: true })
    .filter((name) => name.endsWith('.o'))
    .map((name) => join(path, name))
    .sort();
}

const { bpf, reason } = kernel;
const given = process.argv.slice(2);
const paths = given.length > 0 ? given : [process.env.BPF_OBJECTS_DIR ?? ''];
if (bpf === undefined) {
  console.log(`no live kernel to compare with: ${reason}`);
} else if (!paths.every((path) => existsSync(path))) {
  console.log('nothing to compare: give files or directories, or set BPF_OBJECTS_DIR');
  process.exitCode = 1;
} else {
  const world = kernelWorld();
  const count = { programs: 0, verdict: 0, errno: 0, message: 0, counters: 0, accepted: 0, unreadable: 0 };
  for (const path of paths.flatMap(objectsOf)) {
    const name = basename(path);
    try {
      for (const { program, ours, kernel: theirs } of compareObject(bpf, world, parseElf(readFileSync(path), name))) {
        count.programs++;
        if (theirs.verdict === 'accepted') count.accepted++;
        const same = {
          verdict: ours.verdict === theirs.verdict,
          errno: ours.errno === theirs.errno,
          message: ours.message === theirs.message,
          counters: ours.counters === theirs.counters,
        };
        for (const key of ['verdict', 'errno', 'message', 'counters'] as const) if (same[key]) count[key]++;
        if (same.verdict && same.errno && same.message && same.counters) continue;
        console.log(`${same.verdict && same.errno && same.message ? 'counters' : 'DIFFERS '} ${name} ${program}`);
        console.log(`    ours:   ${ours.verdict} ${ours.errno ?? ''} ${ours.message} | ${ours.counters}`);
        console.log(`    kernel: ${theirs.verdict} ${theirs.errno ?? ''} ${theirs.message} | ${theirs.counters}`);
      }
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      count.unreadable++;
      console.log(`UNREAD   ${name}: ${error.message}`);
    }
  }
  const { programs, unreadable, accepted, ...same } = count;
  const parts = Object.entries(same).map(([what, n]) => `${what} ${n}`);
  console.log(
    `${programs} programs (${accepted} accepted by the kernel); the same: ${parts.join(', ')}; objects not readable: ${unreadable}`,
  );
}
