/**
 * What the verifier refuses by looking at one instruction alone, in the kernel's order for that instruction (kernel/bpf/verifier.c
 * do_check_insn and what it calls, v6.18). Register contents are not known here.
 */
import type { HelperProto } from '../helpers/types.ts';
import { PSEUDO_CALL, type Slot } from '../isa/index.ts';
import { LD_IMM64 } from './layout.ts';
import { type Refusal, refuse } from './refusal.ts';

/** What an instruction may use: facts about the program. */
export interface InsnFacts {
  /** Row of a helper's number. */
  helper(id: number): HelperProto | undefined;
  /** Whether programs of the type may call it. */
  allowed(id: number): boolean;
  /** Whether it may be called where the program is attached. */
  fits(id: number): boolean;
  readonly gplCompatible: boolean;
  /** ld_abs and ld_ind are allowed for the type. */
  readonly packetLoads: boolean;
  /** The program has an arena. */
  readonly arena: boolean;
}

const FP = 10;

/** Why the instruction is refused, or undefined. Its opcode is a known one. */
export function checkInsn(insn: Slot, at: number, facts: InsnFacts): Refusal | undefined {
  const message = refusalOf(insn, facts);
  if (message === undefined) return undefined;
  return refuse(message === FP_READ_ONLY ? 'EACCES' : 'EINVAL', message, at);
}

const FP_READ_ONLY = 'frame pointer is read only';

function refusalOf(insn: Slot, facts: InsnFacts): string | undefined {
  switch (insn.code & 7) {
    case 0:
      return checkLd(insn, facts);
    case 1:
      return source(insn.src) ?? target(insn.dst);
    case 2:
      if ((insn.code & 0xe0) !== 0x60 || insn.src !== 0) return 'BPF_ST uses reserved fields';
      return source(insn.dst);
    case 3:
      return checkStx(insn);
    case 5:
    case 6:
      return checkJmp(insn, facts);
    default:
      return checkAlu(insn, facts.arena);
  }
}

function source(reg: number): string | undefined {
  return reg > FP ? `R${reg} is invalid` : undefined;
}

function target(reg: number): string | undefined {
  return source(reg) ?? (reg === FP ? FP_READ_ONLY : undefined);
}

const isReg = (insn: Slot): boolean => (insn.code & 8) !== 0;

function checkAlu(insn: Slot, arena: boolean): string | undefined {
  const op = insn.code & 0xf0;
  const wide = (insn.code & 7) === 7;
  switch (op) {
    case 0x80:
      if (isReg(insn) || insn.src !== 0 || insn.off !== 0 || insn.imm !== 0) return 'BPF_NEG uses reserved fields';
      return target(insn.dst);
    case 0xd0:
      if (insn.src !== 0 || insn.off !== 0 || ![16, 32, 64].includes(insn.imm) || (wide && isReg(insn)))
        return 'BPF_END uses reserved fields';
      return target(insn.dst);
    case 0xb0:
      return checkMov(insn, wide, arena);
  }
  const division = op === 0x30 || op === 0x90;
  const unused = isReg(insn) ? insn.imm : insn.src;
  if (unused !== 0 || (insn.off !== 0 && insn.off !== 1) || (insn.off === 1 && !division)) return 'BPF_ALU uses reserved fields';
  const registers = (isReg(insn) ? source(insn.src) : undefined) ?? source(insn.dst);
  if (registers !== undefined) return registers;
  if (division && !isReg(insn) && insn.imm === 0) return 'div by zero';
  if ((op === 0x60 || op === 0x70 || op === 0xc0) && !isReg(insn) && (insn.imm < 0 || insn.imm >= (wide ? 64 : 32))) {
    return `invalid shift ${insn.imm}`;
  }
  return target(insn.dst);
}

function checkMov(insn: Slot, wide: boolean, arena: boolean): string | undefined {
  if (!isReg(insn)) {
    if (insn.src !== 0 || insn.off !== 0) return 'BPF_MOV uses reserved fields';
    return target(insn.dst);
  }
  if (wide && insn.off === 1) {
    if (insn.imm !== 1 && insn.imm !== 1 << 16) return 'addr_space_cast insn can only convert between address space 1 and 0';
    if (!arena) return 'addr_space_cast insn can only be used in a program that has an associated arena';
    return source(insn.src) ?? target(insn.dst);
  }
  const offsets = wide ? [0, 8, 16, 32] : [0, 8, 16];
  if (!offsets.includes(insn.off) || insn.imm !== 0) return 'BPF_MOV uses reserved fields';
  return source(insn.src) ?? target(insn.dst);
}

const ATOMIC_RMW = new Set([0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1]);
const LOAD_ACQUIRE = 0x100;
const STORE_RELEASE = 0x110;

function checkStx(insn: Slot): string | undefined {
  const mode = insn.code & 0xe0;
  if (mode !== 0xc0) {
    if (mode !== 0x60 || insn.imm !== 0) return 'BPF_STX uses reserved fields';
    return source(insn.src) ?? source(insn.dst);
  }
  if (insn.imm === LOAD_ACQUIRE) return source(insn.src) ?? target(insn.dst);
  if (insn.imm === STORE_RELEASE) return source(insn.src) ?? source(insn.dst);
  if (!ATOMIC_RMW.has(insn.imm)) return `BPF_ATOMIC uses invalid atomic opcode ${(insn.imm >>> 0).toString(16).padStart(2, '0')}`;
  const size = insn.code & 0x18;
  if (size !== 0x00 && size !== 0x18) return 'invalid atomic operand size';
  const fetches = (insn.imm & 1) !== 0 && insn.imm !== 0xf1;
  return source(insn.src) ?? source(insn.dst) ?? (fetches ? target(insn.src) : undefined);
}

function checkJmp(insn: Slot, facts: InsnFacts): string | undefined {
  const narrow = (insn.code & 7) === 6;
  switch (insn.code & 0xf0) {
    case 0x80:
      return checkCall(insn, narrow, facts);
    case 0x00:
      if (isReg(insn) || insn.src !== 0 || insn.dst !== 0 || (narrow ? insn.off : insn.imm) !== 0) return 'BPF_JA uses reserved fields';
      return undefined;
    case 0x90:
      if (isReg(insn) || insn.imm !== 0 || insn.src !== 0 || insn.dst !== 0 || narrow) return 'BPF_EXIT uses reserved fields';
      return undefined;
    case 0xe0:
      if (insn.src !== 0 || insn.dst !== 0 || insn.imm !== 0) return `invalid may_goto imm ${insn.imm}`;
      return undefined;
  }
  const dst = source(insn.dst);
  if (dst !== undefined) return dst;
  if ((isReg(insn) ? insn.imm : insn.src) !== 0) return 'BPF_JMP/JMP32 uses reserved fields';
  return isReg(insn) ? source(insn.src) : undefined;
}

function checkCall(insn: Slot, narrow: boolean, facts: InsnFacts): string | undefined {
  const kfunc = insn.src === PSEUDO_CALL.KFUNC;
  if (isReg(insn) || (!kfunc && insn.off !== 0) || insn.src > PSEUDO_CALL.KFUNC || insn.dst !== 0 || narrow)
    return 'BPF_CALL uses reserved fields';
  if (insn.src !== PSEUDO_CALL.HELPER) return undefined;
  if (insn.imm === 0) return 'program of this type cannot use helper bpf_unspec#0';
  const helper = facts.helper(insn.imm);
  if (helper === undefined) return `invalid func unknown#${insn.imm}`;
  if (!facts.allowed(insn.imm)) return `program of this type cannot use helper bpf_${helper.name}#${insn.imm}`;
  if (helper.gplOnly && !facts.gplCompatible) return 'cannot call GPL-restricted function from non-GPL compatible program';
  if (!facts.fits(insn.imm)) return 'helper call is not allowed in probe';
  return undefined;
}

function checkLd(insn: Slot, facts: InsnFacts): string | undefined {
  if (insn.code === LD_IMM64) {
    if (insn.off !== 0) return 'BPF_LD_IMM64 uses reserved fields';
    return target(insn.dst);
  }
  const mode = insn.code & 0xe0;
  if (!facts.packetLoads) return 'BPF_LD_[ABS|IND] instructions not allowed for this program type';
  if (insn.dst !== 0 || insn.off !== 0 || (insn.code & 0x18) === 0x18 || (mode === 0x20 && insn.src !== 0))
    return 'BPF_LD_[ABS|IND] uses reserved fields';
  return mode === 0x40 ? source(insn.src) : undefined;
}
