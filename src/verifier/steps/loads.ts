/** ld_imm64 in all its meanings, and the old loads from packets (check_ld_imm, check_ld_abs, v6.18). */
import { PSEUDO, type Slot } from '../../isa/index.ts';
import { checkUnmodified } from '../access/context.ts';
import { clearCallerSaved, leaveFrame } from '../calls/frames.ts';
import { pushState } from '../explore/pending.ts';
import { checkNothingHeld } from '../objects/held.ts';
import { invalid, Rejection } from '../rejection.ts';
import { KIND, type Reg, setBtfPointer, setConstant, setPointer } from '../state/reg.ts';
import { subprogramAt } from '../subprograms.ts';
import type { Verification } from '../verification.ts';

const ARENA = 33;

/** dst = constant, map, map value or function. */
export function loadImm64(v: Verification, insn: Slot, at: number): void {
  v.checkWrite(insn.dst);
  const reg = v.markUnknown(insn.dst);
  if (insn.src === PSEUDO.NONE) {
    const { precise } = reg;
    setConstant(reg, v.slot(at + 1).imm, insn.imm);
    reg.precise = precise;
    return;
  }
  if (insn.src === PSEUDO.BTF_ID) {
    loadSymbol(v, reg, at);
    return;
  }
  if (insn.src === PSEUDO.FUNC) {
    if (v.program.functions === undefined) throw invalid('missing btf func_info');
    const target = subprogramAt(v, at + insn.imm + 1);
    const info = v.subprograms[target];
    if (info?.func !== undefined && info.func.linkage !== 'static') throw invalid('callback function not static');
    setPointer(reg, KIND.FUNC);
    reg.target = target;
    return;
  }
  const use = v.mapUses.get(at);
  if (use === undefined) throw invalid('unrecognized bpf_ld_imm64 insn');
  // A place in an arena is a number: programs cast it to a pointer.
  if (use.offset !== undefined && use.map.type === ARENA) return;
  if (use.offset === undefined) {
    setPointer(reg, KIND.MAP_PTR);
  } else {
    setPointer(reg, KIND.MAP_VALUE);
    reg.off = use.offset;
  }
  reg.map = use.map;
}

/** The address of a kernel variable or function. */
function loadSymbol(v: Verification, reg: Reg, at: number): void {
  const symbol = v.symbols.get(at);
  if (symbol === undefined) throw new Rejection('EFAULT', 'verifier bug: pseudo btf id: unexpected dst reg type');
  if (symbol.btf === undefined) {
    setPointer(reg, symbol.type);
    reg.memSize = symbol.size;
  } else {
    setBtfPointer(reg, symbol.type, symbol.btf, symbol.target ?? 0);
  }
}

/** r0 = packet bytes in host order; where the packet is too short the program, or the subprogram, ends with 0. @returns the next instruction */
export function loadPacket(v: Verification, insn: Slot): number {
  const context = v.checkRead(6);
  checkNothingHeld(v, 'BPF_LD_[ABS|IND]');
  if (context.type !== KIND.CTX) throw invalid('at the time of BPF_LD_ABS|IND R6 != pointer to skb', 6);
  if ((insn.code & 0xe0) === 0x40) v.checkRead(insn.src);
  checkUnmodified(context, 6, 'none');
  clearCallerSaved(v, v.frame);
  const result = v.markUnknown(0);
  if (v.state.frames.length === 1) return v.insn + 1;
  pushState(v, v.insn + 1, v.insn);
  setConstant(result, 0, 0);
  v.liveness.update();
  return leaveFrame(v);
}
