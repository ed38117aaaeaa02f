/**
 * The walk over the control-flow graph: where states are compared (prune points), where a path's history is recorded (jump points), and
 * for unprivileged programs that there is no way back (kernel/bpf/verifier.c check_cfg and visit_insn, v6.18).
 */
import type { Slot } from '../../isa/index.ts';
import { isFuncRef, isJump, isLocalCall, isUnconditional, jumpTarget, LD_IMM64 } from '../layout.ts';
import { type Refusal, refuse } from '../refusal.ts';
import { callsBackLater, callsBackNow } from './successors.ts';

/** Bits of Points.at. */
export const POINT = { PRUNE: 1, JUMP: 2, FORCE: 4, CALLS_BACK: 8, ITER_NEXT: 16 } as const;

/** What the walk asks about calls of kernel functions. */
export interface KfuncPoints {
  /** The loop that it stands in is bounded by what it returns. */
  isIteratorNext(insn: Slot): boolean;
  callsBackNow(insn: Slot): boolean;
  callsBackLater(insn: Slot): boolean;
}

const EXIT = 0x95;
const MAY_GOTO = 0xe5;
const CALL = 0x85;

type Edge = 'fall' | 'branch';
const DISCOVERED = 16;
const EXPLORED = 32;
const FELL = 1;
const BRANCHED = 2;

/** Marks of a program's slots (POINT bits). */
export function findPoints(
  insns: readonly Slot[],
  options: { loops: boolean; kfuncs: KfuncPoints; alsoFrom?: number },
): Uint8Array | Refusal {
  const marks = new Uint8Array(insns.length + 1);
  const seen = new Uint8Array(insns.length + 1);
  const stack = [0];
  const mark = (at: number, bits: number): void => {
    marks[at] = (marks[at] ?? 0) | bits;
  };
  seen[0] = DISCOVERED;
  /** @returns whether the target has to be walked first, or a refusal */
  const edge = (from: number, to: number, kind: Edge): boolean | Refusal => {
    const done = kind === 'fall' ? FELL : BRANCHED;
    if (((seen[from] ?? 0) & done) !== 0) return false;
    seen[from] = (seen[from] ?? 0) | done;
    if (to < 0 || to >= insns.length) return refuse('EINVAL', `jump out of range from insn ${from} to ${to}`, from);
    if (kind === 'branch') mark(to, POINT.PRUNE | POINT.JUMP);
    const state = seen[to] ?? 0;
    if (state === 0) {
      seen[to] = DISCOVERED;
      stack.push(to);
      return true;
    }
    if ((state & EXPLORED) === 0 && !options.loops) return refuse('EINVAL', `back-edge from insn ${from} to ${to}`, from);
    return false;
  };
  const callEdges = (at: number, insn: Slot, callee: boolean): boolean | Refusal => {
    const next = at + (insn.code === LD_IMM64 ? 2 : 1);
    const first = edge(at, next, 'fall');
    if (first !== false) return first;
    mark(next, POINT.PRUNE | POINT.JUMP);
    if (!callee) return false;
    mark(at, POINT.PRUNE);
    return edge(at, at + insn.imm + 1, 'branch');
  };
  const visit = (at: number, insn: Slot): boolean | Refusal => {
    if (isFuncRef(insn)) return callEdges(at, insn, true);
    if (insn.code === EXIT) return false;
    if (insn.code === CALL) {
      const { kfuncs } = options;
      if (callsBackLater(insn) || kfuncs.callsBackLater(insn)) mark(at, POINT.PRUNE);
      if (kfuncs.isIteratorNext(insn)) mark(at, POINT.ITER_NEXT | POINT.FORCE | POINT.PRUNE);
      if (callsBackNow(insn) || kfuncs.callsBackNow(insn)) mark(at, POINT.CALLS_BACK | POINT.FORCE | POINT.PRUNE | POINT.JUMP);
      return callEdges(at, insn, isLocalCall(insn));
    }
    if (!isJump(insn)) return edge(at, at + (insn.code === LD_IMM64 ? 2 : 1), 'fall');
    if (isUnconditional(insn)) {
      const to = jumpTarget(insn, at);
      const result = edge(at, to, 'fall');
      if (typeof result !== 'object') mark(to, POINT.PRUNE | POINT.JUMP);
      return result;
    }
    mark(at, POINT.PRUNE | (insn.code === MAY_GOTO && insn.src === 0 ? POINT.FORCE : 0));
    const first = edge(at, at + 1, 'fall');
    return first !== false ? first : edge(at, jumpTarget(insn, at), 'branch');
  };
  for (;;) {
    const at = stack.at(-1);
    if (at === undefined) {
      const root = options.alsoFrom;
      if (root === undefined || (seen[root] ?? 0) !== 0) return marks;
      seen[root] = DISCOVERED;
      stack.push(root);
      continue;
    }
    const insn = insns[at];
    const result = insn === undefined ? false : visit(at, insn);
    if (typeof result === 'object') return result;
    if (!result) {
      seen[at] = (seen[at] ?? 0) | EXPLORED;
      stack.pop();
    }
  }
}
