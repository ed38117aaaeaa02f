/**
 * The BTF reader: bounded parsing of the header, the type table and the strings, then lazy access to the type graph.
 * Everything is checked once when it is read (ranges, references, cycles by value), so that later walks only need depth limits.
 * Values are printed by format.ts and read from text by encode.ts; .BTF.ext is ext.ts's business.
 */
import { ByteView, decodeText, type FormatError, type Location } from '../base/index.ts';
import { BTF_KINDS, type BtfKind, type BtfLinkage, type BtfType } from './types.ts';

const MAGIC = 0xeb9f;
const MAGIC_SWAPPED = 0x9feb;
const HEADER_SIZE = 24;
/** The kernel's limit on a chain of modifiers, arrays or nested aggregates (kernel/bpf/btf.c MAX_RESOLVE_DEPTH, v6.18). */
export const MAX_DEPTH = 32;
/** No C object is larger; also keeps sizes exact as numbers. */
const MAX_SIZE = 0xffff_ffff;
/** Overlapping strings could make a small input decode to terabytes. */
const MAX_TEXT = 64 << 20;
/** Types spelled in one typeName: prototypes of prototypes grow exponentially. */
const MAX_SPELLED = 256;

const VOID: BtfType = { kind: 'void', id: 0, name: '' };
const LINKAGES: readonly BtfLinkage[] = ['static', 'global', 'extern'];

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

/** A parsed BTF blob. */
export class Btf {
  /** The whole blob, as it was given. */
  readonly bytes: Uint8Array;
  /** Number of types, void included: ids are 0 .. count - 1. */
  readonly count: number;
  readonly #types: ByteView;
  readonly #strings: ByteView;
  readonly #offsets: Uint32Array;
  readonly #cache = new Map<number, BtfType>();
  readonly #texts = new Map<number, string>();
  readonly #aligns = new Map<number, number>();
  #names: Map<string, number[]> | undefined;
  #decoded = 0;

  /**
   * Reads and checks BTF; throws FormatError with the offset of what is wrong.
   * @param location what the bytes are; its `offset` is where they start in the whole input
   */
  static parse(bytes: Uint8Array, location: Location = { section: '.BTF' }): Btf {
    return new Btf(bytes, location);
  }

  private constructor(bytes: Uint8Array, location: Location) {
    this.bytes = bytes;
    const view = new ByteView(bytes, location);
    view.need(0, HEADER_SIZE, 'BTF header');
    const magic = view.u16(0);
    if (magic === MAGIC_SWAPPED) throw view.error(0, 'big-endian BTF: only little-endian objects are read');
    if (magic !== MAGIC) throw view.error(0, `BTF magic is 0x${magic.toString(16)}, expected 0xeb9f`);
    if (view.u8(2) !== 1) throw view.error(2, `BTF version ${view.u8(2)}, expected 1`);
    const headerSize = view.u32(4);
    if (headerSize < HEADER_SIZE) throw view.error(4, `BTF header length ${headerSize}, expected at least ${HEADER_SIZE}`);
    view.need(0, headerSize, 'BTF header');
    this.#types = view.slice(headerSize + view.u32(8), view.u32(12), 'BTF type section');
    this.#strings = view.slice(headerSize + view.u32(16), view.u32(20), 'BTF string section');
    const strings = this.#strings.bytes;
    if (strings.length === 0 || strings[0] !== 0 || strings[strings.length - 1] !== 0) {
      throw this.#strings.error(0, 'BTF string section must start and end with a NUL byte');
    }
    this.#offsets = this.#scan();
    this.count = this.#offsets.length;
    this.#check();
  }

  /** The type with this id; FormatError when there is none. Decoded on first use. */
  type(id: number): BtfType {
    if (id === 0) return VOID;
    const known = this.#cache.get(id);
    if (known !== undefined) return known;
    const type = this.#decode(id, this.#offsetOf(id));
    this.#cache.set(id, type);
    return type;
  }

  /** The first id with this name (and kind), or undefined. */
  find(name: string, ...kinds: BtfKind[]): number | undefined {
    return this.findAll(name, ...kinds)[0];
  }

  /** All ids with this name (of these kinds, if any are given), ascending. */
  findAll(name: string, ...kinds: BtfKind[]): number[] {
    if (this.#names === undefined) {
      this.#names = new Map();
      for (let id = 1; id < this.count; id++) {
        const text = this.string(this.#types.u32(this.#offsetOf(id)));
        if (text === '') continue;
        const ids = this.#names.get(text);
        if (ids === undefined) this.#names.set(text, [id]);
        else ids.push(id);
      }
    }
    const ids = this.#names.get(name) ?? [];
    return kinds.length === 0 ? [...ids] : ids.filter((id) => kinds.includes(this.kind(id)));
  }

  /** Kind of a type, without decoding it. */
  kind(id: number): BtfKind {
    return id === 0 ? 'void' : this.#kindAt(this.#offsetOf(id));
  }

  /** The string at an offset of the string section; 0 is ''. */
  string(offset: number): string {
    if (offset === 0) return '';
    const known = this.#texts.get(offset);
    if (known !== undefined) return known;
    if (offset >= this.#strings.length) {
      throw this.#strings.error(0, `string offset 0x${offset.toString(16)} is outside the ${this.#strings.length}-byte string section`);
    }
    const end = this.#strings.bytes.indexOf(0, offset);
    this.#decoded += end - offset;
    if (this.#decoded > MAX_TEXT) throw this.#strings.error(offset, `names overlap to more than ${MAX_TEXT} bytes`);
    const text = decodeText(this.#strings.bytes, offset, end);
    this.#texts.set(offset, text);
    return text;
  }

  /** Follows typedefs, qualifiers and type tags to the type they name. */
  resolve(id: number): BtfType {
    let type = this.type(id);
    for (let depth = 0; isModifier(type); depth++) {
      if (depth >= MAX_DEPTH) throw this.error(id, `a chain of more than ${MAX_DEPTH} typedefs and qualifiers`);
      type = this.type(type.type);
    }
    return type;
  }

  /** Bytes of a value of the type; FormatError for what has no size (void, functions, forward declarations). */
  sizeOf(id: number): number {
    let times = 1;
    for (let depth = 0; depth <= MAX_DEPTH; depth++) {
      const type = this.resolve(id);
      const size = 'size' in type ? type.size : type.kind === 'ptr' ? 8 : undefined;
      if (size !== undefined) return this.#bounded(id, times * size);
      if (type.kind === 'var') {
        id = type.type;
      } else if (type.kind === 'array') {
        times = this.#bounded(id, times * type.count);
        id = type.type;
      } else {
        throw this.error(id, `${describe(type)} has no size`);
      }
    }
    throw this.error(id, `arrays nested more than ${MAX_DEPTH} deep`);
  }

  /** Natural alignment in bytes: 1, 2, 4 or 8. */
  alignOf(id: number): number {
    return this.#align(id, 0);
  }

  #align(id: number, depth: number): number {
    const known = this.#aligns.get(id);
    if (known !== undefined) return known;
    if (depth > MAX_DEPTH) throw this.error(id, `types nested more than ${MAX_DEPTH} deep`);
    const align = this.#computeAlign(this.resolve(id), depth);
    this.#aligns.set(id, align);
    return align;
  }

  #computeAlign(type: BtfType, depth: number): number {
    switch (type.kind) {
      case 'ptr':
        return 8;
      case 'array':
      case 'var':
        return this.#align(type.type, depth + 1);
      case 'struct':
      case 'union': {
        // A packed aggregate has a member off its natural place; its alignment is then 1.
        let align = 1;
        for (const member of type.members) {
          const own = this.#align(member.type, depth + 1);
          if (member.bitSize === 0 && member.bitOffset % (own * 8) !== 0) return 1;
          align = Math.max(align, own);
        }
        return type.size % align === 0 ? align : 1;
      }
      default:
        return 'size' in type ? Math.min(8, Math.max(1, type.size)) : 1;
    }
  }

  /** The C spelling of a type: `struct task_struct *`, `char[16]`, `const volatile __u32`. */
  typeName(id: number): string {
    return this.#typeName(id, 0, { left: MAX_SPELLED });
  }

  /** Offset of a type's record in the blob (where the kernel's btf_fixup and ours patch sizes). */
  recordOffset(id: number): number {
    return this.#types.bytes.byteOffset - this.bytes.byteOffset + this.#offsetOf(id);
  }

  /** A FormatError about a type, with its place in the blob. */
  error(id: number, message: string): FormatError {
    const offset = id > 0 && id < this.count ? (this.#offsets[id] ?? 0) : 0;
    return this.#types.error(offset, `type ${id}: ${message}`);
  }

  #typeName(id: number, depth: number, budget: { left: number }): string {
    const type = this.type(id);
    if (depth > MAX_DEPTH || budget.left-- <= 0) return '...';
    switch (type.kind) {
      case 'void':
        return 'void';
      case 'ptr': {
        const inner = this.#typeName(type.type, depth + 1, budget);
        return inner.endsWith('*') ? `${inner}*` : `${inner} *`;
      }
      case 'array': {
        // The outermost dimension is written first: int[2][3] is an array of two arrays of three.
        const inner = this.#typeName(type.type, depth + 1, budget);
        const bracket = inner.indexOf('[');
        return bracket < 0 ? `${inner}[${type.count}]` : `${inner.slice(0, bracket)}[${type.count}]${inner.slice(bracket)}`;
      }
      case 'const':
      case 'volatile':
      case 'restrict':
        return this.kind(type.type) === 'ptr'
          ? `${this.#typeName(type.type, depth + 1, budget)}${type.kind}`
          : `${type.kind} ${this.#typeName(type.type, depth + 1, budget)}`;
      case 'type_tag':
        return this.#typeName(type.type, depth + 1, budget);
      case 'struct':
      case 'union':
        return `${type.kind} ${type.name || '{...}'}`;
      case 'enum':
      case 'enum64':
        return `enum ${type.name || '{...}'}`;
      case 'fwd':
        return `${type.of} ${type.name}`;
      case 'func_proto': {
        const params = type.params.slice(0, MAX_DEPTH).map((p) => (p.type === 0 ? '...' : this.#typeName(p.type, depth + 1, budget)));
        return `${this.#typeName(type.returnType, depth + 1, budget)} (${params.join(', ') || 'void'})`;
      }
      default:
        return type.name;
    }
  }

  #bounded(id: number, size: number): number {
    if (size > MAX_SIZE) throw this.error(id, `size ${size} is more than 4 GiB`);
    return size;
  }

  #offsetOf(id: number): number {
    const offset = this.#offsets[id];
    if (offset === undefined || id === 0) throw this.#types.error(0, `type id ${id} is outside 1..${this.count - 1}`);
    return offset;
  }

  #kindAt(offset: number): BtfKind {
    const kind = BTF_KINDS[(this.#types.u32(offset + 4) >>> 24) & 31];
    return kind ?? 'void';
  }

  /** Finds where each record starts; one pass over the section. */
  #scan(): Uint32Array {
    const view = this.#types;
    const offsets = new Uint32Array(Math.floor(view.length / 12) + 1);
    let count = 1;
    for (let at = 0; at < view.length; count++) {
      view.need(at, 12, 'BTF type record');
      const info = view.u32(at + 4);
      const number = (info >>> 24) & 31;
      const kind = BTF_KINDS[number];
      if (kind === undefined || kind === 'void') throw view.error(at + 4, `type ${count}: unknown BTF kind ${number}, expected 1..19`);
      const [fixed, each] = TAIL[kind];
      const size = 12 + fixed + each * (info & 0xffff);
      view.need(at, size, `type ${count}: ${kind} record`);
      offsets[count] = at;
      at += size;
    }
    return offsets.slice(0, count);
  }

  /** Every reference in range, every name terminated, no type that contains itself by value. */
  #check(): void {
    const strings = this.#strings.length;
    const view = this.#types;
    for (let id = 1; id < this.count; id++) {
      const at = this.#offsetOf(id);
      if (view.u32(at) >= strings) throw this.error(id, `name offset 0x${view.u32(at).toString(16)} is outside the string section`);
      const kind = this.#kindAt(at);
      const vlen = view.u32(at + 4) & 0xffff;
      if (kind === 'struct' || kind === 'union' || kind === 'enum' || kind === 'enum64' || kind === 'func_proto') {
        const [fixed, each] = TAIL[kind];
        for (let i = 0; i < vlen; i++) {
          const name = view.u32(at + 12 + fixed + i * each);
          if (name >= strings) throw this.error(id, `member ${i}: name offset 0x${name.toString(16)} is outside the string section`);
        }
      }
      const references = this.#references(at, kind);
      for (const target of references) {
        if (target >= this.count) throw this.error(id, `${kind} refers to type ${target}, but the last type is ${this.count - 1}`);
      }
      this.#checkSize(id, at, kind);
      if (kind === 'func' && this.kind(view.u32(at + 8)) !== 'func_proto') {
        throw this.error(id, `func refers to type ${view.u32(at + 8)}, which is ${this.kind(view.u32(at + 8))}, expected func_proto`);
      }
    }
    this.#refuseCycles();
  }

  #checkSize(id: number, at: number, kind: BtfKind): void {
    const size = this.#types.u32(at + 8);
    if (kind === 'int') {
      const data = this.#types.u32(at + 12);
      const bits = data & 255;
      const end = ((data >>> 16) & 255) + bits;
      if (![1, 2, 4, 8, 16].includes(size)) throw this.error(id, `int of ${size} bytes, expected 1, 2, 4, 8 or 16`);
      if (bits === 0 || end > size * 8) throw this.error(id, `int of ${bits} bits ending at bit ${end} in ${size} bytes`);
    } else if ((kind === 'enum' || kind === 'enum64') && ![1, 2, 4, 8].includes(size)) {
      throw this.error(id, `enum of ${size} bytes, expected 1, 2, 4 or 8`);
    } else if (kind === 'float' && ![2, 4, 8, 12, 16].includes(size)) {
      throw this.error(id, `float of ${size} bytes, expected 2, 4, 8, 12 or 16`);
    }
  }

  /** Ids that the record at `at` refers to; for func_proto also those it does not contain by value. */
  *#references(at: number, kind: BtfKind): Generator<number> {
    const view = this.#types;
    const vlen = view.u32(at + 4) & 0xffff;
    switch (kind) {
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

  /** Depth-first search with its own stack: hostile input must not choose the depth of ours. */
  #refuseCycles(): void {
    const OPEN = 1;
    const DONE = 2;
    const state = new Uint8Array(this.count);
    for (let root = 1; root < this.count; root++) {
      if (state[root] !== 0) continue;
      const stack: { id: number; rest: Iterator<number> }[] = [{ id: root, rest: this.#contained(root) }];
      state[root] = OPEN;
      while (stack.length > 0) {
        const top = stack[stack.length - 1];
        if (top === undefined) break;
        const next = top.rest.next();
        if (next.done === true) {
          state[top.id] = DONE;
          stack.pop();
        } else if (state[next.value] === OPEN) {
          throw this.error(next.value, `${this.kind(next.value)} contains itself (through type ${top.id})`);
        } else if (state[next.value] === 0 && next.value !== 0) {
          state[next.value] = OPEN;
          stack.push({ id: next.value, rest: this.#contained(next.value) });
        }
      }
    }
  }

  /** References by value: what a pointer or a prototype names is not contained. */
  #contained(id: number): Iterator<number> {
    const at = this.#offsetOf(id);
    const kind = this.#kindAt(at);
    const leaf = kind === 'ptr' || kind === 'func_proto' || kind === 'func' || kind === 'decl_tag';
    return leaf ? [].values() : this.#references(at, kind);
  }

  #decode(id: number, at: number): BtfType {
    const view = this.#types;
    const name = this.string(view.u32(at));
    const info = view.u32(at + 4);
    const vlen = info & 0xffff;
    const flag = info >>> 31 !== 0;
    const word = view.u32(at + 8);
    const body = at + 12;
    const rows = <T>(size: number, row: (offset: number) => T): T[] => Array.from({ length: vlen }, (_, i) => row(body + i * size));
    const kind = this.#kindAt(at);
    switch (kind) {
      case 'int': {
        const data = view.u32(body);
        const encoding = (data >>> 24) & 15;
        return {
          kind,
          id,
          name,
          size: word,
          signed: (encoding & 1) !== 0,
          char: (encoding & 2) !== 0,
          bool: (encoding & 4) !== 0,
          bitOffset: (data >>> 16) & 255,
          bits: data & 255,
        };
      }
      case 'array':
        return { kind, id, name, type: view.u32(body), indexType: view.u32(body + 4), count: view.u32(body + 8) };
      case 'struct':
      case 'union': {
        const members = rows(12, (o) => {
          const offset = view.u32(o + 8);
          return {
            name: this.string(view.u32(o)),
            type: view.u32(o + 4),
            bitOffset: flag ? offset & 0xff_ffff : offset,
            bitSize: flag ? offset >>> 24 : 0,
          };
        });
        return { kind, id, name, size: word, members };
      }
      case 'enum':
        return {
          kind,
          id,
          name,
          size: word,
          signed: flag,
          values: rows(8, (o) => ({
            name: this.string(view.u32(o)),
            value: BigInt(flag ? view.i32(o + 4) : view.u32(o + 4)),
          })),
        };
      case 'enum64':
        return {
          kind,
          id,
          name,
          size: word,
          signed: flag,
          values: rows(12, (o) => {
            const value = view.u64(o + 4);
            return { name: this.string(view.u32(o)), value: flag ? BigInt.asIntN(64, value) : value };
          }),
        };
      case 'fwd':
        return { kind, id, name, of: flag ? 'union' : 'struct' };
      case 'func':
        return { kind, id, name, type: word, linkage: LINKAGES[vlen] ?? 'static' };
      case 'func_proto':
        return {
          kind,
          id,
          name,
          returnType: word,
          params: rows(8, (o) => ({ name: this.string(view.u32(o)), type: view.u32(o + 4) })),
        };
      case 'var':
        return { kind, id, name, type: word, linkage: LINKAGES[view.u32(body)] ?? 'static' };
      case 'datasec':
        return {
          kind,
          id,
          name,
          size: word,
          vars: rows(12, (o) => ({ type: view.u32(o), offset: view.u32(o + 4), size: view.u32(o + 8) })),
        };
      case 'float':
        return { kind, id, name, size: word };
      case 'decl_tag':
        return { kind, id, name, type: word, component: view.i32(body) };
      case 'void':
        return VOID;
      default:
        return { kind, id, name, type: word };
    }
  }
}

/** Whether a type only names or qualifies another. */
export function isModifier(type: BtfType): type is BtfType & { kind: 'typedef' | 'volatile' | 'const' | 'restrict' | 'type_tag' } {
  return (
    type.kind === 'typedef' || type.kind === 'volatile' || type.kind === 'const' || type.kind === 'restrict' || type.kind === 'type_tag'
  );
}

/** `struct foo`, `func_proto`: a type in a message. */
export function describe(type: BtfType): string {
  return type.name === '' ? type.kind : `${type.kind} ${type.name}`;
}
