/** The seam between a thread's runner and the two ways of running a program: compiled or interpreted. */
import type { CurrentTask } from '../helpers/index.ts';
import type { RunInput } from '../interp/index.ts';
import type { ThreadProgram } from './thread-programs.ts';

/** What runs now, as helpers see it. One object, changed from run to run. */
export interface Current {
  task: CurrentTask;
  cpu: number;
  cookie: bigint;
  funcIp: bigint;
  progId: number;
  progType: number;
}

/** Why a run ended early. */
export interface ExecutionFault {
  readonly progId: number;
  /** Slot of the instruction. */
  readonly insn: number;
  /** Lower-case sentence. */
  readonly reason: string;
  /** The violation was not one that code checks for: the verifier let something pass. */
  readonly trap?: boolean;
}

/** Runs programs one at a time on the calling thread. */
export interface Executor {
  /** Runs a program to its end. @returns whether it came to it; otherwise `fault` says why not */
  run(program: ThreadProgram, input: RunInput): boolean;
  /** As run, `times` over; stops at a fault. */
  repeat(program: ThreadProgram, input: RunInput, times: number): boolean;
  /** Result of the last run, unsigned: all of it, and its low 32 bits. */
  readonly r0: bigint;
  readonly r0Low: number;
  readonly fault: ExecutionFault | undefined;
  /** Runs that the last call began, the one with the fault included. */
  readonly runs: number;
  /** Forgets a program that is gone. */
  forget(progId: number): void;
  /** Makes ready what the first run would otherwise wait for. */
  warmUp(): void;
  /** Gives memory back. */
  close(): void;
}
