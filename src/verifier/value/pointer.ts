/** Arithmetic on a pointer's variable offset, which is kept like a scalar (adjust_ptr_min_max_vals, v6.18). What pointers allow is decided elsewhere. */
import { addOffset, subOffset } from './arith.ts';
import type { Scalar } from './scalar.ts';
import { copyScalar, setUnbounded32 } from './scalar.ts';
import { syncBounds } from './sync.ts';

/** dst = ptr + offset of the variable part, synced. `dst` may be `ptr`, not `offset`. */
export function addToPointer(dst: Scalar, ptr: Scalar, offset: Scalar): void {
  if (dst !== ptr) copyScalar(dst, ptr);
  setUnbounded32(dst);
  addOffset(dst, offset);
  syncBounds(dst);
}

/** dst = ptr - offset of the variable part, synced. `dst` may be `ptr`, not `offset`. */
export function subFromPointer(dst: Scalar, ptr: Scalar, offset: Scalar): void {
  if (dst !== ptr) copyScalar(dst, ptr);
  setUnbounded32(dst);
  subOffset(dst, offset);
  syncBounds(dst);
}
