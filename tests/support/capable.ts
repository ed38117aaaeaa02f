/**
 * The live kernel asked by processes with few capabilities. Programs of those without CAP_BPF need kernel.unprivileged_bpf_disabled at 0: it is set for
 * the time of the questions, one test process at a time, and set back even when that process is killed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import type { Answers, Asked } from './capable-child.ts';

/** Names as setpriv(1) takes them. */
export type CapabilityName = 'bpf' | 'perfmon' | 'net_admin' | 'sys_admin';

const SYSCTL = '/proc/sys/kernel/unprivileged_bpf_disabled';
const LOCK = '/tmp/bpfwright-unprivileged.lock';
/** Standard input ends when the test is done, or dead. */
const GUARD = `trap '' INT TERM HUP; old=$(cat ${SYSCTL}) && echo 0 > ${SYSCTL} && echo ready && cat > /dev/null; echo "$old" > ${SYSCTL}`;
const SOURCE = fileURLToPath(new URL('capable-child.ts', import.meta.url));
/** Below node_modules, so that its imports are found. */
const CHILD = fileURLToPath(new URL('../../node_modules/.cache/bpfwright/capable-child.mjs', import.meta.url));
let built = false;

/** Node 20 runs no TypeScript. */
function build(): void {
  if (!built)
    buildSync({
      entryPoints: [SOURCE],
      outfile: CHILD,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      logLevel: 'error',
    });
  built = true;
}

/** Answers by a process that has only these capabilities. */
export function askWith(capabilities: readonly CapabilityName[], asked: Asked): Answers {
  build();
  const bounding = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  const argv = [`--bounding-set=${bounding}`, '--inh-caps=-all', '--', process.execPath, CHILD];
  const { status, stdout, stderr, error } = spawnSync('setpriv', argv, {
    encoding: 'utf8',
    input: JSON.stringify(asked),
    maxBuffer: 1 << 28,
    timeout: 120_000,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`setpriv ${argv[0]}: ${stderr.trim()}`);
  return JSON.parse(stdout) as Answers;
}

/** Does `work` while programs may be loaded without CAP_BPF. @returns its result, or why that cannot be had here */
export async function whileUnprivileged<T>(work: () => T): Promise<{ readonly result: T } | { readonly reason: string }> {
  const guard = spawn('flock', [LOCK, 'sh', '-c', GUARD], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  guard.stderr.on('data', (text) => {
    said += String(text);
  });
  const ended = new Promise<void>((resolve) => {
    guard.on('error', (error) => {
      said += error.message;
      resolve();
    });
    guard.on('exit', () => resolve());
  });
  const ready = new Promise<true>((resolve) => guard.stdout.once('data', () => resolve(true)));
  if ((await Promise.race([ready, ended])) !== true) {
    return { reason: `unprivileged bpf(2) cannot be allowed here: ${said.trim() || 'no reason was given'}` };
  }
  try {
    return { result: work() };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  } finally {
    guard.stdin.end();
    await ended;
  }
}
