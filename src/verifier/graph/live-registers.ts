/** Which registers may be read from each instruction on: the data-flow analysis that the kernel does before it simulates (compute_live_registers, v6.18). */
import type { Slot } from '../../isa/index.ts';
import { LD_IMM64 } from '../layout.ts';
import { successors } from './successors.ts';

const ARGS = 0b11_1110;
const LOAD_ACQUIRE = 0x100;
const STORE_RELEASE = 0x110;
const CMPXCHG = 0xf1;

const bit = (reg: number): number => 1 << reg;

/** Registers read (low half) and written (high half). */
function uses(insn: Slot, params: (insn: Slot) => number | undefined): number {
  const dst = bit(insn.dst);
  const src = bit(insn.src);
  const rw = (read: number, write: number): number => (read & 0xffff) | (write << 16);
  const mode = insn.code & 0xe0;
  const isReg = (insn.code & 8) !== 0;
  switch (insn.code & 7) {
    case 0:
      if (insn.code === LD_IMM64) return rw(0, dst);
      // The kernel takes packet loads to read every register.
      return rw(0xffff, 0);
    case 1:
      return rw(src, dst);
    case 2:
      return rw(dst, 0);
    case 3:
      if (mode !== 0xc0) return rw(dst | src, 0);
      if (insn.imm === LOAD_ACQUIRE) return rw(src, dst);
      if (insn.imm === STORE_RELEASE) return rw(dst | src, 0);
      if (insn.imm === CMPXCHG) return rw(1 | dst | src, 1);
      return rw(dst | src, (insn.imm & 1) !== 0 ? src : 0);
    case 4:
    case 7:
      if ((insn.code & 0xf0) === 0xb0) return rw(isReg ? src : 0, dst);
      if ((insn.code & 0xf0) === 0xd0) return rw(dst, dst);
      return rw(dst | (isReg ? src : 0), dst);
    default:
      switch (insn.code & 0xf0) {
        case 0x00:
        case 0xe0:
          return 0;
        case 0x90:
          return rw(1, 0);
        case 0x80: {
          const count = params(insn);
          const read = count === undefined ? ARGS : ((1 << (count + 1)) - 1) & ARGS;
          return rw(read, 0b11_1111);
        }
        default:
          return rw(dst | (isReg ? src : 0), 0);
      }
  }
}

/**
 * Bit masks of the registers live before each slot. `order`: all slots, callees irrelevant, in postorder.
 * @param params number of parameters of a helper or kernel function, where it is known
 */
export function liveRegisters(insns: readonly Slot[], order: readonly number[], params: (insn: Slot) => number | undefined): Uint16Array {
  const live = new Uint16Array(insns.length + 1);
  const masks = new Int32Array(insns.length);
  const next = order.map((at) => {
    const insn = insns[at];
    masks[at] = insn === undefined ? 0 : uses(insn, params);
    return successors(insns, at);
  });
  for (let changed = true; changed; ) {
    changed = false;
    for (const [i, at] of order.entries()) {
      let after = 0;
      for (const to of next[i] ?? []) after |= live[to] ?? 0;
      const mask = masks[at] ?? 0;
      const before = (after & ~(mask >>> 16)) | (mask & 0xffff);
      if (before !== live[at]) {
        live[at] = before;
        changed = true;
      }
    }
  }
  return live;
}
