/**
 * A thread's compiled programs. Modules are made when a program first runs on the thread, synchronously, from what the shared memory holds; tail
 * calls find programs through the thread's own table, and what it lacks is compiled when it is missed.
 */
import { BpfError } from '../../base/index.ts';
import type { RunInput } from '../../interp/index.ts';
import { compileToWasm, type HelperSignature, type JitMap, type JitModule, OversizedError, PLACES, RUN_AREA } from '../../jit/index.ts';
import { ARRAY, MAP, progArrayGet } from '../../maps/index.ts';
import type { Mem } from '../../mem/index.ts';
import type { ExecutionFault, Executor } from '../executor.ts';
import { type ExecutorOptions, Interpreted } from '../interpreted.ts';
import type { ThreadProgram, ThreadPrograms } from '../thread-programs.ts';
import { decodeFacts } from './facts.ts';
import { groupOf } from './group.ts';
import { signatureOf } from './helper-imports.ts';
import { Host } from './host.ts';
import { explainTrap, MODULE_PREFIX, type TracedModule } from './trap.ts';

/** A program's functions in its module. */
export interface CompiledEntry {
  readonly progId: number;
  readonly run: (ctx: number, r2: number) => number;
  readonly repeat: (ctx: number, r2: number, times: number) => number;
  /** A whole run with its bookkeeping, see JitProgramInfo; undefined where the runner has to do it. */
  readonly hold: ((ctx: number, r2: number, cpu: number, tid: number, tgid: number) => number) | undefined;
  /** What tail calls lead to. */
  readonly entry: unknown;
  readonly unit: TracedModule;
  /** Tail calls from it came to programs that were not there when it was compiled. */
  missed: boolean;
}

/** Modules that nothing runs from any more, before all are made anew: V8 keeps what imports a table for as long as the table. */
const MOST_DEAD = 128;
/** Times that a program is compiled again because tail calls lead to programs loaded or stored later. */
const MOST_TRIES = 4;
/** Slots of a prog array that are looked at for likely targets. */
const TARGET_SLOTS = 256;
const I32_MAX = 0x7fff_ffff;

/** A program whose next run takes no more than a call. Until another one runs, tail calls that miss are its. */
export interface Ready {
  readonly progId: number;
  readonly type: number;
  readonly program: ThreadProgram;
  readonly entry: CompiledEntry;
  readonly hold: (ctx: number, r2: number, cpu: number, tid: number, tgid: number) => number;
  readonly compiled: Compiled;
  /** Index of r0's low half in Mem.i32. */
  readonly result: number;
}

export interface CompiledOptions extends ExecutorOptions {
  /** Every access is checked, as in the interpreter. */
  readonly checked: boolean;
}

/** See Executor. */
export class Compiled implements Executor {
  readonly #mem: Mem;
  readonly #programs: ThreadPrograms;
  readonly #host: Host;
  readonly #area: number;
  readonly #checked: boolean;
  readonly #budget: number;
  readonly #signatures = new Map<number, HelperSignature>();
  #units: TracedModule[] = [];
  /** Programs that this thread has compiled. */
  readonly #compiled = new Map<number, ThreadProgram>();
  readonly #tries = new Map<number, number>();
  /** Programs by their places (RUN_AREA.PLACES), once one of them makes tail calls. */
  #table: WebAssembly.Table | undefined;
  /** What runs was started with. */
  #running: CompiledEntry | undefined;
  #fault: ExecutionFault | undefined;
  /** Programs that are too large for WebAssembly, or make tail calls to such: interpreted. */
  readonly #large = new Set<number>();
  readonly #options: CompiledOptions;
  #interpreted: Interpreted | undefined;
  #r0: bigint | undefined;
  r0Low = 0;
  runs = 0;

  constructor(options: CompiledOptions) {
    const { env, programs, checked, budget } = options;
    this.#options = options;
    this.#mem = env.mem;
    this.#programs = programs;
    this.#checked = checked;
    this.#budget = Math.min(budget, I32_MAX);
    for (const entry of options.helpers) this.#signatures.set(entry.proto.id, signatureOf(entry, checked));
    this.#host = new Host({ ...options, signatures: this.#signatures });
    this.#area = this.#host.area;
    this.#mem.dv.setInt32(this.#area + RUN_AREA.FULL_BUDGET, this.#budget, true);
  }

  /** Modules held, and places of the tables: bounded by the programs there are, not by those there have been. */
  get held(): { readonly modules: number; readonly places: number } {
    return { modules: this.#units.length, places: (this.#table?.length ?? 0) + this.#host.callbacks };
  }

  run(program: ThreadProgram, input: RunInput): boolean {
    return this.#go(program, input, 1);
  }

  repeat(program: ThreadProgram, input: RunInput, times: number): boolean {
    return this.#go(program, input, times);
  }

  /** The program, if it can do a run's bookkeeping itself and was the last to run. */
  ready(program: ThreadProgram): Ready | undefined {
    const entry = program.compiled;
    if (entry?.hold === undefined || entry !== this.#running) return undefined;
    const { progId, type } = program;
    return { progId, type, program, entry, hold: entry.hold, compiled: this, result: (this.#area + RUN_AREA.RESULT) >>> 2 };
  }

  /** Finds out why a run trapped. */
  explain(error: unknown, { progId }: ThreadProgram): void {
    this.#fault = explainTrap(error, { mem: this.#mem, area: this.#area, progId, module: (number) => this.#units[number] });
    this.#tidy();
  }

  #go(program: ThreadProgram, input: RunInput, times: number): boolean {
    if (program.compiled === undefined) this.#tidy();
    const entry = program.compiled ?? this.#compile(program);
    if (entry === undefined) return this.#interpret(program, input, times);
    this.#r0 = undefined;
    this.#host.begin(program, input);
    this.#running = entry;
    this.runs = times;
    try {
      this.r0Low = (times === 1 ? entry.run(input.ctx, input.r2 ?? 0) : entry.repeat(input.ctx, input.r2 ?? 0, times)) >>> 0;
    } catch (error) {
      if (times > 1) this.runs = times - this.#mem.dv.getUint32(this.#area + RUN_AREA.RUNS_LEFT, true);
      this.explain(error, program);
      return false;
    }
    if (entry.missed) this.respecialise(program, entry);
    return true;
  }

  #interpret(program: ThreadProgram, input: RunInput, times: number): boolean {
    this.#interpreted ??= new Interpreted(this.#options);
    const done = this.#interpreted.repeat(program, input, times);
    this.#r0 = this.#interpreted.r0;
    this.r0Low = this.#interpreted.r0Low;
    this.#fault = this.#interpreted.fault;
    this.runs = this.#interpreted.runs;
    return done;
  }

  get r0(): bigint {
    return this.#r0 ?? this.#mem.dv.getBigUint64(this.#area + RUN_AREA.RESULT, true);
  }

  get fault(): ExecutionFault | undefined {
    return this.#fault;
  }

  forget(progId: number): void {
    this.#large.delete(progId);
    const program = this.#compiled.get(progId);
    if (program === undefined) return;
    program.compiled = undefined;
    this.#compiled.delete(progId);
    this.#tries.delete(progId);
    if (this.#mem.i32[this.#place(progId)] !== progId) return;
    this.#mem.i32[this.#place(progId)] = 0;
    this.#table?.set(progId % PLACES, null);
  }

  /** Between runs: when most modules are of programs that are gone or were compiled again, the rest are made anew as they run. */
  #tidy(): void {
    if (this.#units.length <= MOST_DEAD) return;
    const compiled = this.#compiled;
    for (const progId of compiled.keys()) if (this.#programs.get(progId) === undefined) this.forget(progId);
    const live = new Set([...compiled.values()].map((program) => program.compiled?.unit));
    if (this.#units.length - live.size <= Math.max(live.size, MOST_DEAD)) return;
    for (const progId of compiled.keys()) this.forget(progId);
    for (const progId of this.#large) if (this.#programs.get(progId) === undefined) this.#large.delete(progId);
    this.#units = [];
    this.#table = undefined;
    this.#running = undefined;
    this.#host.dropCallbacks();
  }

  warmUp(): void {
    // Nothing waits but the program's own translation.
  }

  close(): void {
    this.#host.close();
    this.#interpreted?.close();
  }

  /** Tail calls came to programs that were not there when this one was compiled: next time they are in one module, and called directly. */
  respecialise(program: ThreadProgram, entry: CompiledEntry): undefined {
    entry.missed = false;
    const tries = (this.#tries.get(program.progId) ?? 0) + 1;
    this.#tries.set(program.progId, tries);
    if (tries <= MOST_TRIES) program.compiled = undefined;
    this.#tidy();
  }

  /** @returns undefined when the program has to be interpreted */
  #compile(root: ThreadProgram): CompiledEntry | undefined {
    const programs = this.#programs;
    if (this.#large.has(root.progId)) return undefined;
    for (const progId of this.#compiled.keys()) if (programs.get(progId) === undefined) this.forget(progId);
    const group = groupOf(root, { mem: this.#mem, programs, known: (progId) => this.#compiled.has(progId) });
    const jit = this.#translate(group, this.#units.length);
    if (jit === undefined) return undefined;
    const unit = { jit, programs: group.map((program) => program.progId) };
    if (jit.usesTable && this.#table === undefined) {
      this.#table = new WebAssembly.Table({ element: 'anyfunc', initial: PLACES, maximum: PLACES });
      for (const { compiled } of this.#compiled.values()) if (compiled !== undefined) this.#put(compiled);
    }
    const exports = this.#host.instantiate(jit, this.#table, (progId) => this.#missed(progId));
    this.#units.push(unit);
    let made: CompiledEntry | undefined;
    for (const [i, program] of group.entries()) {
      const info = jit.programs[i];
      if (info === undefined) continue;
      const entry: CompiledEntry = {
        progId: program.progId,
        run: exports[info.run] as CompiledEntry['run'],
        repeat: exports[info.repeat] as CompiledEntry['repeat'],
        hold: program.asksOrigin || info.hold === undefined ? undefined : (exports[info.hold] as CompiledEntry['hold']),
        entry: exports[info.entry],
        unit,
        missed: false,
      };
      made ??= entry;
      program.compiled = entry;
      this.#compiled.set(program.progId, program);
      this.#put(entry);
    }
    if (made === undefined) throw new Error('a module without programs');
    return made;
  }

  /** @returns undefined when the first program is too large: no group holds such a one but as its first */
  #translate(group: readonly ThreadProgram[], number: number): JitModule | undefined {
    try {
      return compileToWasm(
        group.map((program) => ({
          name: `prog${program.progId}`,
          number: program.progId,
          counters: program.counters,
          bytes: program.bytes,
          facts: this.#facts(program),
        })),
        {
          name: `${MODULE_PREFIX}${number}`,
          checked: this.#checked,
          budget: this.#budget !== 0,
          helper: (id) => this.#signatures.get(id),
          map: (address) => this.#map(address),
          tailTargets: (map) => this.#targets(map),
          tailTarget: (map, index) => progArrayGet(this.#mem, map, index) || undefined,
        },
      );
    } catch (error) {
      const [root] = group;
      if (!(error instanceof OversizedError) || root === undefined) throw error;
      this.#large.add(root.progId);
      return undefined;
    }
  }

  /** In checked code only what changes the meaning: nothing is taken on trust. */
  #facts(program: ThreadProgram): ReturnType<typeof decodeFacts> {
    const facts = decodeFacts(program.facts, program.bytes.length / 8);
    return this.#checked ? facts.map((fact) => (fact?.probe === true ? { probe: true } : undefined)) : facts;
  }

  /** What is known of a map that a program names: as long as the program is loaded, the map is. */
  #map(address: number): JitMap {
    const { dv } = this.#mem;
    const word = (offset: number): number => dv.getUint32(address + offset, true);
    return {
      type: word(MAP.TYPE),
      maxEntries: word(MAP.MAX_ENTRIES),
      data: word(ARRAY.DATA),
      stride: word(ARRAY.STRIDE),
      cpuStride: word(MAP.CPU_STRIDE),
    };
  }

  /** Programs in a prog array, each once; looked for in the first slots only. */
  #targets(map: number): readonly number[] {
    const size = Math.min(this.#mem.dv.getUint32(map + MAP.MAX_ENTRIES, true), TARGET_SLOTS);
    const found = new Set<number>();
    for (let index = 0; index < size; index++) found.add(progArrayGet(this.#mem, map, index));
    found.delete(0);
    return [...found];
  }

  /** Index in Mem.i32 of the number of the program that stands at a program's place. */
  #place(progId: number): number {
    return (this.#area + RUN_AREA.PLACES + (progId % PLACES) * 4) >>> 2;
  }

  #put({ progId, entry }: CompiledEntry): void {
    if (this.#table === undefined) return;
    this.#table.set(progId % PLACES, entry);
    this.#mem.i32[this.#place(progId)] = progId;
  }

  /** A tail call leads to a program that the table lacks. @returns whether it is there now */
  #missed(progId: number): boolean {
    const program = this.#programs.get(progId);
    if (program === undefined) return false;
    if (this.#running !== undefined) this.#running.missed = true;
    if (program.compiled !== undefined) this.#put(program.compiled);
    else if (this.#compile(program) === undefined) this.#tooLarge(progId);
    return true;
  }

  /** This run cannot go on; the next one of the program that it began with is interpreted. */
  #tooLarge(progId: number): never {
    const from = this.#running === undefined ? undefined : this.#programs.get(this.#running.progId);
    if (from !== undefined) {
      this.#large.add(from.progId);
      from.compiled = undefined;
    }
    throw new BpfError(`a tail call to program ${progId}, which is too large for WebAssembly: the next run is interpreted`);
  }
}
