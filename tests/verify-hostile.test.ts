/** Damaged objects: reading and verifying them gives a verdict or an error of ours, whatever bytes they have. HOSTILE_SAMPLES says how many. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { BpfError } from '../src/base/index.ts';
import { parseElf } from '../src/elf/index.ts';
import { checkProgram } from '../src/tools/check-program.ts';
import { kernelWorld } from '../src/tools/kernel-world.ts';
import { random } from './support/random.ts';

const SAMPLES = Number(process.env.HOSTILE_SAMPLES ?? 12);
const SEED = Number(process.env.HOSTILE_SEED ?? 1);
const folder = new URL('../testdata/objects/', import.meta.url);
const world = kernelWorld();

it.each(readdirSync(folder).filter((name) => name.endsWith('.bpf.o')))('%s, damaged', (name) => {
  const whole = readFileSync(new URL(name, folder));
  const next = random(SEED + name.length * 7919);
  for (let sample = 0; sample < SAMPLES; sample++) {
    const bytes = Uint8Array.from(whole);
    for (let changes = 1 + next(6); changes > 0; changes--) {
      const at = next(bytes.length);
      // Single bits, small numbers and any byte: what lengths, kinds and offsets are made of.
      bytes[at] = [(bytes[at] ?? 0) ^ (1 << next(8)), next(4), next(256), 255][next(4)] ?? 0;
    }
    try {
      const spec = parseElf(bytes, name);
      for (const program of spec.programs) checkProgram(world, spec, program);
    } catch (error) {
      if (!(error instanceof BpfError)) throw new Error(`sample ${sample}: ${String(error)}`, { cause: error });
    }
  }
  expect(SAMPLES).toBeGreaterThan(0);
});
