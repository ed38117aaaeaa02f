/**
 * The index from names to type ids: hashes of the bytes, so that no type and no string is decoded to find one. Names that differ only in
 * their flavour (`task_struct___old`) share a chain, which is what CO-RE's search for candidates needs.
 */
import type { Records } from './records.ts';

const UNDERSCORE = 95;
/** Overlapping strings could make the names of a small input add up to terabytes. */
export const MAX_TEXT = 64 << 20;

/** Bytes of a name without its flavour: what stands before its last `___` (exactly three, with something on both sides; relo_core.c, v6.18). */
export function essentialLength(name: Uint8Array, start = 0, end = name.length): number {
  for (let i = end - 5; i >= start; i--) {
    if (
      name[i] !== UNDERSCORE &&
      name[i + 1] === UNDERSCORE &&
      name[i + 2] === UNDERSCORE &&
      name[i + 3] === UNDERSCORE &&
      name[i + 4] !== UNDERSCORE
    ) {
      return i + 1 - start;
    }
  }
  return end - start;
}

/** A name without its flavour. */
export function essentialName(name: string): string {
  const flavour = /^(.*[^_])___[^_]/s.exec(name);
  return flavour?.[1] ?? name;
}

/** Ids of one blob's own types by name. */
export class NameIndex {
  readonly #records: Records;
  readonly #heads: Uint32Array;
  readonly #next: Uint32Array;
  readonly #mask: number;

  constructor(records: Records) {
    this.#records = records;
    const { first, count } = records;
    const types = records.types.bytes;
    const view = new DataView(types.buffer, types.byteOffset, types.byteLength);
    let size = 16;
    while (size < count - first) size *= 2;
    const mask = size - 1;
    const heads = new Uint32Array(size);
    const next = new Uint32Array(count - first);
    const hashed = { bytes: 0 };
    // From the last to the first, so that chains ascend.
    for (let id = count - 1; id >= first; id--) {
      const name = view.getUint32(records.offsetOf(id), true);
      if (name === 0 || name >= records.stringEnd) continue;
      const { strings, firstString } = records.stringsOf(name);
      const offset = name - firstString;
      if (strings.bytes[offset] === 0) continue;
      const slot = essentialHash(strings.bytes, offset, hashed) & mask;
      if (hashed.bytes > MAX_TEXT) throw strings.error(offset, `names overlap to more than ${MAX_TEXT} bytes`);
      next[id - first] = heads[slot] ?? 0;
      heads[slot] = id;
    }
    this.#heads = heads;
    this.#next = next;
    this.#mask = mask;
  }

  /** Ids with exactly this name, ascending. */
  find(name: Uint8Array): number[] {
    return this.#chain(name, (bytes, start, end) => equal(bytes, start, end, name, name.length));
  }

  /** Ids whose names are this one but for flavours on either side, ascending. */
  findEssential(name: Uint8Array): number[] {
    const length = essentialLength(name);
    return this.#chain(name, (bytes, start, end) => equal(bytes, start, start + essentialLength(bytes, start, end), name, length));
  }

  #chain(name: Uint8Array, matches: (bytes: Uint8Array, start: number, end: number) => boolean): number[] {
    const records = this.#records;
    const { first } = records;
    const out: number[] = [];
    const key = new Uint8Array(name.length + 1);
    key.set(name);
    // Chains of hostile blobs repeat long strings: each is compared once.
    const known = new Map<number, boolean>();
    for (let id = this.#heads[essentialHash(key, 0) & this.#mask] ?? 0; id !== 0; id = this.#next[id - first] ?? 0) {
      const offset = records.types.u32(records.offsetOf(id));
      let match = known.get(offset);
      if (match === undefined) {
        const { strings, firstString } = records.stringsOf(offset);
        const start = offset - firstString;
        match = matches(strings.bytes, start, strings.bytes.indexOf(0, start));
        known.set(offset, match);
      }
      if (match) out.push(id);
    }
    return out;
  }
}

function equal(bytes: Uint8Array, start: number, end: number, name: Uint8Array, length: number): boolean {
  if (end - start !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== name[i]) return false;
  return true;
}

/** FNV-1a over the essential part of the NUL-terminated name at `start`; never 0. One pass: at every flavour's start the hash so far is kept. */
function essentialHash(bytes: Uint8Array, start: number, hashed?: { bytes: number }): number {
  let hash = 0x811c9dc5;
  let essential = 0;
  let i = start;
  for (; ; i++) {
    const byte = bytes[i];
    if (byte === 0 || byte === undefined) break;
    if (byte === UNDERSCORE && bytes[i + 1] === UNDERSCORE && i > start && startsFlavour(bytes, i)) essential = hash;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  if (hashed !== undefined) hashed.bytes += i - start;
  const chosen = essential === 0 ? hash : essential;
  return (chosen ^ (chosen >>> 15)) >>> 0 || 1;
}

/** Exactly three underscores from here, and a name on both sides. */
function startsFlavour(bytes: Uint8Array, at: number): boolean {
  const after = bytes[at + 3];
  return bytes[at - 1] !== UNDERSCORE && bytes[at + 2] === UNDERSCORE && after !== UNDERSCORE && after !== 0 && after !== undefined;
}
