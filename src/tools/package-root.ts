/** Finds files that ship with the package, from the source tree and from the bundle alike. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BpfError } from '../base/index.ts';

let cached: string | undefined;

/** The folder of bpfwright's package.json: code runs from src/ or from dist/chunks/, so the depth differs. */
export function packageRoot(): string {
  if (cached !== undefined) return cached;
  let dir = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const file = join(dir, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'bpfwright') {
      cached = dir;
      return dir;
    }
    const up = dirname(dir);
    if (up === dir) throw new BpfError('bpfwright cannot find its own package folder', { hint: 'install the package again' });
    dir = up;
  }
}
