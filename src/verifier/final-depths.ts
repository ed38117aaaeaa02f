/** Stack by subprogram as the kernel tells it after it has rewritten the program: what rewriting needs is added, dead subprograms are gone (v6.18). */
import { isJump, jumpTarget } from './layout.ts';
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

/** Whether a may_goto is left that leads anywhere but to the next instruction. */
function countsJumps(v: Verification, { start, end }: Subprogram): boolean {
  for (let at = start; at < end; at++) {
    const insn = v.insns[at];
    if (insn?.code !== MAY_GOTO || v.seen[at] !== 1) continue;
    if (!v.capable) return true;
    const target = jumpTarget(insn, at);
    if (v.seen[at + 1] === 1 && v.seen[target] === 1 && !isEmpty(v, at + 1, target)) return true;
  }
  return false;
}

/** Nothing but jumps to the next instruction is between. */
function isEmpty(v: Verification, from: number, to: number): boolean {
  if (to < from) return false;
  for (let at = from; at < to; at++) {
    const insn = v.insns[at];
    if (v.seen[at] === 1 && insn !== undefined && !(isJump(insn) && insn.off === 0)) return false;
  }
  return true;
}
