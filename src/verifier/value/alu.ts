/** One arithmetic instruction on scalars: the dispatch, what is not computed at all, and the final sync (adjust_scalar_min_max_vals, v6.18). */
import { addScalar, mulScalar, subScalar } from './arith.ts';
import { andScalar, arsh32, arsh64, lsh32, lsh64, orScalar, rsh32, rsh64, xorScalar } from './bits.ts';
import { zeroExtend32 } from './cast.ts';
import { ult } from './int64.ts';
import { copyScalar, Scalar, setKnown64, setUnknown } from './scalar.ts';
import { syncBounds } from './sync.ts';
import { tnumIsConst, tnumSubregIsConst } from './tnum.ts';

/** High nibble of an arithmetic opcode byte (uapi bpf.h BPF_OP), as it stands in the byte. */
export const ALU = {
  ADD: 0x00,
  SUB: 0x10,
  MUL: 0x20,
  DIV: 0x30,
  OR: 0x40,
  AND: 0x50,
  LSH: 0x60,
  RSH: 0x70,
  NEG: 0x80,
  MOD: 0x90,
  XOR: 0xa0,
  MOV: 0xb0,
  ARSH: 0xc0,
  END: 0xd0,
} as const;

const operand = new Scalar();

/** The shift count is known and legal (is_safe_to_compute_dst_reg_range). */
function countKnown(s: Scalar, is32: boolean): boolean {
  if (is32 ? !tnumSubregIsConst(s) || s.s32min !== s.s32max || s.u32min !== s.u32max : !tnumIsConst(s)) return false;
  if (!is32 && (s.sminL !== s.smaxL || s.sminH !== s.smaxH || s.uminL !== s.umaxL || s.uminH !== s.umaxH)) return false;
  return ult(s.umaxH, s.umaxL, 0, is32 ? 32 : 64);
}

/**
 * dst = dst op src of scalars, synced. `op` is the opcode's high nibble (ALU), except MOV. Division, modulo, byte order and shifts by an unknown
 * or too large count give an unknown value of 64 bits, for 32-bit instructions too, as in v6.18. For NEG `src` is not read. dst and src may be
 * one object. Callers still ask dropContradiction(dst, 'alu').
 */
export function aluScalar(dst: Scalar, src: Scalar, op: number, is32: boolean): void {
  let s = src;
  // Operands that alias would be read after they were written.
  if (src === dst) {
    copyScalar(operand, src);
    s = operand;
  }
  switch (op) {
    case ALU.ADD:
      addScalar(dst, s);
      break;
    case ALU.SUB:
      subScalar(dst, s);
      break;
    case ALU.NEG:
      copyScalar(operand, dst);
      setKnown64(dst, 0, 0);
      subScalar(dst, operand);
      break;
    case ALU.MUL:
      mulScalar(dst, s);
      break;
    case ALU.AND:
      andScalar(dst, s);
      break;
    case ALU.OR:
      orScalar(dst, s);
      break;
    case ALU.XOR:
      xorScalar(dst, s);
      break;
    case ALU.LSH:
    case ALU.RSH:
    case ALU.ARSH:
      if (!countKnown(s, is32)) {
        setUnknown(dst);
        return;
      }
      shift(dst, is32 ? s.u32min : s.uminL, op, is32);
      break;
    default:
      setUnknown(dst);
      return;
  }
  if (is32) zeroExtend32(dst);
  syncBounds(dst);
}

function shift(dst: Scalar, n: number, op: number, is32: boolean): void {
  if (op === ALU.LSH) (is32 ? lsh32 : lsh64)(dst, n);
  else if (op === ALU.RSH) (is32 ? rsh32 : rsh64)(dst, n);
  else (is32 ? arsh32 : arsh64)(dst, n);
}
