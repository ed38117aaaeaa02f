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
import type { CurrentEvent } from './event.ts';
import { KernelObjects } from './objects.ts';

/** Bytes of a raw tracepoint context: 12 arguments (enum of bpf_raw_tracepoint_args, v6.18). */
const RAW_SIZE = 96;
/** Longest string in a record (a path) with its NUL, and room for the fixed part. */
const RECORD_SIZE = 64 + 2 * 4096;
/** The address that the made-up kernel stack returns to: inside kernel text, of no function that can be probed. */
export const RETURN_ADDRESS = 0xffff_ffff_8000_1000n;

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
    return {
      size: layout.size,
      decides: shape.kind === 'args' && shape.args.some((arg) => arg.kind === 'user_open_how' || arg.kind === 'user_clone_args'),
      write: () => {
        runner.mem.dv.setBigUint64(this.#entry + layout.ip, ip + layout.ipAdvance, true);
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
        this.event.runner.mem.dv.setBigInt64(this.#record + 8, BigInt(this.event.stop.nr), true);
        for (let n = 0; n < params; n++) this.event.copyArg(n, this.#record + 16 + 8 * n);
        return this.#record;
      },
    };
  }

  /** Record of raw_syscalls/sys_enter: id, then six arguments. */
  rawSyscallEnterRecord(row: TracepointRow): ContextWriter {
    return {
      size: recordSize(row.fields),
      write: () => {
        this.event.runner.mem.dv.setBigInt64(this.#record + 8, this.#id(), true);
        for (let n = 0; n < 6; n++) this.event.copyArg(n, this.#record + 16 + 8 * n);
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
        dv.setBigInt64(this.#record + 8, raw ? this.#id() : BigInt(this.event.stop.nr), true);
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
        values.forEach((value, n) => {
          dv.setBigUint64(this.#raw + 8 * n, value(), true);
        });
        for (let n = values.length; n < RAW_SIZE / 8; n++) dv.setBigUint64(this.#raw + 8 * n, 0n, true);
        return this.#raw;
      },
    };
  }

  /** Pointer to the caller's saved registers. */
  regsPointer(): bigint {
    return toPointer(this.event.regs());
  }

  /** Number of the call as the raw tracepoints give it: with x32's bit. */
  rawId(): bigint {
    return this.#id();
  }

  matches(when: ArgCondition): boolean {
    return (this.event.arg(when.n) & when.mask) === when.equals;
  }

  #id(): bigint {
    const { abi, nr } = this.event.stop;
    return BigInt(abi === 'x32' ? nr + X32_SYSCALL_BIT : nr);
  }

  /** Fills the argument registers of the entry context; false: the kernel fails the call before it reaches the function. */
  #filler(shape: FunctionShape): () => boolean {
    const { event } = this;
    const { params } = event.layout;
    if (shape.kind === 'direct') {
      return () => {
        for (let n = 0; n < params.length; n++) event.copyArg(n, this.#entry + (params[n] ?? 0));
        return true;
      };
    }
    if (shape.kind === 'args') {
      const list = [
        ...shape.args,
        ...Array.from({ length: Math.max(0, params.length - shape.args.length) }, (): FunctionArg => ({ kind: 'const', value: 0n })),
      ];
      return () => this.#fillArgs(list, shape.stack);
    }
    const { normal } = shape;
    return () => {
      const dv = event.runner.mem.dv;
      params.forEach((offset, n) => {
        dv.setBigUint64(this.#entry + offset, n === 0 ? toPointer(normal ? this.#normalRegs() : event.regs()) : 0n, true);
      });
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
  #normalRegs(): number {
    const { event } = this;
    const regs = event.regs();
    const native = SYSCALL_ARGUMENTS.x86_64;
    if (event.stop.abi !== 'i386' || native === undefined) return regs;
    event.runner.mem.u8.copyWithin(this.#inner, regs, regs + event.layout.size);
    native.offsets.forEach((offset, n) => {
      event.copyArg(n, this.#inner + offset);
    });
    return this.#inner;
  }
}
