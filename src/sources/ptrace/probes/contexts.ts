/** Contexts as programs see them, written into engine memory from the current event: struct pt_regs, tracepoint records, raw tracepoint arguments. */
import {
  type ArgCondition,
  dataStart,
  type FunctionArg,
  type FunctionShape,
  recordSize,
  SYSCALL_ARGUMENTS,
  type TracepointRow,
  X32_SYSCALL_BIT,
} from '../../../events/index.ts';
import { toPointer } from '../../../mem/index.ts';
import { type CurrentEvent, storeWords, type Words, wordsOf } from './event.ts';
import { KernelObjects } from './objects.ts';

/** Bytes of a raw tracepoint context: 12 arguments (enum of bpf_raw_tracepoint_args, v6.18). */
const RAW_SIZE = 96;
/** Longest string in a record (a path) with its NUL, and room for the fixed part. */
const RECORD_SIZE = 64 + 2 * 4096;
/** The address that the made-up kernel stack returns to: inside kernel text, of no function that can be probed. */
export const RETURN_ADDRESS = 0xffff_ffff_8000_1000n;

const ZERO: Words = { low: 0, high: 0 };

/** Writes a context and gives its offset; undefined when the event does not reach the probe after all. */
export interface ContextWriter {
  readonly size: number;
  /** write() may give undefined: it must be asked even for programs that read no context. */
  readonly decides?: boolean;
  write(): number | undefined;
}

/** Engine memory for one context of each kind, shared by all probes of a set: one event is dispatched at a time. */
export class Contexts {
  readonly event: CurrentEvent;
  readonly objects: KernelObjects;
  readonly #entry: number;
  readonly #return: number;
  readonly #inner: number;
  readonly #stack: number;
  readonly #record: number;
  readonly #raw: number;
  /** Where arguments 0..5 go in a record, and in the rewritten registers. */
  readonly #recordArgs: readonly number[];
  readonly #innerArgs: readonly number[];
  readonly #regsPointer: bigint;
  readonly #regsWords: Words;
  readonly #innerWords: Words;

  constructor(event: CurrentEvent) {
    this.event = event;
    this.objects = new KernelObjects(event);
    const { runner, layout } = event;
    this.#entry = runner.alloc(layout.size);
    this.#return = runner.alloc(layout.size);
    this.#inner = runner.alloc(layout.size);
    this.#stack = runner.alloc(64);
    this.#record = runner.alloc(RECORD_SIZE);
    this.#raw = runner.alloc(RAW_SIZE);
    this.#recordArgs = Array.from({ length: 6 }, (_, n) => this.#record + 16 + 8 * n);
    this.#innerArgs = (SYSCALL_ARGUMENTS.x86_64?.offsets ?? []).map((offset) => this.#inner + offset);
    this.#regsPointer = toPointer(event.savedRegs);
    this.#regsWords = wordsOf(this.#regsPointer);
    this.#innerWords = wordsOf(toPointer(this.#inner));
    const dv = runner.mem.dv;
    for (const ctx of [this.#entry, this.#return]) {
      for (const { offset, value } of layout.entry) dv.setBigUint64(ctx + offset, value, true);
      dv.setBigUint64(ctx + layout.sp, toPointer(ctx === this.#entry ? this.#stack : this.#stack + 8), true);
    }
    dv.setBigUint64(this.#stack, RETURN_ADDRESS, true);
    if (layout.returnRegister !== undefined) dv.setBigUint64(this.#entry + layout.returnRegister, RETURN_ADDRESS, true);
    dv.setBigUint64(this.#return + layout.ip, RETURN_ADDRESS, true);
  }

  /** pt_regs at the entry of a kernel function at address `ip`. */
  functionEntry(shape: FunctionShape, ip: bigint): ContextWriter {
    const { layout, runner } = this.event;
    const fill = this.#filler(shape);
    const seenIp = wordsOf(ip + layout.ipAdvance);
    return {
      size: layout.size,
      decides: shape.kind === 'args' && shape.args.some((arg) => arg.kind === 'user_open_how' || arg.kind === 'user_clone_args'),
      write: () => {
        storeWords(runner.mem.i32, this.#entry + layout.ip, seenIp);
        return fill() ? this.#entry : undefined;
      },
    };
  }

  /** pt_regs at the entry of a function that a thread's end reaches, with one argument. */
  exitEntry(code: () => number, ip: bigint): ContextWriter {
    const { layout, runner } = this.event;
    return {
      size: layout.size,
      write: () => {
        const dv = runner.mem.dv;
        dv.setBigUint64(this.#entry + layout.ip, ip + layout.ipAdvance, true);
        layout.params.forEach((offset, n) => {
          dv.setBigInt64(this.#entry + offset, n === 0 ? BigInt(code()) : 0n, true);
        });
        return this.#entry;
      },
    };
  }

  /** pt_regs as a return probe sees them: the result, the return address; argument registers are the callee's leavings, given as 0. */
  functionReturn(): ContextWriter {
    const { layout, runner } = this.event;
    return {
      size: layout.size,
      write: () => {
        runner.mem.dv.setBigInt64(this.#return + layout.result, BigInt.asIntN(64, this.event.stop.result), true);
        return this.#return;
      },
    };
  }

  /** Record of syscalls/sys_enter_*: number, then the arguments. */
  syscallEnterRecord(row: TracepointRow): ContextWriter {
    const params = row.fields.length - 1;
    return {
      size: recordSize(row.fields),
      write: () => {
        this.#storeNumber(this.event.stop.nr);
        this.event.copyArgs(params, this.#recordArgs);
        return this.#record;
      },
    };
  }

  /** Record of raw_syscalls/sys_enter: id, then six arguments. */
  rawSyscallEnterRecord(row: TracepointRow): ContextWriter {
    return {
      size: recordSize(row.fields),
      write: () => {
        this.#storeNumber(this.#id());
        this.event.copyArgs(6, this.#recordArgs);
        return this.#record;
      },
    };
  }

  /** Record of syscalls/sys_exit_* and raw_syscalls/sys_exit: number, result. */
  syscallExitRecord(row: TracepointRow): ContextWriter {
    const raw = row.category === 'raw_syscalls';
    return {
      size: recordSize(row.fields),
      write: () => {
        const dv = this.event.runner.mem.dv;
        this.#storeNumber(raw ? this.#id() : this.event.stop.nr);
        dv.setBigInt64(this.#record + 16, BigInt.asIntN(64, this.event.stop.result), true);
        return this.#record;
      },
    };
  }

  /** A record whose fields are given by name at each event: numbers for integers, bytes for char arrays and strings. */
  record(row: TracepointRow, values: () => Readonly<Record<string, number | Uint8Array>>): ContextWriter {
    const start = dataStart(row.fields);
    const writer = {
      size: recordSize(row.fields),
      write: (): number => {
        const { dv, u8 } = this.event.runner.mem;
        const given = values();
        let data = start;
        for (const field of row.fields) {
          const at = this.#record + field.offset;
          const value = given[field.name] ?? 0;
          if (typeof value === 'number') {
            if (field.size === 1) dv.setUint8(at, value);
            else dv.setInt32(at, value, true);
          } else if (field.ctype.startsWith('__data_loc')) {
            const bytes = value.subarray(0, 4095);
            u8.set(bytes, this.#record + data);
            u8[this.#record + data + bytes.length] = 0;
            dv.setUint32(at, data | ((bytes.length + 1) << 16), true);
            data += bytes.length + 1;
          } else {
            u8.fill(0, at, at + field.size);
            u8.set(value.subarray(0, field.size - 1), at);
          }
        }
        writer.size = data;
        return this.#record;
      },
    };
    return writer;
  }

  /** Arguments of a raw tracepoint. */
  raw(values: readonly (() => bigint)[]): ContextWriter {
    return {
      size: RAW_SIZE,
      write: () => {
        const dv = this.event.runner.mem.dv;
        for (let n = 0; n < RAW_SIZE / 8; n++) dv.setBigUint64(this.#raw + 8 * n, values[n]?.() ?? 0n, true);
        return this.#raw;
      },
    };
  }

  /** Pointer to the caller's saved registers. */
  regsPointer(): bigint {
    this.event.regs();
    return this.#regsPointer;
  }

  /** Number of the call as the raw tracepoints give it: with x32's bit. */
  rawId(): bigint {
    return BigInt(this.#id());
  }

  matches(when: ArgCondition): boolean {
    return (this.event.arg(when.n) & when.mask) === when.equals;
  }

  #id(): number {
    const { abi, nr } = this.event.stop;
    return abi === 'x32' ? nr + X32_SYSCALL_BIT : nr;
  }

  /** A system call's number as a 64-bit field at offset 8. */
  #storeNumber(nr: number): void {
    const words = this.event.runner.mem.i32;
    words[(this.#record + 8) >>> 2] = nr;
    words[(this.#record + 12) >>> 2] = nr < 0 ? -1 : 0;
  }

  /** Fills the argument registers of the entry context; false: the kernel fails the call before it reaches the function. */
  #filler(shape: FunctionShape): () => boolean {
    const { event } = this;
    const registers = event.layout.params.map((offset) => this.#entry + offset);
    if (shape.kind === 'direct') {
      return () => {
        event.copyArgs(registers.length, registers);
        return true;
      };
    }
    if (shape.kind === 'args') return () => this.#fillArgs(shape.args, shape.stack);
    const { normal } = shape;
    return () => {
      const native = !normal || event.stop.abi !== 'i386';
      event.regs();
      if (!native) this.#fillInner();
      const words = event.runner.mem.i32;
      for (let n = 0; n < registers.length; n++) {
        storeWords(words, registers[n] ?? 0, n > 0 ? ZERO : native ? this.#regsWords : this.#innerWords);
      }
      return true;
    };
  }

  #fillArgs(list: readonly FunctionArg[], stack: readonly FunctionArg[]): boolean {
    const { runner, layout } = this.event;
    this.objects.begin();
    for (let n = 0; n < layout.params.length; n++) {
      const arg = list[n];
      const value = arg === undefined ? 0n : this.objects.make(arg);
      if (value === undefined) return false;
      runner.mem.dv.setBigUint64(this.#entry + (layout.params[n] ?? 0), value, true);
    }
    for (let n = 0; n < stack.length; n++) {
      const arg = stack[n];
      if (arg !== undefined) runner.mem.dv.setBigUint64(this.#stack + 8 * (n + 1), this.objects.make(arg) ?? 0n, true);
    }
    return true;
  }

  /** The saved registers, with the arguments where the machine's 64-bit ABI has them. */
  #fillInner(): void {
    const { event } = this;
    const regs = event.regs();
    event.runner.mem.u8.copyWithin(this.#inner, regs, regs + event.layout.size);
    event.copyArgs(6, this.#innerArgs);
  }
}
