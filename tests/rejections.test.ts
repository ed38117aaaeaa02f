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

it('JSON rows have the program type, the log and the counters', () => {
  const name = 'rejections.bpf.o';
  const spec = parseElf(readFileSync(new URL(name, folder)), name);
  const [program] = spec.programs.filter((p) => p.name === 'unchecked_call');
  if (program === undefined) throw new Error('no program');
  const found = checkProgram(WORLD, spec, program, { logLevel: 2 });
  const row = { type: 'verify', object: name, program: program.name, types: WORLD.name, ...found } as const;
  const line = JSON.parse(createReport('json', { version: '', directory: '/' }).row(row)) as Record<string, unknown>;
  expect(Object.keys(line)).toEqual([
    'type',
    'object',
    'program',
    'types',
    'programType',
    'verdict',
    'errno',
    'message',
    'log',
    'diagnostics',
    'stats',
  ]);
  expect(line).toMatchObject({ programType: 'kprobe', verdict: 'rejected', errno: 'EACCES' });
  expect(line.log).toMatch(/^func#0 @0\n.*R1 invalid mem access 'map_value_or_null'\nprocessed \d+ insns[^\n]*\n$/s);
  const processed = Number(/processed (\d+) insns/.exec(String(line.log))?.[1]);
  expect(line.stats).toEqual({
    processed,
    maxStatesPerInsn: 0,
    totalStates: expect.any(Number),
    peakStates: expect.any(Number),
    stackDepths: expect.any(Array),
  });
});
