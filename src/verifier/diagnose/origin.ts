/** Where a register's contents come from: the instructions on the current path that made them, through the stack and through calls. */
import type { Slot } from '../../isa/index.ts';
import { isLocalCall, LD_IMM64 } from '../layout.ts';
import { STEP } from '../precision/step.ts';
import type { History } from '../state/state.ts';
import type { Verification } from '../verification.ts';

const EXIT = 0x95;
const CALL = 0x85;
const FP = 10;
const ARGS = 0b11_1110;
const CALLER_SAVED = 0b11_1111;
/** Steps that are told, and steps that are looked at. */
const MAX_TOLD = 8;
const MAX_STEPS = 2000;

interface PathStep {
  readonly at: number;
  readonly history: History | undefined;
}

/** Instructions that made register `n` of the innermost frame, the last one first. */
export function originOf(v: Verification, n: number): number[] {
  const told: number[] = [];
  const wanted = new Wanted(v.state.frames.length - 1);
  wanted.add(n);
  let later = v.insn;
  for (const { at, history } of pathBack(v)) {
    const insn = v.insns[at];
    if (insn === undefined || wanted.empty || told.length >= MAX_TOLD) break;
    if (stepBack(insn, { at, later, history }, wanted)) told.push(at);
    later = at;
  }
  return told;
}

/** Registers by frame, and stack slots, whose makers are looked for. */
class Wanted {
  readonly #regs = new Map<number, number>();
  readonly #slots = new Set<string>();
  frame: number;

  constructor(frame: number) {
    this.frame = frame;
  }

  get empty(): boolean {
    return this.#slots.size === 0 && [...this.#regs.values()].every((bits) => bits === 0);
  }

  get bits(): number {
    return this.#regs.get(this.frame) ?? 0;
  }

  set bits(bits: number) {
    this.#regs.set(this.frame, bits);
  }

  has(n: number): boolean {
    return (this.bits & (1 << n)) !== 0;
  }

  add(n: number): void {
    if (n !== FP) this.bits |= 1 << n;
  }

  drop(n: number): void {
    this.bits &= ~(1 << n);
  }

  addSlot(frame: number, slot: number): void {
    this.#slots.add(`${frame}:${slot}`);
  }

  takeSlot(frame: number, slot: number): boolean {
    return this.#slots.delete(`${frame}:${slot}`);
  }
}

/** Undoes one instruction. @returns whether it made something that is wanted */
function stepBack(
  insn: Slot,
  { at, later, history }: { readonly at: number; readonly later: number; readonly history: History | undefined },
  wanted: Wanted,
): boolean {
  if (insn.code === EXIT) {
    // What the caller has in r0 the callee left there.
    const result = wanted.has(0);
    wanted.drop(0);
    wanted.frame++;
    wanted.bits = result ? 1 : 0;
    return false;
  }
  if (isLocalCall(insn) && later === at + insn.imm + 1 && wanted.frame > 0) {
    const args = wanted.bits & ARGS;
    wanted.bits = 0;
    wanted.frame--;
    wanted.bits |= args;
    return args !== 0;
  }
  switch (insn.code & 7) {
    case 0:
      return made(wanted, insn.code === LD_IMM64 ? insn.dst : 0);
    case 1:
      return load(insn, history, wanted);
    case 2:
    case 3:
      return store(insn, history, wanted);
    case 4:
    case 7: {
      if (!wanted.has(insn.dst)) return false;
      if ((insn.code & 0xf0) === 0xb0) wanted.drop(insn.dst);
      if ((insn.code & 8) !== 0 && (insn.code & 0xf0) !== 0xd0) wanted.add(insn.src);
      return true;
    }
    default: {
      if (insn.code !== CALL) return false;
      const makes = wanted.has(0);
      wanted.bits &= ~CALLER_SAVED;
      return makes;
    }
  }
}

function made(wanted: Wanted, n: number): boolean {
  const makes = wanted.has(n);
  wanted.drop(n);
  return makes;
}

/** The stack slot that an access is to, where it is to one. */
function slotOf(insn: Slot, base: number, history: History | undefined, frame: number): readonly [frame: number, slot: number] | undefined {
  const flags = history?.flags ?? 0;
  if ((flags & STEP.STACK) !== 0) return [flags & 7, (flags >> 3) & 63];
  return base === FP && insn.off < 0 ? [frame, (-insn.off - 1) >> 3] : undefined;
}

function load(insn: Slot, history: History | undefined, wanted: Wanted): boolean {
  if (!made(wanted, insn.dst)) return false;
  const slot = slotOf(insn, insn.src, history, wanted.frame);
  if (slot === undefined) wanted.add(insn.src);
  else wanted.addSlot(...slot);
  return true;
}

function store(insn: Slot, history: History | undefined, wanted: Wanted): boolean {
  const slot = slotOf(insn, insn.dst, history, wanted.frame);
  if (slot === undefined || !wanted.takeSlot(...slot)) return false;
  if ((insn.code & 7) === 3) wanted.add(insn.src);
  return true;
}

/** The current path before the current instruction, the last step first, as far as its history reaches. */
function* pathBack(v: Verification): Generator<PathStep> {
  let history: History | undefined = v.state.history;
  let first = v.state.firstInsn;
  let parent = v.state.parent;
  let at = v.insn;
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    if (at === first && (history === undefined || (history.before === undefined && history.idx === at))) {
      if (parent === undefined) return;
      at = parent.lastInsn;
      history = parent.history;
      first = parent.firstInsn;
      parent = parent.parent;
    } else if (history !== undefined && history.idx === at) {
      at = history.prevIdx;
      history = history.before;
    } else {
      at--;
    }
    if (at < 0) return;
    yield { at, history: history?.idx === at ? history : undefined };
  }
}
