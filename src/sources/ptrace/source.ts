/**
 * The ptrace source as the main thread sees it: starts commands and attaches to processes on a tracing thread of its own, arms and disarms
 * programs there, and reports ends. It makes no system call itself and needs no native code on this thread.
 */
import { readFileSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { BpfError } from '../../base/index.ts';
import { type AttachedLink, createRunner, type EventSource, type Runner, type SharedEngine } from '../../engine/index.ts';
import { signalName } from '../../sys/index.ts';
import type { Identity } from './launcher/index.ts';
import { createProbeSet } from './probes/index.ts';
import {
  CONTROL,
  type Command,
  type CommandSpec,
  type LauncherKind,
  type TraceFilter,
  type TracerEvent,
  type WorkerSetup,
} from './protocol.ts';
import { fromWire, statusNumber } from './refusals.ts';
import { takeThread } from './thread.ts';
import type { ProbeSet } from './types.ts';
import { Watchdog } from './watchdog.ts';

/** How a process ended. */
export interface ExitStatus {
  /** Exit code; 128 + signal where a signal ended it, as shells say it. */
  readonly code: number;
  /** The signal that ended it. */
  readonly signal: number | undefined;
  /** A core was dumped. */
  readonly core: boolean;
}

export interface PtraceOptions {
  readonly filter?: TraceFilter;
  /** Programs hear the children of what is traced, too. Default true. */
  readonly follow?: boolean;
  /** Percent of an attached process's time that its stops may take before it is let go. Default: no limit. */
  readonly maxOverhead?: number;
  /** One sentence each: lost privileges, a slower way of tracing, tracing given up. Default: dropped. */
  readonly onWarning?: (text: string) => void;
  /** The command's own process was stopped for job control; it goes on by SIGCONT. */
  readonly onStopped?: (pid: number) => void;
  /** This process is a program of its own: signal settings that hold for all of it may be changed for speed. Default false. */
  readonly ownProcess?: boolean;
  /** Script of the tracing thread. Default: the one built with this package. */
  readonly worker?: URL;
}

export interface SpawnOptions {
  readonly cwd?: string;
  /** Default: this process's own environment, byte for byte. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Needs root. */
  readonly user?: Identity;
  /** File descriptors that become the command's 0, 1, 2. Default: this process's own. */
  readonly stdio?: readonly number[];
  /** Further descriptors that the command gets under their own numbers. Default: none. */
  readonly inherit?: readonly number[];
  /** How its launcher is run. Default `auto`. */
  readonly launcher?: LauncherKind;
  /** `every` stops it at all system calls, as for attached processes; `auto` (default) only at wanted ones where the kernel allows it. */
  readonly stops?: 'auto' | 'every';
}

/** A command under the tracer. */
export interface TracedCommand {
  readonly pid: number;
  /** The command's own process has ended. */
  readonly exit: Promise<ExitStatus>;
  /** Neither it nor any process that comes from it lives. */
  readonly allExited: Promise<void>;
  /** Sends a signal to its own process while that lives. */
  kill(signal: NodeJS.Signals | number): void;
}

/** A process that the tracer has taken hold of. */
export interface TracedProcess {
  readonly pid: number;
  /** Threads taken hold of at first. */
  readonly threads: number;
  /** It has been let go, or has ended with all that came from it. */
  readonly ended: Promise<void>;
  /** Lets it go. */
  detach(): Promise<void>;
}

interface Job {
  readonly pid: Promise<{ pid: number; threads: number }>;
  readonly exit: Promise<ExitStatus>;
  readonly ended: Promise<void>;
  settlePid(value: { pid: number; threads: number }): void;
  settleExit(value: ExitStatus): void;
  settleEnd(): void;
  fail(error: BpfError): void;
  readonly attachedPid: number | undefined;
  exited: boolean;
}

/** How long the main thread waits for the tracing thread to take or drop a program, and to end, milliseconds. */
const COMMAND_LIMIT = 5000;
const CLOSE_LIMIT = 4000;
const SWEEP_EVERY = 1000;
const SIGKILL = 9;

/** See create(). */
export class PtraceSource implements EventSource, AsyncDisposable {
  readonly name = 'ptrace';
  /** All that was started or attached has ended or been let go; resolves for the first time after something was. */
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #control: Int32Array;
  readonly #runner: Runner;
  /** Never runs: it says which targets exist, at once and on this thread. */
  readonly #names: ProbeSet;
  readonly #options: PtraceOptions;
  readonly #jobs = new Map<number, Job>();
  readonly #watchdog: Watchdog;
  readonly #onExit = (): void => this.#shutDown();
  readonly #gone: Promise<void>;
  #resolveEnded: () => void = () => undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #nextJob = 1;
  #seq = 0;
  #closed = false;

  private constructor(worker: Worker, control: Int32Array, shared: SharedEngine, options: PtraceOptions) {
    this.#worker = worker;
    this.#control = control;
    this.#options = options;
    this.#runner = createRunner(shared);
    this.#names = createProbeSet(this.#runner);
    this.#watchdog = new Watchdog(control, {
      say: (text) => options.onWarning?.(text),
      ring: () => this.#ring(),
      kill: (pid) => sendSignal(pid, 'SIGKILL'),
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#gone = new Promise((resolve) => worker.once('exit', () => resolve()));
    worker.on('message', (event: TracerEvent) => this.#event(event));
    worker.on('error', (error) => this.#failAll(new BpfError(`the tracing thread failed: ${error.message}`, { cause: error })));
    worker.on('exit', () => this.#failAll(new BpfError('the tracing thread has ended')));
    process.on('exit', this.#onExit);
  }

  /**
   * Starts the tracing thread for an engine. Register the result with engine.addSource before programs are attached.
   * @throws NotSupportedError where processes cannot be traced: says why and what would help
   */
  static async create(engine: { shared(): SharedEngine }, options: PtraceOptions = {}): Promise<PtraceSource> {
    const control = new Int32Array(new SharedArrayBuffer(CONTROL.WORDS * 4));
    const shared = engine.shared();
    const { filter = {}, follow = true, ownProcess = false } = options;
    const setup: WorkerSetup<SharedEngine> = { shared, control, filter, follow, ownProcess };
    const worker = takeThread(options.worker);
    worker.ref();
    worker.postMessage(setup);
    await new Promise<void>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('message', (event: TracerEvent) => {
        worker.off('error', reject);
        if (event.kind === 'failed') reject(fromWire(event.error));
        else resolve();
      });
    });
    worker.unref();
    return new PtraceSource(worker, control, shared, options);
  }

  /** Arms a program; it runs from the moment this returns. AttachError names the nearest targets. */
  attach(link: AttachedLink): void {
    if (this.#closed) throw new BpfError('the ptrace source is closed');
    this.#names.add(link);
    this.#command({ kind: 'add', seq: ++this.#seq, link });
  }

  /** Disarms a program; it does not run any more when this returns. */
  detach(linkId: number): void {
    if (this.#closed) return;
    this.#names.remove(linkId);
    this.#command({ kind: 'remove', seq: ++this.#seq, linkId });
  }

  /**
   * Starts a command under the programs attached now; resolves when the command itself runs.
   * @throws CommandError when it cannot be executed, SyscallError or NotSupportedError when it cannot be traced
   */
  async spawn(argv: readonly (string | Uint8Array)[], options: SpawnOptions = {}): Promise<TracedCommand> {
    if (argv.length === 0) throw new BpfError('the command is empty', { hint: 'give a program and its arguments' });
    const env = options.env === undefined ? undefined : definedOnly(options.env);
    const spec: CommandSpec = {
      argv,
      env,
      path: env === undefined ? process.env.PATH : env.PATH,
      cwd: options.cwd,
      user: options.user === undefined ? undefined : { uid: options.user.uid, gid: options.user.gid, groups: options.user.groups },
      stdio: options.stdio ?? [0, 1, 2],
      // The command line never uses these through Node, so their flags are the caller's.
      makeBlocking: this.#options.ownProcess !== true,
      inherit: options.inherit ?? [],
      files: parentFileLimit(),
      launcher: options.launcher ?? 'auto',
      stops: options.stops ?? 'auto',
    };
    const { id, job } = this.#job(undefined);
    this.#post({ kind: 'spawn', id, spec });
    const { pid } = await job.pid;
    return {
      pid,
      exit: job.exit,
      allExited: job.ended,
      kill: (signal) => {
        if (!job.exited) sendSignal(pid, signal);
      },
    };
  }

  /** Takes hold of a running process, all its threads and (with `follow`) what it starts from now on. */
  async attachProcess(pid: number): Promise<TracedProcess> {
    if (!Number.isInteger(pid) || pid <= 0) throw new BpfError(`${pid} is not a process id`, { hint: 'give a positive number' });
    if (pid === process.pid) throw new BpfError('a process cannot trace itself', { hint: 'give the id of another process' });
    if (statusNumber(pid, 'PPid') === process.pid) {
      // libuv waits for its children on the main thread and would take their stops for ends.
      throw new BpfError(`process ${pid} is a child of this process, whose stops Node would take away from the tracer`, {
        hint: 'start it with spawn() of the ptrace source instead of child_process',
      });
    }
    const { id, job } = this.#job(pid);
    this.#post({ kind: 'attach', id, pid, maxOverhead: this.#options.maxOverhead });
    const { threads } = await job.pid;
    const detach = (): Promise<void> => {
      this.#post({ kind: 'detach', id });
      return job.ended;
    };
    return { pid, threads, ended: job.ended, detach };
  }

  /** Programs run no more. Started commands run on, silently followed; attached processes are let go. */
  async disarm(): Promise<void> {
    if (this.#closed) return;
    this.#command({ kind: 'disarm', seq: ++this.#seq });
    const attached = [...this.#jobs].filter(([, job]) => job.attachedPid !== undefined);
    for (const [id] of attached) this.#post({ kind: 'detach', id });
    await Promise.all(attached.map(([, job]) => job.ended.catch(() => undefined)));
  }

  /** Lets attached processes go, kills commands that still run and ends the tracing thread. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#beginClose();
      this.#worker.ref();
    }
    await this.#gone;
    this.#resolveEnded();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #job(attachedPid: number | undefined): { id: number; job: Job } {
    if (this.#closed) throw new BpfError('the ptrace source is closed');
    const id = this.#nextJob++;
    const pid = promise<{ pid: number; threads: number }>();
    const exit = promise<ExitStatus>();
    const ended = promise<void>();
    const job: Job = {
      pid: pid.promise,
      exit: exit.promise,
      ended: ended.promise,
      settlePid: pid.resolve,
      settleExit: exit.resolve,
      settleEnd: ended.resolve,
      fail: (error) => {
        pid.reject(error);
        exit.reject(error);
        ended.reject(error);
      },
      attachedPid,
      exited: false,
    };
    // Whoever waits for the pid hears of a failure; the others may have no listener yet.
    job.exit.catch(() => undefined);
    job.ended.catch(() => undefined);
    this.#jobs.set(id, job);
    this.#worker.ref();
    this.#watchdog.start();
    return { id, job };
  }

  #event(event: TracerEvent): void {
    if (event.kind === 'warning') {
      this.#options.onWarning?.(event.hint === undefined ? event.message : `${event.message} (${event.hint})`);
      return;
    }
    if (event.kind === 'ready') return;
    const job = this.#jobs.get(event.id);
    if (job === undefined) return;
    switch (event.kind) {
      case 'failed':
        job.fail(fromWire(event.error));
        this.#drop(event.id);
        return;
      case 'started':
        job.settlePid({ pid: event.pid, threads: 1 });
        return;
      case 'attached':
        job.settlePid({ pid: job.attachedPid ?? 0, threads: event.threads });
        return;
      case 'exited':
        job.exited = true;
        job.settleExit(exitStatus(event.status));
        this.#sweeper ??= setInterval(() => this.#post({ kind: 'sweep' }), SWEEP_EVERY).unref();
        return;
      case 'stopped':
        job.pid.then(({ pid }) => this.#options.onStopped?.(pid));
        return;
      case 'allExited':
      case 'detached':
        job.settleEnd();
        this.#drop(event.id);
        return;
    }
  }

  #drop(id: number): void {
    this.#jobs.delete(id);
    if (this.#jobs.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    this.#watchdog.stop();
    // While closing, the thread's end is waited for.
    if (!this.#closed) this.#worker.unref();
    this.#resolveEnded();
  }

  #failAll(error: BpfError): void {
    for (const job of this.#jobs.values()) {
      // What was started dies with its tracer.
      if (this.#closed && job.attachedPid === undefined) job.settleExit(exitStatus(SIGKILL));
      if (this.#closed) job.settleEnd();
      job.fail(error);
    }
    this.#jobs.clear();
    clearInterval(this.#sweeper);
    this.#watchdog.stop();
    process.off('exit', this.#onExit);
    if (!this.#closed) this.#runner.close();
    this.#closed = true;
    this.#resolveEnded();
  }

  #post(command: Command): void {
    if (this.#closed) return;
    this.#worker.postMessage(command);
    this.#ring();
  }

  /** Posts a command and waits until it is done: link commands are synchronous, as bpf(2) is. */
  #command(command: Command & { readonly seq: number }): void {
    this.#post(command);
    const deadline = performance.now() + COMMAND_LIMIT;
    while (!this.#closed) {
      const done = Atomics.load(this.#control, CONTROL.DONE);
      if (done >= command.seq) return;
      const left = deadline - performance.now();
      if (left <= 0 || Atomics.load(this.#control, CONTROL.CLOSED) !== 0) {
        throw new BpfError(`the tracing thread did not answer within ${COMMAND_LIMIT} ms`, {
          hint: 'a traced process may hold it: see the warnings',
        });
      }
      Atomics.wait(this.#control, CONTROL.DONE, done, Math.min(left, 100));
    }
  }

  #ring(): void {
    const bell = Atomics.load(this.#control, CONTROL.BELL);
    if (bell > 0) sendSignal(bell, 'SIGUSR1');
  }

  #beginClose(): void {
    this.#closed = true;
    Atomics.store(this.#control, CONTROL.CLOSING, 1);
    this.#ring();
    this.#runner.close();
  }

  /** The process ends now: a thread blocked in waitpid would keep it from doing so. */
  #shutDown(): void {
    if (!this.#closed) this.#beginClose();
    Atomics.wait(this.#control, CONTROL.CLOSED, 0, CLOSE_LIMIT);
  }
}

/** What a wait status says. */
export function exitStatus(status: number): ExitStatus {
  const signal = status & 0x7f;
  if (signal === 0) return { code: (status >> 8) & 0xff, signal: undefined, core: false };
  return { code: 128 + signal, signal, core: (status & 0x80) !== 0 };
}

/** `exit code 2`, `SIGSEGV (core dumped)`. */
export function describeExit(status: ExitStatus): string {
  if (status.signal === undefined) return `exit code ${status.code}`;
  return `${signalName(status.signal)}${status.core ? ' (core dumped)' : ''}`;
}

function promise<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: BpfError): void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: BpfError) => void = () => undefined;
  const made = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise: made, resolve, reject };
}

function sendSignal(pid: number, signal: NodeJS.Signals | number): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended just now.
  }
}

function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

/** Node raises its soft limit of open files to the hard one; the command gets what our parent has, which is what it would have had without us. */
function parentFileLimit(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${process.ppid}/limits`, 'latin1'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
