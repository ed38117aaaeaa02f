/** What a comparison of a packet pointer with the packet's end tells: how many bytes are there (try_match_pkt_pointers, v6.18). */
import type { Slot } from '../../isa/index.ts';
import { AT_PACKET_END, BEYOND_PACKET_END, cloneReg, KIND, type Reg } from '../state/reg.ts';
import { changeRegs, type PathState, topFrame } from '../state/state.ts';
import { flippedOp, isKnown, isZero, JMP, umaxNumber } from '../value/index.ts';

const PACKET_MAX = 0xffff;

/** Whether the register is the start of the packet itself. */
function isStart(reg: Reg): boolean {
  return reg.type === KIND.PACKET && reg.id === 0 && reg.off === 0 && isKnown(reg) && isZero(reg);
}

/** `a` points into the packet (or its metadata) and `b` to the end of what `a` points into. */
function bounds(a: Reg, b: Reg): boolean {
  return (a.type === KIND.PACKET && b.type === KIND.PACKET_END) || (a.type === KIND.PACKET_META && isStart(b));
}

/** Outcome of comparing packet pointers, where an earlier comparison decided it: 1 jumps, 0 does not, -1 unknown. */
export function packetBranch(dst: Reg, src: Reg, op: number): -1 | 0 | 1 {
  let pointer = dst;
  let compare = op;
  if (src.type !== KIND.PACKET_END) {
    if (dst.type !== KIND.PACKET_END) return -1;
    pointer = src;
    compare = flippedOp(op);
  }
  if (pointer.range >= 0) return -1;
  const beyond = pointer.range === BEYOND_PACKET_END;
  if (compare === JMP.JLE || compare === JMP.JGT) return beyond ? (compare === JMP.JGT ? 1 : 0) : -1;
  if (compare === JMP.JLT || compare === JMP.JGE) return compare === JMP.JGE ? 1 : 0;
  return -1;
}

/** Learns from the comparison in both branches. @returns whether it was one that tells something */
export function learnPackets(insn: Slot, dst: Reg, src: Reg, falls: PathState, jumps: PathState): boolean {
  if ((insn.code & 8) === 0 || (insn.code & 7) === 6) return false;
  const op = insn.code & 0xf0;
  const forward = bounds(dst, src);
  if (!forward && !bounds(src, dst)) return false;
  // Seen as `pointer op end`.
  const compare = forward ? op : flippedOp(op);
  const n = forward ? insn.dst : insn.src;
  const pointer = cloneReg(forward ? dst : src);
  switch (compare) {
    case JMP.JGT:
      extend(falls, pointer, false);
      setEnd(jumps, n, BEYOND_PACKET_END);
      return true;
    case JMP.JLT:
      extend(jumps, pointer, true);
      setEnd(falls, n, AT_PACKET_END);
      return true;
    case JMP.JGE:
      extend(falls, pointer, true);
      setEnd(jumps, n, AT_PACKET_END);
      return true;
    case JMP.JLE:
      extend(jumps, pointer, false);
      setEnd(falls, n, BEYOND_PACKET_END);
      return true;
    default:
      return false;
  }
}

function setEnd(state: PathState, n: number, range: number): void {
  const reg = topFrame(state).regs[n];
  if (reg?.type === KIND.PACKET) reg.range = range;
}

/** All pointers of the same base have at least the pointer's offset of bytes behind the base; `more`: one more. */
function extend(state: PathState, pointer: Reg, more: boolean): void {
  if (pointer.off < 0 || (pointer.off === 0 && more)) return;
  const most = umaxNumber(pointer);
  if (most > PACKET_MAX || most + pointer.off > PACKET_MAX) return;
  const range = pointer.off + (more ? 1 : 0);
  changeRegs(
    state,
    (reg) => reg.type === pointer.type && reg.id === pointer.id,
    (reg) => {
      reg.range = Math.max(reg.range, range);
    },
  );
}
