/** One arithmetic instruction on scalars: the dispatch, what is not computed at all, and the final sync (adjust_scalar_min_max_vals, v6.18). */
import { addScalar, mulScalar, subScalar } from './arith.ts';
import { andScalar, arsh32, arsh64, lsh32, lsh64, orScalar, rsh32, rsh64, xorScalar } from './bits.ts';
import { truncate, zeroExtend32 } from './cast.ts';
import { ult } from './int64.ts';
import { copyScalar, Scalar, setKnown32, setKnown64, setUnbounded, setUnknown } from './scalar.ts';
import { syncBounds } from './sync.ts';
import { tnumBswap, tnumIsConst, tnumSubregIsConst } from './tnum.ts';

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
 * dst = dst op src of scalars, synced. `op` is the opcode's high nibble (ALU), except MOV and END. Division, modulo and shifts by an unknown
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

/**
 * dst = its lowest `bits` in another or the same byte order, zero-extended, synced (scalar_byte_swap).
 * @param swap bytes are reversed: bswap and, as programs are little-endian here, be; not le
 */
export function endScalar(dst: Scalar, bits: 16 | 32 | 64, swap: boolean): void {
  if (swap) {
    tnumBswap(dst, dst, bits);
    setUnbounded(dst);
  }
  if (bits !== 64) truncate(dst, bits === 16 ? 2 : 4);
  syncBounds(dst);
}

/**
 * Width at which `dst op src` is explored twice, once with dst 0 and once with -1, because dst is one of both (a sign spread by shifting) and
 * src a constant; 0 where it is not (maybe_fork_scalars). setForked makes either.
 */
export function forkWidth(dst: Scalar, src: Scalar, op: number): 0 | 32 | 64 {
  if ((op !== ALU.AND && op !== ALU.OR) || !tnumIsConst(src)) return 0;
  if ((dst.sminH & dst.sminL) === -1 && (dst.smaxH | dst.smaxL) === 0) return 64;
  return dst.s32min === -1 && dst.s32max === 0 ? 32 : 0;
}

/** dst becomes one of the values that forkWidth found: the one before the instruction runs. */
export function setForked(dst: Scalar, width: 32 | 64, value: 0 | -1): void {
  if (width === 64) setKnown64(dst, value, value);
  else setKnown32(dst, value);
}
