/** The committed example objects: they are what their sources compile to, and they parse to what their sources say. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseElf } from '../src/elf/index.ts';
import { findClang } from '../src/tools/clang.ts';
import { packageRoot } from '../src/tools/package-root.ts';

const root = packageRoot();
const objects = ['examples', 'bench'].flatMap((dir) =>
  readdirSync(join(root, dir))
    .filter((name) => name.endsWith('.bpf.o'))
    .map((name) => `${dir}/${name}`),
);
const clang = findClang();
const out = mkdtempSync(join(tmpdir(), 'bpfwright-examples-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

/** The compiler that made the committed objects, as its `--version` says. */
const maker = readFileSync(join(root, 'examples', 'compiler.txt'), 'utf8').trim();

it('every source has its object', () => {
  const sources = ['examples', 'bench'].flatMap((dir) => readdirSync(join(root, dir)).map((name) => `${dir}/${name}`));
  expect(objects).toEqual(sources.filter((name) => name.endsWith('.bpf.c')).map((name) => name.replace(/c$/, 'o')));
});

it.each(objects)('%s parses, is GPL and holds no absolute path of the machine that built it', (object) => {
  const bytes = readFileSync(join(root, object));
  const spec = parseElf(bytes, object);
  expect(spec.license).toBe('GPL');
  expect(spec.programs.length).toBeGreaterThan(0);
  expect(bytes.toString('latin1')).not.toMatch(/\/(?:home|root|work|tmp|Users)\//);
});

describe.skipIf(clang?.version !== maker)(`rebuilt by the clang that made them (needs ${maker})`, () => {
  it('gives the same bytes', () => {
    const run = spawnSync(process.execPath, [join(root, 'tools', 'build-examples.mjs'), '--out', out], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    for (const object of objects) {
      expect(readFileSync(join(out, object)).equals(readFileSync(join(root, object))), `${object} is stale: run npm run examples`).toBe(
        true,
      );
    }
  });
});
