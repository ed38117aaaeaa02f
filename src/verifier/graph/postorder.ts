/** Orders of instructions that fixed-point computations want: postorder by subprogram, and loops as strongly connected components. */
import type { Slot } from '../../isa/index.ts';
import { successors } from './successors.ts';

/** Slots of the subprogram at `start` in postorder. */
export function postorder(insns: readonly Slot[], start: number, seen: Uint8Array): number[] {
  const order: number[] = [];
  const stack = [start];
  seen[start] = 1;
  for (;;) {
    const top = stack.at(-1);
    if (top === undefined) return order;
    if (seen[top] === 2) {
      order.push(top);
      stack.pop();
      continue;
    }
    for (const next of successors(insns, top)) {
      if (next >= insns.length || seen[next] !== 0) continue;
      seen[next] = 1;
      stack.push(next);
    }
    seen[top] = 2;
  }
}

/**
 * Number of the loop that each slot is in, 0 for none (Tarjan's algorithm, without recursion).
 */
export function findLoops(insns: readonly Slot[]): Int32Array {
  const count = insns.length;
  const pre = new Int32Array(count);
  const low = new Int32Array(count);
  const loop = new Int32Array(count);
  const onStack = new Uint8Array(count);
  const open: number[] = [];
  let time = 0;
  let loops = 0;
  for (let root = 0; root < count; root++) {
    if (pre[root] !== 0) continue;
    const calls: { at: number; next: readonly number[]; i: number }[] = [];
    const enter = (at: number): void => {
      pre[at] = low[at] = ++time;
      open.push(at);
      onStack[at] = 1;
      calls.push({ at, next: successors(insns, at).filter((to) => to < count), i: 0 });
    };
    enter(root);
    for (let call = calls.at(-1); call !== undefined; call = calls.at(-1)) {
      const { at, next } = call;
      const to = next[call.i++];
      if (to !== undefined) {
        if (pre[to] === 0) enter(to);
        else if (onStack[to] === 1) low[at] = Math.min(low[at] ?? 0, pre[to] ?? 0);
        continue;
      }
      calls.pop();
      const up = calls.at(-1);
      if (up !== undefined) low[up.at] = Math.min(low[up.at] ?? 0, low[at] ?? 0);
      if (low[at] !== pre[at]) continue;
      const isLoop = open.at(-1) !== at || next.includes(at);
      const number = isLoop ? ++loops : 0;
      for (;;) {
        const member = open.pop();
        if (member === undefined) break;
        onStack[member] = 0;
        loop[member] = number;
        if (member === at) break;
      }
    }
  }
  return loop;
}
