/**
 * Precision: a scalar's exact range matters only where it decided something. From there the path is walked back through the states kept on it, and
 * the registers and slots that the value came from are marked (kernel/bpf/verifier.c mark_chain_precision, v6.18). Only marked scalars have to be
 * covered when states are compared.
 */
import { stateText } from '../log/state-text.ts';
import { Rejection } from '../rejection.ts';
import { cloneReg, KIND, type Reg } from '../state/reg.ts';
import { BYTE, lowestByte } from '../state/stack.ts';
import type { Frame, History, PathState } from '../state/state.ts';
import type { Verification } from '../verification.ts';
import { stepBack } from './step.ts';
import { ARGS, Tracked } from './tracked.ts';

/** The value of register `n` of the innermost frame mattered. */
export function markPrecise(v: Verification, n: number): void {
  if (!v.capable) return;
  // bpf_loop takes any number of rounds, an address too.
  if (v.reg(n).type !== KIND.SCALAR) throw new Rejection('EFAULT', 'verifier bug: backtracking misuse', [n]);
  const tracked = new Tracked(v.state.frames.length - 1);
  tracked.addReg(n);
  walkBack(v, v.state, tracked);
}

/** The value of a tracked set in `state` mattered. @returns whether a mark was set that was not there */
export function markTracked(v: Verification, state: PathState, tracked: Tracked): boolean {
  return v.capable && !tracked.empty ? walkBack(v, state, tracked) : false;
}

function inconsistent(): Rejection {
  return new Rejection('EFAULT', 'verifier bug: backtracking found registers that nothing set');
}

function walkBack(v: Verification, start: PathState, tracked: Tracked): boolean {
  let state: PathState | undefined = start;
  let last = start.insn;
  let first = start.firstInsn;
  let after = -1;
  let step = start.step;
  let skip = true;
  let changed = false;
  for (;;) {
    if (v.log.all) v.log.write(`mark_precise: frame${tracked.frame}: last_idx ${last} first_idx ${first} subseq_idx ${after} \n`);
    if (last < 0) return markEntry(state, tracked);
    let history: History | undefined = state.history;
    for (let at = last; ; ) {
      if (skip) {
        skip = false;
      } else {
        // The second half of ld_imm64 is no step, and forked arithmetic is only one.
        if (step?.before?.state.insn === at) step = step.before;
        const here = history?.idx === at ? history : undefined;
        if (v.log.all) logStep(v, at, tracked);
        const result = stepBack(v, at, after, here, tracked);
        if (result === 'bug') throw inconsistent();
        if (result === 'lost') {
          markAll(v, start);
          return true;
        }
      }
      if (step?.state.insn === at) step.note(tracked);
      if (tracked.empty) return changed;
      after = at;
      if (at === first && (history === undefined || (history.before === undefined && history.idx === at))) break;
      if (history !== undefined && history.idx === at) {
        at = history.prevIdx;
        history = history.before;
      } else {
        at--;
      }
      if (at < 0 || at >= v.insns.length) throw inconsistent();
    }
    state = state.parent;
    if (state === undefined) break;
    for (let frame = tracked.frame; frame >= 0; frame--) {
      const at = state.frames[frame];
      if (at !== undefined && markFrame(at, frame, tracked)) changed = true;
      if (!v.log.all) continue;
      const sets = `regs=${tracked.regsText(frame)} stack=${tracked.slotsText(frame)}`;
      v.log.write(`mark_precise: frame${frame}: parent state ${sets}: ${stateText(v, state, frame, 'all')}`);
    }
    if (tracked.empty) return changed;
    after = first;
    last = state.lastInsn;
    first = state.firstInsn;
  }
  markAll(v, start);
  return true;
}

function logStep(v: Verification, at: number, tracked: Tracked): void {
  // The second half of ld_imm64 is no instruction.
  if (v.insns[at]?.code === 0) return;
  const sets = `regs=${tracked.regsText()} stack=${tracked.slotsText()}`;
  v.log.write(`mark_precise: frame${tracked.frame}: ${sets} before ${at}: ${v.insnText(at)}\n`);
}

/** The arguments of a global function are where every way back ends. */
function markEntry(state: PathState, tracked: Tracked): boolean {
  const frame = state.frames[0];
  if (state.frames.length !== 1 || frame === undefined || frame.subprog === 0) throw inconsistent();
  if (tracked.anySlot() || (tracked.regs() & ~ARGS) !== 0) throw inconsistent();
  let changed = false;
  for (let n = 1; n <= 5; n++) {
    const reg = frame.regs[n];
    if (!tracked.hasReg(n) || reg === undefined || reg.type !== KIND.SCALAR) continue;
    reg.precise = true;
    changed = true;
  }
  return changed;
}

/** Marks what is tracked in a kept state; what is marked already, or is no scalar, needs no further tracking. */
function markFrame(frame: Frame, number: number, tracked: Tracked): boolean {
  let changed = false;
  const regs = tracked.regs(number);
  for (let n = 0; n <= 10; n++) {
    if ((regs & (1 << n)) === 0) continue;
    const reg = frame.regs[n];
    if (reg === undefined || reg.type !== KIND.SCALAR || reg.precise) {
      tracked.dropReg(n, number);
    } else {
      reg.precise = true;
      changed = true;
    }
  }
  if (!tracked.anySlot(number)) return changed;
  for (let slot = 0; slot < 64; slot++) {
    if (!tracked.hasSlot(number, slot)) continue;
    const saved = savedScalar(frame, slot);
    if (saved === undefined || saved.precise) {
      tracked.dropSlot(number, slot);
    } else {
      setSavedPrecise(frame, slot, saved, true);
      changed = true;
    }
  }
  return changed;
}

/** The scalar saved in a slot, wholly or in its low part. */
export function savedScalar(frame: Frame, slot: number): Reg | undefined {
  if (lowestByte(frame.types[slot] ?? 0) !== BYTE.SPILL) return undefined;
  const saved = frame.saved[slot];
  return saved?.type === KIND.SCALAR ? saved : undefined;
}

function setSavedPrecise(frame: Frame, slot: number, saved: Reg, precise: boolean): void {
  const copy = cloneReg(saved);
  copy.precise = precise;
  if (frame.savedShared) {
    frame.saved = frame.saved.slice();
    frame.savedShared = false;
  }
  frame.saved[slot] = copy;
}

/** Every scalar on the way here counts. */
export function markAll(v: Verification, start: PathState): void {
  if (v.log.all) v.log.write(`mark_precise: frame${start.frames.length - 1}: falling back to forcing all scalars precise\n`);
  for (let state = start.parent; state !== undefined; state = state.parent) {
    if (v.log.all) logForced(v, state);
    setAll(state, true);
  }
  for (let step = start.step; step !== undefined; step = step.before) step.all = true;
}

function logForced(v: Verification, state: PathState): void {
  for (const [number, frame] of state.frames.entries()) {
    const tell = (what: string): void => v.log.write(`force_precise: frame${number}: forcing ${what} to be precise\n`);
    for (let n = 0; n < 10; n++) {
      const reg = frame.regs[n];
      if (reg?.type === KIND.SCALAR && !reg.precise) tell(`r${n}`);
    }
    for (let slot = 0; slot < frame.types.length; slot++) {
      if (savedScalar(frame, slot)?.precise === false) tell(`fp${(slot + 1) * -8}`);
    }
  }
}

/** Forgets the marks of a state that is about to be kept: they are set anew if it turns out that they matter. */
export function forgetPrecision(state: PathState): void {
  setAll(state, false);
}

function setAll(state: PathState, precise: boolean): void {
  for (const frame of state.frames) {
    for (let n = 0; n < 10; n++) {
      const reg = frame.regs[n];
      if (reg !== undefined && reg.type === KIND.SCALAR) reg.precise = precise;
    }
    for (let slot = 0; slot < frame.types.length; slot++) {
      const saved = savedScalar(frame, slot);
      if (saved !== undefined && saved.precise !== precise) setSavedPrecise(frame, slot, saved, precise);
    }
  }
}

/**
 * What mattered from a kept state on matters in the state that was found equal to it (propagate_precision).
 * @returns whether a mark was set that was not there
 */
export function propagatePrecision(v: Verification, old: PathState, cur: PathState): boolean {
  const tracked = new Tracked(cur.frames.length - 1);
  for (let number = old.frames.length - 1; number >= 0; number--) {
    const frame = old.frames[number];
    if (frame === undefined) continue;
    let any = '';
    for (let n = 0; n < 10; n++) {
      const reg = frame.regs[n];
      if (reg === undefined || reg.type !== KIND.SCALAR || !reg.precise) continue;
      tracked.addReg(n, number);
      any += `${any === '' ? `frame ${number}: propagating r` : ',r'}${n}`;
    }
    for (let slot = 0; slot < frame.types.length; slot++) {
      if (savedScalar(frame, slot)?.precise !== true) continue;
      tracked.addSlot(number, slot);
      any += `${any === '' ? `frame ${number}: propagating fp` : ',fp'}${(slot + 1) * -8}`;
    }
    if (any !== '' && v.log.all) v.log.write(`${any}\n`);
  }
  return markTracked(v, cur, tracked);
}
