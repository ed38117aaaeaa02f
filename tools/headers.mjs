/**
 * Writes include/generated/: helper declarations from src/helpers, map and program type numbers from src/maps and src/programs.
 * The rest of include/ is written by hand.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { importTs, root } from './import-ts.mjs';

/** Lines of the comment above one helper, wrapped. */
function comment(text) {
  const lines = [''];
  for (const word of text.split(/\s+/)) {
    const last = lines.length - 1;
    if (lines[last].length + word.length > 130) lines.push(word);
    else lines[last] = lines[last] === '' ? word : `${lines[last]} ${word}`;
  }
  return lines.length === 1 ? [`/* ${lines[0]} */`] : ['/*', ...lines.map((line) => ` * ${line}`), ' */'];
}

/** `const char *` + `fmt` -> `const char *fmt`. */
function declare(ctype, name) {
  return ctype.endsWith('*') ? `${ctype}${name}` : `${ctype} ${name}`;
}

function helperHeader(helpers) {
  const structs = new Set();
  for (const helper of helpers) {
    for (const type of [helper.cret, ...helper.args.map((arg) => arg.ctype)]) {
      const found = /\bstruct (\w+)/.exec(type);
      if (found) structs.add(found[1]);
    }
  }
  const out = [
    '/* SPDX-License-Identifier: MIT */',
    '/* Generated from src/helpers by tools/headers.mjs. The number is how a program names the helper to the kernel. */',
    '#ifndef __BPF_HELPER_DEFS__',
    '#define __BPF_HELPER_DEFS__',
    '',
    ...[...structs].sort().map((name) => `struct ${name};`),
  ];
  for (const helper of [...helpers].sort((a, b) => a.id - b.id)) {
    const args = helper.args.map((arg) => declare(arg.ctype, arg.name));
    if (helper.variadic) args.push('...');
    const notes = `${helper.doc} Linux ${helper.since}${helper.gplOnly ? '; GPL-compatible programs only' : ''}.`;
    out.push('', ...comment(notes));
    out.push(`static ${declare(helper.cret, `(*const bpf_${helper.name})`)}(${args.join(', ') || 'void'}) = (void *)${helper.id};`);
  }
  out.push('', '#endif', '');
  return out.join('\n');
}

function enumOf(tag, prefix, rows) {
  const lines = [...rows].sort((a, b) => a.id - b.id).map((row) => `  ${prefix}${row.name.toUpperCase()} = ${row.id},`);
  return [`enum ${tag} {`, ...lines, '};'];
}

function tablesHeader(mapTypes, programTypes) {
  return [
    '/* SPDX-License-Identifier: MIT */',
    '/* Generated from src/maps and src/programs by tools/headers.mjs: included by vmlinux.h. */',
    '',
    ...enumOf('bpf_map_type', 'BPF_MAP_TYPE_', mapTypes),
    '',
    ...enumOf('bpf_prog_type', 'BPF_PROG_TYPE_', programTypes),
    '',
  ].join('\n');
}

/** Writes the generated headers. */
export async function writeHeaders() {
  const { HELPERS } = await importTs('src/helpers/index.ts');
  const { MAP_TYPES } = await importTs('src/maps/index.ts');
  const { PROGRAM_TYPES } = await importTs('src/programs/index.ts');
  const dir = join(root, 'include', 'generated');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'bpf_helper_defs.h'), helperHeader([...HELPERS]));
  writeFileSync(join(dir, 'vmlinux_tables.h'), tablesHeader([...MAP_TYPES], [...PROGRAM_TYPES]));
}

if (process.argv[1]?.endsWith('headers.mjs')) await writeHeaders();
