/**
 * Loops that a path was cut short in because it met a state not yet fully explored: what such a state turns out to need later is carried to the ends
 * of those paths when the loop is left (kernel/bpf/verifier.c scc_visit, propagate_backedges, v6.18).
 */
import { markAll, propagatePrecision } from '../precision/precision.ts';
import { frameInsn, type PathState } from '../state/state.ts';
import type { Verification } from '../verification.ts';

/** Rounds after which every scalar of the loop counts. */
const MAX_ROUNDS = 64;

interface Visit {
  /** The state with which the loop was entered, while it is explored. */
  entry: PathState | undefined;
  /** Ends of paths that were found equal to states of the loop, the last first. */
  backedges: PathState[];
}

/** The loops of a program, by chain of calls and loop. */
export class LoopVisits {
  readonly #v: Verification;
  readonly #visits = new Map<string, Visit>();

  constructor(v: Verification) {
    this.#v = v;
  }

  /** The loop that a state is in: its outermost one along the frames. */
  #key(state: PathState): string | undefined {
    let key = '';
    for (let i = 0; i < state.frames.length; i++) {
      const at = frameInsn(state, i);
      const loop = this.#v.loops[at] ?? 0;
      if (loop !== 0) return `(${key}${loop})`;
      key += `${at},`;
    }
    return undefined;
  }

  enter(state: PathState): void {
    const key = this.#key(state);
    if (key === undefined) return;
    const visit = this.#visits.get(key);
    if (visit?.entry === undefined) this.#log('enter', key);
    if (visit === undefined) this.#visits.set(key, { entry: state, backedges: [] });
    else visit.entry ??= state;
  }

  /** The state's paths have all ended. */
  exit(state: PathState): void {
    const key = this.#key(state);
    const visit = key === undefined ? undefined : this.#visits.get(key);
    if (visit === undefined || visit.entry !== state) return;
    visit.entry = undefined;
    this.#log('exit', key);
    this.#v.backedges -= visit.backedges.length;
    if (visit.backedges.length > 0) this.#propagate(visit);
  }

  /** Whether marks of the state can still grow: its loop is being explored, and some path in it was cut short. */
  incomplete(state: PathState): boolean {
    const key = this.#key(state);
    const visit = key === undefined ? undefined : this.#visits.get(key);
    return visit !== undefined && visit.backedges.length > 0;
  }

  addBackedge(old: PathState, end: PathState): void {
    const key = this.#key(old);
    const visit = key === undefined ? undefined : this.#visits.get(key);
    if (visit === undefined) return;
    visit.backedges.unshift(end);
    this.#log('backedge', key);
    this.#v.backedges++;
    this.#v.notePeak();
  }

  #log(what: string, key: string | undefined): void {
    if (!this.#v.log.all) return;
    // The kernel takes a call at instruction 0 for the end of the chain.
    this.#v.log.write(`SCC ${what} ${key?.replace(/(?<=[(,])0,(.*,)?/, '')}\n`);
  }

  #propagate(visit: Visit): void {
    for (let round = 1, changed = true; changed; round++) {
      if (round > MAX_ROUNDS) {
        for (const end of visit.backedges) markAll(this.#v, end);
        break;
      }
      changed = false;
      for (const end of visit.backedges) {
        if (end.equalTo !== undefined && propagatePrecision(this.#v, end.equalTo, end)) changed = true;
      }
    }
    visit.backedges = [];
  }
}
