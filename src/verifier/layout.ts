/** The shape of a program: subprograms and their borders, ld_imm64 pairs, and the control-flow graph. Operands are insn-rules.ts's business. */
import { PSEUDO, PSEUDO_CALL, rowsOfCode, type Slot } from '../isa/index.ts';
import { type Refusal, refuse } from './refusal.ts';

const JMP = 5;
const JMP32 = 6;
const CALL = 0x85;
const CALLX = 0x8d;
const EXIT = 0x95;
const TAIL_CALL = 12;
const JA = 0x05;
const JA32 = 0x06;
export const LD_IMM64 = 0x18;
/** BPF_MAX_SUBPROGS, include/linux/bpf_verifier.h. */
const MAX_SUBPROGS = 256;

export const classOf = (code: number): number => code & 7;

/** Whether the instruction is `call` of a subprogram. */
export function isLocalCall(insn: Slot): boolean {
  return insn.code === CALL && insn.src === PSEUDO_CALL.LOCAL;
}

/** Whether the instruction loads a subprogram's address. */
export function isFuncRef(insn: Slot): boolean {
  return insn.code === LD_IMM64 && insn.src === PSEUDO.FUNC;
}

/** Whether the instruction jumps (calls and exits do not count), conditionally or not. */
export function isJump(insn: Slot): boolean {
  const cls = classOf(insn.code);
  const op = insn.code & 0xf0;
  return (cls === JMP || cls === JMP32) && op !== 0x80 && op !== 0x90;
}

/** Slot that the jump at `index` leads to. */
export function jumpTarget(insn: Slot, index: number): number {
  return index + 1 + (insn.code === JA32 ? insn.imm : insn.off);
}

/** Whether nothing follows the instruction but its target. */
export function isUnconditional(insn: Slot): boolean {
  return insn.code === JA || insn.code === JA32;
}

/** What the search for subprograms asks, and what it found even if it ends in a refusal. */
export interface SubprogramSearch {
  readonly starts: Set<number>;
  /** The loader may call subprograms and kernel functions. */
  readonly capable: boolean;
  /** Why a call of a kernel function is refused. */
  kfunc(insn: Slot): Refusal | undefined;
  /** A subprogram that nothing in the program refers to. */
  more(): number | Refusal | undefined;
}

/** Starts of the subprograms in ascending order, main first (kernel/bpf/verifier.c add_subprog_and_kfunc, v6.18). */
export function findSubprograms(insns: readonly Slot[], search: SubprogramSearch): number[] | Refusal {
  const { starts } = search;
  starts.add(0);
  const add = (target: number, at?: number): Refusal | undefined => {
    if (target < 0 || target >= insns.length) return refuse('EINVAL', 'call to invalid destination', at);
    if (!starts.has(target) && starts.size >= MAX_SUBPROGS) return refuse('E2BIG', 'too many subprograms', at);
    starts.add(target);
    return undefined;
  };
  for (const [i, insn] of insns.entries()) {
    const kfunc = insn.code === CALL && insn.src === PSEUDO_CALL.KFUNC;
    if (!kfunc && !isLocalCall(insn) && !isFuncRef(insn)) continue;
    if (!search.capable) {
      return refuse('EPERM', 'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN', i);
    }
    const refusal = kfunc ? search.kfunc(insn) : add(i + insn.imm + 1, i);
    if (refusal !== undefined) return { ...refusal, insn: i };
  }
  const more = search.more();
  if (typeof more === 'object') return more;
  const refusal = more === undefined ? undefined : add(more);
  if (refusal !== undefined) return refusal;
  return [...starts].sort((a, b) => a - b);
}

/** Jumps stay in their subprogram, which ends in an exit or a jump (check_subprogs). */
export function checkBorders(insns: readonly Slot[], starts: readonly number[]): Refusal | undefined {
  for (const [n, start] of starts.entries()) {
    const end = starts[n + 1] ?? insns.length;
    for (let i = start; i < end; i++) {
      const insn = insns[i];
      if (insn === undefined) break;
      if (isJump(insn)) {
        const target = jumpTarget(insn, i);
        if (target < start || target >= end) return refuse('EINVAL', `jump out of range from insn ${i} to ${target}`, i);
      }
      if (i === end - 1 && insn.code !== EXIT && !isUnconditional(insn)) return refuse('EINVAL', 'last insn is not an exit or jmp', i);
    }
  }
  return undefined;
}

/** Subprograms that nothing describes may not end other than by exit (check_abnormal_return; only for programs without func_info). */
export function checkReturns(insns: readonly Slot[], starts: readonly number[]): Refusal | undefined {
  for (const [n, start] of starts.entries()) {
    if (n === 0) continue;
    const end = starts[n + 1] ?? insns.length;
    for (const what of ['LD_ABS', 'tail_call'] as const) {
      for (let i = start; i < end; i++) {
        const insn = insns[i];
        if (insn === undefined || !(what === 'LD_ABS' ? isPacketLoad(insn) : isTailCall(insn))) continue;
        return refuse('EINVAL', `${what} is not allowed in subprogs without BTF`, i);
      }
    }
  }
  return undefined;
}

function isPacketLoad(insn: Slot): boolean {
  const mode = insn.code & 0xe0;
  return classOf(insn.code) === 0 && (mode === 0x20 || mode === 0x40);
}

function isTailCall(insn: Slot): boolean {
  return insn.code === CALL && insn.src === PSEUDO_CALL.HELPER && insn.imm === TAIL_CALL;
}

/** A map reference of the program: ld_imm64 with src MAP_FD, MAP_VALUE, MAP_IDX or MAP_IDX_VALUE. */
export interface MapReference {
  readonly insn: number;
  /** PSEUDO. */
  readonly pseudo: number;
  /** File descriptor, or index into the fd array. */
  readonly fd: number;
  /** Offset into the value, unsigned; 0 for the map itself. */
  readonly offset: number;
}

/**
 * ld_imm64 pairs, loads' reserved fields, unknown opcodes, in the order of the instructions (resolve_pseudo_ldimm64).
 * @param reference resolves a map reference, so that its refusal comes where the kernel's does
 */
export function checkPairs(
  insns: readonly Slot[],
  reference: ((ref: MapReference) => Refusal | undefined) | undefined,
): Refusal | undefined {
  for (let i = 0; i < insns.length; i++) {
    const insn = insns[i];
    if (insn === undefined) break;
    const mode = insn.code & 0xe0;
    if (classOf(insn.code) === 1 && ((mode !== 0x60 && mode !== 0x80) || insn.imm !== 0)) {
      return refuse('EINVAL', 'BPF_LDX uses reserved fields', i);
    }
    if (insn.code !== LD_IMM64) {
      // Call through a register has a row for the conformance vectors only.
      if (rowsOfCode(insn.code).length === 0 || insn.code === CALLX) {
        return refuse('EINVAL', `unknown opcode ${insn.code.toString(16).padStart(2, '0')}`, i);
      }
      continue;
    }
    const next = insns[i + 1];
    if (next === undefined || next.code !== 0 || next.dst !== 0 || next.src !== 0 || next.off !== 0) {
      return refuse('EINVAL', 'invalid bpf_ld_imm64 insn', i);
    }
    switch (insn.src) {
      case PSEUDO.NONE:
      case PSEUDO.FUNC:
      case PSEUDO.BTF_ID:
        break;
      case PSEUDO.MAP_FD:
      case PSEUDO.MAP_IDX:
        if (next.imm !== 0) return refuse('EINVAL', 'unrecognized bpf_ld_imm64 insn', i);
        break;
      case PSEUDO.MAP_VALUE:
      case PSEUDO.MAP_IDX_VALUE:
        break;
      default:
        return refuse('EINVAL', 'unrecognized bpf_ld_imm64 insn', i);
    }
    if (insn.src !== PSEUDO.NONE && insn.src !== PSEUDO.FUNC) {
      const refusal = reference?.({ insn: i, pseudo: insn.src, fd: insn.imm, offset: next.imm >>> 0 });
      if (refusal !== undefined) return { ...refusal, insn: i };
    }
    i++;
  }
  return undefined;
}

/** Every instruction is reached from main by jumps, calls and function references, and none leads into an ld_imm64 (check_cfg). `alsoFrom`: the exception callback. */
export function checkGraph(insns: readonly Slot[], alsoFrom: number): Refusal | undefined {
  const seen = new Uint8Array(insns.length);
  const pending = [0, alsoFrom];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (let i = at; ; ) {
      const insn = insns[i];
      if (insn === undefined || seen[i] === 1) break;
      seen[i] = 1;
      if (isLocalCall(insn) || isFuncRef(insn)) pending.push(i + insn.imm + 1);
      if (insn.code === EXIT) break;
      if (isJump(insn)) pending.push(jumpTarget(insn, i));
      if (isUnconditional(insn)) break;
      i += insn.code === LD_IMM64 ? 2 : 1;
    }
  }
  for (let i = 0; i < insns.length; i++) {
    if (seen[i] === 0) return refuse('EINVAL', `unreachable insn ${i}`, i);
    if (insns[i]?.code === LD_IMM64) {
      if (seen[i + 1] === 1) return refuse('EINVAL', `jump into the middle of ldimm64 insn ${i}`, i);
      i++;
    }
  }
  return undefined;
}
