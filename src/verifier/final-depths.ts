/**
 * Stack of subprograms as they run: the kernel rewrites accepted programs, which takes stack, and drops subprograms that no path came to
 * (optimize_bpf_loop, do_misc_fixups, opt_remove_dead_code, v6.18).
 */
import type { Verification } from './verification.ts';

const SLOT = 8;
/** An inlined bpf_loop keeps three registers. */
const LOOP = 3 * SLOT;
/** may_goto's counter and time. */
const MAY_GOTO = 16;
const MAY_GOTO_CODE = 0xe5;

/** Bytes by subprogram of an accepted program. */
export function finalDepths(v: Verification): number[] {
  const depths: number[] = [];
  for (const { start, end, stackDepth } of v.subprograms) {
    if (v.capable && v.seen[start] !== 1) continue;
    let depth = stackDepth;
    for (let at = start; at < end; at++) {
      if (v.facts[at]?.loop?.inline !== true) continue;
      depth = Math.ceil(depth / SLOT) * SLOT + LOOP;
      break;
    }
    const hasMayGoto = v.insns.some((insn, at) => at >= start && at < end && insn.code === MAY_GOTO_CODE);
    depths.push(hasMayGoto ? depth + MAY_GOTO : depth);
  }
  return depths;
}
