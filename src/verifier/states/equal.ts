/**
 * Whether a state that was found safe covers another one: everything that was allowed in the old one is allowed in the new one
 * (kernel/bpf/verifier.c states_equal, v6.18).
 */
import { ADD_CONST, KIND, kindOf, Reg, sameContents, sameTarget, setUnknownScalar } from '../state/reg.ts';
import { ALL, BYTE, byteType, lowestByte } from '../state/stack.ts';
import { type Frame, frameInsn, type Held, type PathState, topFrame } from '../state/state.ts';
import { rangeWithin, tnumIn } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { Ids } from './ids.ts';

/** How alike: `safe`: unread and imprecise parts may differ; `within`: precise or not, the new one lies in the old; `exact`: the same. */
export type Likeness = 'safe' | 'within' | 'exact';

/** Whether `cur` needs no further look because `old` was safe. */
export function statesEqual(v: Verification, old: PathState, cur: PathState, likeness: Likeness): boolean {
  if (old.frames.length !== cur.frames.length) return false;
  if (old.speculative && !cur.speculative) return false;
  if (old.sleepable !== cur.sleepable || old.rcuLock !== cur.rcuLock || old.preemptLocks !== cur.preemptLocks) return false;
  const ids = new Ids(v.ids);
  if (!heldEqual(old.held, cur.held, ids)) return false;
  for (const [i, frame] of old.frames.entries()) {
    const other = cur.frames[i];
    if (other === undefined || frame.callsite !== other.callsite) return false;
    if (!framesEqual(v, frame, other, v.live[frameInsn(old, i)] ?? 0, ids, likeness)) return false;
  }
  return true;
}

function heldEqual(old: readonly Held[], cur: readonly Held[], ids: Ids): boolean {
  if (old.length !== cur.length) return false;
  for (const [i, a] of old.entries()) {
    const b = cur[i];
    if (b === undefined || a.kind !== b.kind || a.of !== b.of || !ids.match(a.id, b.id)) return false;
  }
  return true;
}

function framesEqual(v: Verification, old: Frame, cur: Frame, live: number, ids: Ids, likeness: Likeness): boolean {
  if (old.callbackDepth > cur.callbackDepth) return false;
  for (let n = 0; n <= 10; n++) {
    if ((live & (1 << n)) === 0) continue;
    const a = old.regs[n];
    const b = cur.regs[n];
    if (a === undefined || b === undefined || !regSafe(v, a, b, ids, likeness)) return false;
  }
  return stackSafe(v, old, cur, ids, likeness);
}

/** Contents are the same, and ids relate. */
export function regExact(old: Reg, cur: Reg, ids: Ids): boolean {
  return sameContents(old, cur) && ids.match(old.id, cur.id) && ids.match(old.refId, cur.refId);
}

function regSafe(v: Verification, old: Reg, cur: Reg, ids: Ids, likeness: Likeness): boolean {
  if (likeness === 'exact') return regExact(old, cur, ids);
  if (old.type === KIND.NOT_INIT && (likeness === 'safe' || cur.type === KIND.NOT_INIT)) return true;
  if (old.type !== cur.type) return false;
  switch (kindOf(old.type)) {
    case KIND.SCALAR:
      if (v.speculation.exact) return sameContents(old, cur) && (old.id === 0 || ids.matchScalars(old.id, cur.id));
      if (!old.precise && likeness === 'safe') return true;
      // What nothing was tied to may be tied to anything.
      if (old.id === 0) return rangeWithin(old, cur) && tnumIn(old, cur);
      if ((old.id & ADD_CONST) !== (cur.id & ADD_CONST)) return false;
      if ((old.id & ADD_CONST) !== 0 && old.off !== cur.off) return false;
      return rangeWithin(old, cur) && tnumIn(old, cur) && ids.matchScalars(old.id, cur.id);
    case KIND.MAP_KEY:
    case KIND.MAP_VALUE:
    case KIND.MEM:
    case KIND.BUF:
    case KIND.TP_BUFFER:
      return (
        sameTarget(old, cur) && rangeWithin(old, cur) && tnumIn(old, cur) && ids.match(old.id, cur.id) && ids.match(old.refId, cur.refId)
      );
    case KIND.PACKET:
    case KIND.PACKET_META:
      if (old.range < 0 || cur.range < 0 ? old.range !== cur.range : old.range > cur.range) return false;
      return old.off === cur.off && ids.match(old.id, cur.id) && rangeWithin(old, cur) && tnumIn(old, cur);
    case KIND.ARENA:
      return true;
    case KIND.STACK:
      return regExact(old, cur, ids) && old.frame === cur.frame;
    default:
      return regExact(old, cur, ids);
  }
}

/** Stands for 8 bytes of anything. */
const anything = new Reg();
setUnknownScalar(anything, false);

/** A slot seen as one 64-bit scalar: a whole saved scalar, or bytes of which nothing is known. */
function asScalar(v: Verification, types: number, saved: Reg | undefined): Reg | undefined {
  if (types === ALL.SPILL && saved?.type === KIND.SCALAR) return saved;
  for (let i = 0; i < 8; i++) {
    const type = byteType(types, i);
    if (type !== BYTE.MISC && !(v.uninitStack && type === BYTE.INVALID)) return undefined;
  }
  return anything;
}

function stackSafe(v: Verification, old: Frame, cur: Frame, ids: Ids, likeness: Likeness): boolean {
  for (let slot = 0; slot < old.types.length; slot++) {
    const a = old.types[slot] ?? 0;
    if (likeness === 'safe' && a === ALL.INVALID) continue;
    const here = slot < cur.types.length;
    const b = cur.types[slot] ?? 0;
    const x = old.saved[slot];
    const y = cur.saved[slot];
    // Saved registers are shared between states: most slots are the very same.
    if (a === b && x === y && here && (x === undefined || (x.id | x.refId) === 0)) continue;
    for (let i = 0; i < 8; i++) {
      const from = byteType(a, i);
      const to = byteType(b, i);
      if (likeness !== 'safe' && (!here || from !== to)) return false;
      if (from === BYTE.INVALID) continue;
      if (v.uninitStack && from === BYTE.MISC) continue;
      if (!here) return false;
      const wholeOld = asScalar(v, a, x);
      const wholeCur = asScalar(v, b, y);
      if (wholeOld !== undefined && wholeCur !== undefined) {
        if (!regSafe(v, wholeOld, wholeCur, ids, likeness)) return false;
        break;
      }
      if (from === BYTE.MISC && to === BYTE.ZERO) continue;
      if (from !== to) return false;
      if (i < 7) continue;
      if (!savedSafe(v, lowestByte(a), x, y, ids, likeness)) return false;
    }
  }
  return true;
}

function savedSafe(v: Verification, type: number, old: Reg | undefined, cur: Reg | undefined, ids: Ids, likeness: Likeness): boolean {
  if (type === BYTE.MISC || type === BYTE.ZERO || type === BYTE.INVALID) return true;
  if (old === undefined || cur === undefined) return old === cur;
  if (type === BYTE.SPILL) return regSafe(v, old, cur, ids, likeness);
  return old.dynptrType === cur.dynptrType && old.btf === cur.btf && old.target === cur.target && ids.match(old.refId, cur.refId);
}

/** A cheap test before an exact comparison: the innermost frame's registers are the same, ids too. */
export function maybeLooping(old: PathState, cur: PathState): boolean {
  if (old.frames.length !== cur.frames.length) return false;
  const regs = topFrame(cur).regs;
  return topFrame(old).regs.every((a, n) => {
    const b = regs[n];
    return b !== undefined && a.id === b.id && a.refId === b.refId && sameContents(a, b);
  });
}
