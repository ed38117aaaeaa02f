/** `bpfwright verify`: what the verifier says of each program of some objects, with diagnostics at source lines. Nothing is run. */
import { BpfError, NotSupportedError, VerifierError } from '../base/index.ts';
import { type CollectionSpec, type ProgramSpec, parseElf } from '../elf/index.ts';
import { loadCollection } from '../loader/index.ts';
import { readProgram } from '../tools/bundled.ts';
import { createEngine } from '../tools/node-engine.ts';
import { parseRelease, releaseFindings } from '../verifier/index.ts';
import { printError } from './failure.ts';
import { chosenPrograms } from './prog-dump.ts';
import { Sink } from './sink.ts';
import { createReport, exitCode, type Format, type ProgramRow, type ReleaseRow, type Row } from './verify-report/index.ts';
import { Progress } from './verify-report/progress.ts';

export interface VerifyOptions {
  readonly prog?: string;
  readonly logLevel?: number;
  readonly json?: boolean;
  readonly format?: Format;
  /** Kernel releases: what they lack is told too. */
  readonly kernel?: readonly string[];
}

/** @returns the exit code: 0 when all are accepted, 1 when one is not, 2 when an object could not be read */
export async function verifyObjects(objects: readonly string[], options: VerifyOptions & { readonly version: string }): Promise<number> {
  const out = new Sink(1);
  const report = createReport(options.format ?? (options.json === true ? 'json' : 'text'), {
    version: options.version,
    directory: process.cwd(),
  });
  const progress = new Progress(objects.length);
  let code = 0;
  const print = async (row: Row): Promise<void> => {
    code = Math.max(code, exitCode(row));
    progress.clear();
    out.write(report.row(row));
    await out.room();
  };
  for (const [i, object] of objects.entries()) {
    progress.at(i + 1, object);
    try {
      const { name, bytes } = readProgram(object);
      const spec = parseElf(bytes, name);
      const programs = chosenPrograms(spec, options.prog, object);
      for (const program of programs) await print(check(object, spec, program, options));
      for (const release of options.kernel ?? []) await print(lacks(object, { ...spec, programs }, release));
    } catch (error) {
      progress.clear();
      printError(error);
      const { message } = error instanceof Error ? error : { message: String(error) };
      const hint = error instanceof BpfError && error.hint !== undefined ? { hint: error.hint } : {};
      await print({ type: 'unreadable', object, message, ...hint });
    }
  }
  progress.clear();
  out.write(report.end());
  await out.flush();
  return code;
}

function lacks(object: string, spec: CollectionSpec, release: string): ReleaseRow {
  return { type: 'release', object, release: parseRelease(release).join('.'), diagnostics: releaseFindings(spec, release) };
}

function check(object: string, spec: CollectionSpec, program: ProgramSpec, options: VerifyOptions): ProgramRow {
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
