/**
 * Made-up events: a context and a task built from plain values, and the attached programs run on it in attach order. It accepts every
 * attach point; only real sources know which names exist.
 */
import { BpfError, encodeText } from '../base/index.ts';
import { PT_REGS, type RegName, X86_64_REGISTERS } from '../events/index.ts';
import type { CurrentTask } from '../helpers/types.ts';
import type { AttachTarget } from '../host/host.ts';
import { type Mem, type ThreadEnv, toPointer } from '../mem/index.ts';
import { makeTask, type TaskSpec } from './task.ts';

const PT_REGS_SIZE = X86_64_REGISTERS.size;
/** Argument registers of functions and of system calls. */
const FUNCTION_ARGS: readonly RegName[] = ['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9'];
const SYSCALL_ARGS: readonly RegName[] = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'];
const RAW_ARGS = 12;
/** Levels of pointers in made-up arguments. */
const MAX_NESTING = 16;
/** Bytes of a context: far beyond any the kernel has. */
const MAX_CTX = 1 << 16;
/** Room behind the registers that rsp points to: a return address. */
const STACK_ROOM = 64;
/** A tracepoint record without given bytes: zeros. */
const RECORD_SIZE = 512;
const TEXT = 0xffff_ffff_8100_0000n;

/**
 * A value for an argument. Strings (with a NUL) and bytes are put in engine memory and passed as pointers; an array becomes a block of
 * 64-bit words, passed as a pointer too: `[['/bin/sh']]` is a pointer to a struct whose first member points to the string.
 */
export type FireArg = bigint | number | string | Uint8Array | readonly FireArg[];

/** The made-up event. */
export interface FireOptions {
  /** Arguments of the function, system call or raw tracepoint. */
  readonly args?: readonly FireArg[];
  /** Further registers of a kprobe or uprobe. */
  readonly regs?: Readonly<Partial<Record<RegName, bigint | number>>>;
  /** Return value of a return probe. */
  readonly ret?: bigint | number;
  /** The context's bytes as they are, instead of args, regs and ret. */
  readonly ctx?: Uint8Array;
  readonly task?: TaskSpec | CurrentTask;
  readonly cpu?: number;
}

/** One program's run. */
export interface FireResult {
  readonly linkId: number;
  readonly progId: number;
  /** Low 32 bits of r0; undefined when the program was skipped or faulted (see Engine.faults). */
  readonly retval: number | undefined;
}

/** A context in engine memory. */
export interface MadeContext {
  readonly offset: number;
  readonly size: number;
  readonly funcIp: bigint;
  /** Frees everything that was made. */
  free(): void;
}

/** Builds the context of a target. */
export function makeContext(env: ThreadEnv, target: AttachTarget, options: FireOptions): MadeContext {
  if ((options.ctx?.length ?? 0) > MAX_CTX) throw new BpfError(`the context has ${options.ctx?.length} bytes, expected at most ${MAX_CTX}`);
  const maker = new Maker(env);
  try {
    return maker.make(target, options);
  } catch (error) {
    maker.free();
    throw error;
  }
}

/** A task from what fire() was given. */
export function taskOf(mem: Mem, task: TaskSpec | CurrentTask | undefined): CurrentTask {
  return task !== undefined && 'readUser' in task ? task : makeTask(mem, task);
}

class Maker {
  readonly #env: ThreadEnv;
  readonly #blocks: number[] = [];

  constructor(env: ThreadEnv) {
    this.#env = env;
  }

  make(target: AttachTarget, options: FireOptions): MadeContext {
    const free = (): void => this.free();
    if (options.ctx !== undefined) {
      const offset = this.#alloc(Math.max(8, options.ctx.length));
      this.#env.mem.copyIn(offset, options.ctx);
      return { offset, size: options.ctx.length, funcIp: 0n, free };
    }
    const args = (options.args ?? []).map((arg) => this.#value(arg));
    switch (target.kind) {
      case 'kprobe':
      case 'uprobe':
      case 'perf_event': {
        const offset = this.#registers(FUNCTION_ARGS, args, options);
        return { offset, size: PT_REGS_SIZE, funcIp: this.#env.mem.dv.getBigUint64(offset + PT_REGS.rip, true), free };
      }
      case 'ksyscall': {
        // The wrapper's argument is a pointer to the registers of the system call.
        const inner = this.#registers(SYSCALL_ARGS, args, options);
        const offset = this.#registers(FUNCTION_ARGS, [toPointer(inner)], options);
        return { offset, size: PT_REGS_SIZE, funcIp: TEXT, free };
      }
      case 'raw_tracepoint':
        return { offset: this.#words(args, RAW_ARGS), size: RAW_ARGS * 8, funcIp: 0n, free };
      case 'tracepoint':
      case 'other':
        if (args.length > 0) return { offset: this.#words(args, args.length), size: args.length * 8, funcIp: 0n, free };
        return { offset: this.#alloc(RECORD_SIZE), size: RECORD_SIZE, funcIp: 0n, free };
    }
  }

  free(): void {
    for (const block of this.#blocks.splice(0)) this.#env.free(block);
  }

  #alloc(size: number): number {
    const block = this.#env.allocOrThrow(size);
    this.#blocks.push(block);
    return block;
  }

  #words(values: readonly bigint[], count: number): number {
    if (values.length > count) throw new BpfError(`${values.length} arguments, expected at most ${count}`);
    const block = this.#alloc(Math.max(8, count * 8));
    values.forEach((value, i) => {
      this.#env.mem.dv.setBigUint64(block + i * 8, BigInt.asUintN(64, value), true);
    });
    return block;
  }

  #value(arg: FireArg, depth = 0): bigint {
    if (typeof arg === 'bigint' || Number.isInteger(arg)) return BigInt(arg as bigint | number);
    if (typeof arg === 'string' || arg instanceof Uint8Array) {
      const bytes = typeof arg === 'string' ? encodeText(`${arg}\0`) : arg;
      const block = this.#alloc(Math.max(8, bytes.length));
      this.#env.mem.copyIn(block, bytes);
      return toPointer(block);
    }
    if (!Array.isArray(arg)) throw new BpfError(`argument ${String(arg)}: expected a whole number, text, bytes or a list of those`);
    if (depth === MAX_NESTING) throw new BpfError(`arguments are nested more than ${MAX_NESTING} deep`);
    return toPointer(
      this.#words(
        arg.map((inner: FireArg) => this.#value(inner, depth + 1)),
        arg.length,
      ),
    );
  }

  #registers(order: readonly RegName[], args: readonly bigint[], options: FireOptions): number {
    if (args.length > order.length) throw new BpfError(`${args.length} arguments, expected at most ${order.length}`);
    const block = this.#alloc(PT_REGS_SIZE + STACK_ROOM);
    const set = (reg: RegName, value: bigint): void => {
      this.#env.mem.dv.setBigUint64(block + PT_REGS[reg], BigInt.asUintN(64, value), true);
    };
    set('rip', TEXT);
    set('orig_rax', -1n);
    set('rsp', toPointer(block + PT_REGS_SIZE));
    args.forEach((value, i) => {
      const reg = order[i];
      if (reg !== undefined) set(reg, value);
    });
    if (options.ret !== undefined) set('rax', BigInt(options.ret));
    for (const [reg, value] of Object.entries(options.regs ?? {})) set(reg as RegName, BigInt(value));
    return block;
  }
}
