/**
 * Splits each register of a function into webs: definitions and uses that must share a place because one may reach the other. Each web is
 * kept in a 32-bit or a 64-bit local; which one is widths.ts's business.
 */
import type { Instruction } from '../isa/index.ts';
import type { Block } from './cfg.ts';
import { type CallFacts, Effects, effectsOf, REGS } from './effects.ts';
import { at, type Graph } from './graph.ts';

/** The translator's view of a function: its blocks in a reducible graph. */
export interface FunctionBody {
  readonly insns: readonly (Instruction | undefined)[];
  readonly blocks: readonly Block[];
  readonly graph: Graph;
  /** Slots of additions whose results are in [0, 2^31). */
  readonly bounded: ReadonlySet<number>;
}

export interface Webs {
  /** Web of a node. Nodes: block * REGS + register for the value at a block's start, then one for each definition in block order. */
  readonly web: Int32Array;
  /** First definition's node, by block. */
  readonly firstDef: Int32Array;
  /** Mask of registers live at the function's entry. */
  readonly liveIn: number;
  /** Mask of registers live at a block's start. */
  readonly live: Int32Array;
  readonly nodes: number;
}

/** Calls `visit` for the instructions of a block, in order. */
export function eachInsn(body: FunctionBody, block: Block, visit: (insn: Instruction, slot: number) => void): void {
  for (let slot = block.start; slot < block.end; ) {
    const insn = body.insns[slot];
    if (insn === undefined) return;
    visit(insn, slot);
    slot += insn.kind === 'ld_imm64' ? 2 : 1;
  }
}

/** Live registers at each block's start. */
function liveness(body: FunctionBody, calls: CallFacts): Int32Array {
  const { blocks, graph } = body;
  const uses = new Int32Array(blocks.length);
  const kills = new Int32Array(blocks.length);
  const effects = new Effects();
  for (const [n, block] of blocks.entries()) {
    let used = 0;
    let killed = 0;
    eachInsn(body, block, (insn, slot) => {
      effectsOf(insn, slot, calls, effects);
      used |= effects.uses & ~killed;
      killed |= effects.defs;
    });
    uses[n] = used;
    kills[n] = killed;
  }
  const live = new Int32Array(blocks.length);
  const queued = new Uint8Array(blocks.length).fill(1);
  // Popped from the end: first in postorder, so that most blocks are looked at once.
  const pending = [...graph.order];
  for (let n = pending.pop(); n !== undefined; n = pending.pop()) {
    queued[n] = 0;
    let out = 0;
    for (const to of blocks[n]?.term.to ?? []) out |= at(live, to);
    const into = at(uses, n) | (out & ~at(kills, n));
    if (into === at(live, n)) continue;
    live[n] = into;
    for (let p = at(graph.predStart, n); p < at(graph.predStart, n + 1); p++) {
      const from = at(graph.preds, p);
      if (queued[from] === 1) continue;
      queued[from] = 1;
      pending.push(from);
    }
  }
  return live;
}

/** Finds the webs of a function. */
export function findWebs(body: FunctionBody, calls: CallFacts): Webs {
  const { blocks } = body;
  const live = liveness(body, calls);
  const firstDef = new Int32Array(blocks.length + 1);
  const effects = new Effects();
  let nodes = blocks.length * REGS;
  // Values at blocks' ends, to be joined with their successors' starts.
  const exits = new Int32Array(blocks.length * REGS);
  for (const [n, block] of blocks.entries()) {
    firstDef[n] = nodes;
    const base = n * REGS;
    for (let reg = 0; reg < REGS; reg++) exits[base + reg] = base + reg;
    eachInsn(body, block, (insn, slot) => {
      effectsOf(insn, slot, calls, effects);
      if (effects.def >= 0) exits[base + effects.def] = nodes++;
      if (effects.clobbers) for (let reg = 1; reg <= 5; reg++) exits[base + reg] = nodes++;
    });
  }
  const web = new Int32Array(nodes);
  for (let n = 0; n < nodes; n++) web[n] = n;
  const find = (start: number): number => {
    let n = start;
    while (at(web, n) !== n) {
      web[n] = at(web, at(web, n));
      n = at(web, n);
    }
    return n;
  };
  for (const [n, block] of blocks.entries()) {
    for (const to of block.term.to) {
      for (let mask = at(live, to), reg = 0; mask !== 0; mask >>= 1, reg++) {
        if ((mask & 1) === 0) continue;
        const a = find(at(exits, n * REGS + reg));
        const b = find(to * REGS + reg);
        if (a < b) web[b] = a;
        else web[a] = b;
      }
    }
  }
  for (let n = 0; n < nodes; n++) web[n] = find(n);
  return { web, firstDef, live, liveIn: at(live, 0), nodes };
}

/** Follows the webs along a block: which web a register is in before and after each instruction. */
export class Cursor {
  readonly #webs: Webs;
  readonly #now = new Int32Array(REGS);
  #next = 0;

  constructor(webs: Webs) {
    this.#webs = webs;
  }

  enter(block: number): void {
    for (let reg = 0; reg < REGS; reg++) this.#now[reg] = at(this.#webs.web, block * REGS + reg);
    this.#next = at(this.#webs.firstDef, block);
  }

  /** Web of a register's present value. */
  web(reg: number): number {
    return at(this.#now, reg);
  }

  /** Web of the next definition. */
  peek(): number {
    return at(this.#webs.web, this.#next);
  }

  /** Moves on to a definition of the register, in the order of findWebs: the result first, then r1..r5. @returns its web */
  define(reg: number): number {
    const web = at(this.#webs.web, this.#next++);
    this.#now[reg] = web;
    return web;
  }
}
