/** Arithmetic instructions: moves, scalars, and what may be done to pointers (check_alu_op, v6.18). */
import type { Slot } from '../../isa/index.ts';
import { pushState } from '../explore/pending.ts';
import { assignId, widthOf } from '../identity.ts';
import { markPrecise } from '../precision/precision.ts';
import { denied } from '../rejection.ts';
import { maskScalar } from '../speculation.ts';
import { ADD_CONST, ADD_CONST32, ADD_CONST64, copyReg, KIND, type Reg, setPointer } from '../state/reg.ts';
import { topFrame } from '../state/state.ts';
import {
  ALU,
  aluScalar,
  dropContradiction,
  endScalar,
  fitsU32,
  forkWidth,
  isKnown,
  moveZext32,
  Scalar,
  SIGN,
  setForked,
  setKnownImm,
  setKnownZext,
  signExtend32,
  signExtend64,
  signExtensionKeeps,
  tnumSubregIsConst,
} from '../value/index.ts';
import { regOf, type Verification } from '../verification.ts';
import { pointerArithmetic } from './pointer.ts';

/** Operators as messages name them, by the opcode's high nibble. */
export const ALU_NAMES = ['+=', '-=', '*=', '/=', '|=', '&=', '<<=', '>>=', 'neg', '%=', '^=', '=', 's>>=', 'endian'];

/** addr_space_cast, and its imm that makes a number a pointer into the arena (from address space 1 to 0). */
const CAST = 1;
const TO_ARENA = 1;

const immediate = new Scalar();

/** Checks the arithmetic instruction at the current place; its form is right. */
export function checkAlu(v: Verification, insn: Slot): void {
  const op = insn.code & 0xf0;
  if (op === ALU.END || op === ALU.NEG) unary(v, insn, op);
  else if (op === ALU.MOV) move(v, insn);
  else binary(v, insn, op);
  const line = dropContradiction(v.reg(insn.dst), 'alu');
  if (line !== undefined && v.log.on) v.log.write(`${line}\n`);
}

function unary(v: Verification, insn: Slot, op: number): void {
  const reg = v.checkRead(insn.dst);
  if (v.hidesPointer(insn.dst)) throw denied(`R${insn.dst} pointer arithmetic prohibited`, insn.dst);
  v.checkWrite(insn.dst);
  if (op === ALU.NEG && reg.type === KIND.SCALAR) {
    aluScalar(reg, reg, op, (insn.code & 7) === 4);
    reg.id = 0;
  } else if (op === ALU.END && reg.type === KIND.SCALAR) {
    const bits = insn.imm === 16 ? 16 : insn.imm === 32 ? 32 : 64;
    const swap = (insn.code & 7) === 7 || (insn.code & 8) !== 0;
    if (swap || bits !== 64) reg.id = 0;
    endScalar(reg, bits, swap);
  } else {
    v.markUnknown(insn.dst);
  }
}

function move(v: Verification, insn: Slot): void {
  const wide = (insn.code & 7) === 7;
  if ((insn.code & 8) === 0) {
    v.checkWrite(insn.dst);
    const reg = v.markUnknown(insn.dst);
    if (wide) setKnownImm(reg, insn.imm);
    else setKnownZext(reg, insn.imm);
    return;
  }
  const src = v.checkRead(insn.src);
  const dst = v.checkWrite(insn.dst);
  if (wide && insn.off === CAST) {
    v.markUnknown(insn.dst);
    if (insn.imm === TO_ARENA) setPointer(dst, KIND.ARENA);
    return;
  }
  if (wide && insn.off === 0) {
    assignId(v, src);
    if (dst !== src) copyReg(dst, src);
    return;
  }
  if (v.hidesPointer(insn.src)) {
    throw denied(`R${insn.src} ${wide ? 'sign-extension part of pointer' : 'partial copy of pointer'}`, insn.src);
  }
  if (src.type !== KIND.SCALAR) {
    v.markUnknown(insn.dst);
    if (!wide) moveZext32(dst);
    return;
  }
  const size = insn.off === 8 ? 1 : insn.off === 16 ? 2 : 4;
  const same = insn.off === 0 ? widthOf(src) <= 32 : signExtensionKeeps(src, size);
  if (same) assignId(v, src);
  if (dst !== src) copyReg(dst, src);
  if (!same) {
    dst.id = 0;
    dst.off = 0;
  }
  if (wide) signExtend64(dst, size);
  else if (insn.off === 0) moveZext32(dst);
  else signExtend32(dst, size === 1 ? 1 : 2);
}

function binary(v: Verification, insn: Slot, op: number): void {
  const isReg = (insn.code & 8) !== 0;
  if (isReg) v.checkRead(insn.src);
  const dst = v.checkRead(insn.dst);
  v.checkWrite(insn.dst);
  // Anything may be done to a pointer into an arena: only its lower half counts.
  if (dst.type === KIND.ARENA) return;
  if (isReg && v.reg(insn.src).type === KIND.ARENA) {
    copyReg(dst, v.reg(insn.src));
    return;
  }
  const is32 = (insn.code & 7) === 4;
  let src: Scalar = immediate;
  if (isReg) {
    const reg = v.reg(insn.src);
    src = reg;
    if (reg.type !== KIND.SCALAR) {
      if (dst.type !== KIND.SCALAR) {
        if (op !== ALU.SUB || !v.leaks) throw denied(`R${insn.dst} pointer ${ALU_NAMES[op >> 4]} pointer prohibited`, insn.dst, insn.src);
        v.markUnknown(insn.dst);
        return;
      }
      markPrecise(v, insn.dst);
      pointerArithmetic(v, { dst: insn.dst, op, is32, pointer: reg, offset: dst, reversed: true });
      return;
    }
    if (dst.type !== KIND.SCALAR) {
      markPrecise(v, insn.src);
      pointerArithmetic(v, { dst: insn.dst, op, is32, pointer: dst, offset: reg, reversed: false });
      return;
    }
    if (dst.precise) markPrecise(v, insn.src);
  } else {
    setKnownImm(immediate, insn.imm);
    if (dst.type !== KIND.SCALAR) {
      pointerArithmetic(v, { dst: insn.dst, op, is32, pointer: dst, offset: immediate, reversed: false });
      return;
    }
  }
  if (op === ALU.ADD || op === ALU.SUB) maskScalar(v, insn);
  const shifts =
    (op === ALU.ADD || op === ALU.SUB) && v.capable && dst.id !== 0 && (is32 ? tnumSubregIsConst(src) && fitsU32(dst) : isKnown(src));
  const delta = shifts ? distance(src, op, is32) : undefined;
  fork(v, insn.dst, src, op);
  aluScalar(dst, src, op, is32);
  relate(dst, delta, is32 ? ADD_CONST32 : ADD_CONST64);
}

/** By how much adding or subtracting the constant moves a value, where that fits 32 bits. */
function distance(src: Scalar, op: number, is32: boolean): number | undefined {
  if (!is32 && src.vH !== src.vL >> 31) return undefined;
  if (op === ALU.ADD) return src.vL;
  return src.vL === SIGN ? undefined : -src.vL;
}

/** Masks of a spread sign bit are followed for both signs (maybe_fork_scalars). */
function fork(v: Verification, n: number, src: Scalar, op: number): void {
  const width = forkWidth(v.reg(n), src, op);
  if (width === 0) return;
  const other = pushState(v, v.insn, v.insn);
  setForked(regOf(topFrame(other), n), width, 0);
  setForked(v.reg(n), width, -1);
}

/** A scalar plus a constant stays tied to the scalar. */
function relate(dst: Reg, delta: number | undefined, width: number): void {
  if (delta === undefined || (dst.id & ADD_CONST) !== 0) {
    dst.off = 0;
    dst.id = 0;
  } else {
    dst.id |= width;
    dst.off = delta;
  }
}
