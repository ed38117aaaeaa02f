/** Where control can go after an instruction, inside its subprogram; and which helpers call back. */
import type { Slot } from '../../isa/index.ts';
import { isJump, isUnconditional, jumpTarget, LD_IMM64 } from '../layout.ts';

const EXIT = 0x95;
const CALL = 0x85;
const TAIL_CALL = 12;

/** Helpers that run a subprogram before they return: for_each_map_elem, loop, find_vma, user_ringbuf_drain (is_sync_callback_calling_function, v6.18). */
const SYNC_CALLBACKS: ReadonlySet<number> = new Set([164, 180, 181, 209]);
/** Helpers that have a subprogram run later: timer_set_callback. */
const ASYNC_CALLBACKS: ReadonlySet<number> = new Set([170]);

export function isHelperCall(insn: Slot): boolean {
  return insn.code === CALL && insn.src === 0;
}

/** Whether the instruction is a tail call, which ends its subprogram where it succeeds. */
export function isTailCall(insn: Slot): boolean {
  return isHelperCall(insn) && insn.imm === TAIL_CALL;
}

/** Whether the instruction loads packet bytes, and ends its subprogram where there are none. */
export function isPacketLoad(insn: Slot): boolean {
  const mode = insn.code & 0xe0;
  return (insn.code & 7) === 0 && (mode === 0x20 || mode === 0x40);
}

/** Whether the instruction calls a helper that calls back before it returns. */
export function callsBackNow(insn: Slot): boolean {
  return isHelperCall(insn) && SYNC_CALLBACKS.has(insn.imm);
}

/** Whether the instruction calls a helper that arms a callback for later. */
export function callsBackLater(insn: Slot): boolean {
  return isHelperCall(insn) && ASYNC_CALLBACKS.has(insn.imm);
}

/** Slots that may follow slot `at`: the next one first. Calls return. */
export function successors(insns: readonly Slot[], at: number): number[] {
  const insn = insns[at];
  if (insn === undefined || insn.code === EXIT) return [];
  if (isJump(insn)) return isUnconditional(insn) ? [jumpTarget(insn, at)] : [at + 1, jumpTarget(insn, at)];
  return [at + (insn.code === LD_IMM64 ? 2 : 1)];
}
