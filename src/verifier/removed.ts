/** What removing dead code leads to: a function that is gone while its address is still taken (opt_remove_dead_code, jit_subprogs, v6.18). */
import { isFuncRef, isJump, isUnconditional, jumpTarget, LD_IMM64 } from './layout.ts';
import { Rejection } from './rejection.ts';
import type { Verification } from './verification.ts';

/** Instructions that are taken out: [from, to) of the program as it is at that moment. */
interface Removal {
  readonly from: number;
  readonly count: number;
}

/**
 * The kernel takes out what no path came to. An address of a function that went with it then means whatever comes to stand in its place; where
 * that is not the start of a function, the program is refused. (The instruction in the kernel's message is that of the rewritten program.)
 */
export function checkRemoved(v: Verification): void {
  if (!v.capable) return;
  const live = v.subprograms.filter((s) => v.seen[s.start] === 1);
  if (live.length < 2 || live.length === v.subprograms.length) return;
  const targets = new Set<number>();
  for (const [at, insn] of v.insns.entries()) {
    if (v.seen[at] === 1 && isFuncRef(insn) && v.seen[at + insn.imm + 1] !== 1) targets.add(at + insn.imm + 1);
  }
  if (targets.size === 0) return;
  const removals = removalsOf(v);
  const starts = new Set(live.map((s) => moved(s.start, removals)));
  for (const target of targets) {
    const at = moved(target, removals);
    if (!starts.has(at)) throw new Rejection('EFAULT', `verifier bug: No program to jit at insn ${at} (subprog < 0)`);
  }
}

function moved(target: number, removals: readonly Removal[]): number {
  let at = target;
  for (const { from, count } of removals) if (at >= from + count) at -= count;
  return at;
}

/** First what is dead, then what does nothing: jumps to the next instruction, made or found. */
function removalsOf(v: Verification): Removal[] {
  const { insns, seen } = v;
  const removals: Removal[] = [];
  const isSeen = (at: number): boolean => seen[at] === 1 || (at > 0 && insns[at - 1]?.code === LD_IMM64 && seen[at - 1] === 1);
  let gone = 0;
  for (let at = 0; at < insns.length; ) {
    if (isSeen(at)) {
      at++;
      continue;
    }
    const from = at;
    while (at < insns.length && !isSeen(at)) at++;
    removals.push({ from: from - gone, count: at - from });
    gone += at - from;
  }
  let place = 0;
  for (let at = 0; at < insns.length; at++) {
    if (!isSeen(at)) continue;
    if (doesNothing(v, at, isSeen)) removals.push({ from: place, count: 1 });
    else place++;
  }
  return removals;
}

function doesNothing(v: Verification, at: number, isSeen: (at: number) => boolean): boolean {
  const insn = v.insns[at];
  if (insn === undefined || !isJump(insn)) return false;
  const target = jumpTarget(insn, at);
  if (isUnconditional(insn)) return target === at + 1 || distance(at, target, isSeen) === 0;
  // A conditional jump that only falls through becomes a jump to the next instruction.
  return insn.code !== 0xe5 && isSeen(at + 1) && !isSeen(target);
}

/** Instructions left between a jump and its target. */
function distance(at: number, target: number, isSeen: (at: number) => boolean): number {
  let left = 0;
  for (let i = at + 1; i < target && left === 0; i++) if (isSeen(i)) left++;
  return target > at ? left : 1;
}
