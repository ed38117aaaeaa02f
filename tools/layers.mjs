/** The layers of src/ (tools/layers.json): which imports are allowed, and the diagram of them in ARCHITECTURE.md. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { root } from './import-ts.mjs';

const { rows } = JSON.parse(readFileSync(join(root, 'tools/layers.json'), 'utf8'));
const rowOf = new Map(rows.flatMap((row, n) => row.folders.map((folder) => [folder, n])));
/** Folders that others of their own row may import. */
const sameRow = new Set(rows.flatMap((row) => row.with));
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** The layer folder of a path relative to src/: `sources/ptrace/x.ts` -> `sources`, `index.ts` -> `index`. */
function folderOf(path) {
  const first = path.split('/')[0] ?? '';
  return first.endsWith('.ts') ? first.slice(0, -3) : first;
}

/** Sources under src/, relative to it. */
export function sources() {
  return readdirSync(join(root, 'src'), { recursive: true })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts'))
    .sort();
}

/** Lines naming every import that goes up, sideways, or to nowhere. Tests may import what they like: they stand outside the product. */
export function badImports() {
  const bad = [];
  const src = join(root, 'src');
  for (const file of sources()) {
    const from = folderOf(file);
    const fromRow = rowOf.get(from);
    if (fromRow === undefined) {
      bad.push(`src/${file}: folder ${from} is in no row of tools/layers.json`);
      continue;
    }
    if (file.endsWith('.test.ts')) continue;
    for (const [, a, b, c] of readFileSync(join(src, file), 'utf8').matchAll(IMPORT)) {
      const target = a ?? b ?? c;
      if (!target.startsWith('.')) continue;
      const path = resolve(dirname(join(src, file)), target);
      const to = folderOf(relative(src, path).replaceAll('\\', '/'));
      const toRow = rowOf.get(to);
      if (!existsSync(path)) bad.push(`src/${file}: imports ${target}, which does not exist`);
      else if (toRow === undefined) bad.push(`src/${file}: imports ${target}, outside the layers`);
      else if (to !== from && (toRow < fromRow || (toRow === fromRow && !sameRow.has(to)))) {
        bad.push(`src/${file}: ${from} must not import ${to} (${target}): imports go down tools/layers.json`);
      }
    }
  }
  return bad;
}

const BEGIN = '<!-- layers: drawn by tools/layers.mjs from tools/layers.json -->';
const END = '<!-- /layers -->';

/** Whether the folder (or file) has sources: empty folders exist on the disks of some. */
function exists(folder) {
  const path = join(root, 'src', folder);
  return (
    existsSync(`${path}.ts`) || (existsSync(path) && readdirSync(path, { recursive: true }).some((name) => String(name).endsWith('.ts')))
  );
}

/** What a folder is: the first sentence of its index.ts (or of the file itself), or what layers.json says where there is none. */
function purpose(folder) {
  for (const path of [`src/${folder}/index.ts`, `src/${folder}.ts`, `src/${folder}/main.ts`, `src/${folder}/types.ts`]) {
    if (!existsSync(join(root, path))) continue;
    const comment = /^(?:#!.*\n)?\/\*\*([\s\S]*?)\*\//.exec(readFileSync(join(root, path), 'utf8'));
    const text = (comment?.[1] ?? '')
      .replaceAll(/^\s*\*\s?/gm, '')
      .replaceAll(/\s+/g, ' ')
      .trim();
    return text.split(/(?<=[.;])\s/)[0]?.replace(/[.;]$/, '') ?? '';
  }
  return rows.find((row) => row.folders.includes(folder))?.about ?? '';
}

/** The diagram: one box a row, top imports bottom; rows below the line compile without Node. */
export function diagram() {
  const config = JSON.parse(readFileSync(join(root, 'tsconfig.portable.json'), 'utf8'));
  const portable = new Set(config.include.map((path) => path.replace('src/', '')));
  const present = rows.map((row) => row.folders.filter(exists));
  const lines = [];
  let wasPortable = false;
  for (const folders of present) {
    if (folders.length === 0) continue;
    const isPortable = folders.every((folder) => portable.has(folder));
    if (isPortable && !wasPortable) lines.push('  ──────────────── portable: no Node below this line ────────────────');
    wasPortable = isPortable;
    lines.push(`  ${folders.join('   ')}`);
  }
  const table = present.flat().map((folder) => `| ${folder === 'index' ? '`src/index.ts`' : `\`src/${folder}/\``} | ${purpose(folder)} |`);
  return [BEGIN, '', '```text', ...lines, '```', '', '| Folder | What it is |', '|---|---|', ...table, '', END].join('\n');
}

/** Compares ARCHITECTURE.md's diagram with the layers, or rewrites it. @returns lines of complaint */
export function checkDiagram({ write }) {
  const file = join(root, 'ARCHITECTURE.md');
  const text = readFileSync(file, 'utf8');
  const start = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (start < 0 || end < start) return ['ARCHITECTURE.md: the layer markers are missing'];
  const wanted = text.slice(0, start) + diagram() + text.slice(end + END.length);
  if (wanted === text) return [];
  if (!write) return ['ARCHITECTURE.md: the layer diagram is stale: run `npm run check -- --fix`'];
  writeFileSync(file, wanted);
  return [];
}
