/** One program of an object verified for a kernel, as libbpf would load it there: alone, with all of the object's maps. */
import { BpfError, type Diagnostic, NotSupportedError, plainMessage, SyscallError, VerifierError } from '../base/index.ts';
import type { CollectionSpec, ProgramSpec } from '../elf/index.ts';
import { type Collection, type LoadOptions, loadCollection, type MapOptions, sectionType } from '../loader/index.ts';
import { PROGRAM_TYPE_BY_ID } from '../programs/index.ts';
import type { VerifyStats } from '../verifier/index.ts';
import { type KernelWorld, verifierHost } from './kernel-world.ts';

/** What the kernel (or what comes before it) says of a program. */
export interface ProgramCheck {
  /** Name of the type that it is loaded as, `kprobe`; absent where nothing says. */
  readonly programType?: string;
  /** `unsupported`: the program cannot be checked here, whatever the verifier would say. */
  readonly verdict: 'accepted' | 'rejected' | 'unsupported';
  readonly errno?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly log: string;
  readonly diagnostics: readonly Diagnostic[];
  /** What the verifier counted; absent where it was not asked. */
  readonly stats?: VerifyStats;
}

/** Types whose maps have no number of elements: storage of sockets, inodes, tasks and cgroups, tables of operations. */
const UNCOUNTED = [19, 21, 24, 26, 28, 29, 32];

/** Maps that the tool's own code sizes before it loads them: one element stands for any number (as the kernel's veristat does). */
function sizedLater(spec: CollectionSpec): Record<string, MapOptions> {
  const maps = spec.maps.filter((m) => m.maxEntries === 0 && !UNCOUNTED.includes(m.type));
  return Object.fromEntries(maps.map((m) => [m.name, { maxEntries: 1 }]));
}

/** Options of a check. */
export interface CheckOptions {
  /** Verifier log level bits. */
  readonly logLevel?: number | undefined;
  /** enum bpf_prog_type of programs whose section names none. */
  readonly type?: number | undefined;
}

/** Loads one program on a host that only verifies. What the loader refuses is a rejection, too. */
export function checkProgram(world: KernelWorld, spec: CollectionSpec, program: ProgramSpec, options: CheckOptions = {}): ProgramCheck {
  const host = verifierHost(world);
  const found = programCheck(world, spec, program, (alone, load) => loadCollection(host, alone, load), options);
  const type = PROGRAM_TYPE_BY_ID.get(sectionType(program.section)?.type ?? options.type ?? 0)?.name;
  const stats = host.verdict?.stats;
  return { ...(type === undefined ? {} : { programType: type }), ...found, ...(stats === undefined ? {} : { stats }) };
}

/** What becomes of one program when `load` loads it, alone of its object. */
export function programCheck(
  world: KernelWorld,
  spec: CollectionSpec,
  program: ProgramSpec,
  load: (spec: CollectionSpec, options: LoadOptions) => Collection,
  options: CheckOptions = {},
): ProgramCheck {
  const others = spec.programs.filter((p) => p.name !== program.name).map((p) => [p.name, { autoload: false }] as const);
  // Slots are filled after loading, with programs that are not loaded here.
  const alone = { ...spec, maps: spec.maps.map((m) => ({ ...m, values: m.values.filter((value) => value.kind === 'map') })) };
  const unnamed = sectionType(program.section) === undefined && options.type !== undefined;
  const type = unnamed ? { type: options.type } : {};
  try {
    const collection = load(alone, {
      maps: sizedLater(spec),
      programs: { ...Object.fromEntries(others), [program.name]: { autoload: true, ...type } },
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
