/**
 * The lists of LRU tables (facts: kernel/bpf/bpf_lru_list.c, v6.18). A node is in one list at a time: free, active or inactive of a global list,
 * or free or pending of a CPU's own, which takes a batch from the global one when it is empty. Looking an element up only marks it; marks are
 * read when lists are turned. With BPF_F_NO_COMMON_LRU each CPU has a global list of its own and no local ones.
 */

/** Fields of a node, at LRU_NODE in its element; a list's head has the first two. */
const NEXT: u32 = 0;
const PREV: u32 = 4;
const STATE: u32 = 8;
const REF: u32 = 9;
const CPU: u32 = 10;

/** States of a node. */
export const ACTIVE: u32 = 0;
export const INACTIVE: u32 = 1;
export const FREE: u32 = 2;
export const LOCAL_FREE: u32 = 3;
export const PENDING: u32 = 4;

/** A list with its counts: heads of the active, inactive and free lists, then the fields below. */
const HEAD_SIZE: u32 = 8;
const COUNTS: u32 = 24;
/** Where the next turn of the inactive list begins. */
const ROTATION: u32 = 32;
export const LIST_LOCK: u32 = 36;
export const LIST_SIZE: u32 = 64;

export function initHead(head: u32): void {
  store<u32>(head, head, NEXT);
  store<u32>(head, head, PREV);
}

export function initList(list: u32): void {
  initHead(list);
  initHead(list + HEAD_SIZE);
  initHead(list + HEAD_SIZE * 2);
  store<u32>(list, list + HEAD_SIZE, ROTATION);
}

/** Head of one of a list's lists. */
export function headOf(list: u32, state: u32): u32 {
  return list + state * HEAD_SIZE;
}

/** The newest node of a head, or the head itself. */
export function first(head: u32): u32 {
  return load<u32>(head, NEXT);
}

/** The node towards the newest, or the head. */
export function newer(node: u32): u32 {
  return load<u32>(node, PREV);
}

/** The node towards the oldest, or the head. */
export function older(node: u32): u32 {
  return load<u32>(node, NEXT);
}

export function addFirst(node: u32, head: u32): void {
  const next = load<u32>(head, NEXT);
  store<u32>(node, next, NEXT);
  store<u32>(node, head, PREV);
  store<u32>(next, node, PREV);
  store<u32>(head, node, NEXT);
}

export function unlink(node: u32): void {
  const next = load<u32>(node, NEXT);
  const prev = load<u32>(node, PREV);
  store<u32>(prev, next, NEXT);
  store<u32>(next, prev, PREV);
}

export function moveFirst(node: u32, head: u32): void {
  unlink(node);
  addFirst(node, head);
}

export function stateOf(node: u32): u32 {
  return load<u8>(node, STATE);
}

export function setState(node: u32, state: u32): void {
  store<u8>(node, state, STATE);
}

export function isMarked(node: u32): bool {
  return load<u8>(node, REF) !== 0;
}

/** Marks a node as used; writes only when it is not, so that CPUs do not fight for its line. */
export function mark(node: u32): void {
  if (load<u8>(node, REF) === 0) store<u8>(node, 1, REF);
}

export function unmark(node: u32): void {
  store<u8>(node, 0, REF);
}

export function cpuOf(node: u32): u32 {
  return load<u16>(node, CPU);
}

export function setCpuOf(node: u32, cpu: u32): void {
  store<u16>(node, cpu, CPU);
}

function count(list: u32, state: u32, by: i32): void {
  if (state > INACTIVE) return;
  const at = list + COUNTS + state * 4;
  store<u32>(at, load<u32>(at) + by);
}

function leaveRotation(list: u32, node: u32): void {
  if (load<u32>(list, ROTATION) === node) store<u32>(list, newer(node), ROTATION);
}

/** Moves a node that is in the list to one of its heads. */
export function moveWithin(list: u32, node: u32, state: u32): void {
  const was = stateOf(node);
  if (was !== state) {
    count(list, was, -1);
    count(list, state, 1);
    setState(node, state);
  }
  unmark(node);
  leaveRotation(list, node);
  moveFirst(node, headOf(list, state));
}

/** Moves a node of a local list into the list. */
export function moveIn(list: u32, node: u32, state: u32): void {
  count(list, state, 1);
  setState(node, state);
  unmark(node);
  moveFirst(node, headOf(list, state));
}

/** Moves a node of the list to a list of free nodes. */
export function moveToFree(list: u32, node: u32, head: u32, state: u32): void {
  leaveRotation(list, node);
  count(list, stateOf(node), -1);
  setState(node, state);
  moveFirst(node, head);
}

/** Marked nodes of the active list start again, others become inactive: at most `scans`. */
function rotateActive(list: u32, scans: u32): void {
  const active = headOf(list, ACTIVE);
  const last = first(active);
  let node = newer(active);
  for (let i: u32 = 1; node !== active; i++) {
    const next = newer(node);
    moveWithin(list, node, isMarked(node) ? ACTIVE : INACTIVE);
    if (i === scans || node === last) return;
    node = next;
  }
}

/** Marked nodes of the inactive list become active, from where the last turn ended: at most `scans`. */
function rotateInactive(list: u32, scans: u32): void {
  const inactive = headOf(list, INACTIVE);
  if (first(inactive) === inactive) return;
  let last = older(load<u32>(list, ROTATION));
  if (last === inactive) last = older(last);
  let node = load<u32>(list, ROTATION);
  let next = node;
  let i: u32 = 0;
  while (i < scans) {
    if (node === inactive) {
      node = newer(node);
      continue;
    }
    next = newer(node);
    if (isMarked(node)) moveWithin(list, node, ACTIVE);
    if (node === last) break;
    node = next;
    i++;
  }
  store<u32>(list, next, ROTATION);
}

export function rotate(list: u32, scans: u32): void {
  if (load<u32>(list, COUNTS + INACTIVE * 4) < load<u32>(list, COUNTS + ACTIVE * 4)) rotateActive(list, scans);
  rotateInactive(list, scans);
}
