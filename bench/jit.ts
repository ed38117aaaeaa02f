/**
 * Measures compiled programs against the interpreter in one run, interleaved: compute programs of bench/programs, compiled by clang now.
 * Prints nanoseconds a run, the ratio, and what translation and compilation cost. Arguments: names of programs; default all.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseElf } from '../src/elf/index.ts';
import { Interpreter, prepare, STACK_BYTES } from '../src/interp/index.ts';
import { compileToWasm } from '../src/jit/index.ts';
import { Mem, toPointer } from '../src/mem/index.ts';
import { compileOn, DATA, runOnce } from '../tests/support/jit.ts';

const ALL = ['a_sieve', 'b_jhash', 'b_mm64', 'd_strscan', 'i_calls', 'j_copy1k', 'j_csum1k', 'k_muldiv', 'm_dfa', 'n_stackhist'];
const CLANG = ['clang', 'clang-19', 'clang-18'].find((name) => spawnSync(name, ['--version']).status === 0);
const PACKET = DATA + 64;
const PACKET_SIZE = 2048;
const INTERP_STACK = 0x20000;
const ROUNDS = 5;
/** Run from the repository: the bundle of this file stands elsewhere. */
const here = join(process.cwd(), 'bench', 'programs');

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

function nanoseconds(run: () => void, runs: number): number {
  const start = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - start) / runs;
}

function measure(name: string, dir: string): number {
  const object = join(dir, `${name}.o`);
  const flags = ['-O2', '-target', 'bpf', '-mcpu=v3', '-g', '-DWIDE_CTX', '-c', join(here, `${name}.c`), '-o', object];
  const made = spawnSync(CLANG ?? '', flags, { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
  const program = [...parseElf(readFileSync(object), name).programs.values()][0];
  if (program === undefined) throw new Error(`${name} has no program`);
  const bytes = program.insns;
  const mem = Mem.create({ initial: 1 << 18, maximum: 1 << 18 });
  for (let i = 0; i < PACKET_SIZE; i++) mem.u8[PACKET + i] = (i * 131 + (i >> 3) * 7) & 0xff;
  mem.dv.setBigUint64(DATA, toPointer(PACKET), true);
  mem.dv.setBigUint64(DATA + 8, toPointer(PACKET + PACKET_SIZE), true);
  const regions = [{ base: DATA, size: 64 + PACKET_SIZE, writable: true }];
  const interpreter = new Interpreter({ mem, stack: { base: INTERP_STACK, size: STACK_BYTES } });
  const image = prepare(bytes);
  const input = { ctx: DATA, ctxSize: 64, regions: regions.map((region) => ({ ...region, count: 1, stride: 0 })) };

  const cold = performance.now();
  const module = compileToWasm([{ name, bytes }]);
  const translated = performance.now();
  new WebAssembly.Module(module.bytes);
  const compiledAt = performance.now();
  const modes = [false, true].map((checked) => compileOn([{ name, bytes }], { mem, regions, checked }));
  interpreter.run(image, input);
  const expected = interpreter.r0;
  for (const compiled of modes) {
    const { r0 } = runOnce(compiled, mem, { ctx: DATA });
    if (r0 === undefined || BigInt.asUintN(32, r0) !== BigInt.asUintN(32, expected))
      throw new Error(`${name}: r0 is ${r0}, expected ${expected}`);
  }
  const times: number[][] = [[], [], []];
  const [fast, checked] = modes;
  const repeat = Math.max(2000, Math.min(400_000, Math.floor(20_000_000 / interpreter.executed)));
  fast?.repeat(DATA, 0, repeat);
  for (let round = 0; round < ROUNDS; round++) {
    const slow = Math.ceil(repeat / 50);
    times[0]?.push(
      nanoseconds(() => {
        for (let i = 0; i < slow; i++) interpreter.run(image, input);
      }, slow),
    );
    times[1]?.push(nanoseconds(() => fast?.repeat(DATA, 0, repeat), repeat));
    times[2]?.push(nanoseconds(() => checked?.repeat(DATA, 0, slow), slow));
  }
  const [interp = 0, jit = 0, safe = 0] = times.map(median);
  const load = `${(translated - cold).toFixed(2)} + ${(compiledAt - translated).toFixed(2)} ms`;
  console.log(
    `${name.padEnd(12)} ${`${bytes.length / 8}`.padStart(5)} insns ${interp.toFixed(0).padStart(8)} ns ${jit.toFixed(1).padStart(8)} ns ${(interp / jit).toFixed(0).padStart(5)}x  checked ${(interp / safe).toFixed(1).padStart(5)}x  load ${load}`,
  );
  return interp / jit;
}

if (CLANG === undefined) {
  console.log('no clang: nothing to measure (apt install clang)');
} else {
  const dir = mkdtempSync(join(tmpdir(), 'bpfwright-bench-'));
  try {
    const chosen = process.argv.slice(2).filter((name) => ALL.includes(name));
    console.log('program            interpreter      compiled  gain   with checks     translation + Module');
    const gains = (chosen.length > 0 ? chosen : ALL).map((name) => measure(name, dir));
    const mean = Math.exp(gains.reduce((sum, gain) => sum + Math.log(gain), 0) / gains.length);
    console.log(`geometric mean of the gain: ${mean.toFixed(1)}x`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
