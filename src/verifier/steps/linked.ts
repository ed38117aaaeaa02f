/** Scalars that share a value, or differ by a constant: what is learned of one is learned of all (sync_linked_regs, v6.18). */
import { ADD_CONST, ADD_CONST32, cloneReg, copyReg, KIND, type Reg } from '../state/reg.ts';
import { BYTE, lowestByte } from '../state/stack.ts';
import { frameInsn, type LinkedReg, type PathState } from '../state/state.ts';
import { addScalar, Scalar, setKnownImm, syncBounds, zeroExtend32 } from '../value/index.ts';
import type { Verification } from '../verification.ts';

/** More registers than this are not followed: they lose their id. */
const MAX_LINKED = 6;

/** Adds the places of scalars with the id to `linked`; registers that nobody reads any more are left out. */
export function collectLinked(v: Verification, id: number, linked: LinkedReg[]): void {
  const { state } = v;
  const wanted = id & ~ADD_CONST;
  const add = (reg: Reg, place: LinkedReg): boolean => {
    if (reg.type !== KIND.SCALAR || (reg.id & ~ADD_CONST) !== wanted) return true;
    if (linked.length < MAX_LINKED) {
      linked.push(place);
      return true;
    }
    return false;
  };
  for (let frame = state.frames.length - 1; frame >= 0; frame--) {
    const at = state.frames[frame];
    if (at === undefined) continue;
    const live = v.live[frameInsn(state, frame)] ?? 0;
    for (let n = 0; n < 10; n++) {
      if ((live & (1 << n)) === 0) continue;
      const reg = at.regs[n];
      if (reg !== undefined && !add(reg, { frame, index: n, spilled: false })) reg.id = 0;
    }
    for (let slot = 0; slot < at.types.length; slot++) {
      const saved = at.saved[slot];
      if (saved === undefined || lowestByte(at.types[slot] ?? 0) !== BYTE.SPILL) continue;
      if (add(saved, { frame, index: slot, spilled: true })) continue;
      const copy = cloneReg(saved);
      copy.id = 0;
      at.saved[slot] = copy;
    }
  }
}

const delta = new Scalar();

/** Gives the linked registers of `state` what is known of `known`. */
export function syncLinked(state: PathState, known: Reg, linked: readonly LinkedReg[]): void {
  for (const { frame, index, spilled } of linked) {
    const at = state.frames[frame];
    const reg = spilled ? at?.saved[index] : at?.regs[index];
    if (at === undefined || reg === undefined || reg === known || reg.type !== KIND.SCALAR) continue;
    if ((reg.id & ~ADD_CONST) !== (known.id & ~ADD_CONST)) continue;
    // Distances of different widths do not compare.
    if (((reg.id ^ known.id) & ADD_CONST) === ADD_CONST) continue;
    const to = spilled ? cloneReg(reg) : reg;
    const { id, off } = reg;
    copyReg(to, known);
    if (((id | known.id) & ADD_CONST) !== 0 && off !== known.off) {
      to.id = id;
      to.off = off;
      setKnownImm(delta, off - known.off);
      addScalar(to, delta);
      if (((id | known.id) & ADD_CONST32) !== 0) zeroExtend32(to);
      syncBounds(to);
    }
    if (spilled) at.saved[index] = to;
  }
}
