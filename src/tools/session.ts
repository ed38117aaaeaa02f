/**
 * One tracing job from start to end: an engine, loaded and attached programs, a command or running processes under the ptrace source,
 * and the trace pipe. Both the library's trace() and the command line stand on it.
 */
import { BpfError } from '../base/index.ts';
import { type CollectionSpec, parseElf } from '../elf/index.ts';
import type { Engine } from '../engine/index.ts';
import type { OptInHelper } from '../helpers/index.ts';
import { type Collection, loadCollection, type VariableValue } from '../loader/index.ts';
import { type TraceFormat, TracePipe } from '../readers/index.ts';
import { type ExitStatus, PtraceSource, type TracedCommand } from '../sources/ptrace/index.ts';
import { type ObjectBytes, readProgram } from './bundled.ts';
import { createEngine } from './node-engine.ts';
import { type RecordStream, RecordStreams, type RecordTotals, readRecordTypes, type SessionEvent } from './records/index.ts';
import type { User } from './user.ts';

/** What to trace and how. */
export interface TraceOptions {
  /** The command and its arguments; looked up on PATH as execvp does. */
  readonly command?: readonly (string | Uint8Array)[];
  /** Running processes to attach to. */
  readonly attach?: readonly number[];
  /** Further programs: names, paths or bytes. */
  readonly also?: readonly (string | Uint8Array)[];
  /** Values of `const volatile` variables, by name. */
  readonly set?: Readonly<Record<string, VariableValue>>;
  /** Only events of these processes, task names and users; an absent list is no filter. */
  readonly filter?: { readonly pids?: readonly number[]; readonly comms?: readonly string[]; readonly uids?: readonly number[] };
  /** Trace children too (default), or the command's own process only. */
  readonly follow?: boolean;
  /** false: programs are interpreted instead of compiled. Default true. */
  readonly jit?: boolean;
  /** Helpers that change the traced process, refused unless they are named here. */
  readonly allowHelpers?: readonly OptInHelper[];
  /** Milliseconds after which programs are disarmed; the command runs on. */
  readonly duration?: number;
  /** Working directory and environment of the command. Default: the caller's. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** File descriptors above 2 that the command gets under their own numbers. */
  readonly inherit?: readonly number[];
  /** Who the command runs as (needs root). */
  readonly user?: User;
  /** Percent of the time that tracing may cost before attached processes are let go. */
  readonly maxOverhead?: number;
  /** Types of records, `MAP=struct event`, or `struct event` for every ring buffer and perf event array; default: what the object says. */
  readonly event?: readonly string[];
  /** false: ring buffers and perf event arrays are left for the caller's own readers. Default true. */
  readonly records?: boolean;
  /** Form of lines. */
  readonly format?: TraceFormat;
  /** Warnings (privileges lost, tracing given up): one sentence each. Default: dropped. */
  readonly onWarning?: (text: string) => void;
  /** The command's own process was stopped for job control (SIGSTOP, SIGTSTP). */
  readonly onStopped?: (pid: number) => void;
  /** The caller is a program of its own, so that process-wide signal settings may be changed for speed. */
  readonly ownProcess?: boolean;
  /** The debug-only banner, once, when a program that prints is loaded. Default: dropped. */
  readonly onBanner?: (text: string) => void;
}

/** A running job: an async iterable of what the programs print and send, which ends when all that was traced has ended. */
export class TraceSession implements AsyncIterable<SessionEvent>, AsyncDisposable {
  readonly engine: Engine;
  readonly collections: readonly Collection[];
  /** The command's process, where there is one. */
  readonly command: TracedCommand | undefined;
  /** Resolves when the command itself has ended; with attached processes only, undefined when tracing has ended. */
  readonly exit: Promise<ExitStatus | undefined>;
  readonly #source: PtraceSource;
  readonly #streams: RecordStreams;
  #timer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  /** Use trace(). */
  constructor(parts: {
    readonly engine: Engine;
    readonly collections: readonly Collection[];
    readonly source: PtraceSource;
    readonly streams: RecordStreams;
    readonly command: TracedCommand | undefined;
    readonly duration: number | undefined;
  }) {
    this.engine = parts.engine;
    this.collections = parts.collections;
    this.command = parts.command;
    this.#source = parts.source;
    this.#streams = parts.streams;
    const ended = parts.source.ended;
    this.exit = parts.command === undefined ? ended.then(() => undefined) : parts.command.exit;
    if (parts.duration !== undefined) this.#timer = setTimeout(() => void this.stop(), parts.duration);
    const finish = () => {
      clearTimeout(this.#timer);
      this.#streams.close();
    };
    ended.then(finish, finish);
  }

  [Symbol.asyncIterator](): AsyncIterator<SessionEvent> {
    return this.#streams[Symbol.asyncIterator]();
  }

  /** The ring buffers and perf event arrays that are read, and what their records are. */
  get records(): readonly RecordStream[] {
    return this.#streams.streams;
  }

  /** How many records came so far and how many were lost, by map. */
  get recordTotals(): RecordTotals[] {
    return this.#streams.totals;
  }

  /** Disarms all programs: nothing is printed any more. A started command runs on untouched; attached processes are let go. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#source.disarm();
  }

  /** Ends the job: attached processes are let go, a started command that still runs is killed, all is released. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      clearTimeout(this.#timer);
      this.#streams.close();
      for (const c of this.collections) c.close();
      await this.#source.close();
      this.engine.closeAll();
    })();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Runs a whole tracing job: loads and attaches the program, starts the command (or attaches to processes), and gives what it prints.
 *
 *     for await (const e of await trace('exec.bpf.o', { command: ['npm', 'test'] })) console.log(e.line);
 *
 * @param program a bundled name, the path of a .bpf.o or .bpf.c file, object bytes, or parsed objects
 * @throws BpfError: FormatError, VerifierError, AttachError, NotSupportedError or CommandError, each saying what to do
 */
export async function trace(program: string | Uint8Array | readonly CollectionSpec[], options: TraceOptions): Promise<TraceSession> {
  const attach = [...new Set(options.attach)];
  if (options.command === undefined && attach.length === 0) {
    throw new BpfError('there is nothing to trace', { hint: 'give a command, or processes to attach to' });
  }
  if (options.command?.length === 0) throw new BpfError('the command is empty', { hint: 'give a program and its arguments' });
  if (options.duration !== undefined && !(options.duration > 0 && options.duration <= MAX_DURATION)) {
    throw new BpfError(`duration ${options.duration}: expected milliseconds, above 0 and at most ${MAX_DURATION}`);
  }
  const specs = (isSpecs(program) ? program : [readSpec(program)]).concat((options.also ?? []).map(readSpec));
  checkSettings(specs, options.set);
  const recordTypes = readRecordTypes(options.event ?? [], specs);
  const engine = createEngine({
    ...(options.onBanner === undefined ? {} : { onTracePrintk: options.onBanner }),
    // Interpreted programs have the engine's own.
    ...(options.jit === false ? { jit: false } : { budget: COMPILED_BUDGET }),
    ...(options.allowHelpers === undefined ? {} : { allowHelpers: options.allowHelpers }),
  });
  const collections: Collection[] = [];
  let source: PtraceSource | undefined;
  try {
    // The tracing thread starts while the objects are loaded here.
    const starting = PtraceSource.create(engine, {
      ...(options.filter === undefined ? {} : { filter: options.filter }),
      ...(options.follow === undefined ? {} : { follow: options.follow }),
      ...(options.maxOverhead === undefined ? {} : { maxOverhead: options.maxOverhead }),
      ...(options.onWarning === undefined ? {} : { onWarning: options.onWarning }),
      ...(options.onStopped === undefined ? {} : { onStopped: options.onStopped }),
      ...(options.ownProcess === undefined ? {} : { ownProcess: options.ownProcess }),
    });
    const sources = starting.then(
      (made) => [made],
      () => [],
    );
    try {
      for (const spec of specs) collections.push(loadCollection(engine, spec, { variables: settingsOf(spec, options.set) }));
    } catch (error) {
      [source] = await sources;
      throw error;
    }
    source = await starting;
    engine.addSource(source);
    const pipe = new TracePipe(engine, { ...(options.format === undefined ? {} : { format: options.format }) });
    const streams = new RecordStreams(engine, pipe, options.records === false ? [] : collections, recordTypes);
    for (const c of collections) c.attach();
    const programs = collections.flatMap((c) => [...c.programs.values()]);
    if (programs.every((p) => p.links.size === 0)) {
      const sections = programs.map((p) => `${p.name} (${p.spec.section})`).join(', ');
      throw new BpfError(`nothing to attach: ${sections === '' ? 'the object has no programs' : `${sections} names no place`}`, {
        hint: 'sections name places: SEC("kprobe/do_execve"), SEC("tracepoint/syscalls/sys_enter_openat")',
      });
    }
    let command: TracedCommand | undefined;
    if (options.command !== undefined) {
      command = await source.spawn(options.command, {
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        ...environment(options),
        ...(options.inherit === undefined ? {} : { inherit: options.inherit }),
        ...(options.user === undefined ? {} : { user: options.user }),
      });
    }
    for (const pid of attach) await source.attachProcess(pid);
    return new TraceSession({ engine, collections, source, streams, command, duration: options.duration });
  } catch (error) {
    for (const c of collections) c.close();
    await source?.close();
    engine.closeAll();
    throw error;
  }
}

function isSpecs(program: string | Uint8Array | readonly CollectionSpec[]): program is readonly CollectionSpec[] {
  return Array.isArray(program);
}

function readSpec(program: string | Uint8Array): CollectionSpec {
  const object: ObjectBytes = typeof program === 'string' ? readProgram(program) : { name: 'program', bytes: program };
  return parseElf(object.bytes, object.name);
}

/** The command's environment: with another user, its own home and name, as su gives them. Absent: the caller's, byte for byte. */
function environment({ env, user }: TraceOptions): { env?: Readonly<Record<string, string | undefined>> } {
  if (user === undefined) return env === undefined ? {} : { env };
  const name = user.name ?? String(user.uid);
  return { env: { ...process.env, HOME: user.home, USER: name, LOGNAME: name, ...env } };
}

/** Rounds of loops and calls in one run of a compiled program, while which the traced process waits: two bpf_loop of the most rounds (1 << 23) that one may make. */
const COMPILED_BUDGET = 1 << 24;
/** setTimeout's limit. */
const MAX_DURATION = 2 ** 31 - 1;

function checkSettings(specs: readonly CollectionSpec[], set: TraceOptions['set']): void {
  const known = new Set(specs.flatMap((s) => s.globals.map((g) => g.name)));
  for (const name of Object.keys(set ?? {})) {
    if (!known.has(name))
      throw new BpfError(`the program has no variable '${name}'`, { hint: `its variables: ${[...known].join(', ') || 'none'}` });
  }
}

/** Of the settings, those that this object has a variable for. */
function settingsOf(spec: CollectionSpec, set: TraceOptions['set']): Record<string, VariableValue> {
  const names = new Set(spec.globals.map((g) => g.name));
  return Object.fromEntries(Object.entries(set ?? {}).filter(([name]) => names.has(name)));
}
