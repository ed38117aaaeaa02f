/**
 * Measures compiled programs in one interleaved run: the engine's WebAssembly, the live kernel's JIT, native code of the same C, the interpreter.
 * Processor time, the least of several rounds; ratios are of those, and, for goals, also of what is left of a run when an empty program's is taken off. Then tail calls, empty programs, loading and two CPUs. Options: --only NAME
 * (a row, `load` or `cpus`), --rounds N (7), --ms N (a measurement's length, 30).
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { parseElf } from '../src/elf/index.ts';
import { Engine, makeTask } from '../src/engine/index.ts';
import type { Host } from '../src/host/index.ts';
import { type Collection, loadCollection } from '../src/loader/index.ts';
import { kernel } from '../tests/support/kernel.ts';
import { rawHost } from '../tests/support/raw-host.ts';
import { measureCpus, measureLoads } from './engine-parts.ts';
import { PACKETS } from './packets.ts';

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, rounds: { type: 'string', default: '7' }, ms: { type: 'string', default: '30' } },
});
const rounds = Number(options.rounds);
const sample = Number(options.ms) * 1e6;
const wanted = (name: string): boolean => options.only === undefined || options.only === name;

type Class = 'compute' | 'maps' | 'update' | 'tail variable' | 'tail constant' | 'empty';

interface Case {
  readonly name: string;
  readonly source: string;
  readonly entry?: string;
  readonly packet: keyof typeof PACKETS;
  readonly class: Class;
}

const CASES: readonly Case[] = [
  { name: 'z_empty', source: 'z_empty', packet: 'rand64', class: 'empty' },
  { name: 'a_sieve', source: 'a_sieve', packet: 'rand64', class: 'compute' },
  { name: 'b_jhash64', source: 'b_jhash', packet: 'rand64', class: 'compute' },
  { name: 'b_jhash1500', source: 'b_jhash', packet: 'rand1500', class: 'compute' },
  { name: 'b_mm64_1500', source: 'b_mm64', packet: 'rand1500', class: 'compute' },
  { name: 'c_parse', source: 'c_parse', packet: 'tcp', class: 'compute' },
  { name: 'd_strscan', source: 'd_strscan', packet: 'str256', class: 'compute' },
  { name: 'i_calls', source: 'i_calls', packet: 'rand64', class: 'compute' },
  { name: 'j_copy1k', source: 'j_copy1k', packet: 'rand2048', class: 'compute' },
  { name: 'j_csum1k', source: 'j_csum1k', packet: 'rand2048', class: 'compute' },
  { name: 'k_muldiv', source: 'k_muldiv', packet: 'rand64', class: 'compute' },
  { name: 'm_dfa', source: 'm_dfa', packet: 'text256', class: 'compute' },
  { name: 'n_stackhist', source: 'n_stackhist', packet: 'rand2048', class: 'compute' },
  { name: 'e_array16', source: 'e_array16', packet: 'rand64', class: 'maps' },
  { name: 'e_array16a', source: 'e_array16a', packet: 'rand64', class: 'maps' },
  { name: 'f_hlookup16', source: 'f_hlookup16', packet: 'rand64', class: 'maps' },
  { name: 'g_hist', source: 'g_hist', packet: 'rand64', class: 'maps' },
  { name: 'l_helpers', source: 'l_helpers', packet: 'rand64', class: 'maps' },
  { name: 'f_hupdate16', source: 'f_hupdate16', packet: 'rand64', class: 'update' },
  { name: 'h_tailvar', source: 'h_tailvar', packet: 'tail64', class: 'tail variable' },
  { name: 'h_tailconst', source: 'h_tailconst', entry: 'h_t00', packet: 'tail64', class: 'tail constant' },
];

/** Goals as ratios to the kernel's time; compute rows also to native code's. */
const GOALS: Readonly<Partial<Record<Class, number>>> = { compute: 0.85, maps: 0.5, update: 0.9, 'tail variable': 0.4, 'tail constant': 2 };
const COMPUTE_TO_NATIVE = 1.4;
const ROW_LIMIT = 1.2;

const clang = ['clang-19', 'clang', 'clang-18'].find((name) => spawnSync(name, ['--version']).status === 0);
const work = mkdtempSync(join(tmpdir(), 'bpfwright-bench-'));
const programs = join(process.cwd(), 'bench', 'programs');

function run(command: string, args: readonly string[]): void {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr}`);
}

function load(host: Host, one: Case): Collection {
  const object = join(work, `${one.source}.o`);
  run(clang ?? '', ['-O2', '-target', 'bpf', '-mcpu=v3', '-g', '-c', join(programs, `${one.source}.c`), '-o', object]);
  const collection = loadCollection(host, parseElf(readFileSync(object), one.source));
  const slot = (map: string, index: number, program: string): void => {
    const key = new Uint8Array(Uint32Array.of(index).buffer);
    host.mapUpdateElem(collection.map(map).fd, key, new Uint8Array(Uint32Array.of(collection.program(program).fd).buffer));
  };
  if (one.source === 'h_tailvar') for (let i = 0; i < 40; i++) slot('h_pa', i, 'h_tailvar');
  if (one.source === 'h_tailconst') for (let i = 1; i < 34; i++) slot('hc_pa', i, `h_t${`${i}`.padStart(2, '0')}`);
  return collection;
}

/** A way of running a case: nanoseconds of processor time a run. */
interface Column {
  readonly name: string;
  measure(repeat: number): Promise<number>;
}

/** Nanoseconds of processor time that this process spends in `body`. */
function spent(body: () => void): number {
  const start = process.cpuUsage();
  body();
  const { user, system } = process.cpuUsage(start);
  return (user + system) * 1000;
}

function hostColumn(name: string, host: Host, one: Case, results: Map<string, number>): Column {
  const collection = load(host, one);
  const { fd } = collection.program(one.entry ?? one.source);
  const dataIn = PACKETS[one.packet];
  return {
    name,
    async measure(repeat) {
      let retval = 0;
      const ns = spent(() => {
        retval = host.progTestRun(fd, { dataIn, repeat }).retval;
      });
      results.set(name, retval);
      return ns / repeat;
    },
  };
}

/** The native programs, in a process of their own that is asked line by line. */
function startNative(): { ask(line: string): Promise<string>; close(): void } {
  const binary = join(work, 'native');
  const sources = CASES.filter((one) => !one.class.startsWith('tail')).map((one) => join(programs, `${one.source}.c`));
  const native = join(process.cwd(), 'bench', 'native');
  run(clang ?? '', [
    '-O2',
    '-w',
    ...new Set(sources),
    join(programs, 'maps.c'),
    join(native, 'native.c'),
    join(native, 'helpers.c'),
    '-o',
    binary,
  ]);
  for (const [name, bytes] of Object.entries(PACKETS)) writeFileSync(join(work, `${name}.bin`), bytes);
  const child = spawn(binary, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(line) {
      child.stdin.write(`${line}\n`);
      return (await lines.next()).value ?? '';
    },
    close: () => void child.kill(),
  };
}

const mean = (values: readonly number[]): number => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
const pad = (value: string, width = 9): string => value.padStart(width);
const ns = (value: number | undefined): string => pad(value === undefined ? '-' : value.toFixed(value < 100 ? 2 : 1));
const ratio = (value: number | undefined): string => pad(value === undefined ? '-' : `${value.toFixed(2)}x`);
const verdict = (value: number, goal: number, limit = ''): string =>
  value <= goal ? `goal ${goal}: met` : `goal ${goal}: MISSED${limit === '' ? '' : ` (${limit})`}`;

interface Row {
  readonly one: Case;
  readonly best: ReadonlyMap<string, number>;
}

async function measureCase(one: Case, native: ReturnType<typeof startNative>): Promise<Row> {
  const results = new Map<string, number>();
  const columns: Column[] = [
    hostColumn('engine', new Engine({ cpus: 2 }), one, results),
    hostColumn('interpreter', new Engine({ cpus: 2, jit: false }), one, results),
  ];
  if (kernel.bpf !== undefined) columns.push(hostColumn('kernel', rawHost(kernel.bpf), one, results));
  if (!one.class.startsWith('tail')) {
    columns.push({
      name: 'native',
      async measure(repeat) {
        const [time = '', result = ''] = (await native.ask(`${one.source} ${repeat} ${join(work, `${one.packet}.bin`)}`)).split(' ');
        results.set('native', Number(result));
        return Number(time);
      },
    });
  }
  const repeats = new Map<string, number>();
  for (const column of columns) {
    // Until it is warm and one measurement has the length asked for.
    let repeat = 64;
    for (let spentOn = 0; spentOn < sample / 2 && repeat < 1 << 27; ) {
      repeat *= 2;
      // The second time: the first one may compile.
      await column.measure(repeat);
      spentOn = (await column.measure(repeat)) * repeat;
    }
    repeats.set(column.name, repeat);
  }
  const best = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    for (const column of columns) {
      const time = await column.measure(repeats.get(column.name) ?? 1);
      best.set(column.name, Math.min(best.get(column.name) ?? Number.POSITIVE_INFINITY, time));
    }
  }
  // Programs that count on from run to run do not give the same after different numbers of runs.
  if (one.class === 'compute' && new Set(results.values()).size !== 1)
    throw new Error(`${one.name}: results differ: ${[...results].join(' ')}`);
  return { one, best };
}

/** An empty program's nanoseconds by column: what a run costs around any program. */
const overhead = new Map<string, number>();

/** engine / other, less what an empty program takes on either side where that is asked for. */
function quotient(best: ReadonlyMap<string, number>, column: string, less: boolean): number | undefined {
  const [engine, other] = ['engine', column].map((name) => {
    const time = best.get(name);
    return time === undefined || !less ? time : time - (overhead.get(name) ?? Number.NaN);
  });
  return engine === undefined || other === undefined || !(engine > 0) || !(other > 0) ? undefined : engine / other;
}

function printRow({ one, best }: Row): void {
  const engine = best.get('engine') ?? Number.NaN;
  const interpreter = best.get('interpreter');
  const gain = interpreter === undefined ? '' : `${(interpreter / engine).toFixed(0)}x`;
  const goal = one.class === 'compute' ? ROW_LIMIT : (GOALS[one.class] ?? Number.POSITIVE_INFINITY);
  const [plain, less] = [false, true].map((without) => quotient(best, 'kernel', without));
  const missed = [plain, less].some((value) => (value ?? 0) > goal)
    ? `  above ${goal}${(plain ?? 0) > goal ? '' : ' without overhead'}`
    : '';
  console.log(
    `${one.name.padEnd(13)}${ns(engine)}${ns(best.get('kernel'))}${ns(best.get('native'))}${ns(interpreter)}  ${ratio(plain)}${ratio(less)}${ratio(quotient(best, 'native', false))}${pad(gain, 8)}${missed}`,
  );
}

function printMeans(rows: readonly Row[]): void {
  const ratios = (cls: Class, column: string, less = false): number[] =>
    rows.flatMap(({ one, best }) => (one.class === cls ? (quotient(best, column, less) ?? []) : []));
  const both = (cls: Class, column: string, goal: number, why = ''): void => {
    const values = ratios(cls, column);
    if (values.length === 0) return;
    const less = ratios(cls, column, true);
    const rest = less.length === 0 ? '' : `; less an empty program's time ${mean(less).toFixed(3)}  ${verdict(mean(less), goal)}`;
    console.log(`  ${cls.padEnd(14)} / ${column} ${mean(values).toFixed(3)}  ${verdict(mean(values), goal, why)}${rest}`);
  };
  console.log('\ngeometric means, engine / other');
  for (const [cls, goal] of Object.entries(GOALS) as [Class, number][]) both(cls, 'kernel', goal);
  both(
    'compute',
    'native',
    COMPUTE_TO_NATIVE,
    'clang makes vector code of j_copy1k and j_csum1k; V8 makes none, and checks its stack in loops',
  );
  const gains = rows.flatMap(({ best }) => [(best.get('interpreter') ?? 0) / (best.get('engine') ?? 1)]).filter((gain) => gain > 0);
  if (gains.length > 0) console.log(`  interpreter / engine    ${mean(gains).toFixed(1)}`);
}

/** An empty program: called from JavaScript, and inside of a repeated run. */
function measureEmpty(): void {
  const engine = new Engine({ cpus: 2 });
  const collection = load(engine, CASES[0] as Case);
  const { fd } = collection.program('z_empty');
  const { id } = engine.progInfo(fd);
  const context = { ctx: 0, ctxSize: 0, task: makeTask(engine.runner.mem), cpu: 0 };
  const calls = 2_000_000;
  let [call, inside] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < rounds + 2; round++) {
    const time = spent(() => {
      for (let i = 0; i < calls; i++) engine.runner.run(id, context);
    });
    call = Math.min(call, time / calls);
    const repeated = spent(() => void engine.progTestRun(fd, { dataIn: PACKETS.rand64, repeat: 20_000_000 }));
    inside = Math.min(inside, repeated / 20_000_000);
  }
  console.log('\nan empty program, nanoseconds');
  console.log(`  called from JavaScript   ${call.toFixed(1)}  ${verdict(call, 30, 'two atomic operations take the CPU and let it go')}`);
  console.log(`  inside of a repeated run ${inside.toFixed(2)}  ${verdict(inside, 2, 'V8 does not inline WebAssembly calls')}`);
  engine.closeAll();
}

async function main(): Promise<void> {
  if (clang === undefined) {
    console.log('no clang: nothing to measure (apt install clang)');
    return;
  }
  if (kernel.bpf === undefined) console.log(`no column for the kernel: ${kernel.reason}`);
  const chosen = CASES.filter((one) => wanted(one.name));
  if (chosen.length > 0) {
    const native = startNative();
    console.log('nanoseconds a run    engine   kernel   native   interp    /kernel     less  /native    gain');
    const rows: Row[] = [];
    // The empty program always: it says what the others' runs cost besides themselves.
    for (const one of CASES.filter((row) => row.class === 'empty' || chosen.includes(row))) {
      const row = await measureCase(one, native);
      if (one.class === 'empty') for (const [column, time] of row.best) overhead.set(column, time);
      printRow(row);
      rows.push(row);
    }
    native.close();
    const around = (column: string): string => overhead.get(column)?.toFixed(2) ?? '-';
    console.log(
      `\neach run includes what an empty program takes (z_empty): engine ${around('engine')} ns, kernel ${around('kernel')} ns (BPF_PROG_TEST_RUN's repeat loop, which also looks at signals and the scheduler), native ${around('native')} ns; "less" is the ratio to the kernel without it`,
    );
    printMeans(rows);
  }
  if (wanted('empty')) measureEmpty();
  if (wanted('load')) measureLoads(rounds);
  if (wanted('cpus')) await measureCpus(rounds);
}

try {
  await main();
} finally {
  rmSync(work, { recursive: true, force: true });
}
