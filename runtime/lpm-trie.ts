/**
 * Longest-prefix tries (facts: kernel/bpf/lpm_trie.c, v6.18): a binary tree in which a node's prefix contains those below it. Nodes without a value
 * stand where two prefixes part. Changes take the map's lock; programs' lookups take none: a node that was taken out stays as it is, value included,
 * until the programs that ran then have ended.
 */
import { copy, roundUp8 } from './bytes';
import { alloc, release } from './env';
import { NOTE, noteRuns, runsEnded } from './grace';
import {
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  ENOSPC,
  MAP_CPUS,
  MAP_KEY_SIZE,
  MAP_LOCK,
  MAP_MAX_ENTRIES,
  MAP_PRIVATE,
  MAP_VALUE_SIZE,
} from './layout';
import { lock, unlock } from './lock';
import { addReadOnly, addRegion, addSlab, freeSlabs, SLAB_ELEMS, SLAB_KEYS } from './region';
import { copyOut, EXIST, initIn, NOEXIST } from './value';

/** The topmost node; a link, as a node's children are. */
const ROOT: u32 = MAP_PRIVATE;
/** Nodes with a value. */
const COUNT: u32 = MAP_PRIVATE + 4;
const FREE: u32 = MAP_PRIVATE + 8;
/** Nodes made so far. */
const NODES: u32 = MAP_PRIVATE + 12;
/** Nodes taken out, of which programs may know: those since the note was made, and those that it holds back. */
const RETIRED: u32 = MAP_PRIVATE + 16;
const WAITING: u32 = MAP_PRIVATE + 20;
/** The note of the runs that are waited for; 0 until it is needed. */
const RUNS: u32 = MAP_PRIVATE + 24;

/**
 * Fields of a node: links to the prefixes that go on with a 0 and with a 1; where it is in no tree, the next of its list; the key as programs give it
 * (u32 length in bits, data).
 */
const CHILD: u32 = 0;
const HAS_VALUE: u32 = 8;
const NEXT: u32 = 12;
const KEY: u32 = 16;
const DATA: u32 = 4;
const FIRST_SLAB: u32 = 16;
/** Bytes of nodes beyond twice the entries: what may wait for programs that do not end. */
const WAITING_MOST: u64 = 64 << 20;

function valueAt(map: u32): u32 {
  return roundUp8(KEY + load<u32>(map, MAP_KEY_SIZE));
}

function maxBits(map: u32): u32 {
  return (load<u32>(map, MAP_KEY_SIZE) - DATA) * 8;
}

/** Bits in which two keys agree, at most the shorter one's. */
function common(a: u32, b: u32): u32 {
  const limit = min(load<u32>(a), load<u32>(b));
  let bits: u32 = 0;
  for (let i: u32 = 0; bits < limit; i++) {
    const diff = load<u8>(a + DATA + i) ^ load<u8>(b + DATA + i);
    if (diff !== 0) return min(limit, bits + clz<u32>(diff) - 24);
    bits += 8;
  }
  return limit;
}

function bit(key: u32, index: u32): u32 {
  return (load<u8>(key + DATA + (index >> 3)) >> (7 - (index & 7))) & 1;
}

function childLink(node: u32, side: u32): u32 {
  return node + CHILD + side * 4;
}

/** (map, key) -> the value's offset, or 0: of the longest stored prefix of the key. */
export function lpm_lookup(map: u32, key: u32): u32 {
  const length = load<u32>(key);
  if (length > maxBits(map)) return 0;
  let found: u32 = 0;
  let depth: i32 = -1;
  for (let node = atomic.load<u32>(map, ROOT); node !== 0; ) {
    const bits = load<u32>(node, KEY);
    // In a map that a dead thread left half changed no walk goes on for ever.
    if (<i32>bits <= depth || common(node + KEY, key) < bits) break;
    depth = bits;
    if (load<u32>(node, HAS_VALUE) !== 0) found = node;
    if (bits >= length) break;
    node = atomic.load<u32>(childLink(node, bit(key, bits)));
  }
  return found === 0 ? 0 : found + valueAt(map);
}

export function lpmSysLookup(map: u32, key: u32, value: u32): i32 {
  // The host holds no CPU: under the lock nothing is used again.
  lock(map + MAP_LOCK);
  const found = lpm_lookup(map, key);
  if (found !== 0) copyOut(map, value, found);
  unlock(map + MAP_LOCK);
  return found === 0 ? -ENOENT : 0;
}

/** Whether there are fewer free nodes than an insertion may take: two. */
function isShort(map: u32): bool {
  const head = load<u32>(map, FREE);
  return head === 0 || load<u32>(head, NEXT) === 0;
}

/** Makes sure that there are two free nodes. */
function reserve(map: u32): bool {
  while (isShort(map)) {
    if (!reclaim(map)) return grow(map);
  }
  return true;
}

/** Frees the nodes that waited, if no program can know them any more, and has those wait that were retired since. @returns whether to look again */
function reclaim(map: u32): bool {
  const cpus = load<u32>(map, MAP_CPUS);
  if (load<u32>(map, RUNS) === 0) store<u32>(map, alloc(cpus * NOTE), RUNS);
  const runs = load<u32>(map, RUNS);
  if (runs === 0) return false;
  const waited = load<u32>(map, WAITING);
  if (waited !== 0) {
    if (!runsEnded(runs, cpus)) return false;
    // At most one node is free.
    const head = load<u32>(map, FREE);
    if (head === 0) store<u32>(map, waited, FREE);
    else store<u32>(head, waited, NEXT);
  }
  const retired = load<u32>(map, RETIRED);
  noteRuns(runs, cpus);
  store<u32>(map, retired, WAITING);
  store<u32>(map, 0, RETIRED);
  return waited !== 0 || (retired !== 0 && runsEnded(runs, cpus));
}

function grow(map: u32): bool {
  const have = load<u32>(map, NODES);
  const want = <u64>load<u32>(map, MAP_MAX_ENTRIES) * 2 + 2;
  const size = roundUp8(valueAt(map) + load<u32>(map, MAP_VALUE_SIZE));
  const most = want + WAITING_MOST / size;
  if (have >= most) return false;
  const count = <u32>min(max(<u64>FIRST_SLAB, <u64>have), have < want ? want - have + 2 : most - have + 2);
  const bytes = <u64>SLAB_ELEMS + <u64>count * size;
  const slab = bytes > 0xffff0000 ? 0 : alloc(<u32>bytes);
  if (slab === 0) return false;
  addSlab(map, slab);
  addReadOnly(map, slab + SLAB_KEYS, slab + SLAB_ELEMS + KEY, count, size, load<u32>(map, MAP_KEY_SIZE));
  addRegion(map, slab, slab + SLAB_ELEMS + valueAt(map), count, size, load<u32>(map, MAP_VALUE_SIZE));
  for (let i = count; i > 0; i--) giveNode(map, FREE, slab + SLAB_ELEMS + (i - 1) * size);
  store<u32>(map, have + count, NODES);
  return true;
}

function takeNode(map: u32): u32 {
  const node = load<u32>(map, FREE);
  store<u32>(map, load<u32>(node, NEXT), FREE);
  return node;
}

/** Puts a node on one of the map's lists: FREE or RETIRED. */
function giveNode(map: u32, list: u32, node: u32): void {
  store<u32>(node, load<u32>(map + list), NEXT);
  store<u32>(map + list, node);
}

/** (map, key, value, flags) -> 0 or -errno. */
export function lpm_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  if (flags > EXIST || load<u32>(key) > maxBits(map)) return -EINVAL;
  lock(map + MAP_LOCK);
  const error = insert(map, key, value, flags);
  unlock(map + MAP_LOCK);
  return error;
}

function insert(map: u32, key: u32, value: u32, flags: u32): i32 {
  const length = load<u32>(key);
  let link = map + ROOT;
  let node = load<u32>(link);
  let agree: u32 = 0;
  while (node !== 0) {
    agree = common(node + KEY, key);
    const bits = load<u32>(node, KEY);
    if (bits !== agree || bits === length) break;
    link = childLink(node, bit(key, bits));
    node = load<u32>(link);
  }
  const same = node !== 0 && load<u32>(node, KEY) === agree && agree === length;
  if (same && load<u32>(node, HAS_VALUE) !== 0) {
    if (flags === NOEXIST) return -EEXIST;
  } else {
    if (flags === EXIST) return -ENOENT;
    if (load<u32>(map, COUNT) === load<u32>(map, MAP_MAX_ENTRIES)) return -ENOSPC;
  }
  if (!reserve(map)) return -ENOMEM;
  const made = takeNode(map);
  store<u32>(made, 1, HAS_VALUE);
  copy(made + KEY, key, load<u32>(map, MAP_KEY_SIZE));
  initIn(map, made + valueAt(map), value);
  store<u64>(made, 0, CHILD);
  if (!same || load<u32>(node, HAS_VALUE) === 0) store<u32>(map, load<u32>(map, COUNT) + 1, COUNT);
  if (node === 0) {
    atomic.store<u32>(link, made);
    return 0;
  }
  if (same) {
    store<u64>(made, load<u64>(node, CHILD), CHILD);
    atomic.store<u32>(link, made);
    giveNode(map, RETIRED, node);
    return 0;
  }
  if (agree === length) {
    // The node's prefix goes on where the key ends.
    store<u32>(childLink(made, bit(node + KEY, length)), node);
    atomic.store<u32>(link, made);
    return 0;
  }
  const fork = takeNode(map);
  store<u32>(fork, 0, HAS_VALUE);
  copy(fork + KEY, node + KEY, load<u32>(map, MAP_KEY_SIZE));
  store<u32>(fork, agree, KEY);
  const side = bit(key, agree);
  store<u32>(childLink(fork, side), made);
  store<u32>(childLink(fork, side ^ 1), node);
  atomic.store<u32>(link, fork);
  return 0;
}

/** (map, key) -> 0 or -errno: the key's own prefix only. */
export function lpm_delete(map: u32, key: u32): i32 {
  if (load<u32>(key) > maxBits(map)) return -EINVAL;
  lock(map + MAP_LOCK);
  const error = remove(map, key);
  unlock(map + MAP_LOCK);
  return error;
}

function remove(map: u32, key: u32): i32 {
  const length = load<u32>(key);
  let parentLink: u32 = 0;
  let parent: u32 = 0;
  let link = map + ROOT;
  let node = load<u32>(link);
  while (node !== 0) {
    const bits = load<u32>(node, KEY);
    if (common(node + KEY, key) !== bits || bits === length) break;
    parentLink = link;
    parent = node;
    link = childLink(node, bit(key, bits));
    node = load<u32>(link);
  }
  if (node === 0 || load<u32>(node, KEY) !== length || common(node + KEY, key) !== length || load<u32>(node, HAS_VALUE) === 0)
    return -ENOENT;
  store<u32>(map, load<u32>(map, COUNT) - 1, COUNT);
  const zero = load<u32>(childLink(node, 0));
  const one = load<u32>(childLink(node, 1));
  if (zero !== 0 && one !== 0) {
    store<u32>(node, 0, HAS_VALUE);
    return 0;
  }
  if (zero === 0 && one === 0 && parent !== 0 && load<u32>(parent, HAS_VALUE) === 0) {
    // A fork with one branch left is none.
    const other = load<u32>(childLink(parent, link === childLink(parent, 0) ? 1 : 0));
    atomic.store<u32>(parentLink, other);
    giveNode(map, RETIRED, parent);
  } else {
    atomic.store<u32>(link, zero !== 0 ? zero : one);
  }
  giveNode(map, RETIRED, node);
  return 0;
}

/** Writes the key after `key` at `next`: prefixes before those that contain them, zeros before ones. Unknown keys, or none, give the first. */
export function lpmNextKey(map: u32, key: u32, next: u32): i32 {
  lock(map + MAP_LOCK);
  const node = after(map, key);
  if (node !== 0) copy(next, node + KEY, load<u32>(map, MAP_KEY_SIZE));
  unlock(map + MAP_LOCK);
  return node === 0 ? -ENOENT : 0;
}

/** The first node with a value at or below `node`, children first. */
function leftmost(node: u32): u32 {
  let best: u32 = 0;
  while (node !== 0) {
    if (load<u32>(node, HAS_VALUE) !== 0) best = node;
    const zero = load<u32>(childLink(node, 0));
    node = zero !== 0 ? zero : load<u32>(childLink(node, 1));
  }
  return best;
}

function after(map: u32, key: u32): u32 {
  const root = load<u32>(map, ROOT);
  if (key === 0 || load<u32>(key) > maxBits(map)) return leftmost(root);
  const length = load<u32>(key);
  // What follows the node: the nearest node above it that it is left of, or that has a value.
  let follower: u32 = 0;
  let right: u32 = 0;
  let node = root;
  while (node !== 0) {
    const bits = load<u32>(node, KEY);
    if (common(node + KEY, key) < bits || bits === length) break;
    const side = bit(key, bits);
    if (load<u32>(node, HAS_VALUE) !== 0) {
      follower = node;
      right = 0;
    }
    if (side === 0 && load<u32>(childLink(node, 1)) !== 0) {
      right = load<u32>(childLink(node, 1));
    }
    node = load<u32>(childLink(node, side));
  }
  if (node === 0 || load<u32>(node, KEY) !== length || common(node + KEY, key) !== length || load<u32>(node, HAS_VALUE) === 0)
    return leftmost(root);
  return right !== 0 ? leftmost(right) : follower;
}

export function lpmDestroy(map: u32): void {
  release(load<u32>(map, RUNS));
  freeSlabs(map);
}
