/**
 * States kept at prune points, and the question asked there: is the current state covered by one of them? The heuristics of when to keep and when
 * to drop a state are the kernel's, so that the same paths are walked (kernel/bpf/verifier.c is_state_visited, v6.18).
 */
import { POINT } from '../graph/points.ts';
import { stateText } from '../log/state-text.ts';
import { isActiveAtR1, iteratorsMoved } from '../objects/iterator.ts';
import { forgetPrecision, propagatePrecision } from '../precision/precision.ts';
import { invalid, Rejection } from '../rejection.ts';
import { Reg } from '../state/reg.ts';
import { cloneState, type Entry, frameInsn, type PathState, topFrame } from '../state/state.ts';
import type { Verification } from '../verification.ts';
import { maybeLooping, statesEqual } from './equal.ts';
import { MAX_STATE_BYTES, shareWith } from './share.ts';

const MAY_GOTO = 0xe5;
/** Steps after which a path's history is cut by keeping a state. */
const HISTORY_MAX = 40;
/** States kept at one instruction for programs without CAP_BPF. */
const UNPRIVILEGED_STATES = 64;

/** Whether the current state at prune point `at` needs no further look. If not, it may be kept. */
export function isVisited(v: Verification, at: number): boolean {
  const cur = v.state;
  const force = v.testFreq || v.isPoint(at, POINT.FORCE) || cur.historyCount > HISTORY_MAX;
  let keep = force || (v.jumps - v.prevJumps >= 2 && v.processed - v.prevProcessed >= 8);
  const bucket = bucketOf(v, at, cur);
  cleanOld(v, bucket, at, cur);

  let count = 0;
  // A callback's round is kept as the end of a path where the entry before was unfinished: the kernel forgets that only at the next finished one.
  let unfinished = false;
  for (let i = 0; i < bucket.length; i++) {
    const entry = bucket[i];
    if (entry === undefined) continue;
    count++;
    const old = entry.state;
    if (old.insn !== at) continue;
    let hit = false;
    if (old.branches > 0) {
      const found = meetsItself(v, at, old, cur);
      if (found !== 'goes on') {
        hit = true;
        unfinished ||= found === 'covered';
      } else if (!force && v.jumps - v.prevJumps < 20 && v.processed - v.prevProcessed < 100) {
        keep = false;
      }
    } else {
      unfinished = v.loopVisits.incomplete(old);
      hit = statesEqual(v, old, cur, unfinished ? 'within' : 'safe');
    }
    if (hit) {
      entry.hits++;
      if (v.isPoint(at, POINT.JUMP)) v.pushHistory(0);
      propagatePrecision(v, old, cur);
      if (unfinished) {
        const end = cloneState(cur);
        end.equalTo = old;
        end.insn = at;
        v.loopVisits.addBackedge(old, end);
      }
      return true;
    }
    if (keep) entry.misses++;
    const patience = v.isPoint(at, POINT.FORCE) && old.branches > 0 ? 64 : 3;
    if (entry.misses > entry.hits * patience + patience) {
      entry.evicted = true;
      bucket.splice(i--, 1);
      letGo(v, entry);
    }
  }
  if (v.maxStatesPerInsn < count) v.maxStatesPerInsn = count;
  if ((!v.capable && count > UNPRIVILEGED_STATES) || !keep) return false;
  keepState(v, at, cur, bucket);
  return false;
}

/** A state that is no longer compared takes memory until its paths have ended; if its loop is not done then, as long as the verification. */
function letGo(v: Verification, { state, evicted, size }: Entry): void {
  if (!evicted || state.branches > 0 || v.loopVisits.incomplete(state)) return;
  v.statesKept--;
  v.stateBytes -= size;
}

function bucketOf(v: Verification, at: number, state: PathState): Entry[] {
  const key = ((at ^ topFrame(state).callsite) >>> 0) % v.insns.length;
  const known = v.visited.get(key);
  if (known !== undefined) return known;
  const made: Entry[] = [];
  v.visited.set(key, made);
  return made;
}

/**
 * A state whose paths have not ended was met again: in a loop that is bounded otherwise that may be all right, else the loop has no end.
 * `round`: a callback that runs again, which says nothing of whether its end is kept.
 */
function meetsItself(v: Verification, at: number, old: PathState, cur: PathState): 'covered' | 'round' | 'goes on' {
  const oldTop = topFrame(old);
  const curTop = topFrame(cur);
  if (oldTop.inAsyncCallback && oldTop.asyncEntry !== curTop.asyncEntry) return 'goes on';
  if (v.isPoint(at, POINT.ITER_NEXT)) return statesEqual(v, old, cur, 'within') && isActiveAtR1(cur) ? 'covered' : 'goes on';
  if (v.slot(at).code === MAY_GOTO) {
    if (old.mayGotoDepth !== cur.mayGotoDepth && statesEqual(v, old, cur, 'within')) return 'covered';
  }
  if (v.callsBack(at)) return statesEqual(v, old, cur, 'within') ? 'round' : 'goes on';
  if (
    maybeLooping(old, cur) &&
    statesEqual(v, old, cur, 'exact') &&
    !iteratorsMoved(old, cur) &&
    old.mayGotoDepth === cur.mayGotoDepth &&
    old.callbackUnrollDepth === cur.callbackUnrollDepth
  ) {
    const frame = cur.frames.length - 1;
    const states = `cur state:${stateText(v, cur, frame, 'all')}old state:${stateText(v, old, frame, 'all')}`;
    throw invalid(`infinite loop detected at insn ${at}\n${states.trimEnd()}`);
  }
  return 'goes on';
}

function keepState(v: Verification, at: number, cur: PathState, bucket: Entry[]): void {
  v.totalStates++;
  v.statesKept++;
  v.notePeak();
  v.prevJumps = v.jumps;
  v.prevProcessed = v.processed;
  if (v.capable) forgetPrecision(cur);
  const kept = cloneState(cur);
  kept.insn = at;
  kept.branches = 1;
  const size = shareWith(kept, cur.parent);
  v.stateBytes += size;
  if (v.stateBytes > MAX_STATE_BYTES)
    throw new Rejection('ENOMEM', `the states to compare with take more than ${MAX_STATE_BYTES >> 20} MiB`);
  v.loopVisits.enter(kept);
  cur.parent = kept;
  cur.firstInsn = at;
  cur.dfsDepth = kept.dfsDepth + 1;
  cur.history = undefined;
  cur.historyCount = 0;
  kept.entry = { state: kept, hits: 0, misses: 0, evicted: false, size };
  bucket.unshift(kept.entry);
}

/** Forgets what nobody can read in finished states, so that more states are covered by them. */
function cleanOld(v: Verification, bucket: readonly Entry[], at: number, cur: PathState): void {
  for (const { state } of bucket) {
    if (state.branches > 0 || state.insn !== at || state.cleaned || !sameCalls(state, cur)) continue;
    if (v.loopVisits.incomplete(state)) continue;
    clean(v, state);
  }
}

function sameCalls(a: PathState, b: PathState): boolean {
  return a.frames.length === b.frames.length && a.frames.every((frame, i) => frame.callsite === b.frames[i]?.callsite);
}

function clean(v: Verification, state: PathState): void {
  const alive = v.liveness.query(state);
  state.cleaned = true;
  for (const [i, frame] of state.frames.entries()) {
    const live = v.live[frameInsn(state, i)] ?? 0;
    for (let n = 0; n < 10; n++) {
      const reg = frame.regs[n];
      if (reg === undefined || (live & (1 << n)) !== 0) continue;
      // It may be shared with other states.
      const unread = new Reg();
      v.markNotInit(unread);
      frame.regs[n] = unread;
    }
    frame.types = frame.types.slice();
    frame.saved = frame.saved.slice();
    frame.savedShared = false;
    for (let slot = 0; slot < frame.types.length; slot++) {
      if (alive(i, slot)) continue;
      frame.types[slot] = 0;
      frame.saved[slot] = undefined;
    }
  }
}

/** The current path, or the last of a kept state's, has ended: states up the path may be finished now. */
export function endBranch(v: Verification, ended: PathState): void {
  for (let state: PathState | undefined = ended; state !== undefined; state = state.parent) {
    state.branches--;
    if (state.branches > 0) return;
    v.loopVisits.exit(state);
    if (state.entry !== undefined) letGo(v, state.entry);
  }
}
