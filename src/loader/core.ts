/**
 * CO-RE at load: which kernel's types a collection is relocated against, the records applied to copies of the bytecode, and what a refusal
 * of an instruction that had no counterpart says. The relocations themselves are btf/core's business.
 */
import { FormatError, NotSupportedError, VerifierError } from '../base/index.ts';
import { Btf, CORE_POISON, type CoreExplanation, CoreResolver, describeCoreRelo, essentialName, relocateCore } from '../btf/index.ts';
import type { CollectionSpec, ProgramSpec } from '../elf/index.ts';
import type { Host } from '../host/index.ts';
import type { LoadOptions } from './types.ts';

/** A program's bytecode after CO-RE. */
export interface CoreProgram {
  readonly insns: Uint8Array;
  /** One for each record, in the order of instructions. */
  readonly relocations: readonly CoreExplanation[];
}

/** Applies the records of these programs. Throws FormatError or NotSupportedError naming the program; nothing is created yet then. */
export function relocateTypes(
  host: Pick<Host, 'name' | 'kernelBtf'>,
  spec: CollectionSpec,
  programs: readonly ProgramSpec[],
  options: Pick<LoadOptions, 'targetBtf'>,
): Map<string, CoreProgram> {
  const out = new Map<string, CoreProgram>();
  let resolver: CoreResolver | undefined;
  for (const program of programs) {
    const insns = program.insns.slice();
    const { btf } = spec;
    if (btf === undefined || program.coreRelos.length === 0) {
      out.set(program.name, { insns, relocations: [] });
      continue;
    }
    resolver ??= new CoreResolver(btf, targetOf(host, btf, programs, options));
    try {
      out.set(program.name, { insns, relocations: relocateCore(insns, program.coreRelos, resolver) });
    } catch (error) {
      throw named(error, program);
    }
  }
  return out;
}

function targetOf(
  host: Pick<Host, 'name' | 'kernelBtf'>,
  local: Btf,
  programs: readonly ProgramSpec[],
  options: Pick<LoadOptions, 'targetBtf'>,
): { name: string; btf: Btf }[] {
  const given = options.targetBtf;
  if (given !== undefined) return [{ name: 'the given BTF', btf: given instanceof Uint8Array ? Btf.open(given) : given }];
  const btf = host.kernelBtf?.();
  if (btf !== undefined) return [{ name: host.name === 'engine' ? 'engine' : 'vmlinux', btf }];
  for (const program of programs) {
    const relo = program.coreRelos.find((r) => r.kind !== 'type_id_local');
    if (relo === undefined) continue;
    const what = describeCoreRelo(local, relo);
    throw new NotSupportedError(
      `program ${program.name}, insn ${relo.insn}: CO-RE relocation ${relo.kind} of ${what}: the types of this kernel are not known`,
      { hint: "give its BTF in the targetBtf option: a file like another machine's /sys/kernel/btf/vmlinux" },
    );
  }
  return [];
}

function named(error: unknown, program: ProgramSpec): unknown {
  const message = error instanceof Error ? error.message : '';
  if (error instanceof FormatError) return new FormatError(message, { program: program.name }, { cause: error });
  if (error instanceof NotSupportedError) {
    return new NotSupportedError(`program ${program.name}: ${message}`, { hint: error.hint, cause: error });
  }
  return error;
}

/**
 * What a refused program's poisoned instruction stood for, as an error; undefined when the refusal is about something else.
 * @param own the target was the engine's own BTF
 */
export function explainPoison(error: VerifierError, program: ProgramSpec, core: CoreProgram, own: boolean): Error | undefined {
  const call = `unknown#${CORE_POISON}`;
  if (!error.message.includes(call) && !error.log.includes(call)) return undefined;
  const insn =
    error.diagnostics.find((d) => d.location.insn !== undefined)?.location.insn ??
    Number(
      new RegExp(`^(\\d+): (.*${call}|<invalid CO-RE)`, 'm').exec(error.log)?.[1] ?? /insn (\d+):/.exec(error.message)?.[1] ?? Number.NaN,
    );
  const poisoned = core.relocations.filter((r) => r.action === 'poisoned');
  // A poisoned ld_imm64 is two calls.
  const found = poisoned.find((r) => r.insn === insn || r.insn === insn - 1) ?? poisoned[0];
  if (found === undefined) return undefined;
  const line = program.lines.findLast((l) => l.insn <= found.insn);
  const where = line === undefined ? `insn ${found.insn}` : `insn ${found.insn} (${line.file}:${line.line}: ${line.source.trim()})`;
  if (own && !found.found) {
    return new NotSupportedError(`program ${program.name}, ${where}: the engine models no ${plainSubject(found.subject)}`, {
      hint: 'run this program with --host kernel',
      cause: error,
    });
  }
  return new VerifierError(error.errno, `program ${program.name}, ${where}: ${found.text}`, error.log, error.diagnostics);
}

/** `struct task_struct___old.pid` -> `task_struct.pid`. */
function plainSubject(subject: string): string {
  const [type = '', ...path] = subject.replace(/^(struct|union|enum) /, '').split('.');
  return [essentialName(type), ...path].join('.');
}
