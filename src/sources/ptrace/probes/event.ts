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

  /** Copies system-call argument `n` as 64 bits to memory offset `dst`, without making a bigint. */
  copyArg(n: number, dst: number): void {
    const { offsets, width } = argumentLayout(this.stop.abi);
    const at = this.regs() + (offsets[n] ?? 0);
    const dv = this.runner.mem.dv;
    dv.setInt32(dst, dv.getInt32(at, true), true);
    dv.setInt32(dst + 4, width === 8 ? dv.getInt32(at + 4, true) : 0, true);
  }
}

function argumentLayout(abi: SyscallAbi): { readonly offsets: readonly number[]; readonly width: 4 | 8 } {
  const layout = SYSCALL_ARGUMENTS[abi];
  if (layout === undefined) throw new BpfError(`argument registers of ${abi} are not known`);
  return layout;
}
