/** Runs compiled programs in tests and benchmarks: a memory, a run area, regions, tables and helpers around compileToWasm's module. */
import { compileToWasm, FAULT, type FaultKind, type JitModule, type JitOptions, type JitProgram, RUN_AREA } from '../../src/jit/index.ts';
import { Mem } from '../../src/mem/index.ts';

/** Where the run area and a program's memory are. */
export const AREA = 0x8000;
export const DATA = 64 * Math.ceil((AREA + RUN_AREA.SIZE) / 64) + 64;

/** Memory that programs may touch in checked runs, besides their stack. */
export interface DataRegion {
  readonly base: number;
  readonly size: number;
  readonly writable: boolean;
}

export interface HostOptions extends JitOptions {
  readonly mem: Mem;
  readonly regions?: readonly DataRegion[];
  /** Imports of module `helper`. */
  readonly helpers?: Readonly<Record<string, (...args: never[]) => unknown>>;
  readonly packet?: (offset: number, size: number) => number;
  readonly table?: WebAssembly.Table;
  readonly callbacks?: WebAssembly.Table;
  readonly callbackBase?: number;
  readonly miss?: (number: number) => number;
  /** Default: AREA. */
  readonly area?: number;
}

export type RunFunction = (ctx: number, r2: number) => number;

/** A module and its instance on a memory. */
export interface Compiled {
  readonly module: JitModule;
  readonly exports: Record<string, unknown>;
  readonly run: RunFunction;
  readonly repeat: (ctx: number, r2: number, times: number) => number;
}

export interface Outcome {
  /** Unsigned 64 bits; undefined after a fault. */
  readonly r0: bigint | undefined;
  readonly fault: { readonly kind: FaultKind | 'trap'; readonly insn: number; readonly program: number } | undefined;
}

/** Compiles, validates and instantiates programs. */
export function compileOn(programs: readonly JitProgram[], options: HostOptions): Compiled {
  const module = compileToWasm(programs, options);
  if (!WebAssembly.validate(module.bytes)) new WebAssembly.Module(module.bytes);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.bytes), imports(options));
  const [first] = module.programs;
  if (first === undefined) throw new Error('no programs');
  const run = instance.exports[first.run] as RunFunction;
  const repeat = instance.exports[first.repeat] as Compiled['repeat'];
  return { module, exports: instance.exports, run, repeat };
}

function imports(options: HostOptions): Record<string, Record<string, unknown>> {
  const { mem } = options;
  const area = options.area ?? AREA;
  const reach = (at: number, access: number, frame: number): number => {
    const start = at >>> 0;
    const end = start + (access & 15);
    const write = (access & 16) !== 0;
    const inFrame = (base: number): boolean => base >= frame && base <= area + RUN_AREA.FIRST_FRAME && start >= base && end <= base + 512;
    const frames = (area + RUN_AREA.FIRST_FRAME - start + 575) / 576;
    if (start >= area && start < area + RUN_AREA.SIZE) return inFrame(area + RUN_AREA.FIRST_FRAME - Math.floor(frames) * 576) ? 1 : 0;
    const hit = options.regions?.some((region) => start >= region.base && end <= region.base + region.size && (region.writable || !write));
    return hit === true ? 1 : 0;
  };
  return {
    env: {
      memory: mem.memory,
      area: new WebAssembly.Global({ value: 'i32' }, area),
      ...(options.table === undefined ? {} : { table: options.table }),
      ...(options.callbacks === undefined ? {} : { callbacks: options.callbacks }),
      callbackBase: new WebAssembly.Global({ value: 'i32' }, options.callbackBase ?? 0),
      probe: () => undefined,
      reach,
      progArray: () => 1,
      packet: options.packet ?? (() => -1),
      miss: options.miss ?? (() => 0),
    },
    helper: { ...options.helpers },
  };
}

/** Runs a compiled program once. */
export function runOnce(compiled: Compiled, mem: Mem, input: { ctx: number; r2?: number; budget?: number; area?: number }): Outcome {
  const area = input.area ?? AREA;
  mem.dv.setUint32(area + RUN_AREA.FAULT, 0, true);
  mem.dv.setInt32(area + RUN_AREA.FULL_BUDGET, input.budget ?? 100_000, true);
  try {
    compiled.run(input.ctx, input.r2 ?? 0);
  } catch (error) {
    const kind = mem.dv.getUint32(area + RUN_AREA.FAULT, true);
    const name = Object.entries(FAULT).find(([, value]) => value === kind)?.[0] as FaultKind | undefined;
    if (name === undefined && !(error instanceof WebAssembly.RuntimeError)) throw error;
    if (name === undefined) {
      const offset = /wasm-function\[\d+\]:0x([0-9a-f]+)/.exec(error instanceof Error ? (error.stack ?? '') : '')?.[1];
      const place = offset === undefined ? undefined : compiled.module.place(Number.parseInt(offset, 16));
      return { r0: undefined, fault: { kind: 'trap', insn: place?.insn ?? -1, program: place?.program ?? -1 } };
    }
    const insn = mem.dv.getInt32(area + RUN_AREA.FAULT_INSN, true);
    return { r0: undefined, fault: { kind: name, insn, program: mem.dv.getInt32(area + RUN_AREA.FAULT_PROGRAM, true) } };
  }
  return { r0: mem.dv.getBigUint64(area + RUN_AREA.RESULT, true), fault: undefined };
}

/** Bare bytecode on a memory of its own, like runBytecode: r1 = memory, r2 = its length. */
export function runJit(
  bytes: Uint8Array,
  options: { readonly memory?: Uint8Array; readonly checked?: boolean } & Partial<Omit<HostOptions, 'mem' | 'regions'>> = {},
): Outcome & { readonly memory: Uint8Array } {
  const memory = options.memory ?? new Uint8Array(0);
  const size = DATA + memory.length;
  const mem = Mem.create({ initial: size, maximum: size });
  mem.copyIn(DATA, memory);
  const regions = [{ base: DATA, size: memory.length, writable: true }];
  const compiled = compileOn([{ bytes }], { budget: true, ...options, mem, regions });
  const outcome = runOnce(compiled, mem, { ctx: memory.length === 0 ? 0 : DATA, r2: memory.length });
  return { ...outcome, memory: mem.copyOut(DATA, memory.length) };
}
