/** What the ptrace suites share: the tracing thread built from the sources, programs that only count, runs with and without the tracer. */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { NotSupportedError } from '../../src/base/index.ts';
import { Engine } from '../../src/engine/index.ts';
import { type ExitStatus, type PtraceOptions, PtraceSource, type SpawnOptions } from '../../src/sources/ptrace/index.ts';

const root = join(import.meta.dirname, '../..');

/** Bundles a TypeScript file where koffi can be found from. */
async function bundle(source: string, name: string): Promise<string> {
  const folder = join(root, 'node_modules/.cache/bpfwright');
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `${name}-${process.pid}.mjs`);
  const options = { bundle: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external', logLevel: 'warning' } as const;
  await build({ ...options, entryPoints: [join(root, source)], outfile });
  process.on('exit', () => rmSync(outfile, { force: true }));
  return outfile;
}

let worker: Promise<string> | undefined;
let driver: Promise<string> | undefined;

/** Path of the tracing thread's script. */
export function workerFile(): Promise<string> {
  worker ??= bundle('src/sources/ptrace/worker.ts', 'ptrace-worker');
  return worker;
}

/** Path of driver.ts as a script of its own. */
export function driverFile(): Promise<string> {
  driver ??= bundle('tests/ptrace/driver.ts', 'ptrace-driver');
  return driver;
}

/** Why processes cannot be traced here; undefined when they can. */
export const untraceable: string | undefined = await (async () => {
  try {
    await (await PtraceSource.create(new Engine(), { worker: pathToFileURL(await workerFile()) })).close();
    return undefined;
  } catch (error) {
    if (error instanceof NotSupportedError) return error.message;
    throw error;
  }
})();
if (untraceable !== undefined) console.log(`ptrace suites skipped: ${untraceable}`);

/** Whether a program can be found on PATH. */
export function has(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}

/** `kprobe/do_execve`, `kretprobe/sys_write`, `tracepoint/sched/sched_process_exec`. */
export type CountTarget = string;

export interface Tracing extends AsyncDisposable {
  readonly engine: Engine;
  readonly source: PtraceSource;
  readonly warnings: string[];
  /** Attaches a program that does nothing; the function tells how often it ran. */
  count(target: CountTarget): () => number;
}

/** mov r0, 0; exit. */
const NOTHING = Uint8Array.from([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
const KPROBE = 2;
const TRACEPOINT = 5;

export async function tracing(options: Omit<PtraceOptions, 'onWarning' | 'worker'> = {}): Promise<Tracing> {
  const engine = new Engine();
  const warnings: string[] = [];
  const source = await PtraceSource.create(engine, {
    ...options,
    worker: pathToFileURL(await workerFile()),
    onWarning: (text) => warnings.push(text),
  });
  engine.addSource(source);
  return {
    engine,
    source,
    warnings,
    count: (target) => {
      const [kind, first = '', second = ''] = target.split('/');
      const { fd } = engine.progLoad({ type: kind === 'tracepoint' ? TRACEPOINT : KPROBE, insns: NOTHING, license: 'GPL' });
      engine.linkCreate({
        progFd: fd,
        target:
          kind === 'tracepoint' ? { kind, category: first, name: second } : { kind: 'kprobe', func: first, ret: kind === 'kretprobe' },
      });
      return () => engine.progInfo(fd).runCount;
    },
    [Symbol.asyncDispose]: async () => {
      await source.close();
      engine.closeAll();
    },
  };
}

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: Pick<ExitStatus, 'code' | 'signal' | 'core'>;
}

/** A folder that goes with the test process. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bpfwright-test-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function withFiles(run: (stdio: [number, number, number]) => Promise<Outcome['status']>): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'bpfwright-out-'));
  const [out, err] = [join(folder, 'out'), join(folder, 'err')];
  const stdio: [number, number, number] = [openSync('/dev/null', 'r'), openSync(out, 'w'), openSync(err, 'w')];
  try {
    const status = await run(stdio);
    return { stdout: readFileSync(out, 'utf8'), stderr: readFileSync(err, 'utf8'), status };
  } finally {
    for (const fd of stdio) closeSync(fd);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a command under a tracer and waits for everything that comes from it. */
export function runTraced(t: Tracing, argv: readonly string[], options: Omit<SpawnOptions, 'stdio'> = {}): Promise<Outcome> {
  return withFiles(async (stdio) => {
    const command = await t.source.spawn(argv, { ...options, stdio });
    const status = await command.exit;
    await command.allExited;
    return status;
  });
}

/** Runs a command without a tracer. Node does not tell whether a core was dumped. */
export function runUntraced(argv: readonly string[], options: { readonly cwd?: string } = {}): Promise<Outcome> {
  return withFiles((stdio) => {
    const [name = '', ...args] = argv;
    const child = spawn(name, args, { stdio, cwd: options.cwd });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        const number = signal === null ? undefined : signalNumber(signal);
        resolve({ code: code ?? 128 + (number ?? 0), signal: number, core: false });
      });
    });
  });
}

function signalNumber(name: string): number {
  return constants.signals[name as NodeJS.Signals];
}

/** Compiles C source; the path of the program. */
export function compile(folder: string, name: string, source: string, flags: readonly string[] = []): string {
  const file = join(folder, name);
  writeFileSync(`${file}.c`, source);
  const done = spawnSync('gcc', ['-O1', '-o', file, `${file}.c`, ...flags], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  return file;
}

/** A value of /proc/PID/status. */
export function procStatus(pid: number, key: string): string | undefined {
  try {
    return new RegExp(`^${key}:\\s+(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  } catch {
    return undefined;
  }
}

/** Waits until `test` holds, by polling. */
export async function until(test: () => boolean, what: string, limit = 20_000): Promise<void> {
  const deadline = Date.now() + limit;
  while (!test()) {
    if (Date.now() > deadline) throw new Error(`waited ${limit} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
