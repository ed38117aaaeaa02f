/**
 * Measures what tracing costs (`npm run bench`): a build, a loop of writes, the start of the command line, memory. Prints ratios against the
 * untraced command and against strace. Options: --only build|calls|start|interp|btf, --rounds N, --seconds N (length of the build), --calls N,
 * -v (each run), --json (the numbers as JSON in the last line).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { importTs } from '../tools/import-ts.mjs';
import { has, interleaved, median, watched } from './measure.mjs';
import { makeProject } from './project.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..');
const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    calls: { type: 'string', default: '200000' },
    verbose: { type: 'boolean', short: 'v', default: false },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds);
const log = options.verbose ? console.log : undefined;
const cc = ['cc', 'gcc', 'clang'].find((name) => has(name, '--version'));
const strace = has('strace', '--seccomp-bpf', '-f', '-o', '/dev/null', 'true') ? 'strace' : undefined;
const taskset = has('taskset', '-c', '0', 'true');
if (!existsSync(join(root, 'dist', 'cli.js'))) {
  console.error('bench: there is no dist/: run `npm run build` first');
  process.exit(1);
}
if (cc === undefined) console.log('no C compiler: the build and the loop of writes are left out (apt install gcc make)');
if (strace === undefined) console.log('no strace that can trace: comparisons with it are left out (apt install strace)');

const work = mkdtempSync(join(tmpdir(), 'bpfwright-bench-'));
const stampFile = join(work, 'stamp');
const results = [];

/** One row of the report. `goal` is an upper bound of `value`. */
function report(name, value, { unit = 'x', goal, note = '' } = {}) {
  results.push({ name, value: Number(value.toPrecision(4)), unit, ...(goal === undefined ? {} : { goal, met: value <= goal }) });
  const verdict = goal === undefined ? '' : value <= goal ? `goal ${goal}: met` : `goal ${goal}: MISSED`;
  console.log(`  ${name.padEnd(58)} ${value.toFixed(unit === 'x' ? 3 : 1).padStart(9)} ${unit.padEnd(4)} ${verdict} ${note}`.trimEnd());
}

function bpfwright(program, command) {
  return [process.execPath, join(root, 'bin', 'bpfwright.js'), 'run', '-q', '-o', '/dev/null', program, '--', ...command];
}

function compile(name) {
  const out = join(work, name);
  const run = spawnSync(cc, ['-O2', '-o', out, join(here, `${name}.c`)], { stdio: 'inherit' });
  if (run.status !== 0) throw new Error(`${cc} could not compile bench/${name}.c`);
  return out;
}

function benchBuild() {
  const stopwatch = [compile('stopwatch'), stampFile];
  const project = makeProject(join(work, 'project'), { seconds: Number(options.seconds), cc });
  const command = [...stopwatch, ...project.command];
  const variants = [
    { name: 'untraced', argv: command },
    { name: 'bpfwright', argv: bpfwright(join(root, 'examples', 'exec.bpf.o'), command) },
  ];
  if (strace) {
    variants.push({ name: 'strace seccomp', argv: [strace, '-f', '--seccomp-bpf', '-e', 'trace=execve', '-o', '/dev/null', ...command] });
    variants.push({ name: 'strace', argv: [strace, '-f', '-o', '/dev/null', ...command] });
  }
  const before = () => spawnSync(project.clean[0], project.clean.slice(1));
  const { inner, around } = interleaved(variants, { rounds, before, stampFile, log });
  const base = inner.get('untraced');
  console.log(
    `build of ${project.files} C files, untraced ${base.toFixed(2)} s (from the release of the command to its exit, medians of ${rounds})`,
  );
  report('build: bpfwright, execve only / untraced', inner.get('bpfwright') / base, { goal: 1.03 });
  if (strace) {
    report('build: strace -f --seccomp-bpf -e trace=execve / untraced', inner.get('strace seccomp') / base);
    report('build: strace -f / untraced', inner.get('strace') / base);
    report('build: bpfwright / strace with seccomp', inner.get('bpfwright') / inner.get('strace seccomp'), { goal: 1 });
  }
  report('start and end around the build: bpfwright', around.get('bpfwright') * 1000, { unit: 'ms' });
  if (strace) report('start and end around the build: strace with seccomp', around.get('strace seccomp') * 1000, { unit: 'ms' });
}

function benchCalls() {
  const stopwatch = [compile('stopwatch'), stampFile];
  const command = [...stopwatch, compile('writes'), options.calls];
  for (const placed of taskset ? ['pinned', 'unpinned'] : ['unpinned']) {
    const pin = placed === 'pinned' ? ['taskset', '-c', '0'] : [];
    const variants = [
      { name: 'untraced', argv: [...pin, ...command] },
      { name: 'entry', argv: [...pin, ...bpfwright(join(here, 'entry.bpf.o'), command)] },
      { name: 'both', argv: [...pin, ...bpfwright(join(here, 'both.bpf.o'), command)] },
    ];
    if (strace) {
      variants.push({ name: 'strace', argv: [...pin, strace, '-f', '--seccomp-bpf', '-e', 'trace=write', '-o', '/dev/null', ...command] });
    }
    const { inner } = interleaved(variants, { rounds, stampFile, log });
    const perCall = (name) => (inner.get(name) / Number(options.calls)) * 1e6;
    console.log(`${options.calls} one-byte writes, tracer and command ${placed === 'pinned' ? 'on one CPU' : 'on any CPU'}`);
    report(`writes ${placed}: untraced, per call`, perCall('untraced'), { unit: 'µs' });
    report(`writes ${placed}: bpfwright entry, per call`, perCall('entry'), { unit: 'µs' });
    report(`writes ${placed}: bpfwright entry and exit, per call`, perCall('both'), { unit: 'µs' });
    if (strace) {
      report(`writes ${placed}: strace, per call`, perCall('strace'), { unit: 'µs' });
      report(`writes ${placed}: bpfwright entry / strace`, inner.get('entry') / inner.get('strace'), { goal: 0.6 });
      report(`writes ${placed}: bpfwright entry and exit / strace`, inner.get('both') / inner.get('strace'), { goal: 1 });
    }
  }
}

async function benchInterp() {
  console.log('the interpreter');
  await importTs('bench/interp.ts');
}

async function benchBtf() {
  console.log("a kernel's BTF");
  await importTs('bench/btf.ts');
}

async function benchStart() {
  const firsts = [];
  let peak = 0;
  // Without -o and -q: the lines are what is waited for.
  const argv = [process.execPath, join(root, 'bin', 'bpfwright.js'), 'run', join(root, 'examples', 'exec.bpf.o'), '--', 'sleep', '0.3'];
  for (let round = 0; round < Math.max(5, rounds); round++) {
    const run = await watched(argv, { pattern: /executed / });
    if (run.first === undefined) throw new Error('bpfwright printed no event');
    firsts.push(run.first);
    peak = Math.max(peak, run.peak);
  }
  if (cc !== undefined) {
    const run = await watched(bpfwright(join(here, 'both.bpf.o'), [compile('writes'), '50000']), { pattern: /^/ });
    peak = Math.max(peak, run.peak);
  }
  const bare = [];
  for (let round = 0; round < 5; round++) bare.push((await watched([process.execPath, '-e', '0'], { pattern: /^/ })).whole);
  console.log('the command line');
  report('start of bpfwright to its first event', median(firsts) * 1000, { unit: 'ms', goal: 250 });
  report('start and end of a bare node', median(bare) * 1000, { unit: 'ms' });
  report('peak memory of the tracer', peak, { unit: 'MiB', goal: 120 });
}

const parts = {
  build: cc === undefined ? undefined : benchBuild,
  calls: cc === undefined ? undefined : benchCalls,
  start: benchStart,
  interp: benchInterp,
  btf: benchBtf,
};
if (options.only !== undefined && !(options.only in parts)) {
  console.error(`bench: --only ${options.only}: expected ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}
try {
  for (const [name, part] of Object.entries(parts)) if (options.only === undefined || options.only === name) await part?.();
} finally {
  rmSync(work, { recursive: true, force: true });
}
if (options.json) console.log(JSON.stringify({ node: process.version, arch: process.arch, rounds, results }));
