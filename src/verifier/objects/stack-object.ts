/** Objects that live on the stack and that only kfuncs and helpers may touch: where a pointer says that one is (stack_slot_obj_get_spi, v6.18). */
import { pointedFrame } from '../access/stack-bounds.ts';
import type { Reg } from '../state/reg.ts';
import type { Frame } from '../state/state.ts';
import { knownNumber, tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';

/** The object's frame and main slot, the one at its address; its other slots have lower numbers. */
export interface ObjectPlace {
  readonly frame: Frame;
  readonly slot: number;
}

/** Where an object is: `beyond` the part of the stack used so far, or why it cannot be there. */
export type ObjectSearch = ObjectPlace | 'beyond' | { readonly refusal: string };

/** Where register `n` points to an object of `slots` slots. */
export function findObject(v: Verification, n: number, reg: Reg, kind: 'dynptr' | 'iter' | 'irq_flag', slots: number): ObjectSearch {
  if (!tnumIsConst(reg)) return { refusal: `${kind} has to be at a constant offset` };
  const off = reg.off + knownNumber(reg);
  const slot = Math.trunc((-off - 1) / 8);
  if (off % 8 !== 0 || slot + 1 < slots) return { refusal: `cannot pass in ${kind} at an offset=${off}` };
  const frame = pointedFrame(v, n);
  return slot < frame.types.length ? { frame, slot } : 'beyond';
}

export function isPlace(search: ObjectSearch): search is ObjectPlace {
  return typeof search === 'object' && 'frame' in search;
}

/** The refusal's line, to stand before another one. */
export function lineOf(search: ObjectSearch): string {
  return typeof search === 'object' && 'refusal' in search ? `${search.refusal}\n` : '';
}
