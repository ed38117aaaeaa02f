/** Scalars that change from round to round of a loop, and whose value has not mattered yet, are forgotten, so that the loop's states meet (widen_imprecise_scalars, v6.18). */
import { cloneReg, KIND, type Reg, setUnknownScalar } from '../state/reg.ts';
import { BYTE, lowestByte } from '../state/stack.ts';
import { type PathState, topFrame } from '../state/state.ts';
import { regExact } from '../states/equal.ts';
import { Ids } from '../states/ids.ts';
import type { Verification } from '../verification.ts';

/** The last state kept at `insn` on the current path, in the same calls. */
export function previousEntry(v: Verification, cur: PathState, insn: number): PathState | undefined {
  const key = ((insn ^ topFrame(cur).callsite) >>> 0) % v.insns.length;
  for (const { state } of v.visited.get(key) ?? []) {
    const same = state.frames.length === cur.frames.length && state.frames.every((f, i) => f.callsite === cur.frames[i]?.callsite);
    if (state.insn === insn && state.branches > 0 && same && state.dfsDepth < cur.dfsDepth) return state;
  }
  return undefined;
}

function differs(old: Reg, cur: Reg, ids: Ids): boolean {
  if (old.type !== KIND.SCALAR || cur.type !== KIND.SCALAR || old.precise || cur.precise) return false;
  return !regExact(old, cur, ids);
}

/** Forgets in `cur` what differs from `old`. */
export function widen(v: Verification, old: PathState, cur: PathState): void {
  const ids = new Ids(v.ids);
  for (const [i, frame] of cur.frames.entries()) {
    const before = old.frames[i];
    if (before === undefined) continue;
    for (const [n, reg] of frame.regs.entries()) {
      const was = before.regs[n];
      if (was !== undefined && differs(was, reg, ids)) setUnknownScalar(reg, !v.capable);
    }
    for (let slot = 0; slot < frame.saved.length; slot++) {
      const saved = frame.saved[slot];
      const was = before.saved[slot];
      if (saved === undefined || was === undefined) continue;
      if (lowestByte(frame.types[slot] ?? 0) !== BYTE.SPILL || lowestByte(before.types[slot] ?? 0) !== BYTE.SPILL) continue;
      if (!differs(was, saved, ids)) continue;
      const copy = cloneReg(saved);
      setUnknownScalar(copy, !v.capable);
      frame.saved[slot] = copy;
    }
  }
}
