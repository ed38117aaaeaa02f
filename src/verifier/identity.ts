/** Ids that tie scalars of the same value together, so that what is learned of one is learned of all. */
import { ADD_CONST, KIND, type Reg } from './state/reg.ts';
import { tnumIsConst } from './value/index.ts';
import type { Verification } from './verification.ts';

/** Bits of the largest value. */
export function widthOf(reg: Reg): number {
  return reg.umaxH !== 0 ? 64 - Math.clz32(reg.umaxH) : 32 - Math.clz32(reg.umaxL);
}

/** Gives a scalar that is about to be copied an id to share (assign_scalar_id_before_mov, v6.18). Constants need none. */
export function assignId(v: Verification, reg: Reg): void {
  if (reg.type !== KIND.SCALAR || tnumIsConst(reg)) return;
  // The copy would not be at a constant distance from the scalar that the id names.
  if ((reg.id & ADD_CONST) !== 0) {
    reg.id = 0;
    reg.off = 0;
  }
  if (reg.id === 0) reg.id = v.newId();
}
