/** Every program of the test objects and examples: loaded alone, it is accepted or refused as the live kernel does, down to the counters. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseElf } from '../../src/elf/index.ts';
import { kernelWorld } from '../../src/tools/kernel-world.ts';
import { compareObject } from '../support/compare-object.ts';
import { kernel } from '../support/kernel.ts';

const { bpf, reason } = kernel;
/** Big-endian programs do not run here. */
const OTHER_ENDIAN = 'big-endian.bpf.o';
/** Where the kernel may refuse before it looks: programs of these attach by trampolines, which it may be told to keep to itself. */
const EPERM = 'EPERM';

function objects(): string[] {
  return ['../../testdata/objects/', '../../examples/'].flatMap((dir) =>
    readdirSync(new URL(dir, import.meta.url), { encoding: 'utf8', recursive: true })
      .filter((file) => file.endsWith('.bpf.o') && file !== OTHER_ENDIAN)
      .map((file) => dir + file),
  );
}

if (bpf === undefined) {
  describe('objects', () => it.skip(`skipped: ${reason}`));
} else {
  const world = kernelWorld();
  it.each(objects())('%s', (file) => {
    const spec = parseElf(readFileSync(new URL(file, import.meta.url)), file);
    for (const { program, ours, kernel: theirs } of compareObject(bpf, world, spec)) {
      if (theirs.errno !== EPERM) expect({ program, ...ours }).toEqual({ program, ...theirs });
    }
  });
}
