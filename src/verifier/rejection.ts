/** The end of a verification: thrown where a rule is broken, caught by verify(). No other exception leaves a check. */
import type { ErrnoName } from '../base/index.ts';

/** Why the program is refused. Not an Error: no stack trace is wanted, and unprivileged paths throw many. */
export class Rejection {
  readonly errno: ErrnoName;
  /** The kernel's words, lines joined by line feeds, without the last one. */
  readonly message: string;
  /** Registers that the rule is about, for the diagnostic. */
  readonly regs: readonly number[];

  constructor(errno: ErrnoName, message: string, regs: readonly number[] = []) {
    this.errno = errno;
    this.message = message;
    this.regs = regs;
  }

  /** As it stands in the log. */
  get text(): string {
    return this.message === '' || UNENDED.test(this.message) ? this.message : `${this.message}\n`;
  }
}

/** Messages that the kernel forgot to end. */
const UNENDED =
  /^(insn \d+ cannot call exception cb directly|nonzero insn_off|same or smaller insn offset|invalid type id -?\d+ in func info|expected prog array map for tail call|spilled ptr in range of|uninit stack in range of)/;

/** Refuses with EACCES: the contents of a register do not allow the operation. */
export function denied(message: string, ...regs: readonly number[]): Rejection {
  return new Rejection('EACCES', message, regs);
}

/** Refuses with EINVAL: the operation itself is wrong. */
export function invalid(message: string, ...regs: readonly number[]): Rejection {
  return new Rejection('EINVAL', message, regs);
}
