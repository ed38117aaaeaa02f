/** One program of an object verified for a kernel, as libbpf would load it there: alone, with all of the object's maps. */
import { BpfError, type Diagnostic, NotSupportedError, plainMessage, SyscallError, VerifierError } from '../base/index.ts';
import type { CollectionSpec, ProgramSpec } from '../elf/index.ts';
import { loadCollection } from '../loader/index.ts';
import { type KernelWorld, verifierHost } from './kernel-world.ts';

/** What the kernel (or what comes before it) says of a program. */
export interface ProgramCheck {
  /** `unsupported`: the program cannot be checked here, whatever the verifier would say. */
  readonly verdict: 'accepted' | 'rejected' | 'unsupported';
  readonly errno?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly log: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Loads one program on a host that only verifies. What the loader refuses is a rejection, too. */
export function checkProgram(
  world: KernelWorld,
  spec: CollectionSpec,
  program: ProgramSpec,
  options: { readonly logLevel?: number | undefined } = {},
): ProgramCheck {
  const others = spec.programs.filter((p) => p.name !== program.name).map((p) => [p.name, { autoload: false }] as const);
  // Slots are filled after loading, with programs that are not loaded here.
  const alone = { ...spec, maps: spec.maps.map((m) => ({ ...m, values: m.values.filter((value) => value.kind === 'map') })) };
  try {
    const collection = loadCollection(verifierHost(world), alone, {
      programs: { ...Object.fromEntries(others), [program.name]: { autoload: true } },
      ...(spec.externs.some((e) => e.kind === 'kconfig') ? { kconfig: world.kconfig() } : {}),
      ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
    });
    return { verdict: 'accepted', log: collection.program(program.name).log, diagnostics: [] };
  } catch (error) {
    if (error instanceof VerifierError) {
      const { code, message, log, diagnostics } = error;
      return { verdict: 'rejected', errno: code, message, log, diagnostics };
    }
    if (error instanceof SyscallError) {
      const hint = error.hint === undefined ? {} : { hint: error.hint };
      return { verdict: 'rejected', errno: error.code, message: plainMessage(error), ...hint, log: '', diagnostics: [] };
    }
    if (!(error instanceof BpfError)) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    const rest = { message: error.message, ...hint, log: '', diagnostics: [] };
    return error instanceof NotSupportedError ? { verdict: 'unsupported', ...rest } : { verdict: 'rejected', errno: 'EINVAL', ...rest };
  }
}
