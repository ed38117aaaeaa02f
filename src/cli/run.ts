/** `bpfwright run`: loads and attaches programs, runs a command or watches processes, prints what programs print, and ends as the command ended. */
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { Command } from 'commander';
import { BpfError, toHex } from '../base/index.ts';
import { parseElf } from '../elf/index.ts';
import type { OptInHelper } from '../helpers/index.ts';
import type { TraceFormat } from '../readers/index.ts';
import type { ExitStatus } from '../sources/ptrace/index.ts';
import { CommandError } from '../sources/ptrace/index.ts';
import { dieBySignal, loadSys } from '../sys/index.ts';
import { readProgram } from '../tools/bundled.ts';
import { readSettings, settingsHelp } from '../tools/globals.ts';
import { inheritedFds } from '../tools/inherited.ts';
import { mapLines, mapRows, printableMaps } from '../tools/map-dump.ts';
import type { RecordEvent, RecordTotals, SessionEvent } from '../tools/records/index.ts';
import { type TraceSession, trace } from '../tools/session.ts';
import { asUser, type User, userOf } from '../tools/user.ts';
import { Columns } from './columns.ts';
import { EXIT_CANNOT_EXECUTE, EXIT_FAILED, EXIT_NOT_FOUND, printError } from './failure.ts';
import { stopToo } from './job-control.ts';
import { jsonLine } from './json.ts';
import { escapeControl, Sink } from './sink.ts';

/** Percent of its time that an attached process may lose to tracing by default. */
const DEFAULT_OVERHEAD = 10;

/** Options as commander reads them (main.ts says what each means). */
export interface RunOptions {
  readonly help?: boolean;
  readonly attach?: readonly number[];
  readonly also?: readonly string[];
  /** Milliseconds. */
  readonly duration?: number;
  readonly json?: boolean;
  readonly output?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly dumpMaps?: boolean;
  readonly histograms: boolean;
  readonly event?: readonly string[];
  readonly set?: readonly string[];
  readonly traceFormat: TraceFormat;
  readonly pid?: readonly number[];
  readonly comm?: readonly string[];
  readonly uid?: readonly number[];
  readonly follow: boolean;
  readonly jit: boolean;
  readonly allow?: OptInHelper;
  readonly user?: string;
  /** Percent. */
  readonly maxOverhead?: number;
}

/** @returns the exit code; does not return when the command was ended by a signal */
export async function run(
  program: string | undefined,
  command: readonly (string | Uint8Array)[] | undefined,
  options: RunOptions,
  self: Command,
): Promise<number> {
  if (options.help === true) return help(program, self);
  if (program === undefined)
    throw new BpfError('run needs a program', { hint: 'bpfwright run exec -- make; `bpfwright` alone lists the bundled programs' });
  const attach = options.attach ?? [];
  if ((command === undefined || command.length === 0) && attach.length === 0) {
    throw new BpfError('there is nothing to trace', {
      hint: `run a command: bpfwright run ${program} -- command...; or watch a process: bpfwright run -p PID ${program}`,
    });
  }
  const inherit = command === undefined ? [] : inheritedFds();
  const user = command === undefined ? undefined : userOf(options.user);
  const printer = new Printer(options, command !== undefined, user);
  const warn = (text: string): void => {
    if (options.quiet !== true) printer.note(`bpfwright: ${text}`);
  };
  for (const pid of attach) announce(pid, warn);
  try {
    const session = await start(program, command, { user, inherit, warn, options });
    const release = guardSignals(session, warn);
    if (options.verbose === true) describeSession(session, printer);
    describeRecords(session, warn);
    await printer.follow(session);
    const status = await session.exit;
    if (options.dumpMaps === true) await printer.maps(session);
    reportFaults(session, printer);
    printer.totals(session.recordTotals);
    await session.close();
    await printer.close();
    release();
    return finish(status, printer);
  } catch (error) {
    await printer.close();
    if (!(error instanceof CommandError)) throw error;
    printError(error);
    return error.reason === 'not-found' ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
  }
}

/** Says what -p is about to do to a process that others may depend on. */
function announce(pid: number, warn: (text: string) => void): void {
  try {
    const comm = readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
    const threads = readdirSync(`/proc/${pid}/task`).length;
    warn(
      `attaching to ${comm} (${pid}): its ${threads === 1 ? 'thread stops' : `${threads} threads stop`} briefly at every system call; Ctrl-C lets it go`,
    );
  } catch {
    // Attaching says that there is no such process.
  }
}

function help(program: string | undefined, self: Command): number {
  self.outputHelp();
  if (program !== undefined) {
    const { name, bytes } = readProgram(program);
    process.stdout.write(`\n${settingsHelp(parseElf(bytes, name))}`);
  }
  return 0;
}

async function start(
  program: string,
  command: readonly (string | Uint8Array)[] | undefined,
  how: {
    readonly user: User | undefined;
    readonly inherit: readonly number[];
    readonly warn: (text: string) => void;
    readonly options: RunOptions;
  },
): Promise<TraceSession> {
  const { user, inherit, warn, options } = how;
  const objects = [program, ...(options.also ?? [])].map(readProgram);
  const specs = objects.map((o) => parseElf(o.bytes, o.name));
  const maxOverhead = options.maxOverhead ?? (command === undefined ? DEFAULT_OVERHEAD : undefined);
  return trace(specs, {
    set: readSettings(options.set ?? [], specs),
    ...(options.event === undefined ? {} : { event: options.event }),
    filter: {
      ...(options.pid === undefined ? {} : { pids: options.pid }),
      ...(options.comm === undefined ? {} : { comms: options.comm }),
      ...(options.uid === undefined ? {} : { uids: options.uid }),
    },
    follow: options.follow,
    jit: options.jit,
    ...(options.allow === undefined ? {} : { allowHelpers: [options.allow] }),
    format: options.traceFormat,
    attach: options.attach ?? [],
    onWarning: warn,
    ownProcess: true,
    onStopped: stopToo,
    inherit,
    ...(options.quiet === true ? {} : { onBanner: warn }),
    ...(command === undefined ? {} : { command }),
    ...(user === undefined ? {} : { user }),
    ...(options.duration === undefined ? {} : { duration: options.duration }),
    ...(maxOverhead === undefined ? {} : { maxOverhead }),
  });
}

/**
 * A terminal sends Ctrl-C to the command as well: it decides, and we end when it ends. Signals sent to us alone are passed on.
 * Watching without a command, or when the command has ended and others have not, the first of them ends the watch and a second one everything.
 */
function guardSignals(session: TraceSession, warn: (text: string) => void): () => void {
  let running = session.command !== undefined;
  session.exit.then(
    () => (running = false),
    () => (running = false),
  );
  let stopping = false;
  const stop = (): void => {
    if (stopping) {
      void session.close();
      return;
    }
    stopping = true;
    if (session.command !== undefined)
      warn('processes that the command left behind still run and are waited for; the next signal kills them');
    void session.stop();
  };
  const interrupt = (): void => {
    if (!running) stop();
  };
  const pass = (signal: NodeJS.Signals): void => {
    if (running) session.command?.kill(signal);
    else stop();
  };
  for (const s of ['SIGINT', 'SIGQUIT'] as const) process.on(s, interrupt);
  for (const s of ['SIGTERM', 'SIGHUP'] as const) process.on(s, pass);
  return () => {
    for (const s of ['SIGINT', 'SIGQUIT'] as const) process.off(s, interrupt);
    for (const s of ['SIGTERM', 'SIGHUP'] as const) process.off(s, pass);
  };
}

function describeSession(session: TraceSession, printer: Printer): void {
  for (const c of session.collections) {
    for (const p of c.programs.values()) {
      const { id, tag, insnCount } = p.info();
      const state = p.links.size > 0 ? 'attached' : 'loaded';
      printer.note(`bpfwright: ${state} ${p.name} (${p.spec.section}): id ${id}, tag ${tag}, ${insnCount} insns`);
    }
  }
  if (session.command !== undefined) printer.note(`bpfwright: command runs as pid ${session.command.pid}`);
}

/** What a reader of records must know of their types: a guess is said to be one. */
function describeRecords(session: TraceSession, warn: (text: string) => void): void {
  for (const { map, type } of session.records) {
    if (type?.from === 'size') {
      warn(`records of ${map} are read as ${type.name}, the only type of their size; --event ${map}='struct NAME' says what they are`);
    }
  }
}

/** Programs that broke a rule while they ran were stopped: said even when quiet, because results are incomplete. */
function reportFaults(session: TraceSession, printer: Printer): void {
  const names = new Map(session.collections.flatMap((c) => [...c.programs.values()].map((p) => [p.info().id, p.name] as const)));
  const { total, recent } = session.engine.faults();
  const seen = new Set<number>();
  for (const fault of recent) {
    if (seen.has(fault.progId)) continue;
    seen.add(fault.progId);
    printer.note(`bpfwright: program ${names.get(fault.progId) ?? fault.progId} was stopped at insn ${fault.insn}: ${fault.reason}`);
  }
  if (total > seen.size) printer.note(`bpfwright: ${total} runs were stopped in all`);
}

function finish(status: ExitStatus | undefined, printer: Printer): number {
  if (printer.failure !== undefined) printError(new BpfError(`output could not be written: ${printer.failure.message}`));
  if (status === undefined) return printer.failure === undefined ? 0 : EXIT_FAILED;
  if (status.signal === undefined) return status.code;
  dieBySignal(loadSys(), status.signal);
  return 128 + status.signal;
}

/** Everything that run prints: events, maps and notes. */
class Printer {
  readonly #out: Sink;
  readonly #notes: Sink;
  readonly #json: boolean;
  readonly #quiet: boolean;
  readonly #histograms: boolean;
  /** Maps whose unreadable records were explained. */
  readonly #explained = new Set<string>();
  #columns: Columns | undefined;
  readonly #escape: boolean;
  readonly #opened: number | undefined;

  /** With a command, standard output is the command's: lines go to standard error unless -o says otherwise. */
  constructor(options: RunOptions, hasCommand: boolean, user: User | undefined) {
    this.#json = options.json === true;
    this.#quiet = options.quiet === true;
    this.#histograms = options.histograms;
    this.#notes = new Sink(2);
    let fd = hasCommand ? 2 : 1;
    if (options.output === '-') fd = 1;
    else if (options.output !== undefined) {
      const file = options.output;
      try {
        fd = asUser(user, () => openSync(file, 'w'));
      } catch (cause) {
        throw new BpfError(`-o ${file} cannot be opened`, { cause, hint: cause instanceof Error ? cause.message : undefined });
      }
      this.#opened = fd;
    }
    this.#out = fd === 2 ? this.#notes : new Sink(fd);
    this.#escape = isatty(fd);
  }

  get failure(): NodeJS.ErrnoException | undefined {
    return this.#out.error;
  }

  /** A line for people, on standard error. */
  note(line: string): void {
    for (const part of line.split('\n')) this.#notes.write(new Uint8Array([...escapeControl(new TextEncoder().encode(part)), 10]));
  }

  /** Prints events until tracing ends. A slow reader makes the trace buffers fill and count, never the command wait. */
  async follow(session: TraceSession): Promise<void> {
    this.#columns = new Columns(session.records);
    for await (const event of session) {
      this.#event(event);
      if (this.#out.full) await this.#out.room();
    }
  }

  #event(event: SessionEvent): void {
    if (event.kind === 'record') this.#explain(event);
    if (this.#json) this.#out.write(jsonLine(eventRow(event)));
    else if (event.kind === 'record') for (const line of this.#columns?.lines(event) ?? []) this.#out.write(`${line}\n`);
    else if (!this.#escape) this.#out.write(event.bytes());
    else {
      const bytes = event.bytes();
      this.#out.write(new Uint8Array([...escapeControl(bytes.subarray(0, bytes.length - 1)), 10]));
    }
  }

  /** Says once a map how its records can be read. In JSON every such record says so itself. */
  #explain({ map, problem }: RecordEvent): void {
    if (problem === undefined || this.#json || this.#quiet || this.#explained.has(map)) return;
    this.#explained.add(map);
    this.note(`bpfwright: records of ${map} are printed in hex: ${problem}; ${eventHint(map)}`);
  }

  /** What came and what was lost, by map. */
  totals(all: readonly RecordTotals[]): void {
    for (const { map, received, lost } of all) {
      if (this.#json) this.#out.write(jsonLine({ type: 'records', map, received, lost }));
      else if (!this.#quiet || (lost ?? 0n) > 0n) {
        this.note(`bpfwright: ${map}: ${received} record${received === 1n ? '' : 's'}${lost === undefined ? '' : `, ${lost} lost`}`);
      }
    }
  }

  async maps(session: TraceSession): Promise<void> {
    for (const map of session.collections.flatMap(printableMaps)) {
      for (const row of this.#json ? mapRows(map) : mapLines(map, { histograms: this.#histograms })) {
        this.#out.write(typeof row === 'string' ? `${row}\n` : jsonLine(row));
        if (this.#out.full) await this.#out.room();
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#out.flush(), this.#notes.flush()]);
    if (this.#opened !== undefined) closeSync(this.#opened);
  }
}

function eventHint(map: string): string {
  return `--event ${map}='struct NAME' says what they are`;
}

function eventRow(event: SessionEvent): object {
  switch (event.kind) {
    case 'lost':
      return { type: 'lost', cpu: event.cpu, lost: event.lost };
    case 'records_lost':
      return { type: 'records_lost', map: event.map, cpu: event.cpu, lost: event.lost };
    case 'record': {
      const { map, cpu, data, rest, problem } = event;
      const place = { type: 'record', map, ...(cpu === undefined ? {} : { cpu }), size: data.length };
      if (problem !== undefined) return { ...place, data: toHex(data, ''), problem, hint: eventHint(map) };
      return { ...place, event: event.type?.name, value: event.json, ...(rest.length === 0 ? {} : { rest: toHex(rest, '') }) };
    }
    case 'message': {
      const { comm, pid, tgid, cpu, flags, timestamp, message } = event;
      return { type: 'trace', comm, pid, tgid, cpu, flags, timestamp, message };
    }
  }
}
