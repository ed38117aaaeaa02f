/**
 * loadCollection: what libbpf's bpf_object__load does, on any host. CO-RE, maps, then BTF, then programs with the maps' fds in their bytecode,
 * then the slots of prog_arrays.
 */
import { BpfError, type Diagnostic, type Location, plainMessage, SyscallError, VerifierError } from '../base/index.ts';
import { type CollectionSpec, type MapSpec, type ProgramSpec, parseElf } from '../elf/index.ts';
import type { Fd, Host } from '../host/index.ts';
import { attachBtfId } from './attach-btf.ts';
import { Collection } from './collection.ts';
import { type CoreProgram, explainPoison, relocateTypes } from './core.ts';
import { createMaps, fdValue, indexKey } from './create-maps.ts';
import { resolveSymbols } from './kernel-symbols.ts';
import { fixLog } from './log-fixup.ts';
import { Program } from './program.ts';
import { loadRefusal } from './refusal.ts';
import { infoBytes, type RelocationWorld, relocate } from './relocate.ts';
import { LoadState } from './state.ts';
import { findOperations, type Operation } from './struct-ops.ts';
import { programMeaning, type SectionMeaning, type SectionType, sectionMeaning, sectionType } from './target.ts';
import type { CollectionInput, LoadOptions } from './types.ts';
import { initialContents } from './variables.ts';

const PROG_ARRAY = 3;
const STRUCT_OPS = 27;
const NAME_SIZE = 15;

/**
 * Loads an object: creates its maps, loads its programs, fills its prog_arrays. Nothing is attached; nothing stays open when it fails.
 * @throws FormatError, NotSupportedError (before anything is created where possible), MapError, VerifierError with the source line
 */
export function loadCollection(host: Host, input: CollectionInput, options: LoadOptions = {}): Collection {
  const spec = input instanceof Uint8Array ? parseElf(input, options.name) : input;
  refuseUnknown(spec, options);
  const wanted = spec.programs.filter((p) => options.programs?.[p.name]?.autoload ?? p.autoload);
  for (const { fault } of wanted) if (fault !== undefined) throw fault;
  const symbols = resolveSymbols(host, spec);
  // Elsewhere an object is loaded whole or not at all; the engine, which has few kernel symbols, asks for those that are used.
  if (host.name !== 'engine') for (const symbol of symbols.values()) if (symbol.kind === 'missing') throw symbol.error;
  const operations = host.name === 'engine' ? new Map<string, Operation>() : findOperations(host, spec);
  const core = relocateTypes(host, spec, wanted, options);
  const state = new LoadState(host, spec, options, initialContents(spec, options));
  try {
    createMaps(state);
    const world = { fds: new Map<string, Fd>([...state.maps].map(([name, map]) => [name, map.fd])), symbols, operations, host: host.name };
    for (const program of wanted) {
      const relocated = core.get(program.name) ?? { insns: program.insns.slice(), relocations: [] };
      state.programs.set(program.name, loadProgram(state, program, relocated, world));
    }
    if (host.name === 'engine') fillProgArrays(state);
    state.closeBtf();
  } catch (error) {
    state.close();
    throw error;
  }
  return new Collection(host, spec, state.programs, state.maps);
}

/** Options for things that the object lacks are mistakes. */
function refuseUnknown(spec: CollectionSpec, options: LoadOptions): void {
  for (const name of Object.keys(options.programs ?? {})) {
    if (!spec.programs.some((p) => p.name === name)) {
      throw new BpfError(`no program '${name}' in ${spec.name}`, {
        hint: `it has ${spec.programs.map((p) => p.name).join(', ') || 'none'}`,
      });
    }
  }
  for (const name of Object.keys(options.maps ?? {})) {
    if (!spec.maps.some((m) => m.name === name || m.section === name)) {
      throw new BpfError(`no map '${name}' in ${spec.name}`, { hint: `it has ${spec.maps.map((m) => m.name).join(', ') || 'none'}` });
    }
  }
}

interface LoadWorld extends RelocationWorld {
  /** What struct_ops programs implement, by program. */
  readonly operations: ReadonlyMap<string, Operation>;
}

interface LoadedAs extends SectionType {
  readonly meaning: SectionMeaning | undefined;
}

/** How a program is loaded: by the options, else by its section. Hosts that attach nothing do not read where it is attached. */
function loadedAs(state: LoadState, program: ProgramSpec): LoadedAs {
  const own = state.options.programs?.[program.name] ?? {};
  let said: SectionType | undefined;
  let meaning: SectionMeaning | undefined;
  if (state.host.name === 'engine') {
    meaning = own.type === undefined ? programMeaning(program) : sectionMeaning(program.section);
    said = meaning;
  } else {
    said = sectionType(program.section);
    if (own.type === undefined && said === undefined) {
      throw loadRefusal(
        'EINVAL',
        `program ${program.name}: missing BPF prog type, check ELF section name '${program.section}'`,
        'say what it is: the type option, verify --type',
      );
    }
  }
  return {
    meaning,
    type: own.type ?? said?.type ?? 0,
    expectedAttachType: own.expectedAttachType ?? said?.expectedAttachType,
    flags: own.flags ?? said?.flags ?? 0,
  };
}

function loadProgram(state: LoadState, program: ProgramSpec, core: CoreProgram, world: LoadWorld): Program {
  const { meaning, type, flags, ...said } = loadedAs(state, program);
  const operation = type === STRUCT_OPS && world.host !== 'engine' ? operationOf(program, world.operations) : undefined;
  const expectedAttachType = operation?.member ?? said.expectedAttachType;
  const attach =
    operation?.typeId ??
    attachBtfId(state.host, { name: program.name, section: program.section, type, expectedAttachType: expectedAttachType ?? 0 });
  const info = infoBytes(program);
  const btfFd = info.funcInfo === undefined ? undefined : state.btfFd();
  const { insns } = core;
  relocate(state.spec, program, insns, world);
  try {
    const loaded = state.host.progLoad({
      type,
      insns,
      license: state.spec.license,
      name: program.name.slice(0, NAME_SIZE),
      flags,
      ...(expectedAttachType === undefined ? {} : { expectedAttachType }),
      ...(attach === undefined ? {} : { attachBtfId: attach }),
      ...(state.spec.version === undefined ? {} : { kernVersion: state.spec.version }),
      ...(state.options.logLevel === undefined ? {} : { logLevel: state.options.logLevel }),
      ...(btfFd === undefined ? {} : { btfFd, ...info }),
    });
    return new Program(state.host, program, { ...loaded, type, meaning, relocations: core.relocations });
  } catch (caught) {
    const error = state.host.name === 'engine' ? caught : withFixedLog(caught, program, state);
    const own = state.host.name === 'engine' && state.options.targetBtf === undefined;
    const poison = error instanceof VerifierError ? explainPoison(error, program, core, own) : undefined;
    if (poison !== undefined) throw poison;
    throw explain(error, program);
  }
}

/** The error with the log as libbpf would show it. */
function withFixedLog(error: unknown, program: ProgramSpec, { spec }: LoadState): unknown {
  if (!(error instanceof VerifierError)) return error;
  const log = fixLog(error.log, error.insn, program, spec);
  return log === error.log ? error : new VerifierError(error.errno, plainMessage(error), log, error.diagnostics, error.hint);
}

/** What a struct_ops program implements. */
function operationOf(program: ProgramSpec, operations: ReadonlyMap<string, Operation>): Operation {
  const found = operations.get(program.name);
  if (found !== undefined) return found;
  throw loadRefusal('EINVAL', `program ${program.name}: SEC("struct_ops") program isn't referenced anywhere, did you forget to use it?`);
}

/** Names the program, and the source lines of what was found. */
function explain(error: unknown, program: ProgramSpec): unknown {
  if (error instanceof VerifierError) {
    const diagnostics = error.diagnostics.map(
      (d): Diagnostic => ({ ...d, location: { ...sourceOf(program, d.location.insn), ...d.location } }),
    );
    const at = diagnostics.find((d) => d.location.source !== undefined)?.location;
    const where = at === undefined ? '' : ` (${at.file ?? ''}:${at.line ?? 0}: ${at.source?.trim() ?? ''})`;
    return new VerifierError(error.errno, `program ${program.name}: ${plainMessage(error)}${where}`, error.log, diagnostics, error.hint);
  }
  if (error instanceof SyscallError) {
    return new SyscallError(error.syscall, error.errno, `program ${program.name}: ${plainMessage(error)}`, {
      hint: error.hint,
      cause: error,
    });
  }
  return error;
}

/** Source line of an instruction of a linked program: that of the last record at or before it. */
export function sourceOf(program: ProgramSpec, insn: number | undefined): Location {
  if (insn === undefined) return { program: program.name };
  const line = program.lines.findLast((l) => l.insn <= insn);
  if (line === undefined) return { program: program.name, insn };
  return { program: program.name, insn, file: line.file, line: line.line, column: line.column, source: line.source };
}

function fillProgArrays(state: LoadState): void {
  for (const spec of state.spec.maps) {
    for (const { kind, index, name } of spec.values) {
      if (kind === 'program') putProgram(state, spec, index, name);
    }
  }
  const last = state.spec.maps.findLast((m) => m.type === PROG_ARRAY);
  for (const program of state.programs.values()) {
    const slot = program.meaning?.slot;
    if (slot === undefined) continue;
    if (last === undefined) {
      throw new BpfError(`program ${program.name}: section '${program.spec.section}' names a slot of a prog_array, but there is none`);
    }
    putProgram(state, last, slot, program.name);
  }
}

function putProgram(state: LoadState, spec: MapSpec, index: number, name: string): void {
  const map = state.maps.get(spec.name);
  const program = state.programs.get(name);
  if (map === undefined || program === undefined) {
    throw new BpfError(`map ${spec.name}: slot ${index} is program ${name}, which is not loaded`);
  }
  map.set(indexKey(map, index), fdValue(program.fd));
}
