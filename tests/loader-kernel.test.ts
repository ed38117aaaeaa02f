/** Linked programs of testdata/objects on the live kernel: it accepts each, and those it can test-run return what the engine returns. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseElf } from '../src/elf/index.ts';
import { Engine } from '../src/engine/index.ts';
import { loadCollection } from '../src/loader/index.ts';
import { kernel } from './support/kernel.ts';
import { rawHost } from './support/raw-host.ts';

if (kernel.bpf === undefined) console.log(`loader on the kernel: skipped, ${kernel.reason}`);

const read = (name: string) => parseElf(readFileSync(new URL(`../testdata/objects/${name}.bpf.o`, import.meta.url)), name);

describe.skipIf(kernel.bpf === undefined)('the live kernel', () => {
  // `third` has callbacks, which need BTF.
  test.each(['calls', 'calls-dwarf', 'data', 'legacy', 'isa-v1', 'isa-v2', 'isa-v3', 'isa-v4', 'types'])('accepts %s', (name) => {
    if (kernel.bpf === undefined) return;
    const spec = read(name);
    const without = name.startsWith('calls') ? { programs: { third: { autoload: false }, optional: { autoload: true } } } : {};
    const collection = loadCollection(rawHost(kernel.bpf), spec, without);
    expect(collection.programs.size).toBe(spec.programs.length - (name.startsWith('calls') ? 1 : 0));
    collection.close();
  });

  test.each(['first', 'second', 'fourth'])('%s returns what it returns on the engine', (name) => {
    if (kernel.bpf === undefined) return;
    const others = Object.fromEntries(
      ['first', 'second', 'third', 'fourth'].filter((n) => n !== name).map((n) => [n, { autoload: false }]),
    );
    const there = loadCollection(rawHost(kernel.bpf), read('calls'), { programs: others });
    const here = loadCollection(new Engine({ cpus: 1 }), read('calls'), { programs: { ...others, [name]: { type: 17 } } });
    expect(there.program(name).testRun({ dataIn: new Uint8Array(64) }).retval).toBe(here.program(name).testRun().retval);
    there.close();
    here.close();
  });
});
