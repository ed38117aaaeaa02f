/**
 * Makes loops with several entries into loops with one: a dispatching block in front of the entries, reached by way of blocks that say which entry
 * is meant. Only such loops pay for it; the rest of the function stays as it is.
 */
import { BpfError } from '../base/index.ts';
import type { Block } from './cfg.ts';
import { analyseGraph, type Graph } from './graph.ts';

/** Levels of nested loops that are looked at one by one; below, all blocks of a loop become targets of one dispatcher. */
const MAX_LEVELS = 16;

/** Adds dispatchers to `blocks` until the graph is reducible. @returns the graph */
export function makeReducible(blocks: Block[]): Graph {
  const graph = analyseGraph(blocks.map((block) => block.term.to));
  if (graph.reducible) return graph;
  freeEntry(blocks);
  let regions: number[][] = [blocks.map((_, n) => n)];
  for (let level = 0; regions.length > 0; level++) {
    const next: number[][] = [];
    // Edges from outside of a component make its entries, so they are looked up in the whole graph as it is now.
    const entered = predecessors(blocks);
    for (const region of regions) {
      for (const component of components(blocks, region)) {
        const entries = findEntries(component, entered);
        if (entries.length === 0) continue;
        const [first] = entries;
        if (entries.length === 1 && first !== undefined) {
          const rest = component.filter((n) => n !== first);
          if (level < MAX_LEVELS) next.push(rest);
          else dispatch(blocks, component, component, entered);
        } else if (level < MAX_LEVELS) {
          dispatch(blocks, entries, component, entered);
          // The dispatcher is the only entry now; what is left of the component without it is looked at next.
          next.push(component);
        } else {
          dispatch(blocks, component, component, entered);
        }
      }
    }
    regions = next;
  }
  const made = analyseGraph(blocks.map((block) => block.term.to));
  if (!made.reducible) throw new BpfError(`a function of ${blocks.length} blocks has a loop whose entries could not be made one`);
  return made;
}

function predecessors(blocks: readonly Block[]): number[][] {
  const preds: number[][] = blocks.map(() => []);
  for (const [from, block] of blocks.entries()) for (const to of block.term.to) preds[to]?.push(from);
  return preds;
}

/** Nodes of the component that are entered from outside of it; the function's entry is. */
function findEntries(component: readonly number[], preds: readonly (readonly number[])[]): number[] {
  const members = new Set(component);
  return component.filter((n) => n === 0 || preds[n]?.some((from) => !members.has(from)) === true);
}

/** Gives a function whose first block is jumped to an empty block in front of it, so that the entry is in no loop. */
function freeEntry(blocks: Block[]): void {
  const first = blocks[0];
  if (first === undefined || !blocks.some((block) => block.term.to.some((to) => to === 0))) return;
  const moved = new Map([[0, blocks.length]]);
  blocks.push({ ...first });
  for (const block of blocks) block.term = redirect(block.term, moved);
  blocks[0] = { start: -1, end: -1, term: { kind: 'jump', to: [blocks.length - 1] } };
}

/** Sends all edges into `targets` through a new dispatching block, which becomes the only entry of the component. */
function dispatch(blocks: Block[], targets: readonly number[], component: readonly number[], preds: readonly (readonly number[])[]): void {
  const members = new Set(component);
  const dispatcher = blocks.length;
  blocks.push({ start: -1, end: -1, term: { kind: 'switch', to: targets } });
  // Doors are not shared between edges from inside and from outside: a shared one would be an entry itself.
  const inner = new Map<number, number>();
  const outer = new Map<number, number>();
  for (const [state, target] of targets.entries()) {
    for (const doors of [inner, outer]) {
      const fromInside = doors === inner;
      if (preds[target]?.some((from) => members.has(from) === fromInside) !== true) continue;
      doors.set(target, blocks.length);
      blocks.push({ start: -1, end: -1, state, term: { kind: 'jump', to: [dispatcher] } });
    }
  }
  for (const target of targets) {
    for (const from of preds[target] ?? []) {
      const block = blocks[from];
      if (block !== undefined) block.term = redirect(block.term, members.has(from) ? inner : outer);
    }
  }
}

function redirect(term: Block['term'], door: ReadonlyMap<number, number>): Block['term'] {
  const to = (n: number): number => door.get(n) ?? n;
  switch (term.kind) {
    case 'jump':
      return { kind: 'jump', to: [to(term.to[0])] };
    case 'branch':
      return { kind: 'branch', to: [to(term.to[0]), to(term.to[1])] };
    case 'switch':
      return { kind: 'switch', to: term.to.map(to) };
    case 'end':
      return term;
  }
}

/** Strongly connected components with a cycle, of the graph among `nodes` (Tarjan's algorithm without recursion). */
function components(blocks: readonly Block[], nodes: readonly number[]): number[][] {
  const inside = new Set(nodes);
  const index = new Map<number, number>();
  const low = new Map<number, number>();
  const open = new Set<number>();
  const stack: number[] = [];
  const found: number[][] = [];
  const work: { readonly node: number; next: number }[] = [];
  const enter = (node: number): void => {
    index.set(node, index.size);
    low.set(node, index.size - 1);
    stack.push(node);
    open.add(node);
    work.push({ node, next: 0 });
  };
  for (const start of nodes) {
    if (index.has(start)) continue;
    enter(start);
    for (let frame = work.at(-1); frame !== undefined; frame = work.at(-1)) {
      const { node } = frame;
      const to = blocks[node]?.term.to[frame.next++];
      if (to !== undefined) {
        if (!inside.has(to)) continue;
        if (!index.has(to)) enter(to);
        else if (open.has(to)) low.set(node, Math.min(low.get(node) ?? 0, index.get(to) ?? 0));
        continue;
      }
      work.pop();
      const parent = work.at(-1);
      if (parent !== undefined) low.set(parent.node, Math.min(low.get(parent.node) ?? 0, low.get(node) ?? 0));
      if (low.get(node) !== index.get(node)) continue;
      const component: number[] = [];
      for (let n = stack.pop(); n !== undefined; n = stack.pop()) {
        open.delete(n);
        component.push(n);
        if (n === node) break;
      }
      if (component.length > 1 || blocks[node]?.term.to.some((to) => to === node) === true) found.push(component);
    }
  }
  return found;
}
