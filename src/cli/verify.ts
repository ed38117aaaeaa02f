/** `bpfwright verify`: what the verifier says of each program of some objects, with diagnostics at source lines. Nothing is run. */
import { BpfError, parseRelease } from '../base/index.ts';
import { type CollectionSpec, parseElf } from '../elf/index.ts';
import { PROGRAM_TYPE_BY_NAME, PROGRAM_TYPES } from '../programs/index.ts';
import { readProgram } from '../tools/bundled.ts';
import { checkProgram } from '../tools/check-program.ts';
import { kernelWorld } from '../tools/kernel-world.ts';
import { releaseFindings } from '../verifier/index.ts';
import { printError } from './failure.ts';
import { chosenPrograms } from './prog-dump.ts';
import { Sink } from './sink.ts';
import { createReport, exitCode, type Format, type ReleaseRow, type Row } from './verify-report/index.ts';
import { Progress } from './verify-report/progress.ts';

export interface VerifyOptions {
  readonly prog?: string;
  readonly logLevel?: number;
  readonly json?: boolean;
  readonly format?: Format;
  /** Kernel releases: what they lack is told too. */
  readonly kernel?: readonly string[];
  /** A file with the types of the kernel to verify for. */
  readonly btf?: string;
  /** Program type for sections that name none. */
  readonly type?: string;
}

/** @returns the exit code: 0 when all are accepted, 1 when one is not, 2 when an object could not be read */
export async function verifyObjects(objects: readonly string[], options: VerifyOptions & { readonly version: string }): Promise<number> {
  const out = new Sink(1);
  const report = createReport(options.format ?? (options.json === true ? 'json' : 'text'), {
    version: options.version,
    directory: process.cwd(),
  });
  const world = kernelWorld(options.btf);
  const type = options.type === undefined ? undefined : typeNumber(options.type);
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
      for (const program of programs) {
        const found = checkProgram(world, spec, program, { logLevel: options.logLevel, type });
        await print({ type: 'verify', object, program: program.name, types: world.name, ...found });
      }
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

/** Number of a program type's name. */
function typeNumber(name: string): number {
  const row = PROGRAM_TYPE_BY_NAME.get(name);
  if (row !== undefined) return row.id;
  throw new BpfError(`no program type '${name}'`, { hint: `there are ${PROGRAM_TYPES.map((p) => p.name).join(', ')}` });
}
