/** The verdict that a program is refused: errno, the kernel's message, and where. */
import type { ErrnoName } from '../base/index.ts';

/** Why a program is refused. */
export interface Refusal {
  readonly errno: ErrnoName;
  /** The kernel's message (seldom two lines) without its last line feed; empty where the kernel says nothing. */
  readonly message: string;
  /** Slot of the instruction at fault, where there is one. */
  readonly insn?: number;
}

/** Shorthand. */
export function refuse(errno: ErrnoName, message: string, insn?: number): Refusal {
  return insn === undefined ? { errno, message } : { errno, message, insn };
}
