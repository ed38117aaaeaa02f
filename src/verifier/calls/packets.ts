/** Helpers that may move a packet: its pointers are of no use after them (bpf_helper_changes_pkt_data, clear_all_pkt_pointers, v6.18). */
import { isAnyPacket, KIND, kindOf, type Reg } from '../state/reg.ts';
import { DYNPTR_TYPE } from '../state/stack.ts';
import { changeRegs } from '../state/state.ts';
import type { Verification } from '../verification.ts';

/** Tail calls too: the program called could call any of the others. */
const CHANGERS: ReadonlySet<number> = new Set([
  9, 10, 11, 12, 13, 18, 19, 31, 38, 39, 43, 44, 50, 54, 63, 65, 73, 74, 75, 76, 90, 91, 143, 144,
]);

/** Whether packet pointers do not outlive the helper. */
export function changesPackets(helper: number): boolean {
  return CHANGERS.has(helper);
}

/** Memory of a dynptr of packet data (reg_is_dynptr_slice_pkt). */
function isPacketSlice(reg: Reg): boolean {
  return kindOf(reg.type) === KIND.MEM && reg.dynptrType >= DYNPTR_TYPE.SKB;
}

/** Packet pointers become unusable. */
export function forgetPackets(v: Verification): void {
  changeRegs(
    v.state,
    (reg) => isAnyPacket(reg.type) || isPacketSlice(reg),
    (reg) => v.forget(reg),
  );
}
