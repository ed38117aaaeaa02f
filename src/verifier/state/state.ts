/** The state of a path: frames with registers and stack, references held, locks, and the way it came. */
import type { TrailStep } from '../trail.ts';
import { cloneReg, KIND, Reg, setPointer } from './reg.ts';
import { BYTE, lowestByte } from './stack.ts';

/** Frames of calls. */
export const MAX_FRAMES = 8;
/** Callsite of the outermost frame. */
export const NO_CALLSITE = -1;

/** A step of a path that was not simply the next instruction, or whose stack access or linked registers backtracking has to know. */
export interface History {
  readonly idx: number;
  readonly prevIdx: number;
  flags: number;
  /** Registers and slots with the same value at this instruction, or undefined. */
  linked: readonly LinkedReg[] | undefined;
  readonly before: History | undefined;
}

/** Where a register with a shared id is: a register, or a saved one. */
export interface LinkedReg {
  readonly frame: number;
  /** Register number or slot number. */
  readonly index: number;
  readonly spilled: boolean;
}

/** A frame of a subprogram's run. */
export class Frame {
  regs: Reg[];
  /** Byte types of the allocated slots, see stack.ts. */
  types: number[] = [];
  /** Saved registers by slot; never changed in place. */
  saved: (Reg | undefined)[] = [];
  /** Of kept states: others have the same array, to be copied before it is changed. */
  savedShared = false;
  /** Slot of the call instruction. */
  callsite: number;
  frameno: number;
  subprog: number;
  inCallback = false;
  inAsyncCallback = false;
  asyncEntry = 0;
  callbackDepth = 0;
  /** Range that the callback's R0 must have. */
  returnMin = 0;
  returnMax = 0;

  constructor(callsite: number, frameno: number, subprog: number, regs: Reg[] = freshRegs(frameno)) {
    this.callsite = callsite;
    this.frameno = frameno;
    this.subprog = subprog;
    this.regs = regs;
  }
}

function freshRegs(frameno: number): Reg[] {
  const regs: Reg[] = [];
  for (let i = 0; i <= 10; i++) regs.push(new Reg());
  const fp = regs[10];
  if (fp !== undefined) {
    setPointer(fp, KIND.STACK);
    fp.frame = frameno;
  }
  return regs;
}

function cloneFrame(from: Frame): Frame {
  const frame = new Frame(from.callsite, from.frameno, from.subprog, from.regs.map(cloneReg));
  frame.types = from.types.slice();
  frame.saved = from.saved.slice();
  frame.inCallback = from.inCallback;
  frame.inAsyncCallback = from.inAsyncCallback;
  frame.asyncEntry = from.asyncEntry;
  frame.callbackDepth = from.callbackDepth;
  frame.returnMin = from.returnMin;
  frame.returnMax = from.returnMax;
  return frame;
}

/** Something that has to be given back: a reference, a lock, or the interrupt flag. */
export interface Held {
  readonly kind: 'ref' | 'lock' | 'res_lock' | 'res_lock_irq' | 'irq';
  readonly id: number;
  /** Instruction that took it. */
  readonly insn: number;
  /** Locks: the map or object that it is in. */
  readonly of?: object | undefined;
}

/** A path's state. */
export class PathState {
  frames: Frame[] = [];
  parent: PathState | undefined = undefined;
  /** Paths that started here and have not ended. */
  branches = 0;
  insn = 0;
  firstInsn = 0;
  lastInsn = 0;
  speculative = false;
  held: readonly Held[] = [];
  /** In an RCU read-side critical section of the program's own. */
  rcuLock = false;
  /** How often preemption was disabled. */
  preemptLocks = 0;
  mayGotoDepth = 0;
  callbackUnrollDepth = 0;
  dfsDepth = 0;
  sleepable = false;
  cleaned = false;
  history: History | undefined = undefined;
  historyCount = 0;
  /** Of the end of a loop's path: the state that it was found equal to. */
  equalTo: PathState | undefined = undefined;
  /** The last step of the trail that led here, where one is kept. */
  step: TrailStep | undefined = undefined;
  /** Of a state kept for comparison. */
  entry: Entry | undefined = undefined;
}

/** A kept state's place in the lists of visited states. */
export interface Entry {
  readonly state: PathState;
  hits: number;
  misses: number;
  evicted: boolean;
  /** Bytes of memory, about. */
  readonly size: number;
}

/** The innermost frame. */
export function topFrame(state: PathState): Frame {
  const frame = state.frames.at(-1);
  if (frame === undefined) throw new RangeError('a state has at least one frame');
  return frame;
}

/** A copy that shares nothing that is changed in place. */
export function cloneState(from: PathState): PathState {
  const state = new PathState();
  state.frames = from.frames.map(cloneFrame);
  state.parent = from.parent;
  state.branches = from.branches;
  state.insn = from.insn;
  state.firstInsn = from.firstInsn;
  state.lastInsn = from.lastInsn;
  state.speculative = from.speculative;
  state.held = from.held;
  state.rcuLock = from.rcuLock;
  state.preemptLocks = from.preemptLocks;
  state.mayGotoDepth = from.mayGotoDepth;
  state.callbackUnrollDepth = from.callbackUnrollDepth;
  state.dfsDepth = from.dfsDepth;
  state.sleepable = from.sleepable;
  state.history = from.history;
  state.historyCount = from.historyCount;
  state.equalTo = from.equalTo;
  state.step = from.step;
  return state;
}

/** Instruction at which frame `frame` stands: its call, or the current one in the innermost frame. */
export function frameInsn(state: PathState, frame: number): number {
  return state.frames[frame + 1]?.callsite ?? state.insn;
}

/** Changes all registers that match, saved ones (and objects on the stack) too. */
export function changeRegs(state: PathState, matches: (reg: Reg) => boolean, change: (reg: Reg) => void): void {
  for (const frame of state.frames) {
    for (const reg of frame.regs) if (matches(reg)) change(reg);
    for (let slot = 0; slot < frame.saved.length; slot++) {
      const saved = frame.saved[slot];
      if (saved === undefined || lowestByte(frame.types[slot] ?? 0) !== BYTE.SPILL || !matches(saved)) continue;
      const copy = cloneReg(saved);
      change(copy);
      frame.saved[slot] = copy;
    }
  }
}
