/** Running commands and measuring them: what the command itself took, what the tracer took besides, and the tracer's peak memory. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';

/** Middle value. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Whether a command can be run. */
export function has(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/**
 * Runs `argv`, in which a stopwatch writes to `stampFile`.
 * @returns seconds from the release of the command to its exit, and of the whole run
 */
export function timed(argv, { stampFile }) {
  rmSync(stampFile, { force: true });
  const start = performance.now();
  const run = spawnSync(argv[0], argv.slice(1), { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', maxBuffer: 1 << 28 });
  const whole = (performance.now() - start) / 1000;
  if (run.status !== 0 || !existsSync(stampFile)) {
    throw new Error(`${argv.join(' ')} ended with ${run.status ?? run.signal}:\n${(run.stderr ?? '').slice(-2000)}`);
  }
  return { inner: Number(readFileSync(stampFile, 'utf8')) / 1e9, whole };
}

/** Runs `argv` and answers the seconds until `pattern` appears on its stderr or stdout and until it ends, and its peak resident memory in MiB. */
export function watched(argv, { pattern }) {
  return new Promise((done, fail) => {
    const start = performance.now();
    const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    let first;
    let peak = 0;
    const look = (data) => {
      if (first !== undefined) return;
      text += data;
      if (pattern.test(text)) first = (performance.now() - start) / 1000;
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    // VmHWM only grows, so the last sample is short of the peak by what the last few milliseconds added.
    const sampler = setInterval(() => {
      try {
        peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);
      } catch {
        // It has ended.
      }
    }, 5);
    child.on('error', fail);
    child.on('close', (code, signal) => {
      clearInterval(sampler);
      if (code !== 0) fail(new Error(`${argv.join(' ')} ended with ${code ?? signal}:\n${text.slice(-2000)}`));
      else done({ first, whole: (performance.now() - start) / 1000, peak });
    });
  });
}

/**
 * Runs every variant once a round, starting each round with another one, so that a slow spell of the machine hits all alike.
 * @returns variant name -> median of its seconds
 */
export function interleaved(variants, { rounds, before, stampFile, log }) {
  const inner = new Map(variants.map((variant) => [variant.name, []]));
  const around = new Map(variants.map((variant) => [variant.name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < variants.length; i++) {
      const variant = variants[(i + round) % variants.length];
      before?.();
      const time = timed(variant.argv, { stampFile });
      inner.get(variant.name).push(time.inner);
      around.get(variant.name).push(time.whole - time.inner);
      log?.(`  round ${round + 1}/${rounds} ${variant.name}: ${time.inner.toFixed(3)} s`);
    }
  }
  return {
    inner: new Map([...inner].map(([name, values]) => [name, median(values)])),
    around: new Map([...around].map(([name, values]) => [name, median(values)])),
  };
}
