/** Pointer plus or minus a number: which pointers allow it, and how far (adjust_ptr_min_max_vals, v6.18). */

import { checkMapValue, MAX_VAR_OFF } from '../access/region.ts';
import { STACK_MAX } from '../access/stack-bounds.ts';
import { bitsText } from '../log/bits-text.ts';
import { typeText } from '../log/type-text.ts';
import { denied, invalid, Rejection } from '../rejection.ts';
import { PointerMask } from '../speculation.ts';
import { copyReg, FLAG, isPacket, KIND, kindOf, mayBeNull, Reg } from '../state/reg.ts';
import {
  ALU,
  addToPointer,
  contradiction,
  copyScalar,
  isKnown,
  isZero,
  knownNumber,
  knownValue,
  Scalar,
  SIGN,
  setUnbounded32,
  sminNumber,
  sminOf,
  subFromPointer,
  syncBounds,
} from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { ALU_NAMES } from './alu.ts';

/** The operation; `dst` is one of the two operands' register. */
export interface PointerOp {
  readonly dst: number;
  readonly op: number;
  readonly is32: boolean;
  readonly pointer: Reg;
  readonly offset: Scalar;
  /** scalar += pointer. */
  readonly reversed: boolean;
}

const MOVABLE: ReadonlySet<number> = new Set([
  KIND.CTX,
  KIND.MAP_VALUE,
  KIND.MAP_KEY,
  KIND.STACK,
  KIND.PACKET_META,
  KIND.PACKET,
  KIND.TP_BUFFER,
  KIND.BTF_ID,
  KIND.MEM,
  KIND.BUF,
  KIND.FUNC,
  KIND.DYNPTR,
]);

const offset = new Scalar();

/** Whether the offset's parts contradict each other: a branch that no execution takes. */
function impossible(s: Scalar): boolean {
  const what = contradiction(s);
  return what !== undefined && what !== 'const subreg tnum out of sync with range bounds';
}

/** Checks the operation and moves the pointer. */
export function pointerArithmetic(v: Verification, { dst: n, op, is32, pointer, offset: by, reversed }: PointerOp): void {
  const dst = v.reg(n);
  if (impossible(by)) {
    v.markUnknown(n);
    return;
  }
  if (is32) {
    if (op !== ALU.SUB || !v.leaks) throw denied(`R${n} 32-bit pointer arithmetic prohibited`, n);
    v.markUnknown(n);
    return;
  }
  const { type } = pointer;
  const name = typeText(type);
  if (mayBeNull(type)) throw denied(`R${n} pointer arithmetic on ${name} prohibited, null-check it first`, n);
  const known = isKnown(by);
  const kind = kindOf(type);
  // Loads through it cannot fault: offsets are not kept. The kernel leaves a number that the pointer is added to as it was (v6.18), which is not
  // what it is then.
  if (kind === KIND.MEM && (type & FLAG.UNTRUSTED) !== 0) {
    if (reversed) v.markUnknown(n);
    return;
  }
  if (!MOVABLE.has(kind) && !(kind === KIND.FLOW_KEYS && known)) {
    const nothing = known && isZero(by) && op === ALU.ADD && (kind === KIND.MAP_PTR || kind === KIND.FLOW_KEYS);
    if (!nothing) throw denied(`R${n} pointer arithmetic on ${name} prohibited`, n);
  }
  // A number that is tied to another by a distance keeps that in its offset, which counts as one here (v6.18).
  checkSane(by, by instanceof Reg ? by.off : 0, name, n);
  checkSane(pointer, pointer.off, name, n);
  const moves = op === ALU.ADD || op === ALU.SUB;
  const mask = moves ? new PointerMask(v, v.slot(v.insn), reversed) : undefined;
  mask?.begin(pointer, by);
  // The operands may be the register that is written.
  copyScalar(offset, by);
  if (op === ALU.ADD) {
    const target = reversed ? take(dst, pointer) : dst;
    add(v, target, known);
  } else if (op === ALU.SUB) {
    if (reversed) throw denied(`R${n} tried to subtract pointer from scalar`, n);
    if (type === KIND.STACK) throw denied(`R${n} subtraction from stack pointer prohibited`, n);
    subtract(v, dst, known);
  } else if (op === ALU.AND || op === ALU.OR || op === ALU.XOR) {
    throw denied(`R${n} bitwise operator ${ALU_NAMES[op >> 4]} on pointer prohibited`, n);
  } else {
    throw denied(`R${n} pointer arithmetic with ${ALU_NAMES[op >> 4]} operator prohibited`, n);
  }
  checkSane(dst, dst.off, name, n);
  syncBounds(dst);
  if (!v.privileges.bypassSpecV1) checkUnprivileged(v, n, dst);
  mask?.end(dst);
}

function take(dst: Reg, pointer: Reg): Reg {
  copyReg(dst, pointer);
  return dst;
}

function fitsS32(value: number): boolean {
  return value === (value | 0);
}

function add(v: Verification, dst: Reg, known: boolean): void {
  if (known && fitsS32(dst.off + knownNumber(offset))) {
    dst.off += knownNumber(offset);
    setUnbounded32(dst);
    return;
  }
  addToPointer(dst, dst, offset);
  if (isPacket(dst.type)) {
    dst.id = v.newId();
    dst.range = 0;
  }
}

function subtract(v: Verification, dst: Reg, known: boolean): void {
  if (known && fitsS32(dst.off - knownNumber(offset))) {
    dst.off -= knownNumber(offset);
    setUnbounded32(dst);
    return;
  }
  const grows = sminNumber(offset) < 0;
  subFromPointer(dst, dst, offset);
  if (isPacket(dst.type)) {
    dst.id = v.newId();
    if (grows) dst.range = 0;
  }
}

/** Offsets stay far from overflow (check_reg_sane_offset). */
function checkSane(s: Scalar, off: number, name: string, n: number): void {
  if (isKnown(s) && Math.abs(knownNumber(s)) >= MAX_VAR_OFF) {
    throw invalid(`math between ${name} pointer and ${knownValue(s)} is not allowed`, n);
  }
  if (Math.abs(off) >= MAX_VAR_OFF) throw invalid(`${name} pointer offset ${off} is not allowed`, n);
  if (s.sminH === SIGN && s.sminL === 0) {
    throw invalid(`math between ${name} pointer and register with unbounded min value is not allowed`, n);
  }
  if (Math.abs(sminNumber(s)) >= MAX_VAR_OFF) throw invalid(`value ${sminOf(s)} makes ${name} pointer be out of bounds`, n);
}

/** Without CAP_PERFMON a pointer may not even be computed out of bounds (sanitize_check_bounds). */
function checkUnprivileged(v: Verification, n: number, reg: Reg): void {
  if (reg.type === KIND.STACK) {
    const off = reg.off + (isKnown(reg) ? knownNumber(reg) : 0);
    if (!isKnown(reg)) throw denied(`R${n} variable stack access prohibited for !root, var_off=${bitsText(reg)} off=${off}`, n);
    if (off >= 0 || off < -STACK_MAX) {
      throw denied(`R${n} stack pointer arithmetic goes out of range, prohibited for !root; off=${off}`, n);
    }
  } else if (reg.type === KIND.MAP_VALUE) {
    try {
      checkMapValue(v, n, reg.off, 1, { zero: false, by: 'helper' });
    } catch (refusal) {
      if (!(refusal instanceof Rejection)) throw refusal;
      throw denied(`${refusal.message}\nR${n} pointer arithmetic of map value goes out of range, prohibited for !root`, n);
    }
  }
}
