/**
 * Executes CONTRIBUTING.md's recipes: applies their code blocks to a copy of the sources, type-checks it and runs the tests they add.
 * A block's info string names its file: "```ts src/x.ts" is a new file, "```diff src/x.ts" adds its `+` lines where its other lines stand.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from './import-ts.mjs';

const COPIED = [
  'src',
  'runtime',
  'tools',
  'types',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.portable.json',
  'vitest.config.ts',
];

/** The blocks of the document that name a file. */
export function recipeBlocks(markdown) {
  return [...markdown.matchAll(/^```(\w+) (\S+\/\S+)\n([\s\S]*?)^```$/gm)].map(([, kind, file, body]) => ({ kind, file, body }));
}

/** `text` with the hunk's `+` lines added; undefined when its context is not there. Context lines match whatever their indentation. */
export function applyHunk(text, hunk) {
  const lines = text.split('\n');
  const context = [];
  const result = [];
  for (const line of hunk.trimEnd().split('\n')) {
    if (line.startsWith('+')) result.push({ add: line.slice(1) });
    else {
      context.push(line.slice(1).trim());
      result.push({ keep: context.length - 1 });
    }
  }
  const at = lines.findIndex((_, start) => context.every((want, n) => lines[start + n]?.trim() === want));
  if (at < 0) return undefined;
  const replaced = result.map((part) => (part.add === undefined ? lines[at + part.keep] : part.add));
  return [...lines.slice(0, at), ...replaced, ...lines.slice(at + context.length)].join('\n');
}

/** Runs a tool of node_modules in `cwd` to its end. */
export function execute(script, args, cwd) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [join(root, 'node_modules', script), ...args], { cwd });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => {
        output += data;
      });
    }
    child.on('close', (code) => done({ code, output }));
  });
}

/** @returns lines of complaint */
export async function checkRecipes() {
  const blocks = recipeBlocks(readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8'));
  if (blocks.length === 0) return ['CONTRIBUTING.md: no recipe blocks found'];
  const copy = mkdtempSync(join(tmpdir(), 'bpfwright-recipes-'));
  try {
    for (const path of COPIED) cpSync(join(root, path), join(copy, path), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'dir');
    const tests = [];
    for (const { kind, file, body } of blocks) {
      const path = join(copy, file);
      if (kind === 'diff') {
        const text = existsSync(path) ? applyHunk(readFileSync(path, 'utf8'), body) : undefined;
        if (text === undefined) return [`CONTRIBUTING.md: the change to ${file} does not apply: its context is not in the file`];
        writeFileSync(path, text);
        continue;
      }
      if (existsSync(path)) return [`CONTRIBUTING.md: the sample ${file} exists already`];
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, body);
      if (file.endsWith('.test.ts')) tests.push(file);
    }
    // Only what the recipes can break: the product's own sources, not the tests beside them.
    writeFileSync(
      join(copy, 'tsconfig.recipes.json'),
      JSON.stringify({
        extends: './tsconfig.json',
        compilerOptions: { tsBuildInfoFile: 'recipes.tsbuildinfo' },
        include: ['types', 'src'],
        exclude: ['src/**/*.test.ts'],
        files: tests,
      }),
    );
    const runs = await Promise.all([
      execute('typescript/bin/tsc', ['-p', 'tsconfig.recipes.json'], copy),
      execute('vitest/vitest.mjs', ['run', '--root', copy, ...tests], copy),
    ]);
    const failed = runs.filter((run) => run.code !== 0).map((run) => run.output.trimEnd());
    if (failed.length > 0) return [`CONTRIBUTING.md's recipes do not work:\n${failed.join('\n')}`];
    return [];
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
