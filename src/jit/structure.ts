/**
 * Writes blocks as structured control flow, from the dominator tree (N. Ramsey, "Beyond Relooper", ICFP 2022), with a work list instead of recursion.
 * Differences: code after a loop is placed outside of it, and of two branches the smaller one is nested, so that nesting stays shallow.
 */
import type { Block } from './cfg.ts';
import { at, findLoops, type Graph } from './graph.ts';
import type { Code } from './wasm/code.ts';

/** Writes what is inside of blocks. */
export interface BlockWriter {
  readonly code: Code;
  /** At the head of a loop whose header is this block. */
  loop(block: number): void;
  /** All instructions, the jump's own excepted. */
  body(block: number): void;
  /** Pushes whether the block's conditional jump is taken (or not taken). */
  condition(block: number, taken: boolean): void;
  /** Pushes the state variable for a `switch`. */
  state(): void;
}

const TREE = 0;
const CLOSE = 1;
const CLOSE_TREE = 2;
const BODY = 3;

/** Writes all blocks. The graph must be reducible and its node n be block n. Control never falls out of the end. */
export function writeStructured(blocks: readonly Block[], graph: Graph, writer: BlockWriter): void {
  const { code } = writer;
  const { inside, outside, labelled, isHeader, size } = place(blocks, graph);
  const blockLabel = new Int32Array(graph.size);
  const loopLabel = new Int32Array(graph.size);
  // Pairs of task and block; the last is done first.
  const tasks: number[] = [TREE, 0];
  const push = (task: number, block: number): void => {
    tasks.push(task, block);
  };
  const isBack = (from: number, to: number): boolean => at(graph.place, to) <= at(graph.place, from);
  const hasLabel = (from: number, to: number): boolean => labelled[to] === 1 || isBack(from, to);
  const label = (from: number, to: number): number => (isBack(from, to) ? at(loopLabel, to) : at(blockLabel, to));
  const goTo = (from: number, to: number): void => {
    if (!hasLabel(from, to)) {
      push(TREE, to);
      return;
    }
    const falls = !isBack(from, to) && tasks.at(-2) === CLOSE_TREE && tasks.at(-1) === to;
    if (!falls) code.br(label(from, to));
  };
  const terminate = (n: number, block: Block): void => {
    const { term } = block;
    switch (term.kind) {
      case 'end':
        return;
      case 'jump':
        goTo(n, term.to[0]);
        return;
      case 'switch':
        writer.state();
        code.brTable([...term.to, term.to[0] ?? 0].map((to) => label(n, to)));
        return;
      case 'branch': {
        const [taken, next] = term.to;
        if (taken === next) {
          goTo(n, next);
        } else if (hasLabel(n, taken)) {
          writer.condition(n, true);
          code.brIf(label(n, taken));
          goTo(n, next);
        } else if (hasLabel(n, next)) {
          writer.condition(n, false);
          code.brIf(label(n, next));
          goTo(n, taken);
        } else {
          const nestTaken = at(size, taken) < at(size, next);
          writer.condition(n, nestTaken);
          code.open('if');
          push(TREE, nestTaken ? next : taken);
          push(CLOSE, n);
          push(TREE, nestTaken ? taken : next);
        }
      }
    }
  };
  while (tasks.length > 0) {
    const n = tasks.pop() ?? 0;
    const task = tasks.pop() ?? 0;
    const block = blocks[n];
    if (block === undefined) continue;
    if (task === CLOSE) {
      code.close();
      continue;
    }
    if (task === BODY) {
      writer.body(n);
      terminate(n, block);
      continue;
    }
    if (task === CLOSE_TREE) code.close();
    // What comes later in the order is opened first, so that it is closed last.
    const after = outside.get(n) ?? [];
    for (const to of after) {
      blockLabel[to] = code.open('block');
      push(CLOSE_TREE, to);
    }
    if (isHeader[n] === 1) {
      loopLabel[n] = code.open('loop');
      push(CLOSE, n);
      writer.loop(n);
    }
    for (const to of inside.get(n) ?? []) {
      blockLabel[to] = code.open('block');
      push(CLOSE_TREE, to);
    }
    push(BODY, n);
  }
}

interface Placement {
  /** Blocks with labels by the block behind whose code they stand, last in the order first: within its loop, and outside of it. */
  readonly inside: ReadonlyMap<number, readonly number[]>;
  readonly outside: ReadonlyMap<number, readonly number[]>;
  readonly labelled: Uint8Array;
  readonly isHeader: Uint8Array;
  /** Instructions dominated by the block. */
  readonly size: Int32Array;
}

function place(blocks: readonly Block[], graph: Graph): Placement {
  const { order, idom } = graph;
  const loops = findLoops(graph);
  const labelled = new Uint8Array(graph.size);
  const entered = new Int32Array(graph.size);
  const size = new Int32Array(graph.size);
  for (const [n, block] of blocks.entries()) {
    size[n] = block.end - block.start + 1;
    for (const to of block.term.to) {
      if (at(graph.place, to) > at(graph.place, n)) entered[to] = at(entered, to) + 1;
      if (block.term.kind === 'switch') labelled[to] = 1;
    }
  }
  for (let i = graph.size - 1; i > 0; i--) {
    const n = at(order, i);
    size[at(idom, n)] = at(size, at(idom, n)) + at(size, n);
  }
  const depth = loopDepths(graph, loops.outer, loops.isHeader);
  const inside = new Map<number, number[]>();
  const outside = new Map<number, number[]>();
  for (let i = graph.size - 1; i > 0; i--) {
    const n = at(order, i);
    const dominator = at(idom, n);
    // The outermost loop that holds the dominator but not the block.
    let left = -1;
    let loop = loops.innermost[dominator] ?? -1;
    let own = (loops.isHeader[n] === 1 ? loops.outer[n] : loops.innermost[n]) ?? -1;
    const own0 = own < 0 ? 0 : at(depth, own);
    while (loop >= 0 && at(depth, loop) > own0) {
      left = loop;
      loop = loops.outer[loop] ?? -1;
    }
    while (loop !== own) {
      if (loop >= 0) {
        left = loop;
        loop = loops.outer[loop] ?? -1;
      }
      own = own < 0 ? -1 : (loops.outer[own] ?? -1);
    }
    if (left >= 0) {
      labelled[n] = 1;
      add(outside, left, n);
    } else if (labelled[n] === 1 || at(entered, n) > 1) {
      labelled[n] = 1;
      add(inside, dominator, n);
    }
  }
  return { inside, outside, labelled, isHeader: loops.isHeader, size };
}

function add(map: Map<number, number[]>, key: number, value: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** Nesting depth by header; the outermost loops have 1. */
function loopDepths(graph: Graph, outer: Int32Array, isHeader: Uint8Array): Int32Array {
  const depth = new Int32Array(graph.size);
  for (const n of graph.order) {
    if (isHeader[n] !== 1) continue;
    const around = outer[n] ?? -1;
    depth[n] = around < 0 ? 1 : at(depth, around) + 1;
  }
  return depth;
}
