/** Builds dist/ (one esbuild bundle per entry point with shared chunks, declarations by tsc) and the generated headers. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
if (!existsSync('node_modules/esbuild') || !existsSync('node_modules/typescript')) {
  const hint = existsSync('dist/cli.js') ? '' : '; there is no dist/ yet, so the package will not run';
  console.error(`bpfwright: not building: the development dependencies are missing (npm ci without --omit=dev installs them)${hint}`);
  // An install without development dependencies is not an error of the installation; asking for a build is.
  process.exit(process.env.npm_lifecycle_event === 'prepare' ? 0 : 1);
}
const { build } = await import('esbuild');
const { writeHeaders } = await import('./headers.mjs');
const { buildRuntime } = await import('./runtime.mjs');

await buildRuntime();

/** commander is CommonJS and asks for Node's modules by require. */
const REQUIRE = "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";
/** Entry name in dist -> source file. Each folder with an index.ts that package.json exports is one. */
const entries = {
  index: 'src/index.ts',
  isa: 'src/isa/index.ts',
  asm: 'src/asm/index.ts',
  btf: 'src/btf/index.ts',
  elf: 'src/elf/index.ts',
  engine: 'src/engine/index.ts',
  interp: 'src/interp/index.ts',
  jit: 'src/jit/index.ts',
  verifier: 'src/verifier/index.ts',
  loader: 'src/loader/index.ts',
  readers: 'src/readers/index.ts',
};
const common = {
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
};
/** The command line and the tracing thread start on every run: few files, libraries in them, only native code left outside. */
const starters = {
  ...common,
  minifyWhitespace: true,
  minifySyntax: true,
  external: ['koffi'],
  define: { 'process.env.NODE_ENV': '"production"' },
  banner: { js: REQUIRE },
};
const builds = await Promise.all([
  build({ ...common, entryPoints: entries, splitting: true, packages: 'external', chunkNames: 'chunks/[name]-[hash]' }),
  build({ ...starters, entryPoints: { cli: 'src/cli/start.ts' }, splitting: true, chunkNames: 'cli/[name]-[hash]' }),
  build({ ...starters, entryPoints: { 'ptrace-worker': 'src/sources/ptrace/worker.ts' } }),
]).catch(() => undefined);
// esbuild has said what is wrong.
if (builds === undefined) process.exit(1);
// Stale files go after the new ones stand, so that a process started meanwhile finds one whole build.
const written = new Set(builds.flatMap((b) => Object.keys(b.metafile.outputs)));
for (const file of readdirSync('dist', { recursive: true, withFileTypes: true })) {
  const path = relative(root, join(file.parentPath, file.name)).replaceAll('\\', '/');
  if (file.isFile() && !path.startsWith('dist/types/') && !written.has(path)) rmSync(path);
}
if (['helpers', 'maps', 'programs'].every((folder) => existsSync(`src/${folder}/index.ts`))) await writeHeaders();
if (!process.argv.includes('--no-types')) {
  const tsc = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'], { stdio: 'inherit' });
  if (tsc.status !== 0) process.exit(tsc.status ?? 1);
}
