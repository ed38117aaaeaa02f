/** Whole logs of level 2 with statistics: verify() writes what the live kernel writes, line by line. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseElf } from '../../src/elf/index.ts';
import { loadCollection } from '../../src/loader/index.ts';
import { checkProgram, programCheck } from '../../src/tools/check-program.ts';
import { kernelWorld } from '../../src/tools/kernel-world.ts';
import { kernel } from '../support/kernel.ts';
import { kernelHost } from '../support/kernel-host.ts';
import { firstDifference } from '../support/log.ts';
import { Pair } from '../support/verifier.ts';
import { btfCases } from './btf-cases.ts';
import { CASES } from './cases.ts';
import { DYNPTR_CASES } from './dynptr-cases.ts';
import { FIELD_CASES } from './field-cases.ts';
import { FIELD_MAPS } from './field-maps.ts';
import { FUNCTION_CASES } from './function-cases.ts';
import { generate } from './generate/index.ts';
import { KFUNC_CASES } from './kfuncs/index.ts';
import { OBJECT_CASES } from './object-cases.ts';
import { PROTOTYPE_CASES } from './prototype-cases.ts';
import { SOCKET_MAP_CASES } from './socket-map-cases.ts';

const { bpf, reason } = kernel;
/** LEVEL2 and STATS. */
const LEVEL = 6;
/** Big-endian programs do not run here. */
const OTHER_ENDIAN = 'big-endian.bpf.o';

function objects(): string[] {
  return ['../../testdata/objects/', '../../examples/'].flatMap((dir) =>
    readdirSync(new URL(dir, import.meta.url), { encoding: 'utf8', recursive: true })
      .filter((file) => file.endsWith('.bpf.o') && file !== OTHER_ENDIAN)
      .map((file) => dir + file),
  );
}

if (bpf === undefined) {
  describe('logs', () => it.skip(`skipped: ${reason}`));
} else {
  const pair = new Pair(bpf, FIELD_MAPS);
  const generated = Array.from({ length: 60 }, (_, n) => ({ name: `generated ${n}`, ...generate(20260103, n) }));
  const rows = [
    ...CASES,
    ...FUNCTION_CASES,
    ...SOCKET_MAP_CASES,
    ...FIELD_CASES,
    ...OBJECT_CASES,
    ...DYNPTR_CASES,
    ...KFUNC_CASES,
    ...PROTOTYPE_CASES,
    ...btfCases(),
    ...generated,
  ];

  it.each(rows.map((row) => [row.name, row] as const))('%s', (_, row) => {
    const question = { ...row, level: LEVEL };
    const theirs = pair.kernel(question);
    // Longer than what the kernel may write here.
    if (theirs.errno === 'ENOSPC') return;
    expect(firstDifference(pair.ours(question).log, theirs.log)).toBeUndefined();
  });

  const world = kernelWorld(undefined);
  it.each(objects())('%s', (file) => {
    const spec = parseElf(readFileSync(new URL(file, import.meta.url)), file);
    for (const program of spec.programs) {
      const host = kernelHost(bpf, world);
      try {
        const ours = checkProgram(world, spec, program, { logLevel: LEVEL });
        const theirs = programCheck(world, spec, program, (alone, options) => loadCollection(host, alone, { ...options, logLevel: LEVEL }));
        if (theirs.log !== '') expect(firstDifference(ours.log, theirs.log), program.name).toBeUndefined();
      } finally {
        host.closeAll();
      }
    }
  });
}
