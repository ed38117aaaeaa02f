/** Basic blocks of one eBPF function: from its entry along jumps. Calls do not end blocks. What blocks compute is emit.ts's business. */
import { decodeAt, type Instruction, slotsOf } from '../isa/index.ts';
import { MAX_EMITTED, tooLarge } from './limits.ts';

/** How control leaves a block; `to` are block numbers. */
export type Terminator =
  | { readonly kind: 'jump'; readonly to: readonly [number] }
  /** Conditional: [taken, next]. */
  | { readonly kind: 'branch'; readonly to: readonly [number, number] }
  /** exit, or a fault. */
  | { readonly kind: 'end'; readonly to: readonly [] }
  /** By the number in the function's state variable; see irreducible.ts. */
  | { readonly kind: 'switch'; readonly to: readonly number[] };

export interface Block {
  /** Slots [start, end), the terminating instruction included. Both -1: no instructions. */
  readonly start: number;
  readonly end: number;
  term: Terminator;
  /** Number that the block stores in the state variable. */
  readonly state?: number;
  /** Head of an unrolled loop: rounds of the program from one time that it is passed to the next. */
  rounds?: number;
}

/** A program as the translator reads it. `undefined`: no instruction starts at the slot. */
export interface DecodedProgram {
  readonly insns: readonly (Instruction | undefined)[];
  /** 1 where a block starts. */
  readonly leaders: Uint8Array;
  /** Scratch of buildBlocks: block number + 1 by slot. */
  readonly blockAt: Int32Array;
}

/** Decodes a program and finds where blocks start. Malformed slots fault when they are reached. */
export function decodeProgram(bytes: Uint8Array): DecodedProgram {
  const slots = Math.floor(bytes.length / 8);
  const insns: (Instruction | undefined)[] = new Array(slots).fill(undefined);
  const leaders = new Uint8Array(slots + 1);
  leaders[0] = 1;
  const mark = (slot: number): void => {
    if (slot >= 0 && slot < slots) leaders[slot] = 1;
  };
  for (let at = 0; at < slots; ) {
    const insn = decodeAt(bytes, at);
    if (insn.kind === 'invalid') {
      mark(at + 1);
      at++;
      continue;
    }
    const next = at + slotsOf(insn);
    insns[at] = writesFramePointer(insn) ? undefined : insn;
    if (insn.kind === 'jmp' || insn.kind === 'ja' || insn.kind === 'may_goto') {
      mark(next + insn.off);
      mark(next);
    } else if (insn.kind === 'exit' || insns[at] === undefined) {
      mark(next);
    } else if (insn.kind === 'call' && insn.target === 'local') {
      mark(next + insn.imm);
    } else if (insn.kind === 'ld_imm64' && insn.pseudo === 4) {
      mark(at + 1 + Number(BigInt.asIntN(32, insn.imm)));
    }
    at = next;
  }
  for (let at = 0; at < slots; at++) {
    const insn = insns[at];
    if (insn?.kind === 'callx') insns[at] = resolveCallx(insns, leaders, at, insn.reg);
  }
  return { insns, leaders, blockAt: new Int32Array(slots + 1) };
}

function writesFramePointer(insn: Instruction): boolean {
  switch (insn.kind) {
    case 'alu':
    case 'neg':
    case 'end':
    case 'ldx':
    case 'ld_imm64':
      return insn.dst === 10;
    case 'addr_space_cast':
      return true;
    case 'atomic':
      if (insn.op === 'load_acquire') return insn.dst === 10;
      return insn.fetch && insn.op !== 'cmpxchg' && insn.src === 10;
    default:
      return false;
  }
}

/** A call through a register whose constant stands in the same block is a call of that helper; anything else faults. */
function resolveCallx(
  insns: readonly (Instruction | undefined)[],
  leaders: Uint8Array,
  callAt: number,
  reg: number,
): Instruction | undefined {
  for (let at = callAt; at > 0 && leaders[at] !== 1; ) {
    at--;
    const insn = insns[at];
    if (insn?.kind === 'alu' && insn.op === 'mov' && insn.dst === reg && 'imm' in insn.src) {
      return { kind: 'call', target: 'helper', imm: insn.src.imm, off: 0 };
    }
    if (insn === undefined || insn.kind === 'call' || insn.kind === 'callx' || ('dst' in insn && insn.dst === reg)) return undefined;
  }
  return undefined;
}

/** Jumps to jumps that are followed. */
const MOST_HOPS = 8;

/** Blocks of the function that starts at slot `entry`; block 0 is its entry. */
export function buildBlocks(
  program: DecodedProgram,
  entry: number,
  budget: { left: number },
  decided: (slot: number) => 'always' | 'never' | undefined,
): Block[] {
  const { insns, leaders, blockAt } = program;
  const slots = insns.length;
  const blocks: Block[] = [];
  const starts: number[] = [];
  const blockOf = (slot: number): number => {
    // All places outside of the program are one block without an instruction, which faults.
    let at = slot >= 0 && slot < slots ? slot : slots;
    // Jumps to jumps go where those lead, which makes loops of one block.
    for (let insn = insns[at], hops = 0; insn?.kind === 'ja' && hops < MOST_HOPS; insn = insns[at], hops++) {
      const to = at + 1 + insn.off;
      at = to >= 0 && to < slots ? to : slots;
    }
    const known = blockAt[at] ?? 0;
    if (known !== 0) return known - 1;
    starts.push(at);
    blockAt[at] = starts.length;
    return starts.length - 1;
  };
  blockOf(entry);
  for (let n = 0; n < starts.length; n++) {
    const start = starts[n] ?? 0;
    let at = start;
    let term: Terminator | undefined;
    while (term === undefined) {
      const insn = insns[at];
      if (insn === undefined) {
        term = { kind: 'end', to: [] };
        at++;
        break;
      }
      const next = at + slotsOf(insn);
      if (insn.kind === 'exit') term = { kind: 'end', to: [] };
      else if (insn.kind === 'ja') term = { kind: 'jump', to: [blockOf(next + insn.off)] };
      else if (insn.kind === 'jmp' && decided(at) !== undefined) {
        term = { kind: 'jump', to: [blockOf(decided(at) === 'always' ? next + insn.off : next)] };
      } else if (insn.kind === 'jmp' || insn.kind === 'may_goto') term = { kind: 'branch', to: [blockOf(next + insn.off), blockOf(next)] };
      else if (next >= slots || leaders[next] === 1) term = { kind: 'jump', to: [blockOf(next)] };
      at = next;
    }
    budget.left -= at - start;
    if (budget.left < 0) throw tooLarge(MAX_EMITTED);
    blocks.push({ start, end: at, term });
  }
  for (const start of starts) blockAt[start] = 0;
  return blocks;
}
