/** `bpfwright verify`: what the verifier says of each program of some objects, with diagnostics at source lines. Nothing is run. */
import { NotSupportedError, VerifierError } from '../base/index.ts';
import { type CollectionSpec, type ProgramSpec, parseElf } from '../elf/index.ts';
import { loadCollection } from '../loader/index.ts';
import { readProgram } from '../tools/bundled.ts';
import { createEngine } from '../tools/node-engine.ts';
import { printError } from './failure.ts';
import { jsonLine } from './json.ts';
import { chosenPrograms } from './prog-dump.ts';
import { Sink } from './sink.ts';

export interface VerifyOptions {
  readonly prog?: string;
  readonly logLevel?: number;
  readonly json?: boolean;
}

/** What became of one program. */
interface Row {
  readonly type: 'verify';
  readonly object: string;
  readonly program: string;
  /** `unsupported`: the engine cannot run it, whatever the verifier would say. */
  readonly verdict: 'accepted' | 'rejected' | 'unsupported';
  readonly errno?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly log: string;
  readonly diagnostics: VerifierError['diagnostics'];
}

/** @returns the exit code: 0 when all are accepted, 1 when one is not, 2 when an object could not be read */
export async function verifyObjects(objects: readonly string[], options: VerifyOptions): Promise<number> {
  const out = new Sink(1);
  let code = 0;
  for (const object of objects) {
    try {
      const { name, bytes } = readProgram(object);
      const spec = parseElf(bytes, name);
      for (const program of chosenPrograms(spec, options.prog, object)) {
        const row = check(object, spec, program, options);
        if (row.verdict !== 'accepted') code = Math.max(code, 1);
        out.write(options.json === true ? jsonLine(row) : text(row));
        await out.room();
      }
    } catch (error) {
      printError(error);
      code = 2;
    }
  }
  await out.flush();
  return code;
}

function check(object: string, spec: CollectionSpec, program: ProgramSpec, options: VerifyOptions): Row {
  const engine = createEngine();
  const base = { type: 'verify', object, program: program.name } as const;
  try {
    const others = spec.programs.filter((p) => p.name !== program.name).map((p) => [p.name, { autoload: false }] as const);
    const alone = { ...spec, maps: spec.maps.map((m) => ({ ...m, values: [] })) };
    const collection = loadCollection(engine, alone, {
      programs: { ...Object.fromEntries(others), [program.name]: { autoload: true } },
      ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
    });
    return { ...base, verdict: 'accepted', log: collection.program(program.name).log, diagnostics: [] };
  } catch (error) {
    if (error instanceof VerifierError) {
      const { code, message, log, diagnostics } = error;
      return { ...base, verdict: 'rejected', errno: code, message, log, diagnostics };
    }
    if (!(error instanceof NotSupportedError)) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    return { ...base, verdict: 'unsupported', message: error.message, ...hint, log: '', diagnostics: [] };
  } finally {
    engine.closeAll();
  }
}

function text(row: Row): string {
  const lines = [`${row.verdict.padEnd(11)} ${row.object} ${row.program}${row.message === undefined ? '' : `: ${row.message}`}`];
  if (row.hint !== undefined) lines.push(`  hint: ${row.hint}`);
  for (const d of row.diagnostics) {
    const { file, line, source, insn } = d.location;
    const place = file === undefined ? (insn === undefined ? '' : `insn ${insn}: `) : `${file}:${line}: `;
    lines.push(`  ${place}${d.message}`);
    if (source !== undefined) lines.push(`    | ${source.trim()}`);
    for (const note of d.notes) lines.push(`    ${note}`);
  }
  if (row.log !== '') lines.push(row.log.trimEnd());
  return `${lines.join('\n')}\n`;
}
