/**
 * The index from names to type ids: hashes of their first bytes, so that no type and no string is decoded to find one. Names that differ only in
 * their flavour (`task_struct___old`) share a chain, which is what CO-RE's search for candidates needs.
 */
import type { Records } from './records.ts';

const UNDERSCORE = 95;
/** Bytes of a name that its hash takes in. */
const PREFIX = 8;
/** Longer flavours are none (KSYM_NAME_LEN, v6.18). */
const LONGEST = 512;

/** A name without its flavour. */
export function essentialName(name: string): string {
  const flavour = /^(.*[^_])___[^_]/s.exec(name);
  return flavour?.[1] ?? name;
}

/** Ids of one blob's own types by name. */
export class NameIndex {
  /** Names compared so far: what callers that must bound hostile input charge for. */
  compared = 0;
  readonly #records: Records;
  readonly #heads: Uint32Array;
  readonly #next: Uint32Array;
  readonly #mask: number;

  constructor(records: Records) {
    this.#records = records;
    const { first, count } = records;
    let size = 16;
    while (size < count - first) size *= 2;
    this.#mask = size - 1;
    this.#heads = new Uint32Array(size);
    this.#next = new Uint32Array(count - first);
    fill(records, this.#heads, this.#next);
  }

  /** Ids with exactly this name, ascending. */
  find(name: Uint8Array): number[] {
    return this.#chain(name, (bytes, start) => begins(bytes, start, name, name.length) && (bytes[start + name.length] ?? 0) === 0);
  }

  /** Ids whose names are this one (which has no flavour) or a flavour of it, ascending. */
  findEssential(name: Uint8Array): number[] {
    return this.#chain(name, (bytes, start) => begins(bytes, start, name, name.length) && endsOrFlavours(bytes, start + name.length));
  }

  #chain(name: Uint8Array, matches: (bytes: Uint8Array, start: number) => boolean): number[] {
    const records = this.#records;
    const { first } = records;
    const out: number[] = [];
    for (let id = this.#heads[prefixHash(name, 0) & this.#mask] ?? 0; id !== 0; id = this.#next[id - first] ?? 0) {
      this.compared++;
      const offset = records.types.u32(records.offsetOf(id));
      const { strings, firstString } = records.stringsOf(offset);
      if (matches(strings.bytes, offset - firstString)) out.push(id);
    }
    return out;
  }
}

/** Enters every named type, from the last to the first, so that chains ascend. On its own and plain: it is run once, over some hundred thousand names. */
function fill(records: Records, heads: Uint32Array, next: Uint32Array): void {
  const { first, firstString, stringEnd, offsets } = records;
  const { bytes: types } = records.types;
  const view = new DataView(types.buffer, types.byteOffset, types.byteLength);
  const own = records.strings.bytes;
  const mask = heads.length - 1;
  for (let index = next.length - 1; index >= 0; index--) {
    const name = view.getUint32(offsets[index] ?? 0, true);
    if (name === 0 || name >= stringEnd) continue;
    let bytes = own;
    let start = name - firstString;
    if (start < 0) {
      const owner = records.stringsOf(name);
      bytes = owner.strings.bytes;
      start = name - owner.firstString;
    }
    const slot = prefixHash(bytes, start) & mask;
    next[index] = heads[slot] ?? 0;
    heads[slot] = first + index;
  }
}

function begins(bytes: Uint8Array, start: number, name: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[start + i] !== name[i]) return false;
  return true;
}

/** Whether a name ends at `at`, or its last flavour begins there. */
function endsOrFlavours(bytes: Uint8Array, at: number): boolean {
  if ((bytes[at] ?? 0) === 0) return true;
  if (!startsFlavour(bytes, at)) return false;
  for (let i = at + 4; i < at + LONGEST; i++) {
    if ((bytes[i] ?? 0) === 0) return true;
    if (startsFlavour(bytes, i)) return false;
  }
  return false;
}

/** Exactly three underscores at `at`, and a name on both sides. */
function startsFlavour(bytes: Uint8Array, at: number): boolean {
  const after = bytes[at + 3] ?? 0;
  return (
    bytes[at - 1] !== UNDERSCORE &&
    bytes[at] === UNDERSCORE &&
    bytes[at + 1] === UNDERSCORE &&
    bytes[at + 2] === UNDERSCORE &&
    after !== UNDERSCORE &&
    after !== 0
  );
}

/** FNV-1a over a name's first bytes, up to what may be a flavour: whole names would cost more to hash than the chains cost to walk. */
function prefixHash(bytes: Uint8Array, start: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < start + PREFIX; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === 0 || (byte === UNDERSCORE && i > start && bytes[i + 1] === UNDERSCORE && bytes[i + 2] === UNDERSCORE)) break;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return (hash ^ (hash >>> 15)) >>> 0;
}
