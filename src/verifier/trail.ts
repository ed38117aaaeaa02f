/**
 * What a verification went through, step by step, for those who compare it with real runs: the state before each instruction that was simulated, and
 * which of its scalars turned out to matter. Only made when it is asked for.
 */
import type { Tracked } from './precision/tracked.ts';
import { cloneState, frameInsn, MAX_FRAMES, type PathState } from './state/state.ts';
import type { Verification } from './verification.ts';

/** The state before an instruction. */
export class TrailStep {
  /** A copy, of which `insn` is the instruction. */
  readonly state: PathState;
  /** The step before it on the path. */
  readonly before: TrailStep | undefined;
  /** Masks of registers by frame, and two words of stack slots by frame: scalars whose value mattered later. */
  readonly regs = new Int32Array(MAX_FRAMES);
  readonly slots = new Int32Array(MAX_FRAMES * 2);
  /** All of them matter. */
  all = false;

  constructor(state: PathState, before: TrailStep | undefined) {
    this.state = cloneState(state);
    this.before = before;
  }

  /** The tracked scalars mattered. */
  note(tracked: Tracked): void {
    for (let frame = 0; frame <= tracked.frame; frame++) {
      this.regs[frame] = (this.regs[frame] ?? 0) | tracked.regs(frame);
      for (let half = 0; half < 2; half++) {
        const i = frame * 2 + half;
        this.slots[i] = (this.slots[i] ?? 0) | tracked.slotWord(frame, half);
      }
    }
  }
}

/** Gathers steps; give one to verify() in its environment. */
export class Trail {
  readonly steps: TrailStep[] = [];
  /** There were more steps than the limit: the trail is not complete. */
  full = false;
  readonly #limit: number;
  #ended: Verification | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** An instruction is about to be simulated, or found covered. @param again it is the instruction of the step before, put off to be run once more */
  visit(state: PathState, again: boolean): void {
    if (this.steps.length >= this.#limit) {
      this.full = true;
      state.step = undefined;
      return;
    }
    const before = again ? state.step?.before : state.step;
    state.step = new TrailStep(state, before);
    this.steps.push(state.step);
  }

  /** The verification has ended: what may still be read is known now. */
  finish(v: Verification): void {
    this.#ended = v;
  }

  /** Mask of a frame's registers that may still be read. */
  liveRegs({ state }: TrailStep, frame: number): number {
    return this.#ended?.live[frameInsn(state, frame)] ?? -1;
  }

  /** Answers whether a frame's stack slot may still be read. */
  liveSlots({ state }: TrailStep): (frame: number, slot: number) => boolean {
    return this.#ended?.liveness.query(state) ?? (() => true);
  }
}
