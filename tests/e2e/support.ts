/** Runs the built command line as users do, and says what this machine lacks for a test. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const bin = join(root, 'bin', 'bpfwright.js');

export interface Finished {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly input?: string;
  /** Run as this uid and gid (needs root). */
  readonly uid?: number;
}

/** Runs any command to its end. */
export function run(argv: readonly string[], options: RunOptions = {}): Finished {
  const [file = '', ...args] = argv;
  const r = spawnSync(file, args, {
    encoding: 'utf8',
    cwd: options.cwd ?? root,
    env: { ...process.env, LC_ALL: 'C', ...options.env },
    input: options.input ?? '',
    maxBuffer: 1 << 28,
    timeout: 120_000,
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  if (r.error) throw r.error;
  return { status: r.status, signal: r.signal, stdout: r.stdout, stderr: r.stderr };
}

/** Runs bpfwright. */
export function bpfwright(args: readonly string[], options: RunOptions = {}): Finished {
  return run([process.execPath, bin, ...args], options);
}

/** Whether a program is on PATH. */
export function has(name: string): boolean {
  return (process.env.PATH ?? '').split(':').some((dir) => {
    try {
      accessSync(join(dir, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A parsed modern trace_pipe line. */
export interface Line {
  readonly comm: string;
  readonly pid: number;
  readonly message: string;
}

/** The trace lines among standard error's. */
export function traceLines(stderr: string): Line[] {
  const out: Line[] = [];
  for (const line of stderr.split('\n')) {
    const m = /^\s*(.+)-(\d+)\s+\[(\d{3})\] [^\s]{5} +\d+\.\d{6}: bpf_trace_printk: (.*)$/.exec(line);
    if (m) out.push({ comm: m[1] ?? '', pid: Number(m[2]), message: m[4] ?? '' });
  }
  return out;
}

/** Numbers pids by first appearance, so that two runs can be compared. */
export function renumber<T extends { readonly pid: number }>(rows: readonly T[]): (T & { readonly pid: number })[] {
  const seen = new Map<number, number>();
  return rows.map((r) => {
    const n = seen.get(r.pid) ?? seen.size;
    seen.set(r.pid, n);
    return { ...r, pid: n };
  });
}
