/** The objects of testdata are what their sources compile to, wherever the compiler that made them is installed. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const folders = ['objects', 'rejections'].map((name) => fileURLToPath(new URL(`../testdata/${name}/`, import.meta.url)));
const committed = readFileSync(join(folders[0] ?? '', 'compiler.txt'), 'utf8').trim();
const installed = spawnSync('clang-19', ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0];
const same = installed === committed && spawnSync('llvm-strip-19', ['--version']).status === 0;
if (!same) console.log(`objects: not rebuilt, the clang here is ${installed ?? 'none'}, theirs was ${committed}`);

describe.skipIf(!same)('objects', () => {
  test.each(folders)('%s are what their sources compile to', (folder) => {
    const out = mkdtempSync(join(tmpdir(), 'bpfwright-objects-'));
    try {
      const run = spawnSync('sh', [join(folder, 'build.sh')], {
        encoding: 'utf8',
        env: { ...process.env, OUT: out, CLANG: 'clang-19', LLVM_STRIP: 'llvm-strip-19' },
      });
      expect(run.stderr).toBe('');
      const names = readdirSync(folder).filter((name) => name.endsWith('.o'));
      expect(
        readdirSync(out)
          .filter((name) => name.endsWith('.o'))
          .sort(),
      ).toEqual(names.sort());
      for (const name of names) expect(readFileSync(join(out, name)).equals(readFileSync(join(folder, name))), name).toBe(true);
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  });
});
