/**
 * Whether and how far a program looks into its context, by a conservative walk over its instructions: a source may skip building a
 * context that nobody reads. The verifier's exact knowledge is not needed for that.
 */
import { HELPER_BY_ID } from '../helpers/index.ts';
import { decodeAt, type Instruction, PSEUDO, SLOT_SIZE, slotsOf } from '../isa/index.ts';

/** What a walk over a program found. */
export interface ContextUse {
  /** False only when the context cannot matter. */
  readonly reads: boolean;
  /** One past the last byte that a load with a constant offset reaches. */
  readonly end: number;
  /** Ids of the helpers that it may call. */
  readonly helpers: ReadonlySet<number>;
}

/**
 * Helpers whose result does not depend on the CPU: map operations (of maps that are not per-CPU), reads, facts about the task, time,
 * random numbers, strings.
 */
const CPU_FREE: ReadonlySet<number> = new Set([
  1, 2, 3, 4, 5, 7, 14, 15, 16, 35, 36, 45, 105, 106, 109, 112, 113, 114, 115, 117, 120, 125, 148, 158, 160, 165, 173, 174, 181, 182, 191,
  197, 201, 202, 203, 208,
]);

/** Whether the CPU on which the program runs can matter, its maps left aside. */
export function cpuMatters(use: ContextUse): boolean {
  for (const id of use.helpers) if (!CPU_FREE.has(id)) return true;
  return false;
}

const CTX_AT_ENTRY = 1 << 1;
const CALLER_SAVED = 0b11_1111;
const TAIL_CALL = 12;

/** Walks the program in `bytes`; unusual uses (a stored or computed context pointer, a tail call) count as reads. */
export function contextUse(bytes: Uint8Array): ContextUse {
  const slots = Math.floor(bytes.length / SLOT_SIZE);
  /** Registers that may hold the context, one bit each, before each slot; -1: not reached. */
  const holds = new Int32Array(slots).fill(-1);
  const work: number[] = [];
  let reads = false;
  let end = 0;
  const helpers = new Set<number>();
  const flow = (slot: number, mask: number): void => {
    if (slot < 0 || slot >= slots) return;
    const before = holds[slot] ?? -1;
    const joined = before === -1 ? mask : before | mask;
    if (joined === before) return;
    holds[slot] = joined;
    work.push(slot);
  };
  flow(0, CTX_AT_ENTRY);
  for (let slot = work.pop(); slot !== undefined; slot = work.pop()) {
    const insn = decodeAt(bytes, slot);
    const mask = holds[slot] ?? 0;
    const next = slot + slotsOf(insn);
    if (insn.kind === 'invalid') {
      reads = true;
      continue;
    }
    if (insn.kind === 'ldx' && (mask >> insn.src) & 1) {
      reads = true;
      if (insn.off >= 0) end = Math.max(end, insn.off + insn.size);
    }
    if (escapes(insn, mask)) reads = true;
    if (insn.kind === 'call' && insn.target === 'helper') helpers.add(insn.imm);
    if (insn.kind === 'exit') continue;
    if (insn.kind === 'ja') {
      flow(next + insn.off, mask);
      continue;
    }
    if (insn.kind === 'jmp' || insn.kind === 'may_goto') flow(next + insn.off, mask);
    if (insn.kind === 'call' && insn.target === 'local') flow(next + insn.imm, mask & CALLER_SAVED);
    // A callback is entered with arguments of its helper's choice, the context not among them unless it escaped.
    if (insn.kind === 'ld_imm64' && insn.pseudo === PSEUDO.FUNC) flow(slot + 1 + Number(BigInt.asIntN(32, insn.imm)), 0);
    flow(next, after(insn, mask));
  }
  return { reads, end, helpers };
}

/** Whether the context's contents may be seen otherwise than by a load from it. */
function escapes(insn: Instruction, mask: number): boolean {
  const has = (reg: number): boolean => ((mask >> reg) & 1) !== 0;
  switch (insn.kind) {
    case 'stx':
      return has(insn.src) || has(insn.dst);
    case 'st':
      return has(insn.dst);
    case 'atomic':
      return has(insn.src) || has(insn.dst);
    case 'alu':
      return insn.op !== 'mov' && (has(insn.dst) || ('reg' in insn.src && has(insn.src.reg)));
    case 'ld_abs':
    case 'ld_ind':
    case 'callx':
      return true;
    case 'call': {
      if (insn.target !== 'helper') return insn.target === 'kfunc';
      const proto = HELPER_BY_ID.get(insn.imm);
      if (proto === undefined || proto.id === TAIL_CALL) return true;
      return proto.args.some((arg, i) => arg.kind !== 'ctx' && arg.kind !== 'ctx_or_null' && has(i + 1));
    }
    default:
      return false;
  }
}

/** Registers that may hold the context after the instruction. */
function after(insn: Instruction, mask: number): number {
  switch (insn.kind) {
    case 'alu': {
      const holds = insn.op === 'mov' && 'reg' in insn.src && ((mask >> insn.src.reg) & 1) !== 0;
      return holds ? mask | (1 << insn.dst) : mask & ~(1 << insn.dst);
    }
    case 'neg':
    case 'end':
    case 'ldx':
    case 'ld_imm64':
    case 'addr_space_cast':
      return mask & ~(1 << insn.dst);
    case 'call':
      return mask & ~CALLER_SAVED;
    default:
      return mask;
  }
}
