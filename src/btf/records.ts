/**
 * The raw records of a BTF blob: where each type starts, its kind, and what it refers to, without decoding. Checking is check.ts's business,
 * meaning btf.ts's.
 */
import type { ByteView, FormatError } from '../base/index.ts';
import { BTF_KINDS, type BtfKind } from './types.ts';

/** Bytes after the 12-byte record head: fixed part, and part per `vlen`. */
const TAIL: Readonly<Record<BtfKind, readonly [fixed: number, each: number]>> = {
  void: [0, 0],
  int: [4, 0],
  ptr: [0, 0],
  array: [12, 0],
  struct: [0, 12],
  union: [0, 12],
  enum: [0, 8],
  fwd: [0, 0],
  typedef: [0, 0],
  volatile: [0, 0],
  const: [0, 0],
  restrict: [0, 0],
  func: [0, 0],
  func_proto: [0, 8],
  var: [4, 0],
  datasec: [0, 12],
  float: [0, 0],
  decl_tag: [4, 0],
  type_tag: [0, 0],
  enum64: [0, 12],
};
const HEAD = 12;
const FIXED = Uint8Array.from(BTF_KINDS, (kind) => HEAD + TAIL[kind][0]);
const EACH = Uint8Array.from(BTF_KINDS, (kind) => TAIL[kind][1]);

/** The type table and strings of one blob; of split BTF those after its base's. */
export class Records {
  readonly types: ByteView;
  readonly strings: ByteView;
  readonly base: Records | undefined;
  /** Id of the first own record. */
  readonly first: number;
  /** One past the last id. */
  readonly count: number;
  /** First own string offset, and one past the last. */
  readonly firstString: number;
  readonly stringEnd: number;
  /** Where each own record starts in the type section. */
  readonly offsets: Uint32Array;

  /** Finds where each record starts; one pass over the section. Throws FormatError for records that are cut off or of no kind. */
  constructor(types: ByteView, strings: ByteView, base: Records | undefined) {
    this.types = types;
    this.strings = strings;
    this.base = base;
    this.first = base?.count ?? 1;
    this.firstString = base?.stringEnd ?? 0;
    this.stringEnd = this.firstString + strings.length;
    this.offsets = this.#scan();
    this.count = this.first + this.offsets.length;
  }

  /** Offset of an own record in the type section; FormatError for ids that are none. */
  offsetOf(id: number): number {
    const offset = this.offsets[id - this.first];
    if (offset === undefined) throw this.types.error(0, `type id ${id} is outside ${this.first}..${this.count - 1}`);
    return offset;
  }

  /** Kind of any id, those of the base too. */
  kind(id: number): BtfKind {
    if (id === 0) return 'void';
    if (id < this.first && this.base !== undefined) return this.base.kind(id);
    return BTF_KINDS[(this.types.u32(this.offsetOf(id) + 4) >>> 24) & 31] ?? 'void';
  }

  /** Whose strings a string offset is in: these records', or those of a base. */
  stringsOf(offset: number): Records {
    let records: Records = this;
    while (offset < records.firstString && records.base !== undefined) records = records.base;
    return records;
  }

  /** Number of parts (members, parameters, values, variables) of an own record. */
  parts(id: number): number {
    return this.types.u32(this.offsetOf(id) + 4) & 0xffff;
  }

  /** Offsets of the name words of a record's parts; none for kinds whose parts have no names. */
  *partNames(id: number): Generator<number> {
    const kind = this.kind(id);
    if (kind !== 'struct' && kind !== 'union' && kind !== 'enum' && kind !== 'enum64' && kind !== 'func_proto') return;
    const [fixed, each] = TAIL[kind];
    const at = this.offsetOf(id) + HEAD + fixed;
    const count = this.parts(id);
    for (let i = 0; i < count; i++) yield at + i * each;
  }

  /** Ids that an own record refers to, contained or not. */
  *references(id: number): Generator<number> {
    const view = this.types;
    const at = this.offsetOf(id);
    const vlen = view.u32(at + 4) & 0xffff;
    switch (this.kind(id)) {
      case 'ptr':
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
      case 'func':
      case 'var':
      case 'decl_tag':
        yield view.u32(at + 8);
        return;
      case 'array':
        yield view.u32(at + 12);
        yield view.u32(at + 16);
        return;
      case 'struct':
      case 'union':
        for (let i = 0; i < vlen; i++) yield view.u32(at + 12 + i * 12 + 4);
        return;
      case 'func_proto':
        yield view.u32(at + 8);
        for (let i = 0; i < vlen; i++) yield view.u32(at + 12 + i * 8 + 4);
        return;
      case 'datasec':
        for (let i = 0; i < vlen; i++) yield view.u32(at + 12 + i * 12);
        return;
      default:
        return;
    }
  }

  /** A FormatError about a type, with its place in the blob. */
  error(id: number, message: string): FormatError {
    return this.types.error(this.offsets[id - this.first] ?? 0, `type ${id}: ${message}`);
  }

  #scan(): Uint32Array {
    const { bytes, length } = this.types;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const offsets = new Uint32Array(Math.floor(length / HEAD));
    let count = 0;
    for (let at = 0; at < length; count++) {
      if (at + HEAD > length) this.types.need(at, HEAD, 'BTF type record');
      const info = view.getUint32(at + 4, true);
      const number = (info >>> 24) & 31;
      const fixed = FIXED[number];
      if (fixed === undefined || number === 0) {
        throw this.types.error(at + 4, `type ${this.first + count}: unknown BTF kind ${number}, expected 1..19`);
      }
      const size = fixed + (EACH[number] ?? 0) * (info & 0xffff);
      if (at + size > length) this.types.need(at, size, `type ${this.first + count}: ${BTF_KINDS[number]} record`);
      offsets[count] = at;
      at += size;
    }
    return offsets.slice(0, count);
  }
}
