/**
 * Conditional jumps on scalars: whether the outcome is certain (is_scalar_branch_taken), and what each outcome teaches (reg_set_min_max,
 * regs_refine_cond_op; kernel/bpf/verifier.c v6.18). Which registers share a value is the caller's knowledge.
 */
import { slt, ult, ult32 } from './int64.ts';
import { type Scalar, setUnbounded } from './scalar.ts';
import { syncBounds } from './sync.ts';
import { tnumIntersect, tnumIsConst, tnumOverlap, tnumSubregIsConst } from './tnum.ts';

/** High nibble of a conditional jump's opcode byte (uapi bpf.h BPF_OP), as it stands in the byte. */
export const JMP = {
  JEQ: 0x10,
  JGT: 0x20,
  JGE: 0x30,
  JSET: 0x40,
  JNE: 0x50,
  JSGT: 0x60,
  JSGE: 0x70,
  JLT: 0xa0,
  JLE: 0xb0,
  JSLT: 0xc0,
  JSLE: 0xd0,
} as const;

/** Condition "no bit of the mask is set": what JSET's fall-through knows. No opcode has it. */
const JCLEAR = 0x48;

/** The condition that holds when `op` does not. */
function negated(op: number): number {
  switch (op) {
    case JMP.JEQ:
      return JMP.JNE;
    case JMP.JNE:
      return JMP.JEQ;
    case JMP.JGT:
      return JMP.JLE;
    case JMP.JLE:
      return JMP.JGT;
    case JMP.JGE:
      return JMP.JLT;
    case JMP.JLT:
      return JMP.JGE;
    case JMP.JSGT:
      return JMP.JSLE;
    case JMP.JSLE:
      return JMP.JSGT;
    case JMP.JSGE:
      return JMP.JSLT;
    case JMP.JSLT:
      return JMP.JSGE;
    case JMP.JSET:
      return JCLEAR;
    default:
      return op;
  }
}

/** The operator with its operands exchanged: r1 op r2 is r2 flipped(op) r1. */
export function flippedOp(op: number): number {
  switch (op) {
    case JMP.JGT:
      return JMP.JLT;
    case JMP.JLT:
      return JMP.JGT;
    case JMP.JGE:
      return JMP.JLE;
    case JMP.JLE:
      return JMP.JGE;
    case JMP.JSGT:
      return JMP.JSLT;
    case JMP.JSLT:
      return JMP.JSGT;
    case JMP.JSGE:
      return JMP.JSLE;
    case JMP.JSLE:
      return JMP.JSGE;
    default:
      return op;
  }
}

function isConst(r: Scalar, is32: boolean): boolean {
  return is32 ? tnumSubregIsConst(r) : tnumIsConst(r);
}

/** No value of one can equal one of the other. */
function differ(a: Scalar, b: Scalar, is32: boolean): boolean {
  if (((a.vL ^ b.vL) & ~(a.mL | b.mL)) !== 0) return true;
  if (ult32(b.u32max, a.u32min) || ult32(a.u32max, b.u32min) || a.s32min > b.s32max || a.s32max < b.s32min) return true;
  if (is32) return false;
  return (
    !tnumOverlap(a, b) ||
    ult(b.umaxH, b.umaxL, a.uminH, a.uminL) ||
    ult(a.umaxH, a.umaxL, b.uminH, b.uminL) ||
    slt(b.smaxH, b.smaxL, a.sminH, a.sminL) ||
    slt(a.smaxH, a.smaxL, b.sminH, b.sminL)
  );
}

/** a < b: 1 always, 0 never, -1 sometimes. */
function less(a: Scalar, b: Scalar, is32: boolean): -1 | 0 | 1 {
  if (is32) {
    if (ult32(a.u32max, b.u32min)) return 1;
    return ult32(a.u32min, b.u32max) ? -1 : 0;
  }
  if (ult(a.umaxH, a.umaxL, b.uminH, b.uminL)) return 1;
  return ult(a.uminH, a.uminL, b.umaxH, b.umaxL) ? -1 : 0;
}

/** Signed a < b: 1 always, 0 never, -1 sometimes. */
function lessSigned(a: Scalar, b: Scalar, is32: boolean): -1 | 0 | 1 {
  if (is32) {
    if (a.s32max < b.s32min) return 1;
    return a.s32min < b.s32max ? -1 : 0;
  }
  if (slt(a.smaxH, a.smaxL, b.sminH, b.sminL)) return 1;
  return slt(a.sminH, a.sminL, b.smaxH, b.smaxL) ? -1 : 0;
}

/** a <= b: 1 always, 0 never, -1 sometimes. Not the opposite of b < a where ranges are contradictory: the first test wins. */
function lessEqual(a: Scalar, b: Scalar, is32: boolean): -1 | 0 | 1 {
  if (is32) {
    if (!ult32(b.u32min, a.u32max)) return 1;
    return ult32(b.u32max, a.u32min) ? 0 : -1;
  }
  if (!ult(b.uminH, b.uminL, a.umaxH, a.umaxL)) return 1;
  return ult(b.umaxH, b.umaxL, a.uminH, a.uminL) ? 0 : -1;
}

function lessEqualSigned(a: Scalar, b: Scalar, is32: boolean): -1 | 0 | 1 {
  if (is32) {
    if (a.s32max <= b.s32min) return 1;
    return a.s32min > b.s32max ? 0 : -1;
  }
  if (!slt(b.sminH, b.sminL, a.smaxH, a.smaxL)) return 1;
  return slt(b.smaxH, b.smaxL, a.sminH, a.sminL) ? 0 : -1;
}

function testSet(a: Scalar, b: Scalar, is32: boolean): -1 | 0 | 1 {
  const constant = isConst(b, is32) ? b : a;
  if (!isConst(constant, is32)) return -1;
  const r = constant === b ? a : b;
  if ((r.vL & constant.vL) !== 0 || (!is32 && (r.vH & constant.vH) !== 0)) return 1;
  if (((r.vL | r.mL) & constant.vL) === 0 && (is32 || ((r.vH | r.mH) & constant.vH) === 0)) return 0;
  return -1;
}

/**
 * Outcome of `r1 op r2` of scalars: 1 jumps always, 0 never, -1 not known. A constant operand is a known Scalar. That
 * one register compared with itself is certain is not used, as in v6.18.
 */
export function branchTaken(r1: Scalar, r2: Scalar, op: number, is32: boolean): -1 | 0 | 1 {
  switch (op) {
    case JMP.JEQ:
    case JMP.JNE: {
      const equal = op === JMP.JEQ ? 1 : 0;
      if (isConst(r1, is32) && isConst(r2, is32)) return r1.vL === r2.vL && (is32 || r1.vH === r2.vH) ? equal : equal === 1 ? 0 : 1;
      if (differ(r1, r2, is32)) return equal === 1 ? 0 : 1;
      return -1;
    }
    case JMP.JSET:
      return testSet(r1, r2, is32);
    case JMP.JGT:
      return less(r2, r1, is32);
    case JMP.JLT:
      return less(r1, r2, is32);
    case JMP.JSGT:
      return lessSigned(r2, r1, is32);
    case JMP.JSLT:
      return lessSigned(r1, r2, is32);
    case JMP.JGE:
      return lessEqual(r2, r1, is32);
    case JMP.JLE:
      return lessEqual(r1, r2, is32);
    case JMP.JSGE:
      return lessEqualSigned(r2, r1, is32);
    case JMP.JSLE:
      return lessEqualSigned(r1, r2, is32);
    default:
      return -1;
  }
}

/** Both take the intersection of their ranges and bits. */
function refineEqual(a: Scalar, b: Scalar, is32: boolean): void {
  if (is32) {
    a.u32min = b.u32min = ult32(a.u32min, b.u32min) ? b.u32min : a.u32min;
    a.u32max = b.u32max = ult32(b.u32max, a.u32max) ? b.u32max : a.u32max;
    a.s32min = b.s32min = Math.max(a.s32min, b.s32min);
    a.s32max = b.s32max = Math.min(a.s32max, b.s32max);
    const mL = a.mL & b.mL;
    a.vL = b.vL = (a.vL | b.vL) & ~mL;
    a.mL = b.mL = mL;
    return;
  }
  const umin = ult(a.uminH, a.uminL, b.uminH, b.uminL) ? b : a;
  a.uminH = b.uminH = umin.uminH;
  a.uminL = b.uminL = umin.uminL;
  const umax = ult(b.umaxH, b.umaxL, a.umaxH, a.umaxL) ? b : a;
  a.umaxH = b.umaxH = umax.umaxH;
  a.umaxL = b.umaxL = umax.umaxL;
  const smin = slt(a.sminH, a.sminL, b.sminH, b.sminL) ? b : a;
  a.sminH = b.sminH = smin.sminH;
  a.sminL = b.sminL = smin.sminL;
  const smax = slt(b.smaxH, b.smaxL, a.smaxH, a.smaxL) ? b : a;
  a.smaxH = b.smaxH = smax.smaxH;
  a.smaxL = b.smaxL = smax.smaxL;
  tnumIntersect(a, a, b);
  b.vH = a.vH;
  b.vL = a.vL;
  b.mH = a.mH;
  b.mL = a.mL;
}

/** A constant at an end of a range cuts that end off. */
function refineNotEqual(r: Scalar, h: number, l: number, is32: boolean): void {
  if (is32) {
    if (r.u32min === l) r.u32min = (l + 1) | 0;
    if (r.u32max === l) r.u32max = (l - 1) | 0;
    if (r.s32min === l) r.s32min = (l + 1) | 0;
    if (r.s32max === l) r.s32max = (l - 1) | 0;
    return;
  }
  const upL = (l + 1) | 0;
  const upH = upL === 0 ? (h + 1) | 0 : h;
  const downL = (l - 1) | 0;
  const downH = l === 0 ? (h - 1) | 0 : h;
  if (r.uminL === l && r.uminH === h) {
    r.uminH = upH;
    r.uminL = upL;
  }
  if (r.umaxL === l && r.umaxH === h) {
    r.umaxH = downH;
    r.umaxL = downL;
  }
  if (r.sminL === l && r.sminH === h) {
    r.sminH = upH;
    r.sminL = upL;
  }
  if (r.smaxL === l && r.smaxH === h) {
    r.smaxH = downH;
    r.smaxL = downL;
  }
}

function isPowerOfTwo(h: number, l: number): boolean {
  if (h === 0) return l !== 0 && (l & (l - 1)) === 0;
  return l === 0 && (h & (h - 1)) === 0;
}

/** Some bit of the constant is set: known which, if it has only one. */
function refineSet(r: Scalar, h: number, l: number, is32: boolean): void {
  if (!isPowerOfTwo(is32 ? 0 : h, l)) return;
  r.vL |= l;
  r.mL &= ~l;
  if (is32) return;
  r.vH |= h;
  r.mH &= ~h;
}

/** No bit of the constant is set. The ranges are forgotten first, as the kernel does, lest they contradict the bits on a dead branch. */
function refineClear(r: Scalar, h: number, l: number, is32: boolean): void {
  setUnbounded(r);
  r.vL &= ~l;
  r.mL &= ~l;
  if (is32) return;
  r.vH &= ~h;
  r.mH &= ~h;
}

/** a < b. */
function refineLess(a: Scalar, b: Scalar, is32: boolean): void {
  if (is32) {
    const max = (b.u32max - 1) | 0;
    const min = (a.u32min + 1) | 0;
    if (ult32(max, a.u32max)) a.u32max = max;
    if (ult32(b.u32min, min)) b.u32min = min;
    return;
  }
  const maxL = (b.umaxL - 1) | 0;
  const maxH = b.umaxL === 0 ? (b.umaxH - 1) | 0 : b.umaxH;
  const minL = (a.uminL + 1) | 0;
  const minH = minL === 0 ? (a.uminH + 1) | 0 : a.uminH;
  if (ult(maxH, maxL, a.umaxH, a.umaxL)) {
    a.umaxH = maxH;
    a.umaxL = maxL;
  }
  if (ult(b.uminH, b.uminL, minH, minL)) {
    b.uminH = minH;
    b.uminL = minL;
  }
}

/** a <= b. */
function refineLessEqual(a: Scalar, b: Scalar, is32: boolean): void {
  if (is32) {
    if (ult32(b.u32max, a.u32max)) a.u32max = b.u32max;
    if (ult32(b.u32min, a.u32min)) b.u32min = a.u32min;
    return;
  }
  if (ult(b.umaxH, b.umaxL, a.umaxH, a.umaxL)) {
    a.umaxH = b.umaxH;
    a.umaxL = b.umaxL;
  }
  if (ult(b.uminH, b.uminL, a.uminH, a.uminL)) {
    b.uminH = a.uminH;
    b.uminL = a.uminL;
  }
}

/** Signed a < b. */
function refineLessSigned(a: Scalar, b: Scalar, is32: boolean): void {
  if (is32) {
    const max = (b.s32max - 1) | 0;
    const min = (a.s32min + 1) | 0;
    if (max < a.s32max) a.s32max = max;
    if (b.s32min < min) b.s32min = min;
    return;
  }
  const maxL = (b.smaxL - 1) | 0;
  const maxH = b.smaxL === 0 ? (b.smaxH - 1) | 0 : b.smaxH;
  const minL = (a.sminL + 1) | 0;
  const minH = minL === 0 ? (a.sminH + 1) | 0 : a.sminH;
  if (slt(maxH, maxL, a.smaxH, a.smaxL)) {
    a.smaxH = maxH;
    a.smaxL = maxL;
  }
  if (slt(b.sminH, b.sminL, minH, minL)) {
    b.sminH = minH;
    b.sminL = minL;
  }
}

/** Signed a <= b. */
function refineLessEqualSigned(a: Scalar, b: Scalar, is32: boolean): void {
  if (is32) {
    if (b.s32max < a.s32max) a.s32max = b.s32max;
    if (b.s32min < a.s32min) b.s32min = a.s32min;
    return;
  }
  if (slt(b.smaxH, b.smaxL, a.smaxH, a.smaxL)) {
    a.smaxH = b.smaxH;
    a.smaxL = b.smaxL;
  }
  if (slt(b.sminH, b.sminL, a.sminH, a.sminL)) {
    b.sminH = a.sminH;
    b.sminL = a.sminL;
  }
}

function refineWithConst(a: Scalar, b: Scalar, op: number, is32: boolean): void {
  const constant = isConst(b, is32) ? b : a;
  if (!isConst(constant, is32)) return;
  const r = constant === b ? a : b;
  if (op === JMP.JNE) refineNotEqual(r, constant.vH, constant.vL, is32);
  else if (op === JMP.JSET) refineSet(r, constant.vH, constant.vL, is32);
  else refineClear(r, constant.vH, constant.vL, is32);
}

function refine(a: Scalar, b: Scalar, op: number, is32: boolean): void {
  switch (op) {
    case JMP.JEQ:
      refineEqual(a, b, is32);
      break;
    case JMP.JLT:
      refineLess(a, b, is32);
      break;
    case JMP.JGT:
      refineLess(b, a, is32);
      break;
    case JMP.JLE:
      refineLessEqual(a, b, is32);
      break;
    case JMP.JGE:
      refineLessEqual(b, a, is32);
      break;
    case JMP.JSLT:
      refineLessSigned(a, b, is32);
      break;
    case JMP.JSGT:
      refineLessSigned(b, a, is32);
      break;
    case JMP.JSLE:
      refineLessEqualSigned(a, b, is32);
      break;
    case JMP.JSGE:
      refineLessEqualSigned(b, a, is32);
      break;
    default:
      refineWithConst(a, b, op, is32);
  }
}

/**
 * What scalars r1 and r2 are on one side of `if r1 op r2`: refined in place and synced. A constant operand is a known Scalar of its own (not
 * shared between the sides); r1 and r2 may be one object. Callers still ask dropContradiction(r, 'true_reg1') etc.
 * @param taken the jump is taken: the condition holds
 */
export function refineBranch(r1: Scalar, r2: Scalar, op: number, is32: boolean, taken: boolean): void {
  refine(r1, r2, taken ? op : negated(op), is32);
  syncBounds(r1);
  syncBounds(r2);
}
