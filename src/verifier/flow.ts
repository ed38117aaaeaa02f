/**
 * Which instructions can run: control flow with constants in registers, so that branches decided by a constant (the guards that CO-RE
 * and feature tests compile to) are left out, as the kernel's simulation leaves them out. It joins states where paths meet, so it may take
 * more for reachable than the path-by-path simulation of a full verifier; never less.
 */
import type { Slot } from '../isa/index.ts';
import { classOf, isFuncRef, isJump, isLocalCall, isUnconditional, jumpTarget, LD_IMM64 } from './layout.ts';

/** Bits of Flow.ways. */
export const FALLS = 1;
export const BRANCHES = 2;

/** Result of the analysis, by slot. */
export interface Flow {
  /** Ways on which control can leave a reachable instruction (FALLS, BRANCHES); 0 for an unreachable one and for exits. */
  readonly ways: Uint8Array;
  readonly reached: Uint8Array;
}

type State = (bigint | undefined)[];

const CALL = 0x85;
const EXIT = 0x95;
const MAY_GOTO = 0xe5;
const REGS = 11;
const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);

/** Analyses a program whose structure is right. Bounded: a register's constant at a place is given up at its first contradiction. */
export function analyseFlow(insns: readonly Slot[]): Flow {
  const ways = new Uint8Array(insns.length);
  const reached = new Uint8Array(insns.length);
  const heads = findHeads(insns);
  const states = new Map<number, State>();
  const pending: number[] = [];

  const join = (to: number, state: State): void => {
    const known = states.get(to);
    if (known === undefined) {
      states.set(to, [...state]);
      pending.push(to);
      return;
    }
    let changed = false;
    for (let r = 0; r < REGS; r++) {
      if (known[r] !== undefined && known[r] !== state[r]) {
        known[r] = undefined;
        changed = true;
      }
    }
    if (changed) pending.push(to);
  };

  join(0, new Array<bigint | undefined>(REGS).fill(undefined));
  for (let head = pending.pop(); head !== undefined; head = pending.pop()) {
    const state = [...(states.get(head) ?? [])];
    for (let i = head; ; ) {
      const insn = insns[i];
      if (insn === undefined) break;
      reached[i] = 1;
      if (insn.code === EXIT) break;
      if (isLocalCall(insn))
        join(
          i + insn.imm + 1,
          state.map((value, r) => (r >= 1 && r <= 5 ? value : undefined)),
        );
      if (isFuncRef(insn)) join(i + insn.imm + 1, new Array<bigint | undefined>(REGS).fill(undefined));
      const way = isJump(insn) ? directions(insn, state) : FALLS;
      ways[i] = (ways[i] ?? 0) | way;
      if ((way & BRANCHES) !== 0) join(jumpTarget(insn, i), state);
      if ((way & FALLS) === 0) break;
      transfer(insn, insns[i + 1], state);
      i += insn.code === LD_IMM64 ? 2 : 1;
      if (heads[i] === 1) {
        join(i, state);
        break;
      }
    }
  }
  return { ways, reached };
}

/** Slots where paths meet: jump targets and entries. */
function findHeads(insns: readonly Slot[]): Uint8Array {
  const heads = new Uint8Array(insns.length + 1);
  for (const [i, insn] of insns.entries()) {
    if (isJump(insn)) heads[jumpTarget(insn, i)] = 1;
    if (isLocalCall(insn) || isFuncRef(insn)) heads[i + insn.imm + 1] = 1;
  }
  return heads;
}

function directions(insn: Slot, state: State): number {
  if (isUnconditional(insn)) return BRANCHES;
  if (insn.code === MAY_GOTO) return FALLS | BRANCHES;
  const dst = state[insn.dst];
  const src = (insn.code & 8) !== 0 ? state[insn.src] : u64(BigInt(insn.imm));
  if (dst === undefined || src === undefined) return FALLS | BRANCHES;
  const bits = classOf(insn.code) === 6 ? 32 : 64;
  const x = BigInt.asUintN(bits, dst);
  const y = BigInt.asUintN(bits, src);
  const sx = BigInt.asIntN(bits, dst);
  const sy = BigInt.asIntN(bits, src);
  const taken: Record<number, boolean> = {
    16: x === y,
    32: x > y,
    48: x >= y,
    64: (x & y) !== 0n,
    80: x !== y,
    96: sx > sy,
    112: sx >= sy,
    160: x < y,
    176: x <= y,
    192: sx < sy,
    208: sx <= sy,
  };
  return taken[insn.code & 0xf0] === true ? BRANCHES : FALLS;
}

/** Moves constants over one instruction. Arithmetic that guards do not use gives up the register. */
function transfer(insn: Slot, next: Slot | undefined, state: State): void {
  const cls = classOf(insn.code);
  if (insn.code === LD_IMM64) {
    state[insn.dst] = insn.src === 0 ? (BigInt((next?.imm ?? 0) >>> 0) << 32n) | BigInt(insn.imm >>> 0) : undefined;
  } else if (insn.code === CALL || cls === 0) {
    for (let r = 0; r <= 5; r++) state[r] = undefined;
  } else if (cls === 1) {
    state[insn.dst] = undefined;
  } else if (cls === 3 && (insn.code & 0xe0) === 0xc0) {
    state[0] = undefined;
    state[insn.src] = undefined;
    state[insn.dst] = undefined;
  } else if (cls === 4 || cls === 7) {
    state[insn.dst] = arithmetic(insn, cls === 7 ? 64 : 32, state);
  }
}

function arithmetic(insn: Slot, bits: number, state: State): bigint | undefined {
  const isReg = (insn.code & 8) !== 0;
  const src = isReg ? state[insn.src] : u64(BigInt(insn.imm));
  const dst = state[insn.dst];
  const op = insn.code & 0xf0;
  if (insn.off !== 0 || src === undefined) return undefined;
  if (op === 0xb0) return BigInt.asUintN(bits, src);
  if (dst === undefined) return undefined;
  const x = BigInt.asUintN(bits, dst);
  const y = BigInt.asUintN(bits, src);
  const count = y & BigInt(bits - 1);
  switch (op) {
    case 0x00:
      return BigInt.asUintN(bits, x + y);
    case 0x10:
      return BigInt.asUintN(bits, x - y);
    case 0x20:
      return BigInt.asUintN(bits, x * y);
    case 0x40:
      return x | y;
    case 0x50:
      return x & y;
    case 0xa0:
      return x ^ y;
    case 0x60:
      return BigInt.asUintN(bits, x << count);
    case 0x70:
      return x >> count;
    case 0xc0:
      return BigInt.asUintN(bits, BigInt.asIntN(bits, x) >> count);
    default:
      return undefined;
  }
}
