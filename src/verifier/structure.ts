/**
 * Load-time checks that need no types: lengths, subprograms, jumps, reserved fields, register numbers, helpers allowed, call depth; in the
 * order and with the words and errnos of Linux 6.18. Memory, types and initialisation of registers are a full verifier's business; until
 * one runs, the checks that the kernel makes while it simulates the program (from insn-rules.ts on) follow constants only.
 */
import type { ErrnoName } from '../base/index.ts';
import { HELPER_BY_ID } from '../helpers/index.ts';
import { SLOT_SIZE, type Slot, slotAt } from '../isa/index.ts';
import { PROGRAM_TYPE_BY_ID } from '../programs/index.ts';
import { analyseFlow, BRANCHES, FALLS, type Flow } from './flow.ts';
import { checkInsn, type InsnFacts } from './insn-rules.ts';
import {
  checkBorders,
  checkGraph,
  checkPairs,
  checkReturns,
  findSubprograms,
  isFuncRef,
  isJump,
  isLocalCall,
  jumpTarget,
  LD_IMM64,
  type MapReference,
} from './layout.ts';
import { type Refusal, refuse } from './refusal.ts';

export type { MapReference } from './layout.ts';
export type { Refusal } from './refusal.ts';

/** Instructions of a program for a loader with CAP_BPF (BPF_COMPLEXITY_LIMIT_INSNS). */
const MAX_INSNS = 1_000_000;
/** MAX_CALL_FRAMES, include/linux/bpf_verifier.h. */
const MAX_FRAMES = 8;
const EXIT = 0x95;
/** Types that may use ld_abs and ld_ind: may_access_skb (socket_filter, sched_cls, sched_act). */
const PACKET_LOAD_TYPES: readonly number[] = [1, 3, 4];

/** What the checks need to know besides the bytes. */
export interface StructureFacts {
  /** enum bpf_prog_type. */
  readonly type: number;
  readonly gplCompatible: boolean;
  readonly sleepable?: boolean;
  /** The program came with func_info (BTF of its functions). */
  readonly funcInfo?: boolean;
  /** Resolves a map reference where the kernel does; returns its refusal, if any. */
  readonly reference?: (ref: MapReference) => Refusal | undefined;
}

/** Outcome. `log` ends with the kernel's last line. */
export type StructureVerdict =
  | { readonly ok: true; readonly log: string }
  | { readonly ok: false; readonly errno: ErrnoName; readonly message: string; readonly insn: number | undefined; readonly log: string };

/** Checks a program. Never throws; time and memory are bounded by the number of instructions. */
export function checkStructure(bytes: Uint8Array, facts: StructureFacts): StructureVerdict {
  const count = bytes.length / SLOT_SIZE;
  if (count > MAX_INSNS || count < 1) return verdict(refuse('E2BIG', ''), 0);
  if (!Number.isInteger(count)) return verdict(refuse('EINVAL', ''), 0);
  const insns: Slot[] = [];
  for (let i = 0; i < count; i++) {
    const slot = slotAt(bytes, i);
    if (slot !== undefined) insns.push(slot);
  }
  const starts = findSubprograms(insns, facts.gplCompatible);
  if (!Array.isArray(starts)) return verdict(starts, 0);
  const returns = facts.funcInfo === true ? undefined : checkReturns(insns, starts);
  const shape = checkBorders(insns, starts) ?? returns ?? checkPairs(insns, facts.reference) ?? checkGraph(insns);
  if (shape !== undefined) return verdict(shape, 0);
  const progress = { visited: 0 };
  const refusal = walk(insns, analyseFlow(insns), insnFacts(facts), progress);
  return verdict(refusal, progress.visited);
}

function insnFacts(facts: StructureFacts): InsnFacts {
  const allowed = PROGRAM_TYPE_BY_ID.get(facts.type)?.helpers;
  return {
    helper: (id) => HELPER_BY_ID.get(id),
    allowed: (id) => allowed?.has(id) === true,
    gplCompatible: facts.gplCompatible,
    sleepable: facts.sleepable === true,
    packetLoads: PACKET_LOAD_TYPES.includes(facts.type),
  };
}

function verdict(refusal: Refusal | undefined, visited: number): StructureVerdict {
  const end = `processed ${visited} insns (limit ${MAX_INSNS}) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n`;
  if (refusal === undefined) return { ok: true, log: end };
  const log = refusal.message === '' ? '' : `${refusal.message}\n${end}`;
  return { ok: false, errno: refusal.errno, message: refusal.message, insn: refusal.insn, log };
}

interface Frame {
  readonly entry: number;
  /** Slot to go on at. */
  readonly back: number;
  readonly up: Frame | undefined;
  readonly depth: number;
}

/** Checks the reachable instructions in the order in which the kernel's simulation comes to them first: straight on, callees at their call, branches later. */
function walk(insns: readonly Slot[], flow: Flow, facts: InsnFacts, progress: { visited: number }): Refusal | undefined {
  const seen = new Uint8Array(insns.length);
  const heights = callHeights(insns, flow);
  const main: Frame = { entry: 0, back: -1, up: undefined, depth: 1 };
  const pending: { at: number; frame: Frame }[] = [{ at: 0, frame: main }];
  const callbacks: number[] = [];
  for (;;) {
    const path = pending.pop();
    const entry = path === undefined ? callbacks.pop() : undefined;
    if (path === undefined && entry === undefined) return undefined;
    let at = path?.at ?? entry ?? 0;
    let frame = path?.frame ?? { entry: at, back: -1, up: main, depth: 2 };
    while (seen[at] === 0) {
      const insn = insns[at];
      if (insn === undefined) break;
      seen[at] = 1;
      progress.visited++;
      const refusal = checkInsn(insn, at, facts);
      if (refusal !== undefined) return refusal;
      if (insn.code === EXIT) {
        if (frame.back < 0 || frame.up === undefined) break;
        at = frame.back;
        frame = frame.up;
        continue;
      }
      if (isLocalCall(insn)) {
        const target = at + insn.imm + 1;
        const height = heights.get(target) ?? 1;
        if (frame.depth + 1 > MAX_FRAMES || (seen[target] === 1 && frame.depth + height > MAX_FRAMES)) {
          return refuse('E2BIG', `the call stack of ${MAX_FRAMES + 1} frames is too deep`, at);
        }
        if (seen[target] === 0) {
          frame = { entry: target, back: at + 1, up: frame, depth: frame.depth + 1 };
          at = target;
        } else {
          at++;
        }
        continue;
      }
      if (isFuncRef(insn)) callbacks.push(at + insn.imm + 1);
      const ways = flow.ways[at] ?? 0;
      const branch = (ways & BRANCHES) !== 0 && isJump(insn) ? jumpTarget(insn, at) : undefined;
      if ((ways & FALLS) !== 0) {
        if (branch !== undefined) pending.push({ at: branch, frame });
        at += insn.code === LD_IMM64 ? 2 : 1;
      } else if (branch !== undefined) {
        at = branch;
      } else {
        break;
      }
    }
  }
}

/** Frames that a call of each subprogram needs, itself included; more than any limit where it calls itself. Only reachable calls count. */
function callHeights(insns: readonly Slot[], flow: Flow): Map<number, number> {
  const starts = new Set([0]);
  for (const [i, insn] of insns.entries()) if (isLocalCall(insn) || isFuncRef(insn)) starts.add(i + insn.imm + 1);
  const sorted = [...starts].sort((a, b) => a - b);
  const callees = new Map<number, Set<number>>();
  for (const [n, start] of sorted.entries()) {
    const targets = new Set<number>();
    for (let i = start; i < (sorted[n + 1] ?? insns.length); i++) {
      const insn = insns[i];
      if (insn !== undefined && flow.reached[i] === 1 && isLocalCall(insn)) targets.add(i + insn.imm + 1);
    }
    callees.set(start, targets);
  }
  // A chain can be as long as there are subprograms (at most 256), so that repeating until nothing changes is cheap; beyond the limit it stops.
  const heights = new Map(sorted.map((start) => [start, 1]));
  for (let changed = true; changed; ) {
    changed = false;
    for (const [start, targets] of callees) {
      let height = 1;
      for (const to of targets) height = Math.max(height, 1 + (heights.get(to) ?? 1));
      height = Math.min(height, MAX_FRAMES + 1);
      if (height !== heights.get(start)) {
        heights.set(start, height);
        changed = true;
      }
    }
  }
  return heights;
}
