/** What is said of programs that the verifier refuses: every diagnostic, as `bpfwright verify` prints it, beside the C source. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createReport } from '../src/cli/verify-report/index.ts';
import { parseElf } from '../src/elf/index.ts';
import { engineBtf } from '../src/engine/index.ts';
import { checkProgram } from '../src/tools/check-program.ts';
import type { KernelWorld } from '../src/tools/kernel-world.ts';

const folder = new URL('../testdata/rejections/', import.meta.url);
/** The same on every machine. */
const WORLD: KernelWorld = {
  name: "the engine's own types",
  btf: engineBtf,
  symbol: () => undefined,
  kconfig: () => ({}),
  lacking: () => ({ helpers: new Set(), types: new Set() }),
};

it('every rejection names its rule, the source line, what was known, what led there and what would fix it', async () => {
  const name = 'rejections.bpf.o';
  const spec = parseElf(readFileSync(new URL(name, folder)), name);
  const report = createReport('text', { version: '', directory: '/' });
  let text = '';
  for (const program of spec.programs) {
    const found = checkProgram(WORLD, spec, program, {});
    text += `${report.row({ type: 'verify', object: name, program: program.name, types: WORLD.name, ...found, log: '' })}\n`;
    const [diagnostic] = found.diagnostics;
    expect(diagnostic, program.name).toBeDefined();
    expect(diagnostic?.code, program.name).not.toBe('rejected');
    expect(diagnostic?.help, program.name).toBeDefined();
  }
  await expect(text).toMatchFileSnapshot(new URL('rejections.bpf.txt', folder).pathname);
});
