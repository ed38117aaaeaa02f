/** Facts of a control-flow graph, each computed without recursion in near-linear time: orders, dominators, loops, reducibility. */

/** Successors by node; node 0 is the entry and reaches all. */
export type Successors = readonly (readonly number[])[];

export interface Graph {
  readonly size: number;
  readonly succ: Successors;
  /** Predecessors of node n: preds[predStart[n]] .. preds[predStart[n + 1] - 1]; one entry an edge. */
  readonly predStart: Int32Array;
  readonly preds: Int32Array;
  /** Nodes in reverse postorder, and each node's place in it. */
  readonly order: Int32Array;
  readonly place: Int32Array;
  /** Immediate dominator; the entry's is itself. */
  readonly idom: Int32Array;
  /** Whether every retreating edge goes to a dominator of its source. */
  readonly reducible: boolean;
}

/** Analyses the graph. All nodes must be reachable from node 0. */
export function analyseGraph(succ: Successors): Graph {
  const size = succ.length;
  const { order, place, preorder, parent } = depthFirst(succ);
  const predStart = new Int32Array(size + 1);
  for (const list of succ) for (const to of list) predStart[to + 1] = at(predStart, to + 1) + 1;
  for (let n = 0; n < size; n++) predStart[n + 1] = at(predStart, n + 1) + at(predStart, n);
  const fill = predStart.slice();
  const preds = new Int32Array(at(predStart, size));
  succ.forEach((list, from) => {
    for (const to of list) {
      preds[at(fill, to)] = from;
      fill[to] = at(fill, to) + 1;
    }
  });
  const idom = dominators({ size, predStart, preds, preorder, parent });
  const { enter, leave } = treeIntervals(idom, order);
  const dominates = (a: number, b: number): boolean => at(enter, a) <= at(enter, b) && at(leave, b) <= at(leave, a);
  let reducible = true;
  for (let from = 0; from < size && reducible; from++) {
    for (const to of succ[from] ?? []) if (at(place, to) <= at(place, from) && !dominates(to, from)) reducible = false;
  }
  return { size, succ, predStart, preds, order, place, idom, reducible };
}

/** Value of an index that is known to exist. */
export function at(array: Int32Array | Uint8Array, index: number): number {
  return array[index] ?? 0;
}

interface DepthFirst {
  readonly order: Int32Array;
  readonly place: Int32Array;
  readonly preorder: Int32Array;
  /** Parent in the depth-first tree. */
  readonly parent: Int32Array;
}

function depthFirst(succ: Successors): DepthFirst {
  const size = succ.length;
  const preorder = new Int32Array(size);
  const parent = new Int32Array(size);
  const order = new Int32Array(size);
  const place = new Int32Array(size);
  const seen = new Uint8Array(size);
  const next = new Int32Array(size);
  const stack = new Int32Array(size);
  let top = 0;
  let discovered = 0;
  let finished = size;
  seen[0] = 1;
  preorder[discovered++] = 0;
  while (top >= 0) {
    const node = at(stack, top);
    const list = succ[node] ?? [];
    const n = at(next, node);
    // The last successor first: code that follows straight on comes early in the order.
    const to = list[list.length - 1 - n];
    if (to === undefined) {
      order[--finished] = node;
      place[node] = finished;
      top--;
      continue;
    }
    next[node] = n + 1;
    if (seen[to] === 1) continue;
    seen[to] = 1;
    preorder[discovered++] = to;
    parent[to] = node;
    stack[++top] = to;
  }
  return { order, place, preorder, parent };
}

interface DominatorInput {
  readonly size: number;
  readonly predStart: Int32Array;
  readonly preds: Int32Array;
  readonly preorder: Int32Array;
  readonly parent: Int32Array;
}

/** Lengauer and Tarjan's algorithm with path compression, on preorder numbers. */
function dominators({ size, predStart, preds, preorder, parent }: DominatorInput): Int32Array {
  const number = new Int32Array(size);
  for (let n = 0; n < size; n++) number[at(preorder, n)] = n;
  const up = new Int32Array(size);
  for (let n = 1; n < size; n++) up[n] = at(number, at(parent, at(preorder, n)));
  const semi = Int32Array.from({ length: size }, (_, n) => n);
  const label = semi.slice();
  const ancestor = new Int32Array(size).fill(-1);
  const dom = new Int32Array(size);
  const bucketHead = new Int32Array(size).fill(-1);
  const bucketNext = new Int32Array(size).fill(-1);
  const path: number[] = [];
  const evaluate = (v: number): number => {
    if (at(ancestor, v) < 0) return v;
    path.length = 0;
    let u = v;
    while (at(ancestor, at(ancestor, u)) >= 0) {
      path.push(u);
      u = at(ancestor, u);
    }
    for (let x = path.pop(); x !== undefined; x = path.pop()) {
      const a = at(ancestor, x);
      if (at(semi, at(label, a)) < at(semi, at(label, x))) label[x] = at(label, a);
      ancestor[x] = at(ancestor, a);
    }
    return at(label, v);
  };
  for (let w = size - 1; w > 0; w--) {
    const node = at(preorder, w);
    for (let i = at(predStart, node); i < at(predStart, node + 1); i++) {
      const u = evaluate(at(number, at(preds, i)));
      if (at(semi, u) < at(semi, w)) semi[w] = at(semi, u);
    }
    const s = at(semi, w);
    bucketNext[w] = at(bucketHead, s);
    bucketHead[s] = w;
    const p = at(up, w);
    ancestor[w] = p;
    for (let v = at(bucketHead, p); v >= 0; v = at(bucketNext, v)) {
      const u = evaluate(v);
      dom[v] = at(semi, u) < at(semi, v) ? u : p;
    }
    bucketHead[p] = -1;
  }
  for (let w = 1; w < size; w++) if (at(dom, w) !== at(semi, w)) dom[w] = at(dom, at(dom, w));
  const idom = new Int32Array(size);
  for (let w = 0; w < size; w++) idom[at(preorder, w)] = at(preorder, at(dom, w));
  return idom;
}

/** Entry and exit times of a walk over the dominator tree: a dominates b when b's interval lies in a's. */
function treeIntervals(idom: Int32Array, order: Int32Array): { readonly enter: Int32Array; readonly leave: Int32Array } {
  // Sizes of subtrees give the intervals: dominators come before what they dominate in reverse postorder.
  const size = idom.length;
  const count = new Int32Array(size).fill(1);
  for (let i = size - 1; i > 0; i--) {
    const node = at(order, i);
    count[at(idom, node)] = at(count, at(idom, node)) + at(count, node);
  }
  const enter = new Int32Array(size);
  const leave = new Int32Array(size);
  const free = new Int32Array(size);
  for (let i = 0; i < size; i++) {
    const node = at(order, i);
    const dom = at(idom, node);
    if (node !== dom) {
      enter[node] = at(free, dom);
      free[dom] = at(free, dom) + at(count, node);
    }
    leave[node] = at(enter, node) + at(count, node) - 1;
    free[node] = at(enter, node) + 1;
  }
  return { enter, leave };
}

export interface Loops {
  /** Header of the innermost loop that holds the node (a header: itself), -1 outside of loops. */
  readonly innermost: Int32Array;
  /** By header: the next loop outwards, -1 for none. */
  readonly outer: Int32Array;
  readonly isHeader: Uint8Array;
}

/** Natural loops of a reducible graph. */
export function findLoops(graph: Graph): Loops {
  const { size, preds, predStart, order, place } = graph;
  const isHeader = new Uint8Array(size);
  const inside = new Int32Array(size).fill(-1);
  const leader = Int32Array.from({ length: size }, (_, n) => n);
  const find = (start: number): number => {
    let root = start;
    while (at(leader, root) !== root) root = at(leader, root);
    for (let n = start; n !== root; ) {
      const next = at(leader, n);
      leader[n] = root;
      n = next;
    }
    return root;
  };
  const pending: number[] = [];
  for (let i = size - 1; i >= 0; i--) {
    const header = at(order, i);
    const consider = (node: number): void => {
      const top = find(node);
      if (top === header) return;
      inside[top] = header;
      leader[top] = header;
      pending.push(top);
    };
    for (let p = at(predStart, header); p < at(predStart, header + 1); p++) {
      const from = at(preds, p);
      if (at(place, from) < at(place, header)) continue;
      isHeader[header] = 1;
      consider(from);
    }
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      for (let p = at(predStart, node); p < at(predStart, node + 1); p++) {
        const from = at(preds, p);
        // Edges back to an inner header come from inside its loop.
        if (at(place, from) < at(place, node)) consider(from);
      }
    }
  }
  const innermost = inside.slice();
  for (let n = 0; n < size; n++) if (isHeader[n] === 1) innermost[n] = n;
  return { innermost, outer: inside, isHeader };
}
