/**
 * Which element of an LRU table goes (facts: kernel/bpf/bpf_lru_list.c, v6.18): free nodes come in batches from the global list, which gives up
 * inactive ones; where there is none, other CPUs' lists are asked. The lists themselves are lru-list.ts, what an element is hash-table.ts.
 */
import { alloc, cpu, release } from './env';
import { at, BUCKET_LOCK, bucketOf, elemSize, hashAt, LRU, LRU_NODE, makeSlab, nextOf, setHash, setLinkAndUnlock } from './hash-table';
import { ENOMEM, FLAG_NO_COMMON_LRU, MAP_CPUS, MAP_FLAGS, MAP_MAX_ENTRIES } from './layout';
import { lock, releaseDead, unlock } from './lock';
import {
  ACTIVE,
  addFirst,
  cpuOf,
  FREE,
  first,
  headOf,
  INACTIVE,
  initHead,
  initList,
  isMarked,
  LIST_LOCK,
  LIST_SIZE,
  LOCAL_FREE,
  moveFirst,
  moveIn,
  moveToFree,
  moveWithin,
  newer,
  older,
  PENDING,
  rotate,
  setCpuOf,
  setState,
  stateOf,
  unlink,
  unmark,
} from './lru-list';
import { SLAB_ELEMS } from './region';

/** The common list's nodes that a turn looks at, and the most that a CPU takes at once. */
const SCANS: u32 = 128;
/** The same of CPUs' lists without a common one. */
const CPU_SCANS: u32 = 4;

/** The LRU block: the global list (or one a CPU), then a local one each CPU. */
const LOCAL_FREE_HEAD: u32 = 0;
const LOCAL_PENDING_HEAD: u32 = 8;
const NEXT_STEAL: u32 = 16;
const LOCAL_LOCK: u32 = 20;
const LOCAL_SIZE: u32 = 64;

function ownLists(map: u32): bool {
  return (load<u32>(map, MAP_FLAGS) & FLAG_NO_COMMON_LRU) !== 0;
}

/** The list of a CPU: one for all, or its own. */
function listOf(map: u32, cpu: u32): u32 {
  return load<u32>(map, LRU) + (ownLists(map) ? cpu * LIST_SIZE : 0);
}

function localOf(map: u32, cpu: u32): u32 {
  return load<u32>(map, LRU) + LIST_SIZE + cpu * LOCAL_SIZE;
}

/** How many nodes a CPU takes at once. */
function target(map: u32): u32 {
  return min(max(load<u32>(map, MAP_MAX_ENTRIES) / load<u32>(map, MAP_CPUS) / 2, 1), SCANS);
}

/** Makes lists and elements; all are free. */
export function initLru(map: u32): i32 {
  const cpus = load<u32>(map, MAP_CPUS);
  const entries = load<u32>(map, MAP_MAX_ENTRIES);
  const lists = alloc(ownLists(map) ? cpus * LIST_SIZE : LIST_SIZE + cpus * LOCAL_SIZE);
  if (lists === 0) return -ENOMEM;
  store<u32>(map, lists, LRU);
  if (ownLists(map)) {
    for (let i: u32 = 0; i < cpus; i++) initList(listOf(map, i));
  } else {
    initList(lists);
    for (let i: u32 = 0; i < cpus; i++) {
      initHead(localOf(map, i) + LOCAL_FREE_HEAD);
      initHead(localOf(map, i) + LOCAL_PENDING_HEAD);
      store<u32>(localOf(map, i), i, NEXT_STEAL);
    }
  }
  const slab = makeSlab(map, entries);
  if (slab === 0) return -ENOMEM;
  const size = elemSize(map);
  const share = entries / cpus;
  for (let i: u32 = 0; i < entries; i++) {
    const node = slab + SLAB_ELEMS + i * size + LRU_NODE;
    const owner = ownLists(map) ? min(i / share, cpus - 1) : 0;
    setState(node, FREE);
    setCpuOf(node, owner);
    addFirst(node, headOf(listOf(map, owner), FREE));
  }
  return 0;
}

export function destroyLru(map: u32): void {
  release(load<u32>(map, LRU));
}

/** An element for a key with this hash, 0 when there is none to be had. It is in no bucket yet. */
export function popLru(map: u32, hash: u32): u32 {
  const node = ownLists(map) ? popOwn(map, hash) : popCommon(map, hash);
  return node === 0 ? 0 : node - LRU_NODE;
}

/** Gives an element that is in no bucket back. */
export function pushLru(map: u32, elem: u32): void {
  const node = elem + LRU_NODE;
  if (ownLists(map)) {
    pushGlobal(listOf(map, cpuOf(node)), node);
    return;
  }
  if (stateOf(node) === PENDING) {
    const local = localOf(map, cpuOf(node));
    lock(local + LOCAL_LOCK);
    if (stateOf(node) === PENDING) {
      setState(node, LOCAL_FREE);
      unmark(node);
      moveFirst(node, local + LOCAL_FREE_HEAD);
      unlock(local + LOCAL_LOCK);
      return;
    }
    unlock(local + LOCAL_LOCK);
  }
  pushGlobal(listOf(map, 0), node);
}

function pushGlobal(list: u32, node: u32): void {
  lock(list + LIST_LOCK);
  moveWithin(list, node, FREE);
  unlock(list + LIST_LOCK);
}

/** Takes an element out of its bucket. @returns whether it was there */
function leaveBucket(map: u32, node: u32): bool {
  const elem = node - LRU_NODE;
  const bucket = bucketOf(map, hashAt(elem));
  lock(bucket + BUCKET_LOCK);
  let link = bucket;
  let here = at(link);
  while (here !== 0 && here !== elem) {
    link = here;
    here = at(link);
  }
  if (here === 0) {
    unlock(bucket + BUCKET_LOCK);
    return false;
  }
  setLinkAndUnlock(bucket, link, nextOf(elem));
  return true;
}

/** Moves up to `want` inactive nodes, which leave their buckets, to a list of free ones; at least one of any kind if there is one. */
function shrink(map: u32, list: u32, want: u32, scans: u32, head: u32, state: u32): void {
  const inactive = headOf(list, INACTIVE);
  let freed: u32 = 0;
  let node = newer(inactive);
  for (let i: u32 = 1; node !== inactive; i++) {
    const next = newer(node);
    if (isMarked(node)) {
      moveWithin(list, node, ACTIVE);
    } else if (leaveBucket(map, node)) {
      moveToFree(list, node, head, state);
      if (++freed === want) break;
    }
    if (i === scans) break;
    node = next;
  }
  if (freed > 0) return;
  const any = first(inactive) !== inactive ? inactive : headOf(list, ACTIVE);
  for (node = newer(any); node !== any; node = newer(node)) {
    if (!leaveBucket(map, node)) continue;
    moveToFree(list, node, head, state);
    return;
  }
}

function popOwn(map: u32, hash: u32): u32 {
  const list = listOf(map, cpu);
  lock(list + LIST_LOCK);
  rotate(list, CPU_SCANS);
  const head = headOf(list, FREE);
  if (first(head) === head) shrink(map, list, CPU_SCANS, CPU_SCANS, head, FREE);
  let node = first(head);
  if (node === head) {
    node = 0;
  } else {
    setHash(node - LRU_NODE, hash);
    moveWithin(list, node, INACTIVE);
  }
  unlock(list + LIST_LOCK);
  return node;
}

function popCommon(map: u32, hash: u32): u32 {
  const local = localOf(map, cpu);
  lock(local + LOCAL_LOCK);
  let node = popLocal(local);
  if (node === 0) {
    refill(map, local);
    node = popLocal(local);
  }
  if (node !== 0) addPending(local, node, hash);
  unlock(local + LOCAL_LOCK);
  if (node !== 0) return node;
  node = steal(map, local);
  if (node !== 0) {
    lock(local + LOCAL_LOCK);
    addPending(local, node, hash);
    unlock(local + LOCAL_LOCK);
  }
  return node;
}

function popLocal(local: u32): u32 {
  const head = local + LOCAL_FREE_HEAD;
  const node = first(head);
  if (node === head) return 0;
  unlink(node);
  return node;
}

function addPending(local: u32, node: u32, hash: u32): void {
  setHash(node - LRU_NODE, hash);
  setCpuOf(node, cpu);
  setState(node, PENDING);
  unmark(node);
  addFirst(node, local + LOCAL_PENDING_HEAD);
}

/** Hands the CPU's pending nodes to the global list and takes free ones. */
function refill(map: u32, local: u32): void {
  const list = listOf(map, 0);
  lock(list + LIST_LOCK);
  const pending = local + LOCAL_PENDING_HEAD;
  for (let node = newer(pending); node !== pending; ) {
    const next = newer(node);
    moveIn(list, node, isMarked(node) ? ACTIVE : INACTIVE);
    node = next;
  }
  rotate(list, SCANS);
  const want = target(map);
  let got: u32 = 0;
  const head = headOf(list, FREE);
  for (let node = first(head); node !== head && got < want; got++) {
    const next = older(node);
    moveToFree(list, node, local + LOCAL_FREE_HEAD, LOCAL_FREE);
    node = next;
  }
  if (got < want) shrink(map, list, want - got, SCANS, local + LOCAL_FREE_HEAD, LOCAL_FREE);
  unlock(list + LIST_LOCK);
}

/** Takes a node from any CPU's own lists, beginning where the last search ended. */
function steal(map: u32, local: u32): u32 {
  const cpus = load<u32>(map, MAP_CPUS);
  const start = load<u32>(local, NEXT_STEAL);
  let from = start;
  let node: u32 = 0;
  do {
    const other = localOf(map, from);
    lock(other + LOCAL_LOCK);
    node = popLocal(other);
    if (node === 0) node = popPending(map, other, false);
    if (node === 0) node = popPending(map, other, true);
    unlock(other + LOCAL_LOCK);
    from = from + 1 === cpus ? 0 : from + 1;
  } while (node === 0 && from !== start);
  store<u32>(local, from, NEXT_STEAL);
  return node;
}

/** Takes the oldest pending node out of its bucket, marked ones only when `force`. */
function popPending(map: u32, local: u32, force: bool): u32 {
  const pending = local + LOCAL_PENDING_HEAD;
  for (let node = newer(pending); node !== pending; node = newer(node)) {
    if ((force || !isMarked(node)) && leaveBucket(map, node)) {
      unlink(node);
      return node;
    }
  }
  return 0;
}

/** Frees the lists' locks that `thread`, which is dead, holds. */
export function releaseLru(map: u32, thread: i32): bool {
  const cpus = load<u32>(map, MAP_CPUS);
  let found = false;
  for (let i: u32 = 0; i < cpus; i++) {
    if (releaseDead(listOf(map, i) + LIST_LOCK, thread)) found = true;
    if (!ownLists(map) && releaseDead(localOf(map, i) + LOCAL_LOCK, thread)) found = true;
  }
  return found;
}
