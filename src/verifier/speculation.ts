/**
 * Paths that only a processor takes that predicted a branch wrong, or masked an offset to zero. Programs of loaders without CAP_PERFMON must be safe
 * on them too: a step that is not gets a barrier before it, and the path ends there (kernel/bpf/verifier.c sanitize_*, v6.18).
 */
import type { Slot } from '../isa/index.ts';
import { pushState } from './explore/pending.ts';
import { denied, Rejection } from './rejection.ts';
import { copyReg, KIND, type Reg, setUnknownScalar } from './state/reg.ts';
import { topFrame } from './state/state.ts';
import { ALU, isKnown, type Scalar, setUnbounded32, smaxNumber, sminNumber } from './value/index.ts';
import { regOf, type Verification } from './verification.ts';

const STACK_MAX = 512;
/** How an instruction's offset will be masked (BPF_ALU_*). */
const MASK = { SRC: 1, DST: 2, NEGATIVE: 4, NON_POINTER: 8, IMMEDIATE: 16 } as const;
const WHY = 'pointer arithmetic with it prohibited for !root';

/** What speculative paths have left behind at the instructions. */
export class Speculation {
  /** A barrier comes before the instruction (nospec). */
  readonly before: Uint8Array;
  /** A barrier comes after it (nospec_result). */
  readonly after: Uint8Array;
  /** Scalars are compared exactly: an offset's range decides how it is masked (explore_alu_limits). */
  exact = false;
  /** How instructions mask, and by what limit. */
  readonly masks = new Map<number, { readonly how: number; readonly limit: number }>();

  constructor(count: number) {
    this.before = new Uint8Array(count);
    this.after = new Uint8Array(count);
  }

  /** The instruction is not safe on a speculative path. */
  bar(at: number): void {
    this.before[at] = 1;
    this.masks.delete(at);
  }
}

/** A refusal that ends a speculative path and nothing else (error_recoverable_with_nospec). */
export function isRecoverable(refusal: Rejection): boolean {
  return refusal.errno === 'EPERM' || refusal.errno === 'EACCES' || refusal.errno === 'EINVAL';
}

/** The jump at the current place goes one way for certain, yet a processor may try the other: its operands may be anything there. */
export function speculateJump(v: Verification, insn: Slot, next: number): void {
  if (v.privileges.bypassSpecV1) return;
  const regs = topFrame(pushState(v, next, v.insn, true)).regs;
  for (const n of (insn.code & 8) !== 0 ? [insn.dst, insn.src] : [insn.dst]) {
    const reg = regs[n];
    if (reg !== undefined) setUnknownScalar(reg, !v.capable);
  }
}

function skips(v: Verification, insn: Slot): boolean {
  return v.privileges.bypassSpecV1 || (insn.code & 8) === 0 || v.speculation.before[v.insn] === 1;
}

function masks(v: Verification, insn: Slot, how: number, limit: number): void {
  const known = v.speculation.masks.get(v.insn);
  if (known !== undefined && (known.how !== how || known.limit !== limit)) {
    throw denied(`R${insn.dst} tried to ${verb(insn)} from different maps, paths or scalars, ${WHY}`, insn.dst);
  }
  v.speculation.masks.set(v.insn, { how, limit });
}

function verb(insn: Slot): string {
  return (insn.code & 0xf0) === ALU.ADD ? 'add' : 'sub';
}

/** Two scalars are added or subtracted: no path may have a pointer there (sanitize_val_alu). */
export function maskScalar(v: Verification, insn: Slot): void {
  if (!skips(v, insn)) masks(v, insn, MASK.NON_POINTER, 0);
}

/** A pointer's addition or subtraction whose offset is masked at run time. */
export class PointerMask {
  readonly #v: Verification;
  readonly #insn: Slot;
  /** Register of the offset, for messages. */
  readonly #offsetReg: number;
  readonly #pointerReg: number;
  #left = false;
  #how = 0;
  #limit = 0;

  /** @param reversed the offset is in the destination */
  constructor(v: Verification, insn: Slot, reversed: boolean) {
    this.#v = v;
    this.#insn = insn;
    this.#offsetReg = reversed ? insn.dst : insn.src;
    this.#pointerReg = reversed ? insn.src : insn.dst;
  }

  /** Before the operation: a limit for the offset, and the path on which it is masked to zero. */
  begin(pointer: Reg, offset: Scalar): void {
    const v = this.#v;
    if (skips(v, this.#insn)) return;
    const known = isKnown(offset);
    const negative = sminNumber(offset) < 0;
    const reversed = this.#offsetReg === this.#insn.dst;
    if (!v.state.speculative) {
      if (!known && negative !== smaxNumber(offset) < 0) {
        throw denied(`R${this.#offsetReg} has unknown scalar with mixed signed bounds, ${WHY}`, this.#offsetReg);
      }
      this.#left = ((this.#insn.code & 0xf0) === ALU.ADD) === negative;
      this.#limit = this.#limitOf(pointer);
      this.#how = (negative ? MASK.NEGATIVE : 0) | (known ? MASK.IMMEDIATE : 0) | (reversed ? MASK.DST : MASK.SRC);
      if (!known) v.speculation.exact = true;
    }
    if (!known) this.#push(pointer, reversed);
  }

  /** After it: the limit is how far the pointer can have moved. */
  end(moved: Reg): void {
    const v = this.#v;
    if (skips(v, this.#insn) || v.state.speculative) return;
    masks(v, this.#insn, this.#how, Math.abs((this.#limit - this.#limitOf(moved)) | 0));
  }

  #push(pointer: Reg, reversed: boolean): void {
    const v = this.#v;
    const { insn } = v;
    try {
      const dst = regOf(topFrame(pushState(v, insn + 1, insn, true)), this.#insn.dst);
      if (reversed) copyReg(dst, pointer);
      else setUnbounded32(dst);
    } catch (refusal) {
      if (!(refusal instanceof Rejection)) throw refusal;
      const why = `R${this.#insn.dst} could not be pushed for speculative verification, ${WHY}`;
      throw new Rejection('ENOMEM', `${refusal.message}\n${why}`, [this.#insn.dst]);
    }
  }

  /** How far a pointer may move in the direction (retrieve_ptr_limit), as u32. */
  #limitOf(pointer: Reg): number {
    const { dst } = this.#insn;
    let max: number;
    let limit: number;
    if (pointer.type === KIND.STACK) {
      max = STACK_MAX + (this.#left ? 1 : 0);
      limit = -(pointer.vL + pointer.off) >>> 0;
    } else if (pointer.type === KIND.MAP_VALUE) {
      max = pointer.map?.valueSize ?? 0;
      limit = ((this.#left ? pointer.sminL : pointer.umaxL) + pointer.off) >>> 0;
    } else {
      throw denied(`R${this.#pointerReg} has pointer with unsupported alu operation, ${WHY}`, this.#pointerReg);
    }
    if (limit >= max) throw denied(`R${dst} tried to ${verb(this.#insn)} beyond pointer bounds, ${WHY}`, dst);
    return limit;
  }
}
