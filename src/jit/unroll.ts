/**
 * Copies the body of an innermost loop whose rounds can be counted, so that its test, and what WebAssembly engines check at the head of every loop, come once
 * in several rounds. The copies form a ring that is entered at the first; one of them keeps the test: that in which a whole number of rounds ends.
 */
import type { Instruction, JmpOp } from '../isa/index.ts';
import type { Block, Terminator } from './cfg.ts';
import { Effects, effectsOf } from './effects.ts';
import { analyseGraph, at, findLoops, type Graph } from './graph.ts';

/** Copies of a loop, and instructions of all copies together: more do not pay. */
const MOST_COPIES = 8;
const MOST_INSNS = 96;
/** Blocks before a loop in which the counter's start is looked for. */
const MOST_BACK = 8;
/** Counters stay below this, so that 32 and 64 bits, signed and unsigned are the same. */
const LIMIT = 2 ** 31;

export interface Unrolled {
  readonly graph: Graph;
  /** Slots of additions whose results are in [0, 2^31). */
  readonly bounded: ReadonlySet<number>;
}

export interface UnrollInput {
  readonly insns: readonly (Instruction | undefined)[];
  /** Grows. */
  readonly blocks: Block[];
  /** Reducible. */
  readonly graph: Graph;
  /** Instructions that may still be added. */
  readonly room: { left: number };
}

/** Unrolls the loops of a function that can be. */
export function unrollLoops(input: UnrollInput): Unrolled {
  const { blocks, graph, room } = input;
  const bounded = new Set<number>();
  const { innermost, outer, isHeader } = findLoops(graph);
  const members = new Map<number, number[]>();
  for (let n = 0; n < graph.size; n++) {
    const header = innermost[n] ?? -1;
    if (header < 0) continue;
    const known = members.get(header);
    if (known === undefined) members.set(header, [n]);
    else known.push(n);
  }
  // A loop with a loop inside is no innermost one.
  for (let n = 0; n < graph.size; n++) if (isHeader[n] === 1) members.delete(outer[n] ?? -1);
  let changed = false;
  for (const [header, loop] of members) {
    if (loop.length > MOST_INSNS) continue;
    const size = loop.reduce((sum, n) => sum + (blocks[n]?.end ?? 0) - (blocks[n]?.start ?? 0), 0);
    const most = Math.min(MOST_COPIES, Math.floor(MOST_INSNS / Math.max(1, size)));
    if (most < 2) continue;
    const counted = countRounds(input, header, loop);
    if (counted === undefined) continue;
    const copies = Math.min(most, counted.rounds);
    if (copies < 2 || size * (copies - 1) > room.left) continue;
    room.left -= size * (copies - 1);
    copyLoop(blocks, { header, loop, copies, ...counted });
    bounded.add(counted.slot);
    changed = true;
  }
  return { graph: changed ? analyseGraph(blocks.map((block) => block.term.to)) : graph, bounded };
}

interface Counted {
  readonly rounds: number;
  /** Block with the addition and the test, and the addition's slot. */
  readonly latch: number;
  readonly slot: number;
}

/** Finds out how often a loop's last block is reached unless the loop is left before: its counter starts at a constant, and that block alone adds to it. */
function countRounds({ insns, blocks, graph }: UnrollInput, header: number, loop: readonly number[]): Counted | undefined {
  const inside = new Set(loop);
  let latch = -1;
  let before = -1;
  for (let p = at(graph.predStart, header); p < at(graph.predStart, header + 1); p++) {
    const from = at(graph.preds, p);
    const known = inside.has(from) ? latch : before;
    if (known >= 0) return undefined;
    if (inside.has(from)) latch = from;
    else before = from;
  }
  const end = blocks[latch];
  if (end?.term.kind !== 'branch' || before < 0) return undefined;
  const test = insns[end.end - 1];
  if (test?.kind !== 'jmp' || !('imm' in test.src)) return undefined;
  const [taken, next] = end.term.to;
  if (inside.has(taken) === inside.has(next)) return undefined;
  let step = 0;
  let slot = -1;
  for (const n of loop) {
    const block = blocks[n];
    if (block === undefined || block.state !== undefined || block.term.kind === 'switch') return undefined;
    for (const [insn, place] of definitions(insns, block, test.dst)) {
      if (slot >= 0 || n !== latch || insn.kind !== 'alu' || insn.op !== 'add' || !('imm' in insn.src) || insn.src.imm <= 0)
        return undefined;
      step = insn.src.imm;
      slot = place;
    }
  }
  const start = startOf(insns, blocks, graph, before, test.dst);
  if (slot < 0 || start === undefined) return undefined;
  const rounds = roundsOf(test.op, inside.has(taken), start, step, test.src.imm);
  return rounds === undefined ? undefined : { rounds, latch, slot };
}

/** The constant in a register at a block's end. */
function startOf(insns: UnrollInput['insns'], blocks: readonly Block[], graph: Graph, from: number, reg: number): number | undefined {
  let n = from;
  for (let steps = 0; steps < MOST_BACK; steps++) {
    const block = blocks[n];
    const last = block === undefined ? undefined : definitions(insns, block, reg).at(-1)?.[0];
    if (last !== undefined) {
      return last.kind === 'alu' && last.op === 'mov' && 'imm' in last.src && last.src.imm >= 0 ? last.src.imm : undefined;
    }
    if (at(graph.predStart, n + 1) - at(graph.predStart, n) !== 1) return undefined;
    n = at(graph.preds, at(graph.predStart, n));
  }
  return undefined;
}

/** Instructions of a block that write a register, with their slots. */
function definitions(insns: UnrollInput['insns'], block: Block, reg: number): [Instruction, number][] {
  const found: [Instruction, number][] = [];
  const effects = new Effects();
  for (let slot = Math.max(0, block.start); slot < block.end; slot++) {
    const insn = insns[slot];
    if (insn === undefined) continue;
    effectsOf(insn, slot, NO_CALLS, effects);
    if ((effects.defs & (1 << reg)) !== 0) found.push([insn, slot]);
  }
  return found;
}

/** Only what instructions write is asked. */
const NO_CALLS = { helperArgs: () => 0, functionArgs: () => 0 };

/** Rounds until the test after an addition leaves the loop. */
function roundsOf(op: JmpOp, goesOnTaken: boolean, start: number, step: number, bound: number): number | undefined {
  if (bound <= 0 || Math.max(bound, start) + step >= LIMIT) return undefined;
  const distance = bound - start;
  switch (goesOnTaken ? op : OPPOSITE[op]) {
    case 'jne':
      return distance > 0 && distance % step === 0 ? distance / step : undefined;
    case 'jlt':
    case 'jslt':
      return Math.max(1, Math.ceil(distance / step));
    case 'jle':
    case 'jsle':
      return Math.max(1, Math.floor(distance / step) + 1);
    default:
      return undefined;
  }
}

const OPPOSITE: Readonly<Partial<Record<JmpOp, JmpOp>>> = { jeq: 'jne', jge: 'jlt', jsge: 'jslt', jgt: 'jle', jsgt: 'jsle' };

function copyLoop(
  blocks: Block[],
  { header, loop, copies, rounds, latch }: Counted & { readonly header: number; readonly loop: readonly number[]; readonly copies: number },
): void {
  /** By copy: where a block of the loop is. */
  const places: Map<number, number>[] = [new Map(loop.map((n) => [n, n]))];
  for (let copy = 1; copy < copies; copy++) {
    const made = new Map<number, number>();
    for (const n of loop) {
      made.set(n, blocks.length);
      const original = blocks[n];
      if (original !== undefined) blocks.push({ ...original });
    }
    places.push(made);
  }
  const head = blocks[header];
  if (head !== undefined) head.rounds = copies;
  const tested = (rounds - 1) % copies;
  const terms = new Map(loop.map((n) => [n, blocks[n]?.term]));
  for (const [copy, own] of places.entries()) {
    const next = places[(copy + 1) % copies]?.get(header) ?? header;
    const to = (n: number): number => (n === header ? next : (own.get(n) ?? n));
    for (const [n, term] of terms) {
      const block = blocks[own.get(n) ?? n];
      if (block === undefined || term === undefined) continue;
      block.term = n === latch && copy !== tested ? { kind: 'jump', to: [next] } : redirect(term, to);
    }
  }
}

function redirect(term: Terminator, to: (n: number) => number): Terminator {
  switch (term.kind) {
    case 'jump':
      return { kind: 'jump', to: [to(term.to[0])] };
    case 'branch':
      return { kind: 'branch', to: [to(term.to[0]), to(term.to[1])] };
    default:
      return term;
  }
}
