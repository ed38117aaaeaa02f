/**
 * Reading a kernel's BTF (`npm run bench -- --only btf`): the time to the first lookup and to the first relocated object with the lazy index
 * against a full eager scan, each in a process of its own, and the memory each keeps. BTF names another file than /sys/kernel/btf/vmlinux.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { Btf, CoreResolver, relocateCore } from '../src/btf/index.ts';
import { parseElf } from '../src/elf/index.ts';

const path = process.env.BTF ?? '/sys/kernel/btf/vmlinux';
const object = 'testdata/objects/core-kinds.bpf.o';
const ROUNDS = 7;
const GOAL_MS = 60;
const WAYS = ['lazy', 'eager'] as const;

interface Sample {
  readonly open: number;
  readonly find: number;
  readonly relocate: number;
  readonly heap: number;
}

/** One reading: milliseconds to open, to the first lookup, to the first relocated object; bytes kept. */
function sample(how: 'lazy' | 'eager'): Sample {
  const bytes = readFileSync(path);
  globalThis.gc?.();
  const before = memory();
  const start = performance.now();
  const btf = how === 'lazy' ? Btf.open(bytes) : Btf.parse(bytes);
  const open = performance.now();
  if (how === 'eager') for (let id = 1; id < btf.count; id++) btf.type(id);
  btf.find('task_struct', 'struct');
  const find = performance.now();
  const spec = parseElf(readFileSync(object), 'core-kinds.bpf.o');
  const resolver = new CoreResolver(spec.btf ?? btf, [{ name: 'vmlinux', btf }]);
  for (const program of spec.programs) relocateCore(program.insns.slice(), program.coreRelos, resolver);
  const relocate = performance.now();
  globalThis.gc?.();
  const heap = memory() - before;
  // Keeps the graph alive until it was measured.
  if (btf.count === 0) throw new Error('no types');
  return { open: open - start, find: find - start, relocate: relocate - start, heap };
}

function memory(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** The same in a fresh process, where nothing is compiled yet. */
function measured(how: 'lazy' | 'eager'): Sample {
  const script = "import('./tools/import-ts.mjs').then((m) => m.importTs('bench/btf.ts'))";
  const run = spawnSync(process.execPath, ['--expose-gc', '-e', script], { env: { ...process.env, BTF_SAMPLE: how }, encoding: 'utf8' });
  const line = run.stdout.split('\n').find((l) => l.startsWith('{'));
  if (line === undefined) throw new Error(`no sample: ${run.stderr}`);
  return JSON.parse(line) as Sample;
}

function median(samples: readonly Sample[], what: keyof Sample): number {
  const sorted = samples.map((s) => s[what]).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

function report(): void {
  const samples = { lazy: [] as Sample[], eager: [] as Sample[] };
  for (let round = 0; round < ROUNDS; round++) for (const how of WAYS) samples[how].push(measured(how));
  const rows = [
    ['open', 'open', 'ms', 1],
    ['first lookup', 'find', 'ms', 1],
    ['first relocated object', 'relocate', 'ms', 1],
    ['memory kept', 'heap', 'MiB', 1 << 20],
  ] as const;
  console.log(`${path}: ${readFileSync(path).length} bytes, medians of ${ROUNDS} fresh processes`);
  for (const [label, what, unit, scale] of rows) {
    const [lazy, eager] = WAYS.map((how) => median(samples[how], what) / scale);
    if (lazy === undefined || eager === undefined) continue;
    console.log(
      `  ${label.padEnd(24)} lazy ${lazy.toFixed(1).padStart(7)} ${unit}, eager ${eager.toFixed(1).padStart(7)} ${unit}, ratio ${(lazy / eager).toFixed(3)}`,
    );
  }
  const first = median(samples.lazy, 'find');
  console.log(`  first lookup under ${GOAL_MS} ms: ${first < GOAL_MS ? 'met' : 'MISSED'}`);
}

const how = WAYS.find((way) => way === process.env.BTF_SAMPLE);
if (how !== undefined) console.log(JSON.stringify(sample(how)));
else if (existsSync(path)) report();
else console.log(`${path} does not exist: reading BTF is left out`);
