/**
 * Open-coded iterators: a state on the stack that a `new` function makes, `next` moves on and `destroy` takes away
 * (process_iter_arg, process_iter_next_call, v6.18). Each `next` is a fork: the iterator is drained, or the loop goes round once more.
 */
import type { BtfComposite } from '../../btf/index.ts';
import { checkAccess } from '../access/memory.ts';
import { pushState } from '../explore/pending.ts';
import { previousEntry, widen } from '../explore/widen.ts';
import { hasFlag } from '../kfunc/call.ts';
import type { KfuncFacts } from '../kfunc/facts.ts';
import { invalid, Rejection } from '../rejection.ts';
import { cloneReg, FLAG, KIND, Reg, setConstant, setPointer } from '../state/reg.ts';
import { ALL, BYTE, ITER, ITER_PREFIX, lowestByte } from '../state/stack.ts';
import { type Frame, type PathState, topFrame } from '../state/state.ts';
import { setNotNull } from '../steps/null-checks.ts';
import { regOf, type Verification } from '../verification.ts';
import { acquire, inRcuSection, release } from './held.ts';
import { findObject, isPlace, lineOf, type ObjectPlace } from './stack-object.ts';

/** Whether the parameter is an iterator: the first one of functions that make and move iterators, others by name. */
export function isIteratorParam({ call }: KfuncFacts, index: number): boolean {
  if (hasFlag(call, 'iter_new') || hasFlag(call, 'iter_next') || hasFlag(call, 'iter_destroy')) return index === 0;
  return call.proto.params[index]?.name.endsWith('__iter') === true;
}

/** The structure behind an iterator parameter: its name begins with bpf_iter_ (btf_check_iter_arg). */
function structOf({ call }: KfuncFacts, index: number): BtfComposite | undefined {
  const param = call.proto.params[index];
  const pointer = param === undefined ? undefined : call.btf.resolve(param.type);
  if (pointer?.kind !== 'ptr') return undefined;
  const type = call.btf.resolve(pointer.type);
  return type.kind === 'struct' && type.name.startsWith(ITER_PREFIX) ? type : undefined;
}

/** Checks the iterator at register `n`. */
export function useIterator(v: Verification, n: number, reg: Reg, facts: KfuncFacts): void {
  const { call } = facts;
  if (reg.type !== KIND.STACK) throw invalid(`arg#${n - 1} expected pointer to an iterator on stack`, n);
  const type = structOf(facts, n - 1);
  if (type === undefined) throw invalid(`expected valid iter pointer as arg #${n - 1}`, n);
  const slots = type.size / 8;
  if (hasFlag(call, 'iter_new')) {
    make(v, n, reg, facts, type);
    return;
  }
  const place = findObject(v, n, reg, 'iter', slots);
  const wrong = isPlace(place) ? notReady(place, facts, type) : 'EINVAL';
  if (wrong === 'EINVAL') throw invalid(`${lineOf(place)}expected an initialized iter_${nameOf(type)} as arg #${n - 1}`, n);
  if (wrong === 'EPROTO') throw new Rejection('EPROTO', `expected an RCU CS when using ${call.name}`, [n]);
  if (!isPlace(place)) return;
  const { frame, slot } = place;
  for (let i = 0; i < slots; i++) {
    v.liveness.read(frame.frameno, slot - i, v.insn);
    v.scratchSlot(slot - i);
  }
  facts.iterator = place;
  facts.refId = frame.saved[slot]?.refId ?? 0;
  if (hasFlag(call, 'iter_destroy')) destroy(v, place, slots);
}

function nameOf(type: BtfComposite): string {
  return type.name.slice(ITER_PREFIX.length);
}

function make(v: Verification, n: number, reg: Reg, facts: KfuncFacts, type: BtfComposite): void {
  const slots = type.size / 8;
  const before = findObject(v, n, reg, 'iter', slots);
  if (before !== 'beyond' && !(isPlace(before) && isFree(before, slots))) {
    throw invalid(`${lineOf(before)}expected uninitialized iter_${nameOf(type)} as arg #${n - 1}`, n);
  }
  for (let i = 0; i < slots; i++) checkAccess(v, { at: n, off: i * 8, size: 8, direction: 'write', value: -1 });
  const place = findObject(v, n, reg, 'iter', slots);
  if (!isPlace(place)) throw new Rejection('ERANGE', '', [n]);
  const { frame, slot } = place;
  const id = acquire(v, v.insn);
  const protect = !hasFlag(facts.call, 'rcu_protected') ? 0 : inRcuSection(v) ? FLAG.RCU : FLAG.UNTRUSTED;
  for (let i = 0; i < slots; i++) {
    const object = new Reg();
    setPointer(object, KIND.STACK | protect);
    object.btf = facts.call.btf;
    object.target = type.id;
    object.dynptrType = ITER.ACTIVE;
    if (i === 0) object.refId = id;
    frame.types[slot - i] = ALL.ITER;
    frame.saved[slot - i] = object;
    v.liveness.write(frame.frameno, slot - i);
    v.scratchSlot(slot - i);
  }
}

function isFree({ frame, slot }: ObjectPlace, slots: number): boolean {
  for (let i = 0; i < slots; i++) if (lowestByte(frame.types[slot - i] ?? 0) === BYTE.ITER) return false;
  return true;
}

/** Why there is no usable iterator (is_iter_reg_valid_init). */
function notReady({ frame, slot }: ObjectPlace, { call }: KfuncFacts, type: BtfComposite): 'EINVAL' | 'EPROTO' | undefined {
  for (let i = 0; i < type.size / 8; i++) {
    const object = frame.saved[slot - i];
    if (object === undefined) return 'EINVAL';
    if ((object.type & FLAG.UNTRUSTED) !== 0) return 'EPROTO';
    if ((object.refId !== 0) !== (i === 0)) return 'EINVAL';
    if (object.btf !== call.btf || object.target !== type.id || frame.types[slot - i] !== ALL.ITER) return 'EINVAL';
  }
  return undefined;
}

function destroy(v: Verification, { frame, slot }: ObjectPlace, slots: number): void {
  release(v, frame.saved[slot]?.refId ?? 0);
  for (let i = 0; i < slots; i++) {
    frame.saved[slot - i] = undefined;
    frame.types[slot - i] = ALL.INVALID;
    v.liveness.write(frame.frameno, slot - i);
  }
}

/** The iterator of a call in a state that was copied from the current one. */
function iteratorIn(state: PathState, { iterator }: KfuncFacts): { frame: Frame; slot: number; object: Reg } | undefined {
  const frame = iterator === undefined ? undefined : state.frames[iterator.frame.frameno];
  const object = frame === undefined || iterator === undefined ? undefined : frame.saved[iterator.slot];
  if (frame === undefined || iterator === undefined || object === undefined) return undefined;
  return { frame, slot: iterator.slot, object };
}

/** What `next` returns may be used as long as the iterator may: in its critical section, or always. */
export function isIteratorRcu(v: Verification, facts: KfuncFacts): boolean {
  const found = iteratorIn(v.state, facts);
  return found !== undefined && (found.object.type & FLAG.RCU) !== 0;
}

/** After `next`: the current path goes on with NULL and a drained iterator, another one with an element. */
export function forkNext(v: Verification, facts: KfuncFacts): void {
  const now = iteratorIn(v.state, facts);
  if (now === undefined) throw new Rejection('EFAULT', 'verifier bug: unexpected iterator state');
  if (now.object.dynptrType === ITER.ACTIVE) {
    const { parent } = v.state;
    if (parent === undefined) throw new Rejection('EFAULT', 'verifier bug: bad parent state for iter next call');
    const before = previousEntry(v, parent, v.insn);
    const other = pushState(v, v.insn + 1, v.insn);
    const later = iteratorIn(other, facts);
    if (later !== undefined) {
      const object = cloneReg(later.object);
      object.memSize++;
      later.frame.saved[later.slot] = object;
    }
    if (before !== undefined) widen(v, before, other);
    setNotNull(regOf(topFrame(other), 0));
  }
  const drained = cloneReg(now.object);
  drained.dynptrType = ITER.DRAINED;
  now.frame.saved[now.slot] = drained;
  const result = v.reg(0);
  setConstant(result, 0, 0);
  result.precise = !v.capable;
}

/** An iterator that goes on has gone round since: no endless loop (iter_active_depths_differ). */
export function iteratorsMoved(old: PathState, cur: PathState): boolean {
  return old.frames.some((frame, i) =>
    frame.saved.some((object, slot) => {
      if (object === undefined || frame.types[slot] !== ALL.ITER || object.dynptrType !== ITER.ACTIVE) return false;
      return cur.frames[i]?.saved[slot]?.memSize !== object.memSize;
    }),
  );
}

/** Whether the iterator that R1 points to is still going: then a state met again proves that the loop is safe. */
export function isActiveAtR1(state: PathState): boolean {
  const reg = regOf(topFrame(state), 1);
  const slot = Math.trunc((-(reg.off + reg.vL) - 1) / 8);
  return state.frames[reg.frame]?.saved[slot]?.dynptrType === ITER.ACTIVE;
}

/** The critical section ended: iterators that depend on it may not be used any more. */
export function distrustIterators(state: PathState): void {
  for (const frame of state.frames) {
    for (const [slot, object] of frame.saved.entries()) {
      if (object === undefined || lowestByte(frame.types[slot] ?? 0) !== BYTE.ITER || (object.type & FLAG.RCU) === 0) continue;
      const copy = cloneReg(object);
      copy.type = (copy.type & ~FLAG.RCU) | FLAG.UNTRUSTED;
      frame.saved[slot] = copy;
    }
  }
}
