/** Parts of bench/engine.ts that are no rows of programs: what loading costs until a program runs at its best, and two CPUs at once. */
import { loadavg } from 'node:os';
import { Worker } from 'node:worker_threads';
import { assemble } from '../src/asm/index.ts';
import { Engine, makeTask } from '../src/engine/index.ts';

const XDP = 6;
const TASK_COMM = 'bench';

/** A program of about `size` instructions of arithmetic with branches, in functions of `each`. */
function program(size: number, each: number): Uint8Array {
  const functions = Math.max(1, Math.floor(size / each));
  const body = (n: number): string => {
    const lines: string[] = [];
    for (let i = 0; lines.length < Math.min(size, each) - 6; i++) {
      const r = 2 + ((n + i) % 4);
      lines.push(
        `r${r} = r1`,
        `r${r} *= ${(n * 31 + i * 7 + 3) % 9973}`,
        `r0 += r${r}`,
        `r1 ^= r0`,
        `if r1 s> ${i % 1000} goto +1`,
        'r0 += 1',
      );
    }
    return lines.join('\n');
  };
  let text = 'r1 = 7\nr0 = 0\n';
  if (functions === 1) return assemble(`${text}${body(0)}\nexit`);
  text = 'r6 = 0\n';
  for (let n = 0; n < functions; n++) text += `r1 = ${n + 1}\ncall f${n}\nr6 += r0\n`;
  text += 'r0 = r6\nexit\n';
  for (let n = 0; n < functions; n++) text += `f${n}:\nr0 = 0\n${body(n)}\nexit\n`;
  return assemble(text);
}

/** Milliseconds of this process's processor time, its compiling threads included. */
function spent(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Milliseconds until a freshly loaded program has run at its best speed, verification left out: translation, compilation and slow first runs. */
export function measureLoads(rounds: number): void {
  console.log('\nloading without the verifier: milliseconds of processor time until a run is at its best speed');
  for (const [label, size, each, goal, batch] of [
    ['100 instructions', 100, 200, 2, 400],
    ['4,000 instructions', 4000, 5000, 20, 8],
    ['100,000 in 100 functions', 100_000, 1000, 500, 1],
    ['100,000 in one function', 100_000, 100_006, undefined, 1],
  ] as const) {
    let best = Number.POSITIVE_INFINITY;
    let first = Number.POSITIVE_INFINITY;
    const insns = program(size, each);
    for (let round = 0; round < Math.max(12, rounds); round++) {
      const engine = new Engine({ cpus: 1, memory: { initial: 1 << 24, maximum: 1 << 28 } });
      const { fd } = engine.progLoad({ type: XDP, insns, license: 'GPL' });
      const { id } = engine.progInfo(fd);
      const context = { ctx: 0, ctxSize: 0, task: makeTask(engine.runner.mem, { comm: TASK_COMM }), cpu: 0 };
      engine.runner.warmUp();
      const start = spent();
      const runs: { readonly end: number; readonly took: number }[] = [];
      for (let end = start, began = start; end < start + Math.max(50, (goal ?? 1000) * 3) && runs.length < 100_000; began = end) {
        for (let i = 0; i < (runs.length === 0 ? 1 : batch); i++) engine.runner.run(id, context);
        end = spent();
        runs.push({ end, took: end - began });
      }
      const peak = [...runs].map((run) => run.took).sort((a, b) => a - b)[runs.length >> 4] ?? 0;
      const reached = runs.find((run, i) => i > 0 && run.took <= peak * 1.2);
      best = Math.min(best, (reached?.end ?? Number.POSITIVE_INFINITY) - start);
      first = Math.min(first, (runs[0]?.end ?? 0) - start);
      engine.closeAll();
    }
    console.log(
      `  ${label.padEnd(26)} ${best.toFixed(2).padStart(8)} (first run ended after ${first.toFixed(2)})  ${goal === undefined ? 'no goal: what it takes' : best <= goal ? `goal ${goal}: met` : `goal ${goal}: MISSED`}`,
    );
  }
}

/** What a worker does: as many runs as asked, on its CPU, from a common start; it tells when it was inside, in nanoseconds of the machine's clock. */
const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData.module).then(({ createRunner, makeTask }) => {
    const runner = createRunner(workerData.shared);
    const task = makeTask(runner.mem, { comm: 'bench' });
    const run = { ctx: 0, ctxSize: 0, task, cpu: workerData.cpu, repeat: workerData.repeat };
    for (let i = 0; i < 3; i++) runner.run(workerData.progId, run);
    const ready = new Int32Array(workerData.gate);
    parentPort.postMessage('ready');
    parentPort.on('message', (workers) => {
      Atomics.add(ready, 0, 1);
      while (Atomics.load(ready, 0) < workers);
      const from = process.hrtime.bigint();
      runner.run(workerData.progId, run);
      parentPort.postMessage({ from, to: process.hrtime.bigint() });
    });
  });`;

interface Inside {
  readonly from: bigint;
  readonly to: bigint;
}

/** Rounds of two workers that were not inside at once for this part of the time say nothing of two CPUs. */
const OVERLAP = 0.8;

/** Throughput of two workers on two CPUs against one, on a per-CPU counter: wall time from the first one's start to the last one's end. */
export async function measureCpus(rounds: number): Promise<void> {
  const engine = new Engine({ cpus: 2 });
  const map = engine.mapCreate({ type: 6, keySize: 4, valueSize: 8, maxEntries: 4 });
  const text = `*(u32 *)(r10 - 4) = 1\nr2 = r10\nr2 += -4\nr1 = map[fd:${map}]\ncall 1\nif r0 == 0 goto +3\nr1 = *(u64 *)(r0 + 0)\nr1 += 1\n*(u64 *)(r0 + 0) = r1\nr0 = 0\nexit`;
  const { fd } = engine.progLoad({ type: XDP, insns: assemble(text), license: 'GPL' });
  const progId = engine.progInfo(fd).id;
  // Short: on a busy machine some rounds still find both processors free.
  const repeat = 500_000;
  const gate = new SharedArrayBuffer(4);
  const module = new URL('../../../dist/engine.js', import.meta.url).href;
  const workers = [0, 1].map(
    (cpu) => new Worker(WORKER, { eval: true, workerData: { module, shared: engine.shared(), progId, cpu, repeat, gate } }),
  );
  const answer = <T>(worker: Worker): Promise<T> => new Promise((done) => worker.once('message', done));
  await Promise.all(workers.map((worker) => answer(worker)));
  /** Nanoseconds of wall time, and the part of them in which all were inside. */
  const once = async (chosen: readonly Worker[]): Promise<{ wall: number; overlap: number }> => {
    new Int32Array(gate)[0] = 0;
    const inside = await Promise.all(
      chosen.map((worker) => {
        const got = answer<Inside>(worker);
        worker.postMessage(chosen.length);
        return got;
      }),
    );
    const [froms, tos] = [inside.map(({ from }) => from), inside.map(({ to }) => to)];
    const least = (of: readonly bigint[]): bigint => of.reduce((a, b) => (a < b ? a : b));
    const most = (of: readonly bigint[]): bigint => of.reduce((a, b) => (a > b ? a : b));
    const wall = Number(most(tos) - least(froms));
    return { wall, overlap: Number(least(tos) - most(froms)) / wall };
  };
  let [one, two, apart] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0];
  const times = Math.max(100, rounds);
  for (let round = 0; round < times; round++) {
    for (const worker of workers) one = Math.min(one, (await once([worker])).wall);
    const both = await once(workers);
    if (both.overlap < OVERLAP) apart++;
    else two = Math.min(two, both.wall);
  }
  const gain = 2 * (one / two);
  const said = two === Number.POSITIVE_INFINITY ? 'not measured' : `${gain.toFixed(2)}x the throughput of one`;
  console.log(`\ntwo CPUs, wall time: ${said}  ${gain >= 1.9 ? 'goal 1.9: met' : 'goal 1.9: MISSED'}`);
  if (apart > 0)
    console.log(`  in ${apart} of ${times} rounds the two were not inside at once for ${OVERLAP * 100} % of the time: left out`);
  const [load = 0] = loadavg();
  if (load > 1) console.log(`  the machine is busy (load ${load.toFixed(1)}): two CPUs may not have been free at once`);
  for (const worker of workers) await worker.terminate();
  engine.closeAll();
}
