/** Memory handed to helpers: any memory a program knows, checked for the helper's whole access (check_helper_mem_access, v6.18). */
import { checkAccess } from '../access/memory.ts';
import { checkBuffer, checkMapDirection, checkMapValue, checkPacketRange, checkRegion, type Direction } from '../access/region.ts';
import { checkStackRange } from '../access/stack-range.ts';
import { checkBtfAccess } from '../kernel-btf/access.ts';
import { typeText } from '../log/type-text.ts';
import { markPrecise } from '../precision/precision.ts';
import { denied } from '../rejection.ts';
import { FLAG, isNullScalar, KIND, kindOf, type Reg } from '../state/reg.ts';
import { sminNumber, tnumIsConst, umaxNumber, umaxOf, uminNumber, uminOf } from '../value/index.ts';
import type { Verification } from '../verification.ts';

/** Largest size of a helper's buffer (BPF_MAX_VAR_SIZ). */
const MAX_SIZE = 1 << 29;

/** What the helper does with the memory. */
export interface MemoryUse {
  readonly direction: Direction;
  readonly zero: boolean;
  /** It is an output that need not be initialised: told where its bytes are. */
  readonly fill?: ((n: number, size: number) => void) | undefined;
}

/** Types whose context the kernel does not rewrite: its bytes are memory like any other (no convert_ctx_access). */
const PLAIN_CONTEXT = [2, 5, 17, 24, 26, 31];

/** `size` bytes at register `n` may be used. */
export function checkMemory(v: Verification, n: number, size: number, use: MemoryUse): void {
  const reg = v.reg(n);
  const { type, off } = reg;
  const { direction, zero } = use;
  const noWrite = (): void => {
    if (direction === 'write') throw denied(`R${n} cannot write into ${typeText(type)}`, n);
  };
  switch (kindOf(type) | (type & FLAG.MAYBE_NULL)) {
    case KIND.PACKET:
    case KIND.PACKET_META:
      checkPacketRange(v, n, off, size, zero);
      return;
    case KIND.MAP_KEY:
      noWrite();
      checkRegion(v, n, off, size, reg.map?.keySize ?? 0, false);
      return;
    case KIND.MAP_VALUE:
      if (reg.map !== undefined) checkMapDirection(n, reg.map, off, size, direction);
      checkMapValue(v, n, off, size, { zero, by: 'helper' });
      return;
    case KIND.MEM:
      if ((type & FLAG.RDONLY) !== 0) noWrite();
      checkRegion(v, n, off, size, reg.memSize, zero);
      return;
    case KIND.STACK:
      checkStackRange(v, n, off, size, use);
      return;
    case KIND.BUF:
      if ((type & FLAG.RDONLY) !== 0) noWrite();
      checkBuffer(v, n, off, size);
      return;
    case KIND.BTF_ID:
      checkBtfAccess(v, { at: n, size, direction: 'read', value: -1 }, reg, off);
      return;
    case KIND.CTX:
      if (PLAIN_CONTEXT.includes(v.program.type)) {
        if (size === 0) {
          if (zero) return;
          throw denied('', n);
        }
        checkAccess(v, { at: n, off: size - 1, size: 1, direction, value: -1 });
        return;
      }
  }
  if (zero && size === 0 && isNullScalar(reg)) return;
  throw denied(`R${n} type=${typeText(type)} expected=fp`, n);
}

/** A size argument, and the memory before it. @returns the largest size */
export function checkSizedMemory(v: Verification, n: number, reg: Reg, use: MemoryUse): number {
  const fill = tnumIsConst(reg) ? use.fill : undefined;
  if (sminNumber(reg) < 0) throw denied(`R${n} min value is negative, either use unsigned or 'var &= const'`, n);
  if (uminNumber(reg) === 0 && !use.zero) {
    throw denied(`R${n} invalid zero-sized read: u64=[${BigInt.asIntN(64, uminOf(reg))},${BigInt.asIntN(64, umaxOf(reg))}]`, n);
  }
  const most = umaxNumber(reg);
  if (most >= MAX_SIZE) throw denied(`R${n} unbounded memory access, use 'var &= const' or 'if (var < const)'`, n);
  checkMemory(v, n - 1, most, { ...use, fill });
  markPrecise(v, n);
  return most;
}
