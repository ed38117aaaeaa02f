/**
 * Everything that must hold besides the tests (`npm run check`): formatting and lint, both type checks, layers, file headers, names that must not
 * occur, and CONTRIBUTING's recipes applied to a copy. `--fix` rewrites what a tool can rewrite.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { root } from './import-ts.mjs';
import { badImports, checkDiagram, sources } from './layers.mjs';
import { checkRecipes, execute } from './recipes.mjs';

const fix = process.argv.includes('--fix');

/** A tool from node_modules as a check: its output is shown when it fails. */
function tool(name, script, args) {
  return {
    name,
    run: async () => {
      const { code, output } = await execute(script, args, root);
      return code === 0 ? [] : [output.trimEnd()];
    },
  };
}

/** Every source opens with a sentence that says what it is. */
function headers() {
  return sources()
    .filter((file) => !/^(?:#!.*\n)?\/\*\*\s*\S/.test(readFileSync(join(root, 'src', file), 'utf8')))
    .map((file) => `src/${file}: does not open with a /** */ comment that says what it is`);
}

/** What no committed file may hold: paths of one machine, and switches that silence the checks. */
const FORBIDDEN = [
  { what: 'a machine path', pattern: /(?:^|[^\w.])\/(?:work|home|root|Users)\/[\w.-]/, files: /./ },
  { what: 'a silenced check', pattern: /@ts-(?:ignore|expect-error|nocheck)|biome-ignore|eslint-disable/, files: /\.(?:ts|mjs|js)$/ },
  { what: 'an unfinished note', pattern: /\b(?:TODO|FIXME|XXX)\b/, files: /\.(?:ts|mjs|js|c|h|md)$/ },
];

function forbidden() {
  const git = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  if (git.status !== 0) return [];
  const bad = [];
  for (const file of git.stdout.split('\0')) {
    if (file === '' || file === 'tools/check.mjs' || !existsSync(join(root, file))) continue;
    const lines = readFileSync(join(root, file), 'latin1').split('\n');
    for (const { what, pattern, files } of FORBIDDEN) {
      if (!files.test(file)) continue;
      const at = lines.findIndex((line) => pattern.test(line));
      if (at >= 0) bad.push(`${file}:${at + 1}: ${what}: ${pattern.exec(lines[at])?.[0].trim()}`);
    }
  }
  return bad;
}

// Longest first: they share the processors.
const checks = [
  { name: 'recipes', run: checkRecipes },
  tool('types', 'typescript/bin/tsc', ['-p', 'tsconfig.json']),
  tool('types without Node', 'typescript/bin/tsc', ['-p', 'tsconfig.portable.json']),
  tool('format and lint', '@biomejs/biome/bin/biome', fix ? ['check', '--write'] : ['check']),
  { name: 'layers', run: async () => badImports() },
  { name: 'layer diagram', run: async () => checkDiagram({ write: fix }) },
  { name: 'file headers', run: async () => headers() },
  { name: 'names', run: async () => forbidden() },
];

let failed = 0;
const waiting = [...checks];
async function work() {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
    const start = performance.now();
    const complaints = await check.run();
    console.log(`${complaints.length === 0 ? 'ok    ' : 'FAILED'} ${check.name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    for (const line of complaints) console.log(line.replaceAll(/^/gm, '    '));
    if (complaints.length > 0) failed++;
  }
}
await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, work));
process.exit(failed === 0 ? 0 : 1);
