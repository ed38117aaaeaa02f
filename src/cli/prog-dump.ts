/** `bpfwright prog dump`: disassembles the programs of an object, with source lines, references by name and subprogram headings. */
import { disassembleLines } from '../asm/index.ts';
import { BpfError, toHex } from '../base/index.ts';
import { type CollectionSpec, type ProgramSpec, parseElf, type Reference } from '../elf/index.ts';
import { HELPER_BY_ID } from '../helpers/index.ts';
import { compileToWasm, helperSignature, wasmText } from '../jit/index.ts';
import { readProgram } from '../tools/bundled.ts';
import { jsonLine } from './json.ts';
import { Sink } from './sink.ts';

const SLOT = 8;

/** @returns the exit code */
export async function progDump(object: string, name: string | undefined, options: { json?: boolean; wasm?: boolean }): Promise<number> {
  const { bytes, name: file } = readProgram(object);
  const spec = parseElf(bytes, file);
  const out = new Sink(1);
  let first = true;
  for (const program of chosenPrograms(spec, name, object)) {
    if (program.fault !== undefined) throw program.fault;
    if (options.wasm) out.write(wasm(program));
    else if (options.json) out.write(jsonLines(program));
    else {
      out.write(`${first ? '' : '\n'}${text(spec, program)}`);
      first = false;
    }
    await out.room();
  }
  await out.flush();
  return 0;
}

/** The program of that name, or all; BpfError naming what there is. */
export function chosenPrograms(spec: CollectionSpec, name: string | undefined, object: string): readonly ProgramSpec[] {
  if (name === undefined) return spec.programs;
  const found = spec.programs.filter((p) => p.name === name);
  if (found.length > 0) return found;
  throw new BpfError(`${object} has no program '${name}'`, {
    hint: `its programs: ${spec.programs.map((p) => p.name).join(', ') || 'none'}`,
  });
}

const helperName = (id: number): string | undefined => {
  const row = HELPER_BY_ID.get(id);
  return row === undefined ? undefined : `bpf_${row.name}`;
};

function referenceText(r: Reference): string {
  switch (r.kind) {
    case 'map':
      return `map ${r.name}`;
    case 'map_value':
    case 'kconfig':
      return r.offset === 0 ? r.name : `${r.name}+${r.offset}`;
    case 'ksym':
    case 'kfunc':
    case 'func':
      return r.name;
  }
}

function text(spec: CollectionSpec, program: ProgramSpec): string {
  const lines = new Map(program.lines.map((l) => [l.insn, l]));
  const functions = new Map(program.functions.map((f) => [f.insn, f.name]));
  const references = new Map(program.references.map((r) => [r.insn, r]));
  const out = [`${program.name}: ${program.section}, ${program.insns.length / SLOT} insns, license ${JSON.stringify(spec.license)}\n`];
  let source = '';
  for (const { index, text, insn } of disassembleLines(program.insns, { style: 'kernel', helperName })) {
    const fn = functions.get(index);
    if (fn !== undefined) out.push(`${fn}:\n`);
    const line = lines.get(index);
    if (line !== undefined) {
      const next = `; ${line.source.trim()} @ ${baseName(line.file)}:${line.line}\n`;
      if (next !== source) out.push(next);
      source = next;
    }
    const reference = references.get(index);
    const code = program.insns.subarray(index * SLOT, index * SLOT + 1);
    const mark = insn.kind === 'invalid' ? '' : `(${toHex(code)}) `;
    out.push(`${String(index).padStart(4)}: ${mark}${text}${reference === undefined ? '' : `  // ${referenceText(reference)}`}\n`);
  }
  return out.join('');
}

/** The program's translation; map pointers, known only when it is loaded, are 0. */
function wasm(program: ProgramSpec): string {
  const module = compileToWasm([{ name: program.name, bytes: program.insns }], {
    helper: (id) => {
      const proto = HELPER_BY_ID.get(id);
      return proto === undefined ? undefined : helperSignature(proto);
    },
  });
  const texts = new Map(disassembleLines(program.insns, { style: 'kernel', helperName }).map((l) => [l.index, `${l.index}: ${l.text}`]));
  return wasmText(module.bytes, {
    comment: (offset) => {
      const place = module.place(offset);
      return place === undefined ? undefined : texts.get(place.insn);
    },
  });
}

function jsonLines(program: ProgramSpec): string {
  const lines = new Map(program.lines.map((l) => [l.insn, l]));
  const references = new Map(program.references.map((r) => [r.insn, r]));
  return disassembleLines(program.insns, { style: 'kernel', helperName })
    .map(({ index, text, insn }) => {
      const line = lines.get(index);
      const reference = references.get(index);
      const bytes = toHex(program.insns.subarray(index * SLOT, (index + (insn.kind === 'ld_imm64' ? 2 : 1)) * SLOT));
      const row = {
        type: 'insn',
        program: program.name,
        index,
        bytes,
        text,
        ...(line === undefined ? {} : { file: line.file, line: line.line, column: line.column, source: line.source }),
        ...(reference === undefined ? {} : { reference: { kind: reference.kind, name: reference.name, offset: reference.offset } }),
      };
      return jsonLine(row);
    })
    .join('');
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
