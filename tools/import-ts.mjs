/** Lets the build's own scripts use the product's TypeScript: bundles one module and imports it. */
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** The repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The exports of `file` (relative to the repository, or to a copy of it), with everything it imports bundled in. */
export async function importTs(file, folder = root) {
  const dir = join(root, 'node_modules', '.cache', 'bpfwright');
  mkdirSync(dir, { recursive: true });
  const out = join(dir, `${file.replaceAll(/[^a-z0-9]+/gi, '-')}.${process.pid}.mjs`);
  await build({
    entryPoints: [join(folder, file)],
    outfile: out,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  try {
    return await import(pathToFileURL(out).href);
  } finally {
    rmSync(out, { force: true });
  }
}
