/**
 * Rebuilds every object of examples/ and bench/ from its C source with the machine's clang (`npm run examples`). `--out DIR` writes below DIR
 * instead of beside the sources. The objects are reproducible: paths inside them are relative to the
 * repository, and they hold BTF but no DWARF.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { importTs, root } from './import-ts.mjs';
import { stripDebug } from './strip-debug.mjs';

const { clangFlags, findClang } = await importTs('src/tools/clang.ts');
const outFlag = process.argv.indexOf('--out');
const outDir = outFlag < 0 ? '.' : process.argv[outFlag + 1];
const clang = findClang();
if (clang === undefined) {
  console.error(
    'npm run examples: no clang with the BPF target was found: install one (`apt install clang`) or name it with CLANG=/path/to/clang',
  );
  process.exit(1);
}
console.log(`using ${clang.path}: ${clang.version}`);
const sources = ['examples', 'bench'].flatMap((dir) => readdirSync(join(root, dir)).map((name) => `${dir}/${name}`));
for (const file of sources.filter((name) => name.endsWith('.bpf.c')).sort()) {
  // The committed objects are for x86-64 whatever machine builds them; own headers only, so that installed ones cannot change the result.
  const flags = clangFlags('x64').map((flag) => (flag === join(root, 'include') ? 'include' : flag));
  const object = resolve(root, outDir, file.replace(/c$/, 'o'));
  mkdirSync(dirname(object), { recursive: true });
  const run = spawnSync(
    clang.path,
    [...flags, '-Werror', `-ffile-prefix-map=${root}/=`, '-fdebug-compilation-dir=.', '-c', file, '-o', object],
    { cwd: root, stdio: 'inherit' },
  );
  if (run.status !== 0) process.exit(1);
  writeFileSync(object, stripDebug(readFileSync(object)));
  console.log(relative(root, object));
}
// The objects do not say what made them: a test that rebuilds them needs to know.
writeFileSync(resolve(root, outDir, 'examples', 'compiler.txt'), `${clang.version}\n`);
