/** Stack by subprogram as the kernel tells it after it has rewritten the program: what rewriting needs is added, dead subprograms are gone (v6.18). */
import type { Slot } from '../isa/index.ts';
import { isJump, isUnconditional, jumpTarget } from './layout.ts';
import type { Subprogram } from './subprograms.ts';
import type { Verification } from './verification.ts';

const MAY_GOTO = 0xe5;
/** Three saved registers of an inlined bpf_loop. */
const LOOP = 24;
/** may_goto's count and start time. */
const BOUND = 16;

/** Bytes by subprogram that is left; one more at the end where values are thrown and nothing catches them. */
export function finalDepths(v: Verification): number[] {
  const left = v.subprograms.filter((s) => !v.capable || v.seen[s.start] === 1);
  const depths = left.map((s) => s.stackDepth + (inlinesLoop(v, s) ? LOOP : 0) + (countsJumps(v, s) ? BOUND : 0));
  if (v.seenException && v.exceptionCallback === 0) depths.push(0);
  return depths;
}

function inlinesLoop(v: Verification, { start, end }: Subprogram): boolean {
  for (let at = start; at < end; at++) if (v.facts[at]?.loop?.inline === true) return true;
  return false;
}

/** Whether a may_goto is left. */
function countsJumps(v: Verification, { start, end }: Subprogram): boolean {
  for (let at = start; at < end; at++) {
    const insn = v.insns[at];
    if (insn?.code !== MAY_GOTO || v.seen[at] !== 1) continue;
    if (!v.capable || (!isWired(v, insn, at) && !leadsOn(v, at))) return true;
  }
  return false;
}

/** One side of the branch is dead: it is made a jump. */
function isWired(v: Verification, insn: Slot, at: number): boolean {
  return v.seen[at + 1] !== 1 || v.seen[jumpTarget(insn, at)] !== 1;
}

/** Whether the may_goto is taken out because only the next instruction is left to go to (opt_remove_nops looks back from one of its kind only). */
function leadsOn(v: Verification, at: number): boolean {
  const between = liveBetween(v, at);
  const last = between?.at(-1);
  if (between === undefined || last === undefined) return between !== undefined;
  return v.insns[last]?.code === MAY_GOTO && between.every((i) => isRemoved(v, i));
}

function isRemoved(v: Verification, at: number): boolean {
  const insn = v.insns[at];
  if (insn === undefined || !isJump(insn)) return false;
  if (!isUnconditional(insn)) {
    if (!isWired(v, insn, at)) return insn.code === MAY_GOTO && leadsOn(v, at);
    if (v.seen[at + 1] === 1) return true;
  }
  return liveBetween(v, at)?.length === 0;
}

/** Live instructions that a jump forward passes over. */
function liveBetween(v: Verification, at: number): number[] | undefined {
  const insn = v.insns[at];
  const target = insn === undefined ? at : jumpTarget(insn, at);
  if (target <= at) return undefined;
  const between: number[] = [];
  for (let i = at + 1; i < target; i++) if (v.seen[i] === 1) between.push(i);
  return between;
}
