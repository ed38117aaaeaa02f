/** compileToWasm: programs in, one module out. Instantiating it, and the memory, table and helpers it imports, are the host's business. */

import type { FunctionPlan, Linker, RuntimeFunction } from './function.ts';
import { HELPER, runtimeImports } from './inline.ts';
import { planPrograms } from './plan.ts';
import { accessFunction, CALLBACK_TYPE, callbackFunction, faultFunction, holdFunction, repeatFunction, runFunction } from './runtime.ts';
import { importType } from './signature.ts';
import type { JitCallback, JitModule, JitOptions, JitPlace, JitProgram, JitProgramInfo } from './types.ts';
import { type FunctionType, ModuleBuilder } from './wasm/module.ts';
import { ENTRY_TYPE, typeOf, writeFunction } from './write.ts';

const IMPORTS: Readonly<Partial<Record<RuntimeFunction, FunctionType>>> = {
  reach: { params: ['i32', 'i32', 'i32'], results: ['i32'] },
  progArray: { params: ['i32', 'i32'], results: ['i32'] },
  packet: { params: ['i32', 'i32'], results: ['f64'] },
  probe: { params: ['i32', 'i32', 'i32'], results: [] },
  task: { params: ['i32'], results: [] },
  clock: { params: [], results: ['f64'] },
  wake: { params: ['i32'], results: [] },
  miss: { params: ['i32'], results: ['i32'] },
};

/**
 * Translates programs and their subprograms into one WebAssembly module, so that calls between them are direct.
 *
 * Imports (module `env`): `memory`; global `area` (i32: offset of the thread's run area, see RUN_AREA); as far as they are used: `table` (programs, at PLACES places), `callbacks` (a table)
 * and global `callbackBase` (i32: where this module's begin in it), `packet(offset, size) -> f64` (ld_abs: big-endian value, negative when out of range), `miss(number) -> i32` (puts a program
 * in its place of the table; 0: it is gone), `probe(low, high, size)` (a load that cannot fail: the value, 0 for a bad address, at RUN_AREA.RESULT), and in checked code `reach(offset, size | 16 for writes, frame) -> i32` (whether the access is allowed; frames from
 * `frame` up are live) and `progArray(low, high) -> i32` (whether it points to a prog array that may be used). Module `helper`: functions by id,
 * typed by their signatures. Module `runtime`: the map kernels, where JitOptions.map is given; then also `task(fact)`, which fills facts in (FACT), and
 * `clock() -> f64`, monotonic nanoseconds.
 * @throws OversizedError when a function becomes too large for WebAssembly engines
 */
export function compileToWasm(programs: readonly JitProgram[], options: JitOptions = {}): JitModule {
  const plan = planPrograms(programs, options);
  const { uses } = plan;
  const takesAddresses = plan.drafts.some((draft) => draft.addresses.length > 0);
  const module = new ModuleBuilder(options.name);
  module.import({ module: 'env', name: 'memory', kind: 'memory', shared: options.sharedMemory !== false });
  const areaGlobal = module.import({ module: 'env', name: 'area', kind: 'global', type: 'i32' });
  if (uses.tailCalls) module.import({ module: 'env', name: 'table', kind: 'table' });
  const callbackTable = takesAddresses ? module.import({ module: 'env', name: 'callbacks', kind: 'table' }) : -1;
  const callbackBaseGlobal = takesAddresses ? module.import({ module: 'env', name: 'callbackBase', kind: 'global', type: 'i32' }) : -1;
  const runtime = new Map<RuntimeFunction, number>();
  const need = (name: RuntimeFunction): void => {
    const type = IMPORTS[name];
    if (type !== undefined) runtime.set(name, module.import({ module: 'env', name, kind: 'function', type }));
  };
  if (options.checked === true) need('reach');
  if (options.checked === true && uses.tailCalls) need('progArray');
  if (uses.packet) need('packet');
  if (uses.probe) need('probe');
  if (uses.tailCalls) need('miss');
  const kernels = new Map<string, number>();
  if (options.map !== undefined && options.checked !== true) {
    if (uses.helpers.has(HELPER.UID_GID) || uses.helpers.has(HELPER.COMM)) need('task');
    if (uses.helpers.has(HELPER.KTIME)) need('clock');
    for (const [name, type] of runtimeImports(uses.helpers.keys(), uses.mapTypes)) {
      kernels.set(name, module.import({ module: 'runtime', name, kind: 'function', type }));
    }
  }
  if (options.checked !== true && programs.some((program) => program.counters !== undefined)) need('wake');
  const helpers = [...uses.helpers.keys()].sort((a, b) => a - b);
  const helperIndex = new Map<number, number>();
  for (const id of helpers) {
    const signature = uses.helpers.get(id);
    if (signature === undefined) continue;
    helperIndex.set(id, module.import({ module: 'helper', name: `${id}`, kind: 'function', type: importType(signature) }));
  }

  const nameOf = (program: number): string => programs[program]?.name ?? `prog${program}`;
  const functions: FunctionPlan[] = [];
  const entries = new Map<number, FunctionPlan>();
  const subs = new Map<string, FunctionPlan>();
  for (const draft of plan.drafts) {
    const { analysis, ...facts } = draft;
    if (analysis === undefined) continue;
    const name = draft.kind === 'entry' ? nameOf(draft.program) : `${nameOf(draft.program)}+${draft.slot}`;
    const made: FunctionPlan = { ...facts, ...analysis, name, index: module.reserve() };
    functions.push(made);
    if (draft.kind === 'entry') entries.set(draft.program, made);
    else subs.set(`${draft.program}:${draft.slot}`, made);
  }
  const fault = module.reserve();
  runtime.set('fault', fault);
  module.define(fault, faultFunction(areaGlobal));
  const reach = runtime.get('reach');
  if (reach !== undefined) {
    const access = module.reserve();
    runtime.set('access', access);
    module.define(access, accessFunction(areaGlobal, reach, fault));
  }
  const entryType = module.type(ENTRY_TYPE);
  const callbacks: JitCallback[] = [];
  const callbackFunctions: number[] = [];
  const callbackIndex = new Map<string, number>();
  const byNumber = new Map<number, number>();
  for (const [program, { number }] of programs.entries()) {
    const entry = entries.get(program);
    if (number !== undefined && number !== 0 && entry !== undefined) byNumber.set(number, entry.index);
  }
  const linker: Linker = {
    options,
    areaGlobal,
    callbackBaseGlobal,
    entryType,
    helper(id) {
      const signature = uses.helpers.get(id);
      const index = helperIndex.get(id);
      return signature === undefined || index === undefined ? undefined : { signature, index };
    },
    numberOf: (program) => programs[program]?.number ?? program,
    sub: (program, slot) => subs.get(`${program}:${slot}`),
    entryOf: (number) => byNumber.get(number),
    kernel: (name) => kernels.get(name),
    runtime: (name) => runtime.get(name) ?? fault,
    callback(program, slot) {
      const key = `${program}:${slot}`;
      const known = callbackIndex.get(key);
      if (known !== undefined) return known;
      const index = callbacks.length;
      callbackIndex.set(key, index);
      callbacks.push({ program, slot, index });
      const target = subs.get(key);
      const wrapper = module.reserve();
      if (target !== undefined) module.define(wrapper, callbackFunction(target));
      callbackFunctions.push(wrapper);
      return index;
    },
  };

  const placesOf = new Map<number, { readonly program: number; readonly places: readonly number[]; readonly length: number }>();
  for (const made of functions) {
    const written = writeFunction(made, linker);
    module.define(made.index, { name: made.name, type: typeOf(made), locals: written.locals, code: written.code });
    placesOf.set(made.index, { program: made.program, places: written.places, length: written.code.length });
  }
  const infos: JitProgramInfo[] = [];
  for (const [program, entry] of entries) {
    const called = {
      index: entry.index,
      tailCalls: uses.tailCalls,
      readsR2: (entry.webs.liveIn & 4) !== 0,
      budget: options.budget === true,
    };
    const run = module.reserve();
    module.define(run, runFunction(`${entry.name}:run`, areaGlobal, called));
    const repeat = module.reserve();
    module.define(repeat, repeatFunction(`${entry.name}:repeat`, areaGlobal, called));
    const wake = runtime.get('wake');
    const { number, counters } = programs[program] ?? {};
    let hold: string | undefined;
    if (wake !== undefined && number !== undefined && counters !== undefined) {
      const held = module.reserve();
      module.define(held, holdFunction(`${entry.name}:hold`, areaGlobal, { ...called, number, counters, wake }));
      hold = `hold${program}`;
      module.export(hold, held);
    }
    const info = { name: entry.name, hold, run: `run${program}`, repeat: `repeat${program}`, entry: `entry${program}` };
    module.export(info.run, run);
    module.export(info.repeat, repeat);
    module.export(info.entry, entry.index);
    infos.push(info);
  }
  if (callbackFunctions.length > 0) {
    module.type(CALLBACK_TYPE);
    module.elements({ table: callbackTable, base: callbackBaseGlobal, functions: callbackFunctions });
  }
  const { bytes, starts } = module.finish();
  return { bytes, programs: infos, callbacks, helpers, usesTable: uses.tailCalls, place: placeFinder(starts, placesOf) };
}

type Places = ReadonlyMap<number, { readonly program: number; readonly places: readonly number[]; readonly length: number }>;

/** Looks up the instruction by an offset of the module. */
function placeFinder(starts: ReadonlyMap<number, number>, placesOf: Places): (offset: number) => JitPlace | undefined {
  return (offset) => {
    for (const [index, { program, places, length }] of placesOf) {
      const start = starts.get(index) ?? 0;
      if (offset < start || offset >= start + length) continue;
      let low = 0;
      let high = places.length / 2;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if ((places[middle * 2] ?? 0) <= offset - start) low = middle;
        else high = middle;
      }
      const insn = places[low * 2 + 1];
      return insn === undefined || (places[low * 2] ?? 0) > offset - start ? undefined : { program, insn };
    }
    return undefined;
  };
}
