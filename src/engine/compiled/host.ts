/** What a thread's modules import: the run area, helpers with registers around them, callbacks, and in checked code the check of every access. */
import { BpfError } from '../../base/index.ts';
import { type HelperCall, type HelperProto, taskPointer } from '../../helpers/index.ts';
import {
  Access,
  checkArguments,
  FUNC_BASE,
  FUNC_HI,
  type HelperEntry,
  type HelperPlan,
  planHelper,
  type RunInput,
} from '../../interp/index.ts';
import { FACT, FRAME_SIZE, FRAME_STRIDE, type HelperSignature, type JitModule, RUN_AREA } from '../../jit/index.ts';
import { MAP } from '../../maps/index.ts';
import { CPU, HEADER, KERNEL_BASE_HI, type Mem, type ThreadEnv } from '../../mem/index.ts';
import type { Current } from '../executor.ts';
import type { ExecutorOptions } from '../interpreted.ts';
import { loadPacket } from '../packet.ts';
import type { ThreadProgram, ThreadPrograms } from '../thread-programs.ts';
import { importHelper } from './helper-imports.ts';

const REGISTERS = 11;
const PROG_ARRAY = 3;
const ARRAY_OF_MAPS = 12;
const HASH_OF_MAPS = 13;
const RDONLY_PROG = 0x80;
const CALLBACK_STEP = 16;
const COMM_SIZE = 16;
const ENOTHING: readonly never[] = [];

type CallbackFunction = (r1: bigint, r2: bigint, r3: bigint, r4: bigint, r5: bigint, frame: number) => bigint;

export interface HostOptions extends ExecutorOptions {
  readonly checked: boolean;
  readonly signatures: ReadonlyMap<number, HelperSignature>;
}

/** One a thread. */
export class Host {
  /** Offset of the run area. */
  readonly area: number;
  readonly #cpuTable: number;
  readonly #env: ThreadEnv;
  readonly #mem: Mem;
  readonly #programs: ThreadPrograms;
  readonly #options: HostOptions;
  readonly #entries = new Map<number, HelperEntry>();
  readonly #imports = new Map<number, unknown>();
  readonly #regs: Int32Array;
  readonly #regs64: BigInt64Array;
  readonly #call: HelperCall;
  #callbacks = new WebAssembly.Table({ element: 'anyfunc', initial: 0 });
  /** Slots of the functions in #callbacks, for checks. */
  #callbackSlots: number[] = [];
  #callbackCount = 0;
  /** Frame of the function that called the helper which calls back now. */
  #frame = 0;
  /** Checked code. */
  #access: Access | undefined;

  constructor(options: HostOptions) {
    const { env, programs, helpers } = options;
    this.#env = env;
    this.#cpuTable = env.mem.dv.getUint32(HEADER.CPU_TABLE, true);
    this.#mem = env.mem;
    this.#programs = programs;
    this.#options = options;
    this.area = env.allocOrThrow(RUN_AREA.SIZE);
    this.#mem.dv.setUint32(this.area + RUN_AREA.CPU_TABLE, this.#cpuTable, true);
    this.#mem.dv.setUint32(this.area + RUN_AREA.OWNER, env.thread + 1, true);
    for (const entry of helpers) this.#entries.set(entry.proto.id, entry);
    const buffer = new ArrayBuffer(REGISTERS * 8);
    const regs = new Int32Array(buffer);
    const regs64 = new BigInt64Array(buffer);
    this.#regs = regs;
    this.#regs64 = regs64;
    this.#call = options.call({
      mem: env.mem,
      regs,
      regs64,
      off: (n) => (regs[n * 2] ?? 0) >>> 0,
      u64: (n) => BigInt.asUintN(64, regs64[n] ?? 0n),
      callback: (func, args) => this.#callback(func, args),
    });
  }

  /** What runs now. */
  get now(): Current {
    return this.#options.now;
  }

  close(): void {
    this.#env.free(this.area);
  }

  /** Places of the callbacks' table. */
  get callbacks(): number {
    return this.#callbacks.length;
  }

  /** Forgets the callbacks of all modules. */
  dropCallbacks(): void {
    this.#callbacks = new WebAssembly.Table({ element: 'anyfunc', initial: 0 });
    this.#callbackSlots = [];
    this.#callbackCount = 0;
  }

  /** A run begins: facts where compiled programs look for them. */
  begin(program: ThreadProgram, input: RunInput): void {
    const { area } = this;
    const { now } = this.#options;
    const { i32, i64 } = this.#mem;
    i32[(area + RUN_AREA.GENERATION) >>> 2] = this.#programs.generation;
    const at = area >>> 2;
    i32[at + (RUN_AREA.CPU >>> 2)] = now.cpu;
    i32[at + (RUN_AREA.CPU_RECORD >>> 2)] = this.#cpuTable + now.cpu * CPU.SIZE;
    i32[at + (RUN_AREA.FACTS >>> 2)] = 0;
    i32[at + (RUN_AREA.PID_TGID >>> 2)] = now.task.tid;
    i32[at + (RUN_AREA.PID_TGID >>> 2) + 1] = now.task.tgid;
    if (program.asksOrigin) {
      i64[(area + RUN_AREA.COOKIE) >>> 3] = now.cookie;
      i64[(area + RUN_AREA.FUNC_IP) >>> 3] = now.funcIp;
      i64[(area + RUN_AREA.TASK) >>> 3] = taskPointer(now.task.tid);
    }
    if (!this.#options.checked) return;
    const access = this.#checks(program);
    access.reset(program.image);
    access.ctx = input.ctx;
    access.ctxEnd = input.ctx + input.ctxSize;
    access.ctxWritable = input.ctxWritable === true;
    access.extra = input.regions ?? ENOTHING;
  }

  #clock(): () => number {
    const { clock } = this.#call;
    return clock.monotonicNumber === undefined ? () => Number(clock.monotonic()) : () => clock.monotonicNumber?.() ?? 0;
  }

  /** A fact that a program asked for. */
  #task(fact: number): void {
    const { task } = this.#options.now;
    const { u8, dv } = this.#mem;
    const { area } = this;
    if (fact === FACT.UID_GID) {
      dv.setUint32(area + RUN_AREA.UID_GID, task.uid(), true);
      dv.setUint32(area + RUN_AREA.UID_GID + 4, task.gid(), true);
    } else {
      u8.fill(0, area + RUN_AREA.COMM, area + RUN_AREA.COMM + COMM_SIZE);
      u8.set(task.comm().subarray(0, COMM_SIZE - 1), area + RUN_AREA.COMM);
    }
    dv.setUint32(area + RUN_AREA.FACTS, dv.getUint32(area + RUN_AREA.FACTS, true) | fact, true);
  }

  /** Instantiates a module. @returns its exports */
  instantiate(jit: JitModule, table: WebAssembly.Table | undefined, missed: (progId: number) => boolean): Record<string, unknown> {
    const { memory } = this.#mem;
    const base = this.#callbackCount;
    this.#callbackCount += jit.callbacks.length;
    const missing = this.#callbackCount - this.#callbacks.length;
    if (missing > 0) this.#callbacks.grow(missing + CALLBACK_STEP);
    for (const { index, slot } of jit.callbacks) this.#callbackSlots[base + index] = slot;
    const helper: Record<string, unknown> = {};
    for (const id of jit.helpers) helper[id] = this.#helper(id);
    const imports = {
      env: {
        memory,
        area: new WebAssembly.Global({ value: 'i32' }, this.area),
        ...(table === undefined ? {} : { table }),
        callbacks: this.#callbacks,
        callbackBase: new WebAssembly.Global({ value: 'i32' }, base),
        clock: this.#clock(),
        wake: (word: number) => void Atomics.notify(this.#mem.i32, word >>> 2, 1),
        task: (fact: number) => this.#task(fact),
        miss: (progId: number) => (missed(progId >>> 0) ? 1 : 0),
        packet: (offset: number, size: number) => loadPacket(this.#mem.dv, this.#programs.packet, offset, size),
        probe: (low: number, high: number, size: number) => this.#probe(low, high, size),
        reach: (at: number, access: number, frame: number) => (this.#reach(at >>> 0, access, frame) ? 1 : 0),
        progArray: (low: number, high: number) => (this.#isProgArray(low >>> 0, high) ? 1 : 0),
      },
      helper,
      runtime: this.#env.runtime,
    };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(jit.bytes as Uint8Array<ArrayBuffer>), imports as never);
    return instance.exports;
  }

  #helper(id: number): unknown {
    const known = this.#imports.get(id);
    if (known !== undefined) return known;
    const entry = this.#entries.get(id);
    const signature = this.#options.signatures.get(id);
    if (entry === undefined || signature === undefined) throw new BpfError(`helper ${id} has no implementation`);
    const made = this.#options.checked ? this.#checkedHelper(entry) : entry;
    const frame = { call: this.#call, regs: this.#regs, store: (result: number | bigint) => this.#store(result) };
    const fresh = importHelper(signature.callsBack === true ? this.#callingBack(made) : made, signature, frame);
    this.#imports.set(id, fresh);
    return fresh;
  }

  #store(result: number | bigint): void {
    const { dv } = this.#mem;
    const at = this.area + RUN_AREA.RESULT;
    if (typeof result === 'bigint') {
      dv.setBigUint64(at, BigInt.asUintN(64, result), true);
    } else {
      dv.setInt32(at, result | 0, true);
      dv.setInt32(at + 4, Math.floor(result / 0x1_0000_0000), true);
    }
  }

  /** While the helper runs, callbacks get frames below its caller's. */
  #callingBack(entry: HelperEntry): HelperEntry {
    return {
      proto: entry.proto,
      impl: (call) => {
        const before = this.#frame;
        this.#frame = this.#mem.dv.getUint32(this.area + RUN_AREA.FRAME, true);
        try {
          return entry.impl(call);
        } finally {
          this.#frame = before;
        }
      },
    };
  }

  #callback(func: bigint, args: readonly bigint[]): bigint {
    if (this.#frame - FRAME_STRIDE < this.area + RUN_AREA.LAST_FRAME) throw new BpfError('the call stack is too deep');
    const made = this.#callbacks.get(Number(func)) as CallbackFunction;
    const saved = this.#regs.slice();
    const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n] = args;
    const result = made(a, b, c, d, e, this.#frame - FRAME_STRIDE);
    // The helper still has its own arguments.
    this.#regs.set(saved);
    return BigInt.asUintN(64, result);
  }

  /** A load through a pointer into the kernel: what the engine has there, else 0. */
  #probe(low: number, high: number, size: number): void {
    const at = this.area + RUN_AREA.RESULT;
    const address = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    this.#mem.dv.setBigUint64(at, 0n, true);
    if (this.#call.readAny(at, size, address, 'kernel') < 0) this.#mem.dv.setBigUint64(at, 0n, true);
  }

  #checks(program: ThreadProgram): Access {
    if (this.#access === undefined) {
      const region = (offset: number, image: { readonly progId: number }) => this.#programs.region(offset, image.progId);
      const isMap = (offset: number, image: { readonly progId: number }) => this.#programs.isMap(offset, image.progId);
      this.#access = new Access(this.#mem, { region, isMap }, program.image);
      const frames = (RUN_AREA.FIRST_FRAME - RUN_AREA.LAST_FRAME) / FRAME_STRIDE + 1;
      this.#access.useStack(this.area + RUN_AREA.FIRST_FRAME + FRAME_SIZE - frames * FRAME_STRIDE, frames * FRAME_STRIDE);
    }
    return this.#access;
  }

  /** The checks as the running function stands: its program, which tail calls and returns from them change, and its frame. */
  #accessAt(frame: number): Access {
    const access = this.#accessOfProgram();
    access.frame = (this.area + RUN_AREA.FIRST_FRAME - frame) / FRAME_STRIDE;
    return access;
  }

  #accessOfProgram(): Access {
    const access = this.#access;
    if (access === undefined) throw new BpfError('no run has begun');
    const progId = this.#mem.dv.getUint32(this.area + RUN_AREA.PROGRAM, true);
    if (access.image.progId !== progId) access.image = this.#programs.get(progId)?.image ?? access.image;
    return access;
  }

  #reach(at: number, access: number, frame: number): boolean {
    return this.#accessAt(frame).reach(at, access & 15, (access & 16) !== 0);
  }

  #isProgArray(low: number, high: number): boolean {
    if (high !== KERNEL_BASE_HI || !this.#accessOfProgram().isMap(low)) return false;
    return this.#mem.dv.getUint32(low + MAP.TYPE, true) === PROG_ARRAY;
  }

  /** The helper with its arguments checked against its prototype, and with what it returns made known. */
  #checkedHelper(entry: HelperEntry): HelperEntry {
    const plan = planHelper(entry.proto, entry.impl);
    const funcs = entry.proto.args.flatMap(({ kind }, i) => (kind === 'func' ? [i + 1] : []));
    return {
      proto: entry.proto,
      impl: (call) => {
        const access = this.#accessAt(this.#mem.dv.getUint32(this.area + RUN_AREA.FRAME, true));
        const map = (this.#regs[plan.mapReg * 2] ?? 0) >>> 0;
        this.#checkArguments(plan, entry.proto, funcs, access);
        const result = entry.impl(call);
        if (plan.returnsValue) this.#grant(map, Number(result) >>> 0, access);
        return result;
      },
    };
  }

  #checkArguments(plan: HelperPlan, proto: HelperProto, funcs: readonly number[], access: Access): void {
    const places = funcs.map((reg) => this.#regs64[reg] ?? 0n);
    for (const reg of funcs) {
      // As the interpreter's function addresses, which the check knows.
      const slot = this.#callbackSlots[Number(this.#regs64[reg] ?? -1n)];
      this.#regs[reg * 2] = slot === undefined ? 0 : (FUNC_BASE + slot) | 0;
      this.#regs[reg * 2 + 1] = slot === undefined ? 0 : FUNC_HI;
    }
    const wrong = checkArguments(plan, this.#regs, access);
    for (const [i, reg] of funcs.entries()) this.#regs64[reg] = places[i] ?? 0n;
    if (wrong !== undefined) throw new BpfError(`${proto.name}: ${wrong}`);
  }

  #grant(map: number, value: number, access: Access): void {
    const { dv } = this.#mem;
    const type = dv.getUint32(map + MAP.TYPE, true);
    if (value === 0 || type === ARRAY_OF_MAPS || type === HASH_OF_MAPS) return;
    access.grant(value, dv.getUint32(map + MAP.VALUE_SIZE, true), (dv.getUint32(map + MAP.FLAGS, true) & RDONLY_PROG) === 0);
  }
}
