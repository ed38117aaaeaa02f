/** `bpfwright btf relocs`: what each CO-RE relocation of an object comes to for a kernel, and which of its types were looked at. */
import { type CoreExplanation, CoreResolver, explainRelocations } from '../btf/index.ts';
import { type ProgramSpec, parseElf } from '../elf/index.ts';
import { readProgram } from '../tools/bundled.ts';
import { kernelWorld } from '../tools/kernel-world.ts';
import { jsonLine } from './json.ts';
import { chosenPrograms } from './prog-dump.ts';
import { Sink, visible } from './sink.ts';

export interface BtfRelocsOptions {
  readonly prog?: string;
  readonly json?: boolean;
  /** A file with the types to relocate against. */
  readonly btf?: string;
}

/** @returns the exit code: 0, or 1 when a relocation has no counterpart or is refused */
export async function btfRelocs(object: string, options: BtfRelocsOptions): Promise<number> {
  const { bytes, name: file } = readProgram(object);
  const spec = parseElf(bytes, file);
  const world = kernelWorld(options.btf);
  const out = new Sink(1);
  let code = 0;
  let count = 0;
  const resolver = spec.btf && new CoreResolver(spec.btf, [{ name: world.name, btf: world.btf() }]);
  for (const program of chosenPrograms(spec, options.prog, object)) {
    const found = resolver === undefined ? [] : explainRelocations(program.insns, program.coreRelos, resolver);
    count += found.length;
    if (found.some((r) => r.action === 'poisoned' || r.action === 'refused')) code = 1;
    if (options.json === true) for (const r of found) out.write(jsonLine(row(program, r)));
    else if (found.length > 0) out.write(text(program, found));
    await out.room();
  }
  if (options.json !== true) out.write(`${count} relocations against ${world.name}\n`);
  await out.flush();
  return code;
}

function row(program: ProgramSpec, explanation: CoreExplanation): object {
  const line = lineOf(program, explanation.insn);
  return {
    type: 'relocation',
    program: program.name,
    ...explanation,
    ...(line === undefined ? {} : { file: line.file, line: line.line, source: line.source.trim() }),
  };
}

function lineOf(program: ProgramSpec, insn: number): ProgramSpec['lines'][number] | undefined {
  return program.lines.findLast((l) => l.insn <= insn);
}

function text(program: ProgramSpec, found: readonly CoreExplanation[]): string {
  const lines = [`${program.name}:`];
  let shown = '';
  for (const r of found) {
    const line = lineOf(program, r.insn);
    const source = line === undefined ? '' : `  ; ${line.source.trim()} @ ${line.file}:${line.line}`;
    if (source !== shown && source !== '') lines.push(source);
    shown = source;
    lines.push(`  ${String(r.insn).padStart(4)}: ${r.text}`);
    // One that fits is named by the sentence itself.
    if (r.action === 'patched') continue;
    for (const c of r.candidates) lines.push(`        not ${c.type} (type ${c.typeId} of ${c.target}): ${c.mismatch ?? 'it fits'}`);
  }
  return visible(`${lines.join('\n')}\n`);
}
