/** Builds dist/: one esbuild bundle per entry point with shared chunks (fast start-up), and declarations by tsc. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
/** Entry name in dist -> source file. Each folder with an index.ts that package.json exports is one. */
const entries = {
  index: 'src/index.ts',
  cli: 'src/cli/main.ts',
  'ptrace-worker': 'src/sources/ptrace/worker.ts',
  isa: 'src/isa/index.ts',
  asm: 'src/asm/index.ts',
  btf: 'src/btf/index.ts',
  elf: 'src/elf/index.ts',
  engine: 'src/engine/index.ts',
  interp: 'src/interp/index.ts',
  loader: 'src/loader/index.ts',
  readers: 'src/readers/index.ts',
};
const present = Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)));
if (existsSync('dist')) for (const f of readdirSync('dist')) if (f !== 'types') rmSync(join('dist', f), { recursive: true, force: true });
await build({
  entryPoints: present,
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  chunkNames: 'chunks/[name]-[hash]',
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  logLevel: 'warning',
});
if (!process.argv.includes('--no-types')) {
  const tsc = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'], { stdio: 'inherit' });
  if (tsc.status !== 0) process.exit(tsc.status ?? 1);
}
