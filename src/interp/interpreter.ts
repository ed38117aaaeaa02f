/**
 * The reference interpreter: exact eBPF semantics (RFC 9669; Linux 6.18 where it says more), memory-safe by itself. Every access is
 * checked against live regions, a budget ends loops, a violation ends the run with a Fault. What regions, maps and programs exist is
 * the environment's business. This file is above the usual length because the hot loop and the state it keeps in locals belong together.
 */
import type { HelperCall } from '../helpers/types.ts';
import { MAP, type Region } from '../maps/types.ts';
import { KERNEL_BASE_HI, type Mem } from '../mem/memory.ts';
import { Access, FAST_HI, FRAME_SIZE, FRAME_STRIDE } from './access.ts';
import { checkArguments, type HelperPlan, hex, planHelper } from './arguments.ts';
import { atomic } from './atomics.ts';
import { explain } from './explain.ts';
import { FUNC_BASE, FUNC_HI, type ProgramImage, prepare } from './image.ts';
import { F_IMM, F_WRITE, OP, WORDS } from './ops.ts';
import type { Environment, Fault, FaultKind, InterpreterOptions, PlainFunction, RunInput } from './types.ts';
import { WARM_UP_OFFSET, warmUpImage } from './warm-up.ts';
import { divide, mulHigh, swap32 } from './wide.ts';

/** Tail calls that one run may make (MAX_TAIL_CALL_CNT, include/linux/bpf.h). */
export const MAX_TAIL_CALLS = 33;
/** Frames of one program (MAX_CALL_FRAMES, include/linux/bpf_verifier.h). */
export const MAX_CALL_FRAMES = 8;
/**
 * Times that the may_goto instructions of one function fall through. The kernel's bound is not a number programs may count on
 * (8,388,608, or 250 ms on x86-64 since v6.15); this one lets loops of up to 38 instructions end within the default budget.
 */
const MAX_LOOPS = 262_144;
const DEFAULT_BUDGET = 10_000_000;
/** A small integer, so that the countdown stays one. */
const NO_LIMIT = 0x7fff_ffff;
const TAIL_CALL = 12;
const PROG_ARRAY = 3;
const ARRAY_OF_MAPS = 12;
const HASH_OF_MAPS = 13;
/** BPF_F_RDONLY_PROG: programs may not write the map's values. */
const RDONLY_PROG = 0x80;
/** Words saved a frame: r0..r10. */
const SAVED = 22;

/** Whether this thread's JavaScript engine has seen every operation. */
let warm = false;

/** Unwinds a helper whose callback faulted. */
class CallbackFault extends Error {}

const NO_REGIONS: readonly Region[] = [];
const EMPTY = prepare(new Uint8Array(0));

type AfterCall = 'next' | 'jump' | 'fault';

/** Where a run stands. */
export type RunState = 'idle' | 'running' | 'exited' | 'faulted';

/**
 * One execution context: registers, frames and stack of one program run at a time. Not for two threads at once; any number of
 * interpreters may share a memory.
 */
export class Interpreter {
  readonly mem: Mem;
  /** r0..r10 as low/high pairs, and the same bytes as 64-bit words. */
  readonly regs: Int32Array;
  readonly regs64: BigInt64Array;
  readonly #access: Access;
  readonly #env: Environment;
  readonly #plans: (HelperPlan | undefined)[] = [];
  readonly #call: HelperCall | undefined;
  readonly #functions: ReadonlyMap<number, PlainFunction> | undefined;
  readonly #budget: number;
  readonly #onStep: (() => void) | undefined;
  // Per frame: saved registers, return word index, image, frames of its program so far, may_goto falls left.
  readonly #saved: Int32Array;
  readonly #returns: Int32Array;
  readonly #images: ProgramImage[] = [];
  readonly #levels: Int32Array;
  readonly #loops: Int32Array;
  readonly #maxFrames: number;
  #state: RunState = 'idle';
  #fault: Fault | undefined;
  #image: ProgramImage = EMPTY;
  /** Word index of the next instruction. */
  #pc = 0;
  #left = 0;
  #tailCalls = 0;
  /** Callbacks that are running. */
  #callbacks = 0;

  constructor(options: InterpreterOptions) {
    this.mem = options.mem;
    const buffer = new ArrayBuffer(SAVED * 4);
    this.regs = new Int32Array(buffer);
    this.regs64 = new BigInt64Array(buffer);
    this.#env = options.env ?? {};
    this.#access = new Access(options.mem, this.#env, EMPTY);
    this.#access.useStack(options.stack.base, options.stack.size);
    this.#maxFrames = 1 + MAX_TAIL_CALLS + MAX_TAIL_CALLS * MAX_CALL_FRAMES;
    this.#saved = new Int32Array(this.#maxFrames * SAVED);
    this.#returns = new Int32Array(this.#maxFrames);
    this.#levels = new Int32Array(this.#maxFrames);
    this.#loops = new Int32Array(this.#maxFrames);
    this.#budget = Math.min(Math.max(0, Math.floor(options.budget ?? DEFAULT_BUDGET)), NO_LIMIT);
    this.#functions = options.functions;
    this.#onStep = options.onStep;
    for (const { proto, impl } of options.helpers ?? []) this.#plans[proto.id] = planHelper(proto, impl);
    this.#call = options.call?.({
      mem: options.mem,
      regs: this.regs,
      regs64: this.regs64,
      off: (n) => (this.regs[n * 2] ?? 0) >>> 0,
      u64: (n) => BigInt.asUintN(64, this.regs64[n] ?? 0n),
      callback: (func, args) => this.#callback(func, args),
    });
    if (!warm && this.#access.frames > 1) {
      warm = true;
      const region = { base: this.#access.stackTop + WARM_UP_OFFSET, count: 1, stride: 0, size: 16, writable: true };
      const input = { ctx: 0, ctxSize: 0, regions: [region] };
      // Twice: V8 begins to record at a function's second call.
      for (let i = 0; i < 2; i++) this.run(warmUpImage(), input);
      this.#state = 'idle';
    }
  }

  /** Takes another stack area (a CPU's own) for the following runs. Not while a program runs. */
  useStack(base: number, size: number): void {
    this.#access.useStack(base, size);
  }

  /**
   * Runs a program from its first instruction to its end.
   * @returns whether it exited; then r0 and r0Low are its result. Otherwise `fault` says why not.
   */
  run(image: ProgramImage, input: RunInput): boolean {
    this.start(image, input);
    return this.resume();
  }

  /** Prepares a run; step() or resume() execute it. */
  start(image: ProgramImage, input: RunInput): void {
    const regs = this.regs;
    const access = this.#access;
    access.reset(image);
    access.ctx = input.ctx;
    access.ctxEnd = input.ctx + input.ctxSize;
    access.ctxWritable = input.ctxWritable === true;
    access.extra = input.regions ?? NO_REGIONS;
    for (let i = 0; i < SAVED; i++) regs[i] = 0;
    if (input.ctx !== 0) {
      regs[2] = input.ctx;
      regs[3] = KERNEL_BASE_HI;
    }
    if (input.r2 !== undefined) regs[4] = input.r2;
    regs[20] = access.stackTop;
    regs[21] = KERNEL_BASE_HI;
    this.#image = image;
    this.#pc = 0;
    this.#left = this.#budget;
    this.#tailCalls = 0;
    this.#callbacks = 0;
    this.#levels[0] = 1;
    this.#loops[0] = MAX_LOOPS;
    this.#fault = undefined;
    this.#state = 'running';
    if (access.frames < 1) this.#fail('call', 'the stack area has no room for a frame');
  }

  /** Executes one instruction (a helper's callbacks included) of a started run. */
  step(): RunState {
    if (this.#state === 'running') this.#exec(0, 1);
    return this.#state;
  }

  /** Executes a started run to its end. @returns as run() */
  resume(): boolean {
    if (this.#state === 'running') this.#all(0);
    return this.#state === 'exited';
  }

  get state(): RunState {
    return this.#state;
  }

  /** Why the last run ended early; undefined when it did not. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** Result of the last run, unsigned 64 bits. */
  get r0(): bigint {
    return this.reg(0);
  }

  /** Low 32 bits of the result, unsigned. */
  get r0Low(): number {
    return (this.regs[0] ?? 0) >>> 0;
  }

  /** Register n as unsigned 64 bits. */
  reg(n: number): bigint {
    return BigInt.asUintN(64, this.regs64[n] ?? 0n);
  }

  /** Program that runs now: another one after a tail call. */
  get image(): ProgramImage {
    return this.#image;
  }

  /** Slot of the next instruction. */
  get pc(): number {
    return this.#pc / WORDS;
  }

  /** Index of the running frame, 0 for the first. */
  get frame(): number {
    return this.#access.frame;
  }

  /** Instructions executed in this run. */
  get executed(): number {
    return this.#budget - this.#left;
  }

  #fail(kind: FaultKind, reason: string, cause?: unknown): void {
    if (this.#state === 'faulted') return;
    const regs = Array.from({ length: 11 }, (_, n) => this.reg(n));
    const fault: Fault = { kind, insn: this.#pc / WORDS, reason, regs, image: this.#image };
    this.#fault = cause === undefined ? fault : { ...fault, cause };
    this.#state = 'faulted';
  }

  /** Offset of an access that the fast checks did not accept, or -1 after recording a fault. `at` is base's low word plus off, not wrapped. */
  #reach(w: number, baseHi: number, at: number): number {
    const size = (w >> 24) & 15;
    const write = (w & F_WRITE) !== 0;
    // The sum carries into the high word.
    const hi = (baseHi + (at < 0 ? -1 : at > 0xffff_ffff ? 1 : 0)) | 0;
    const offset = at >>> 0;
    if (hi === KERNEL_BASE_HI && this.#access.reach(offset, size, write)) return offset;
    if (this.#image.probes.has(this.#pc / WORDS)) return this.#probe(hi, offset, size);
    const reg = (w >> 17) & 15;
    this.#fail('access', `R${reg} invalid mem access: ${size} bytes at ${hex(at | 0, hi)} are not ${write ? 'writable' : 'readable'}`);
    return -1;
  }

  /** A load through a pointer into the kernel: what the engine has there, else 0, at an offset that may be read. */
  #probe(hi: number, lo: number, size: number): number {
    const call = this.#call;
    if (call === undefined) return -1;
    const { scratch } = call;
    const address = (BigInt(hi >>> 0) << 32n) | BigInt(lo);
    if (call.readAny(scratch, size, address, 'kernel') < 0) this.mem.u8.fill(0, scratch, scratch + size);
    return scratch;
  }

  /** The access of the instruction at word `pc` where the fast path's 32-bit offsets do not reach. */
  #farAccess(pc: number, at: number): void {
    const { regs, regs64 } = this;
    const dv = this.mem.dv;
    const code = this.#image.code;
    const w = code[pc] ?? 0;
    const op = w & 0xff;
    const reg = (w >> 9) & 15;
    const size = (w >> 24) & 15;
    const imm = code[pc + 2] ?? 0;
    if (op === OP.atomic) {
      atomic(this.mem, regs, regs64, imm, size, at, reg);
    } else if ((w & F_WRITE) !== 0) {
      const value = (w & F_IMM) !== 0 ? BigInt(imm) : (regs64[reg] ?? 0n);
      if (size === 8) dv.setBigInt64(at, value, true);
      else if (size === 4) dv.setInt32(at, Number(BigInt.asIntN(32, value)), true);
      else if (size === 2) dv.setInt16(at, Number(BigInt.asIntN(16, value)), true);
      else dv.setInt8(at, Number(BigInt.asIntN(8, value)));
    } else {
      const low =
        size === 8
          ? dv.getBigUint64(at, true)
          : BigInt(size === 4 ? dv.getUint32(at, true) : size === 2 ? dv.getUint16(at, true) : dv.getUint8(at));
      regs64[reg] = op >= OP.ldxs32 ? BigInt.asIntN(size * 8, low) : low;
    }
  }

  /** Opens a frame for a function of the running program; false after recording a fault. */
  #push(returnTo: number): boolean {
    const access = this.#access;
    const frame = access.frame + 1;
    const level = (this.#levels[access.frame] ?? 0) + 1;
    if (level > MAX_CALL_FRAMES) {
      this.#fail('call', `the call stack of ${level} frames is too deep`);
      return false;
    }
    if (frame >= access.frames || frame >= this.#maxFrames) {
      this.#fail('call', `the stack area has no room for more than ${access.frames} frames`);
      return false;
    }
    this.#saved.set(this.regs, frame * SAVED);
    this.#returns[frame] = returnTo;
    this.#images[frame] = this.#image;
    this.#levels[frame] = level;
    this.#loops[frame] = MAX_LOOPS;
    access.frame = frame;
    this.regs[20] = access.stackTop - frame * FRAME_STRIDE;
    return true;
  }

  /** Closes the running frame: the caller's program, r6-r9 and r10 come back. */
  #pop(): void {
    const access = this.#access;
    const frame = access.frame;
    const from = frame * SAVED;
    for (let i = 12; i < SAVED; i++) this.regs[i] = this.#saved[from + i] ?? 0;
    this.#image = this.#images[frame] ?? EMPTY;
    access.image = this.#image;
    this.#pc = this.#returns[frame] ?? 0;
    access.frame = frame - 1;
  }

  /** Runs a function of the running program for a helper. */
  #callback(func: bigint, args: readonly bigint[]): bigint {
    const slot = Number(BigInt.asIntN(64, func) - ((BigInt(FUNC_HI) << 32n) + BigInt(FUNC_BASE >>> 0)));
    const pc = this.#pc;
    if (!(slot >= 0 && slot < this.#image.slots)) {
      this.#fail('call', `0x${BigInt.asUintN(64, func).toString(16)} is not a function of the program`);
      throw new CallbackFault();
    }
    if (!this.#push(pc)) throw new CallbackFault();
    const frame = this.#access.frame;
    for (let i = 0; i < 5; i++) this.regs64[1 + i] = BigInt.asIntN(64, args[i] ?? 0n);
    this.#pc = slot * WORDS;
    this.#callbacks++;
    this.#all(frame);
    this.#callbacks--;
    if (this.#state === 'faulted') throw new CallbackFault();
    this.#state = 'running';
    const result = BigInt.asUintN(64, this.regs64[0] ?? 0n);
    this.#pop();
    // The helper still has its own arguments.
    for (let i = 0; i < 12; i++) this.regs[i] = this.#saved[frame * SAVED + i] ?? 0;
    return result;
  }

  /** Calls a helper. After a tail call ('jump') #image and #pc are the new program's. */
  #helper(id: number): AfterCall {
    if (id === TAIL_CALL) return this.#tailCall();
    const plan = this.#plans[id];
    const call = this.#call;
    if (plan === undefined || call === undefined) {
      const plain = this.#functions?.get(id);
      if (plain !== undefined) {
        this.regs64[0] = plain(this.reg(1), this.reg(2), this.reg(3), this.reg(4), this.reg(5));
        for (let i = 2; i < 12; i++) this.regs[i] = 0;
        return 'next';
      }
      this.#fail('helper', `invalid func unknown#${id}`);
      return 'fault';
    }
    const { regs, mem } = this;
    const wrong = checkArguments(plan, regs, this.#access);
    if (wrong !== undefined) {
      this.#fail('helper', `${plan.proto.name}: ${wrong}`);
      return 'fault';
    }
    const map = (regs[plan.mapReg * 2] ?? 0) >>> 0;
    let result: number | bigint;
    try {
      result = plan.impl(call);
    } catch (cause) {
      if (!(cause instanceof CallbackFault)) {
        this.#fail('helper', `${plan.proto.name}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
      }
      return 'fault';
    }
    for (let i = 2; i < 12; i++) regs[i] = 0;
    if (typeof result === 'bigint') {
      this.regs64[0] = result;
    } else {
      const lo = result | 0;
      regs[0] = lo;
      regs[1] = lo === result ? lo >> 31 : Math.floor(result / 0x1_0000_0000);
    }
    if (plan.returnsPointer) {
      const lo = regs[0] ?? 0;
      regs[1] = lo === 0 ? 0 : KERNEL_BASE_HI;
      if (plan.returnsValue && lo !== 0) {
        const type = mem.dv.getUint32(map + MAP.TYPE, true);
        const writable = (mem.dv.getUint32(map + MAP.FLAGS, true) & RDONLY_PROG) === 0;
        if (type !== ARRAY_OF_MAPS && type !== HASH_OF_MAPS) {
          this.#access.grant(lo >>> 0, mem.dv.getUint32(map + MAP.VALUE_SIZE, true), writable);
        }
      }
    }
    return 'next';
  }

  /** bpf_tail_call: only filled slots count, as in the x86-64 JIT (arch/x86/net/bpf_jit_comp.c, v6.18). */
  #tailCall(): AfterCall {
    const { regs } = this;
    const access = this.#access;
    const map = (regs[4] ?? 0) >>> 0;
    if (regs[5] !== KERNEL_BASE_HI || !access.isMap(map) || this.mem.dv.getUint32(map + MAP.TYPE, true) !== PROG_ARRAY) {
      this.#fail('helper', `tail_call: R2=${hex(regs[4] ?? 0, regs[5] ?? 0)} expected prog array map for tail call`);
      return 'fault';
    }
    if (access.ctx !== 0 && (regs[3] !== KERNEL_BASE_HI || (regs[2] ?? 0) >>> 0 !== access.ctx)) {
      this.#fail('helper', `tail_call: R1=${hex(regs[2] ?? 0, regs[3] ?? 0)} expected=ctx`);
      return 'fault';
    }
    if (this.#callbacks > 0) {
      this.#fail('helper', 'tail_call: not allowed in a callback');
      return 'fault';
    }
    const index = (regs[6] ?? 0) >>> 0;
    if (index < this.mem.dv.getUint32(map + MAP.MAX_ENTRIES, true) && this.#tailCalls < MAX_TAIL_CALLS) {
      const target = this.#env.tailTarget?.(map, index);
      if (target !== undefined) {
        this.#tailCalls++;
        this.#image = target;
        access.image = target;
        this.#pc = 0;
        this.#levels[access.frame] = 1;
        this.#loops[access.frame] = MAX_LOOPS;
        return 'jump';
      }
    }
    regs.fill(0, 0, 12);
    return 'next';
  }

  /** ld_abs and ld_ind. @returns false when the packet is too short (the function returns 0) or after a fault */
  #packet(size: number, offset: number): boolean {
    const read = this.#env.packet;
    if (read === undefined) {
      this.#fail('insn', 'BPF_LD_[ABS|IND] instructions need packet data, but the program has none');
      return false;
    }
    const value = read.call(this.#env, offset, size);
    this.regs.fill(0, 0, 12);
    if (value < 0) return false;
    this.regs[0] = value;
    return true;
  }

  /** Runs until the frame `base` exits or a fault. */
  #all(base: number): void {
    if (this.#onStep === undefined) {
      this.#exec(base, NO_LIMIT);
      return;
    }
    while (this.#state === 'running') {
      this.#onStep();
      this.#exec(base, 1);
    }
  }

  /** Runs until the frame `base` exits, a fault, or `limit` instructions. */
  #exec(base: number, limit: number): void {
    const r = this.regs;
    const access = this.#access;
    const mem = this.mem;
    let dv = mem.dv;
    let code = this.#image.code;
    let pc = this.#pc;
    let stackHi = access.fastStackHi;
    let stackLo = stackHi - FRAME_SIZE;
    let winLo = access.winLo;
    let winHi = access.winHi;
    let winWriteHi = access.winWriteHi;
    let granted = Math.min(limit, this.#left);
    let fuel = granted;

    for (;;) {
      if (fuel === 0) {
        this.#pc = pc;
        this.#left -= granted;
        if (this.#left <= 0) this.#fail('budget', `the program executed ${this.#budget} instructions without an end`);
        return;
      }
      fuel--;
      const w = code[pc] ?? 0;
      const op = w & 0xff;
      const a = (w >> 8) & 31;

      if (op < 12) {
        const b = (w >> 16) & 31;
        const baseHi = r[b + 1] ?? 0;
        const size = (w >> 24) & 15;
        let at = ((r[b] ?? 0) + (code[pc + 1] ?? 0)) | 0;
        if (
          baseHi !== KERNEL_BASE_HI ||
          !((at >= stackLo && at <= stackHi - size) || (at >= winLo && at <= ((w & F_WRITE) === 0 ? winHi : winWriteHi) - size))
        ) {
          this.#pc = pc;
          const offset = this.#reach(w, baseHi, ((r[b] ?? 0) >>> 0) + (code[pc + 1] ?? 0));
          if (offset < 0) {
            this.#left -= granted - fuel;
            return;
          }
          winLo = access.winLo;
          winHi = access.winHi;
          winWriteHi = access.winWriteHi;
          dv = mem.dv;
          if (offset > FAST_HI) {
            this.#farAccess(pc, offset);
            pc += WORDS;
            continue;
          }
          at = offset | 0;
        }
        if (op < 4) {
          let lo = 0;
          let hi = 0;
          switch (op) {
            case 0 satisfies typeof OP.ldx64:
              lo = dv.getInt32(at, true);
              hi = dv.getInt32(at + 4, true);
              break;
            case 1 satisfies typeof OP.ldx32:
              lo = dv.getInt32(at, true);
              break;
            case 2 satisfies typeof OP.ldx16:
              lo = dv.getUint16(at, true);
              break;
            case 3 satisfies typeof OP.ldx8:
              lo = dv.getUint8(at);
              break;
          }
          r[a] = lo;
          r[a + 1] = hi;
        } else if (op >= 8) {
          const lo = (w & F_IMM) !== 0 ? (code[pc + 2] ?? 0) : (r[a] ?? 0);
          switch (op) {
            case 8 satisfies typeof OP.st64:
              dv.setInt32(at, lo, true);
              dv.setInt32(at + 4, (w & F_IMM) !== 0 ? (code[pc + 3] ?? 0) : (r[a + 1] ?? 0), true);
              break;
            case 9 satisfies typeof OP.st32:
              dv.setInt32(at, lo, true);
              break;
            case 10 satisfies typeof OP.st16:
              dv.setInt16(at, lo, true);
              break;
            case 11 satisfies typeof OP.st8:
              dv.setInt8(at, lo);
              break;
          }
        } else {
          let lo = 0;
          switch (op) {
            case 4 satisfies typeof OP.ldxs32:
              lo = dv.getInt32(at, true);
              break;
            case 5 satisfies typeof OP.ldxs16:
              lo = dv.getInt16(at, true);
              break;
            case 6 satisfies typeof OP.ldxs8:
              lo = dv.getInt8(at);
              break;
            case 7 satisfies typeof OP.atomic:
              atomic(mem, r, this.regs64, code[pc + 2] ?? 0, size, at, a >> 1);
              pc += WORDS;
              continue;
          }
          r[a] = lo;
          r[a + 1] = lo >> 31;
        }
        pc += WORDS;
        continue;
      }

      const al = r[a] ?? 0;
      const ah = r[a + 1] ?? 0;
      let bl: number;
      let bh: number;
      if ((w & F_IMM) !== 0) {
        bl = code[pc + 2] ?? 0;
        bh = code[pc + 3] ?? 0;
      } else {
        const b = (w >> 16) & 31;
        bl = r[b] ?? 0;
        bh = r[b + 1] ?? 0;
      }

      if (op < 40) {
        if (op < 16) {
          switch (op) {
            case 12 satisfies typeof OP.mov64:
              r[a] = bl;
              r[a + 1] = bh;
              break;
            case 13 satisfies typeof OP.add64: {
              const lo = (al + bl) | 0;
              r[a] = lo;
              r[a + 1] = (ah + bh + (lo >>> 0 < al >>> 0 ? 1 : 0)) | 0;
              break;
            }
            case 14 satisfies typeof OP.ld_imm64:
              r[a] = bl;
              r[a + 1] = bh;
              pc += WORDS;
              break;
            case 15 satisfies typeof OP.call_helper: {
              this.#pc = pc;
              this.#left -= granted - fuel;
              const then = this.#helper(code[pc + 2] ?? 0);
              if (then === 'fault') return;
              granted = Math.min(fuel, this.#left);
              fuel = granted;
              dv = mem.dv;
              winLo = access.winLo;
              winHi = access.winHi;
              winWriteHi = access.winWriteHi;
              if (then === 'jump') {
                code = this.#image.code;
                pc = this.#pc;
                continue;
              }
              break;
            }
          }
          pc += WORDS;
          continue;
        }
        let taken = false;
        if (op < 28) {
          if (op < 20) {
            switch (op) {
              case 16 satisfies typeof OP.ja:
                taken = true;
                break;
              case 17 satisfies typeof OP.exit:
                if (access.frame === base) {
                  this.#pc = pc;
                  this.#left -= granted - fuel;
                  this.#state = 'exited';
                  return;
                }
                this.#pop();
                code = this.#image.code;
                pc = this.#pc;
                stackHi = access.fastStackHi;
                stackLo = stackHi - FRAME_SIZE;
                continue;
              case 18 satisfies typeof OP.jeq64:
                taken = al === bl && ah === bh;
                break;
              case 19 satisfies typeof OP.jne64:
                taken = al !== bl || ah !== bh;
                break;
            }
          } else if (op < 24) {
            switch (op) {
              case 20 satisfies typeof OP.jgt64:
                taken = ah === bh ? al >>> 0 > bl >>> 0 : ah >>> 0 > bh >>> 0;
                break;
              case 21 satisfies typeof OP.jge64:
                taken = ah === bh ? al >>> 0 >= bl >>> 0 : ah >>> 0 > bh >>> 0;
                break;
              case 22 satisfies typeof OP.jlt64:
                taken = ah === bh ? al >>> 0 < bl >>> 0 : ah >>> 0 < bh >>> 0;
                break;
              case 23 satisfies typeof OP.jle64:
                taken = ah === bh ? al >>> 0 <= bl >>> 0 : ah >>> 0 < bh >>> 0;
                break;
            }
          } else {
            switch (op) {
              case 24 satisfies typeof OP.jsgt64:
                taken = ah === bh ? al >>> 0 > bl >>> 0 : ah > bh;
                break;
              case 25 satisfies typeof OP.jsge64:
                taken = ah === bh ? al >>> 0 >= bl >>> 0 : ah > bh;
                break;
              case 26 satisfies typeof OP.jslt64:
                taken = ah === bh ? al >>> 0 < bl >>> 0 : ah < bh;
                break;
              case 27 satisfies typeof OP.jsle64:
                taken = ah === bh ? al >>> 0 <= bl >>> 0 : ah < bh;
                break;
            }
          }
        } else if (op < 32) {
          switch (op) {
            case 28 satisfies typeof OP.jset64:
              taken = ((al & bl) | (ah & bh)) !== 0;
              break;
            case 29 satisfies typeof OP.jset32:
              taken = (al & bl) !== 0;
              break;
            case 30 satisfies typeof OP.jeq32:
              taken = al === bl;
              break;
            case 31 satisfies typeof OP.jne32:
              taken = al !== bl;
              break;
          }
        } else if (op < 36) {
          switch (op) {
            case 32 satisfies typeof OP.jgt32:
              taken = al >>> 0 > bl >>> 0;
              break;
            case 33 satisfies typeof OP.jge32:
              taken = al >>> 0 >= bl >>> 0;
              break;
            case 34 satisfies typeof OP.jlt32:
              taken = al >>> 0 < bl >>> 0;
              break;
            case 35 satisfies typeof OP.jle32:
              taken = al >>> 0 <= bl >>> 0;
              break;
          }
        } else {
          switch (op) {
            case 36 satisfies typeof OP.jsgt32:
              taken = al > bl;
              break;
            case 37 satisfies typeof OP.jsge32:
              taken = al >= bl;
              break;
            case 38 satisfies typeof OP.jslt32:
              taken = al < bl;
              break;
            case 39 satisfies typeof OP.jsle32:
              taken = al <= bl;
              break;
          }
        }
        pc = taken ? (code[pc + 1] ?? 0) : pc + WORDS;
        continue;
      }

      if (op < 58) {
        let lo = 0;
        let hi = 0;
        if (op < 48) {
          if (op < 44) {
            switch (op) {
              case 40 satisfies typeof OP.sub64:
                lo = (al - bl) | 0;
                hi = (ah - bh - (al >>> 0 < bl >>> 0 ? 1 : 0)) | 0;
                break;
              case 41 satisfies typeof OP.and64:
                lo = al & bl;
                hi = ah & bh;
                break;
              case 42 satisfies typeof OP.or64:
                lo = al | bl;
                hi = ah | bh;
                break;
              case 43 satisfies typeof OP.xor64:
                lo = al ^ bl;
                hi = ah ^ bh;
                break;
            }
          } else {
            // Counts of 64-bit shifts are taken modulo 64; JavaScript takes those of its own shifts modulo 32.
            const far = (bl & 32) !== 0;
            const none = (bl & 31) === 0;
            switch (op) {
              case 44 satisfies typeof OP.lsh64:
                lo = far ? 0 : al << bl;
                hi = far ? al << bl : none ? ah : (ah << bl) | (al >>> -bl);
                break;
              case 45 satisfies typeof OP.rsh64:
                hi = far ? 0 : ah >>> bl;
                lo = far ? ah >>> bl : none ? al : (al >>> bl) | (ah << -bl);
                break;
              case 46 satisfies typeof OP.arsh64:
                hi = far ? ah >> 31 : ah >> bl;
                lo = far ? ah >> bl : none ? al : (al >>> bl) | (ah << -bl);
                break;
              case 47 satisfies typeof OP.mul64:
                lo = Math.imul(al, bl);
                hi = (mulHigh(al, bl) + Math.imul(al, bh) + Math.imul(ah, bl)) | 0;
                break;
            }
          }
        } else if (op < 52) {
          switch (op) {
            case 48 satisfies typeof OP.mov32:
              lo = bl;
              break;
            case 49 satisfies typeof OP.add32:
              lo = al + bl;
              break;
            case 50 satisfies typeof OP.sub32:
              lo = al - bl;
              break;
            case 51 satisfies typeof OP.and32:
              lo = al & bl;
              break;
          }
        } else if (op < 56) {
          switch (op) {
            case 52 satisfies typeof OP.or32:
              lo = al | bl;
              break;
            case 53 satisfies typeof OP.xor32:
              lo = al ^ bl;
              break;
            case 54 satisfies typeof OP.lsh32:
              lo = al << bl;
              break;
            case 55 satisfies typeof OP.rsh32:
              lo = al >>> bl;
              break;
          }
        } else {
          lo = op === (56 satisfies typeof OP.arsh32) ? al >> bl : Math.imul(al, bl);
        }
        r[a] = lo;
        r[a + 1] = hi;
        pc += WORDS;
        continue;
      }

      // Rare operations: readability over speed from here on.
      if (op < 76) {
        switch (op) {
          case 58 satisfies typeof OP.neg64:
            r[a] = -al;
            r[a + 1] = al === 0 ? -ah : ~ah;
            break;
          case 59 satisfies typeof OP.neg32:
            r[a] = -al;
            r[a + 1] = 0;
            break;
          case 60 satisfies typeof OP.div64:
            divide(r, a, bl, bh, 'div');
            break;
          case 61 satisfies typeof OP.mod64:
            divide(r, a, bl, bh, 'mod');
            break;
          case 62 satisfies typeof OP.sdiv64:
            divide(r, a, bl, bh, 'sdiv');
            break;
          case 63 satisfies typeof OP.smod64:
            divide(r, a, bl, bh, 'smod');
            break;
          case 64 satisfies typeof OP.div32:
            r[a] = bl === 0 ? 0 : (al >>> 0) / (bl >>> 0);
            r[a + 1] = 0;
            break;
          case 65 satisfies typeof OP.mod32:
            r[a] = bl === 0 ? al : (al >>> 0) % (bl >>> 0);
            r[a + 1] = 0;
            break;
          case 66 satisfies typeof OP.sdiv32:
            r[a] = bl === 0 ? 0 : al / bl;
            r[a + 1] = 0;
            break;
          case 67 satisfies typeof OP.smod32:
            r[a] = bl === 0 ? al : al % bl;
            r[a + 1] = 0;
            break;
          case 68 satisfies typeof OP.movsx8_64:
            r[a] = (bl << 24) >> 24;
            r[a + 1] = (bl << 24) >> 31;
            break;
          case 69 satisfies typeof OP.movsx16_64:
            r[a] = (bl << 16) >> 16;
            r[a + 1] = (bl << 16) >> 31;
            break;
          case 70 satisfies typeof OP.movsx32_64:
            r[a] = bl;
            r[a + 1] = bl >> 31;
            break;
          case 71 satisfies typeof OP.movsx8_32:
            r[a] = (bl << 24) >> 24;
            r[a + 1] = 0;
            break;
          case 72 satisfies typeof OP.movsx16_32:
            r[a] = (bl << 16) >> 16;
            r[a + 1] = 0;
            break;
          case 73 satisfies typeof OP.swap16:
            r[a] = ((al << 8) & 0xff00) | ((al >>> 8) & 0xff);
            r[a + 1] = 0;
            break;
          case 74 satisfies typeof OP.swap32:
            r[a] = swap32(al);
            r[a + 1] = 0;
            break;
          case 75 satisfies typeof OP.swap64:
            r[a] = swap32(ah);
            r[a + 1] = swap32(al);
            break;
        }
        pc += WORDS;
        continue;
      }

      this.#pc = pc;
      let next = pc + WORDS;
      switch (op) {
        case 76 satisfies typeof OP.call_local:
          if (this.#push(next)) next = code[pc + 1] ?? 0;
          break;
        case 77 satisfies typeof OP.callx:
          if (ah === FUNC_HI && (al - FUNC_BASE) >>> 0 < this.#image.slots) {
            if (this.#push(next)) next = (al - FUNC_BASE) * WORDS;
          } else if (ah !== 0) {
            this.#fail('call', `callx to ${hex(al, ah)}, expected a helper's number or a function of the program`);
          } else {
            this.#left -= granted - fuel;
            const then = this.#helper(al);
            if (then === 'fault') return;
            granted = Math.min(fuel, this.#left);
            fuel = granted;
            if (then === 'jump') next = this.#pc;
          }
          break;
        case 78 satisfies typeof OP.may_goto: {
          const loops = this.#loops[access.frame] ?? 0;
          if (loops === 0) next = code[pc + 1] ?? 0;
          else this.#loops[access.frame] = loops - 1;
          break;
        }
        case 79 satisfies typeof OP.ld_abs:
        case 80 satisfies typeof OP.ld_ind: {
          const offset = op === (79 satisfies typeof OP.ld_abs) ? code[pc + 2] : (code[pc + 2] ?? 0) + bl;
          if (this.#packet((w >> 24) & 15, (offset ?? 0) | 0) || this.#state === 'faulted') break;
          if (access.frame === base) {
            this.#state = 'exited';
          } else {
            this.#pop();
            next = this.#pc;
          }
          break;
        }
        default:
          this.#fail('insn', explain(this.#image, pc / WORDS));
      }
      if (this.#state !== 'running') {
        this.#left -= granted - fuel;
        return;
      }
      dv = mem.dv;
      code = this.#image.code;
      pc = next;
      stackHi = access.fastStackHi;
      stackLo = stackHi - FRAME_SIZE;
      winLo = access.winLo;
      winHi = access.winHi;
      winWriteHi = access.winWriteHi;
    }
  }
}
