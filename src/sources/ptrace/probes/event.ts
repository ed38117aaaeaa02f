/** The event being dispatched, laid out in engine memory: saved registers, arguments, scratch for contexts. Which contexts are made from it is contexts.ts's business. */

import { BpfError } from '../../../base/index.ts';
import type { ProgramRunner } from '../../../engine/types.ts';
import { type RegisterLayout, SYSCALL_ARGUMENTS, type SyscallAbi, X86_64_REGISTERS } from '../../../events/index.ts';
import type { SyscallStop, TracedTask } from '../types.ts';

/** Room for PTRACE_GETREGS to write struct user_regs_struct, which is longer than pt_regs. */
const REGS_ROOM = 256;

/**
 * Address of kernel objects that exist for the kernel but are not modelled (a linux_binprm): kernel-like and outside the engine's memory, so
 * that reading them faults instead of giving invented bytes.
 */
export const UNREADABLE = 0xffff_9800_0000_0000n;

/** One stop at a time: what it is about, with registers read at most once. */
export class CurrentEvent {
  readonly runner: ProgramRunner;
  /** Registers of the machine that contexts are laid out for. */
  readonly layout: RegisterLayout = X86_64_REGISTERS;
  /** The caller's saved registers: struct pt_regs, valid after regs(). */
  readonly savedRegs: number;
  #task: TracedTask | undefined;
  #stop: SyscallStop | undefined;
  #regsRead = false;

  constructor(runner: ProgramRunner) {
    this.runner = runner;
    this.savedRegs = runner.alloc(REGS_ROOM);
  }

  begin(task: TracedTask, stop?: SyscallStop): void {
    this.#task = task;
    this.#stop = stop;
    this.#regsRead = false;
  }

  get task(): TracedTask {
    if (this.#task === undefined) throw new BpfError('no event is being dispatched');
    return this.#task;
  }

  get stop(): SyscallStop {
    if (this.#stop === undefined) throw new BpfError('the event is not a system call');
    return this.#stop;
  }

  /** Makes savedRegs valid and gives its offset. */
  regs(): number {
    if (!this.#regsRead) {
      this.stop.readRegs(this.savedRegs);
      this.#regsRead = true;
    }
    return this.savedRegs;
  }

  /** System-call argument `n` (0..5) as the kernel's entry code takes it. */
  arg(n: number): bigint {
    const { offsets, width } = argumentLayout(this.stop.abi);
    const at = this.regs() + (offsets[n] ?? 0);
    return width === 8 ? this.runner.mem.dv.getBigUint64(at, true) : BigInt(this.runner.mem.dv.getUint32(at, true));
  }

  /** Copies the first `count` system-call arguments as 64 bits each to memory offsets `dst(n)`, without making a bigint. */
  copyArgs(count: number, dst: readonly number[]): void {
    const { offsets, width } = argumentLayout(this.stop.abi);
    const regs = this.regs();
    const words = this.runner.mem.i32;
    for (let n = 0; n < count; n++) {
      const from = (regs + (offsets[n] ?? 0)) >>> 2;
      const to = (dst[n] ?? 0) >>> 2;
      words[to] = words[from] ?? 0;
      words[to + 1] = width === 8 ? (words[from + 1] ?? 0) : 0;
    }
  }
}

/** A 64-bit value as two words: storing it costs no bigint. */
export interface Words {
  readonly low: number;
  readonly high: number;
}

/** The words of a 64-bit value. */
export function wordsOf(value: bigint): Words {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)) };
}

/** Stores words at an 8-byte aligned memory offset. */
export function storeWords(words: Int32Array, offset: number, value: Words): void {
  words[offset >>> 2] = value.low;
  words[(offset >>> 2) + 1] = value.high;
}

function argumentLayout(abi: SyscallAbi): { readonly offsets: readonly number[]; readonly width: 4 | 8 } {
  const layout = SYSCALL_ARGUMENTS[abi];
  if (layout === undefined) throw new BpfError(`argument registers of ${abi} are not known`);
  return layout;
}
