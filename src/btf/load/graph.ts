/** The raw types of BTF under check: words by type id, and what the kernel asks of a type (btf_type_* in include/linux/btf.h, v6.18). */

/** Kind numbers. */
export const K = {
  UNKN: 0,
  INT: 1,
  PTR: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FWD: 7,
  TYPEDEF: 8,
  VOLATILE: 9,
  CONST: 10,
  RESTRICT: 11,
  FUNC: 12,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  FLOAT: 16,
  DECL_TAG: 17,
  TYPE_TAG: 18,
  ENUM64: 19,
} as const;

/** Types by id; 0 is void. */
export class RawTypes {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #strings: { readonly start: number; readonly end: number };
  /** Offsets of the records, from id 1. */
  readonly #offsets: number[] = [0];

  constructor(bytes: Uint8Array, strings: { readonly start: number; readonly end: number }) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bytes = bytes;
    this.#strings = strings;
  }

  /** Number of types, void included. */
  get count(): number {
    return this.#offsets.length;
  }

  add(offset: number): void {
    this.#offsets.push(offset);
  }

  has(id: number): boolean {
    return id < this.#offsets.length;
  }

  /** Word of a record at an absolute offset. */
  u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  /** Offset of what follows the three common words. */
  body(id: number): number {
    return (this.#offsets[id] ?? 0) + 12;
  }

  name(id: number): number {
    return id === 0 ? 0 : this.u32(this.#offsets[id] ?? 0);
  }

  info(id: number): number {
    return id === 0 ? 0 : this.u32((this.#offsets[id] ?? 0) + 4);
  }

  /** Size, or the type referred to. */
  word(id: number): number {
    return id === 0 ? 0 : this.u32((this.#offsets[id] ?? 0) + 8);
  }

  kind(id: number): number {
    return (this.info(id) >>> 24) & 31;
  }

  parts(id: number): number {
    return this.info(id) & 0xffff;
  }

  flag(id: number): boolean {
    return this.info(id) >>> 31 !== 0;
  }

  /** Whether an offset is in the string section. */
  hasString(offset: number): boolean {
    return offset < this.#strings.end - this.#strings.start;
  }

  /** Byte `i` of the string at an offset; 0 at its end and beyond. */
  char(offset: number, i: number): number {
    const at = this.#strings.start + offset + i;
    return at < this.#strings.end ? (this.#bytes[at] ?? 0) : 0;
  }

  isModifier(id: number): boolean {
    const kind = this.kind(id);
    return (kind >= K.TYPEDEF && kind <= K.RESTRICT) || kind === K.TYPE_TAG;
  }

  isStruct(id: number): boolean {
    const kind = this.kind(id);
    return kind === K.STRUCT || kind === K.UNION;
  }

  /** Types that may only be where references start: variables, tags, sections. */
  isSourceOnly(id: number): boolean {
    const kind = this.kind(id);
    return kind === K.VAR || kind === K.DECL_TAG || kind === K.DATASEC;
  }

  needsResolve(id: number): boolean {
    const kind = this.kind(id);
    return (
      this.isModifier(id) ||
      this.isStruct(id) ||
      kind === K.PTR ||
      kind === K.ARRAY ||
      kind === K.VAR ||
      kind === K.FUNC ||
      kind === K.DECL_TAG ||
      kind === K.DATASEC
    );
  }

  /** Types without a size: void, forward declarations, functions, tags; and ids of nothing. */
  isSizeless(id: number): boolean {
    if (!this.has(id)) return true;
    const kind = this.kind(id);
    return kind === K.UNKN || kind === K.FWD || kind === K.FUNC || kind === K.FUNC_PROTO || kind === K.DECL_TAG;
  }

  /** Types that state their size. */
  hasSize(id: number): boolean {
    const kind = this.kind(id);
    return kind === K.INT || this.isStruct(id) || kind === K.ENUM || kind === K.DATASEC || kind === K.FLOAT || kind === K.ENUM64;
  }

  /** The int's word: encoding, offset and bits. */
  intData(id: number): { readonly bits: number; readonly offset: number } {
    const data = this.u32(this.body(id));
    return { bits: data & 0xff, offset: (data >>> 16) & 0xff };
  }

  /** An int of whole bytes, as C has them. */
  isRegularInt(id: number): boolean {
    const { bits, offset } = this.intData(id);
    return offset === 0 && (bits === 8 || bits === 16 || bits === 32 || bits === 64 || bits === 128);
  }
}
