/** Which registers an instruction reads and writes, as bit masks. Bit 10 never occurs: the frame pointer is a constant of its function. */
import type { Instruction } from '../isa/index.ts';

/** A helper's id. */
export const TAIL_CALL = 12;
/** r0..r9. */
export const REGS = 10;
const TRACKED = 0x3ff;
const ARGS = 0x3e;

/** What calls need to know of their targets. */
export interface CallFacts {
  /** Arguments that a helper takes, r1.. on; 0 for an unknown one. */
  helperArgs(id: number): number;
  /** Mask of the registers that the function at a slot of the program takes. */
  functionArgs(slot: number): number;
}

/** Filled by effectsOf; one object serves a whole walk. */
export class Effects {
  uses = 0;
  /** Register written, -1 for none. r0 for calls. */
  def = -1;
  /** Also r1..r5, which become 0. */
  clobbers = false;

  /** Mask of all registers written. */
  get defs(): number {
    return ((this.def < 0 ? 0 : 1 << this.def) | (this.clobbers ? ARGS : 0)) & TRACKED;
  }
}

/** Whether the call of a helper is bpf_tail_call. */
export function isTailCall(insn: Instruction): boolean {
  return insn.kind === 'call' && insn.target === 'helper' && insn.imm === TAIL_CALL;
}

/** Describes the instruction at slot `at` in `out`. */
export function effectsOf(insn: Instruction, at: number, calls: CallFacts, out: Effects): void {
  out.uses = 0;
  out.def = -1;
  out.clobbers = false;
  switch (insn.kind) {
    case 'alu':
      out.def = insn.dst;
      if ('reg' in insn.src) out.uses = 1 << insn.src.reg;
      if (insn.op !== 'mov' && insn.op !== 'movsx8' && insn.op !== 'movsx16' && insn.op !== 'movsx32') out.uses |= 1 << insn.dst;
      break;
    case 'neg':
    case 'end':
      out.uses = 1 << insn.dst;
      out.def = insn.dst;
      break;
    case 'jmp':
      out.uses = (1 << insn.dst) | ('reg' in insn.src ? 1 << insn.src.reg : 0);
      break;
    case 'call':
      out.def = 0;
      out.clobbers = true;
      if (insn.target === 'local') out.uses = calls.functionArgs(at + 1 + insn.imm);
      else if (isTailCall(insn)) out.uses = 0b1110;
      else if (insn.target === 'helper') out.uses = ((1 << calls.helperArgs(insn.imm)) - 1) << 1;
      break;
    case 'exit':
      out.uses = 1;
      break;
    case 'ld_imm64':
      out.def = insn.dst;
      break;
    case 'ld_abs':
      out.def = 0;
      out.clobbers = true;
      break;
    case 'ld_ind':
      out.uses = 1 << insn.src;
      out.def = 0;
      out.clobbers = true;
      break;
    case 'ldx':
      out.uses = 1 << insn.src;
      out.def = insn.dst;
      break;
    case 'st':
      out.uses = 1 << insn.dst;
      break;
    case 'stx':
      out.uses = (1 << insn.dst) | (1 << insn.src);
      break;
    case 'atomic':
      if (insn.op === 'load_acquire') {
        out.uses = 1 << insn.src;
        out.def = insn.dst;
      } else {
        out.uses = (1 << insn.dst) | (1 << insn.src);
        if (insn.op === 'cmpxchg') {
          out.uses |= 1;
          out.def = 0;
        } else if (insn.fetch) {
          out.def = insn.src;
        }
      }
      break;
    case 'ja':
    case 'may_goto':
    case 'callx':
    case 'addr_space_cast':
      break;
  }
  out.uses &= TRACKED;
}
