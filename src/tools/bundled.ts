/** The programs that ship with the package and can be run by a bare name, and how a program argument becomes object bytes. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { BpfError } from '../base/index.ts';
import { compileC } from './clang.ts';
import { packageRoot } from './package-root.ts';

/** An object file's bytes and the name errors call it by. */
export interface ObjectBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A bundled program: its first comment sentence is its description. */
export interface Bundled {
  readonly name: string;
  readonly object: string;
  readonly description: string;
}

/** Programs in the package's examples folder that have both source and object. */
export function bundledPrograms(): Bundled[] {
  const dir = join(packageRoot(), 'examples');
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((f) => f.endsWith('.bpf.o'))
    .sort()
    .map((f) => {
      const name = f.slice(0, -'.bpf.o'.length);
      const source = join(dir, `${name}.bpf.c`);
      const comment = existsSync(source)
        ? /^\s*(?:\/\/[^\n]*SPDX[^\n]*\n\s*)?(?:\/\*+|\/\/)\s*([^\n]*?)\s*(?:\*\/)?\n/.exec(readFileSync(source, 'utf8'))
        : null;
      return { name, object: join(dir, f), description: comment?.[1] ?? '' };
    });
}

/** The bundled programs as help text. */
export function bundledListing(): string {
  const all = bundledPrograms();
  const width = Math.max(0, ...all.map((b) => b.name.length));
  return `Bundled programs (bpfwright run NAME -- command...):\n${all.map((b) => `  ${b.name.padEnd(width)}  ${b.description}\n`).join('')}`;
}

/** Largest object file that is read, bytes. */
const MAX_OBJECT = 256 << 20;

/**
 * Bytes of what a user named: a file when there is one by that name or the word looks like a path, else a bundled program.
 * @throws BpfError naming the bundled programs
 */
export function readProgram(word: string): ObjectBytes {
  const looksLikePath = word.includes('/') || word.endsWith('.o') || word.endsWith('.c');
  if (!looksLikePath) {
    const found = bundledPrograms().find((b) => b.name === word);
    if (found !== undefined) return { name: basename(found.object), bytes: readFileSync(found.object) };
  }
  if (!existsSync(word)) {
    const names = bundledPrograms().map((b) => b.name);
    throw new BpfError(looksLikePath ? `${word} does not exist` : `there is no bundled program '${word}'`, {
      hint: `bundled programs: ${names.join(', ')}; or give a .bpf.o or .bpf.c file`,
    });
  }
  const stat = statSync(word);
  if (!stat.isFile()) throw new BpfError(`${word} is not a file`, { hint: 'give a .bpf.o or .bpf.c file' });
  if (stat.size > MAX_OBJECT) throw new BpfError(`${word} has ${stat.size} bytes; at most ${MAX_OBJECT} are read`);
  if (word.endsWith('.c')) return { name: basename(word).replace(/\.c$/, '.o'), bytes: compileC(word) };
  return { name: basename(word), bytes: readFileSync(word) };
}
