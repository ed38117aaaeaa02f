/** Stack used by chains of calls (check_max_stack_depth, v6.18): 512 bytes in all, or by subprogram where programs have a stack of their own. */
import type { Slot } from '../isa/index.ts';
import { isKfuncCall, namedKfunc } from './kfunc/call.ts';
import { isFuncRef, isLocalCall } from './layout.ts';
import { denied, invalid, Rejection } from './rejection.ts';
import { MAX_FRAMES } from './state/state.ts';
import { subprogramAt } from './subprograms.ts';
import type { Verification } from './verification.ts';

const STACK_MAX = 512;
/** Deepest stack below a subprogram that makes tail calls. */
const TAIL_CALL_MAX = 256;
/** Frames are rounded to this by the just-in-time compiler. */
const ROUND = 16;
/** Frames from this size on get a stack of their own. */
const PRIVATE_MIN = 64;
/** Types whose programs may have private stacks: kprobe, tracepoint, perf_event, raw_tracepoint. */
const PRIVATE_TYPES = [2, 5, 7, 17];

type Mode = 'unknown' | 'own' | 'shared';

/** Refuses programs whose calls need too much stack. */
export function checkStackDepth(v: Verification): void {
  const modes: Mode[] = v.subprograms.map(() => 'unknown');
  const own = PRIVATE_TYPES.includes(v.program.type) && v.subprograms[0]?.hasTailCall !== true;
  for (let i = v.subprograms.length - 1; i >= 0; i--) {
    if (i === 0 || v.subprograms[i]?.isAsyncCallback === true) walk(v, i, i === 0 && own, modes);
  }
}

/** A callback may not throw, nor what it calls: whoever runs it does not expect that. */
function checkThrow(v: Verification, at: number, insn: Slot, chain: readonly Visit[]): void {
  if (namedKfunc(v, insn)?.special !== 'bpf_throw' || !chain.some(({ index }) => v.subprograms[index]?.isCallback === true)) return;
  throw invalid(`bpf_throw kfunc (insn ${at}) cannot be called from callback subprog ${chain.at(-1)?.index ?? 0}`);
}

interface Visit {
  readonly index: number;
  at: number;
}

function walk(v: Verification, root: number, own: boolean, modes: Mode[]): void {
  const stack: Visit[] = [];
  let depth = 0;
  const size = (index: number): number => Math.ceil((v.subprograms[index]?.stackDepth ?? 0) / ROUND) * ROUND;
  const enter = (index: number): void => {
    const subprog = v.subprograms[index];
    if (!own) modes[index] = 'shared';
    if (index !== 0 && subprog?.hasTailCall === true && depth >= TAIL_CALL_MAX) {
      throw denied(`tail_calls are not allowed when call stack of previous frames is ${depth} bytes. Too large`);
    }
    if (own && modes[index] === 'unknown' && size(index) >= PRIVATE_MIN) modes[index] = 'own';
    stack.push({ index, at: subprog?.start ?? 0 });
    if (modes[index] === 'own') {
      if (size(index) > STACK_MAX) throw denied(`stack size of subprog ${index} is ${size(index)}. Too large`);
      return;
    }
    depth += size(index);
    if (depth > STACK_MAX) throw denied(`combined stack size of ${stack.length} calls is ${depth}. Too large`);
  };
  enter(root);
  for (let visit = stack.at(-1); visit !== undefined; visit = stack.at(-1)) {
    const end = v.subprograms[visit.index]?.end ?? 0;
    let callee = -1;
    while (visit.at < end && callee < 0) {
      const at = visit.at++;
      const insn = v.insns[at];
      if (insn === undefined) continue;
      if (isKfuncCall(insn)) checkThrow(v, at, insn, stack);
      if (!isLocalCall(insn) && !isFuncRef(insn)) continue;
      const target = subprogramAt(v, at + insn.imm + 1);
      if (v.subprograms[target]?.isAsyncCallback === true && !isLocalCall(insn)) continue;
      if (target !== 0 && target === v.exceptionCallback) throw invalid(`insn ${at} cannot call exception cb directly`);
      callee = target;
    }
    if (callee >= 0) {
      if (stack.length >= MAX_FRAMES) throw new Rejection('E2BIG', `the call stack of ${stack.length} frames is too deep !`);
      enter(callee);
      continue;
    }
    if (modes[visit.index] !== 'own') depth -= size(visit.index);
    stack.pop();
  }
}
