/**
 * The BTF reader: bounded parsing of the header, the type table and the strings, then lazy access to the type graph.
 * parse() checks everything at once (ranges, references, cycles by value); open() checks each type when it is first asked for, which is what
 * a kernel's 6 MB of types need. All walks have depth limits either way.
 * Values are printed by format.ts and read from text by encode.ts; .BTF.ext is ext.ts's business.
 */
import { ByteView, decodeText, encodeText, type FormatError, type Location } from '../base/index.ts';
import { checkRecord, refuseCycles } from './check.ts';
import { essentialName, NameIndex } from './names.ts';
import { Records } from './records.ts';
import type { BtfKind, BtfLinkage, BtfType } from './types.ts';

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

/** How Btf.open reads. */
export interface BtfOpenOptions {
  /** What the bytes are; its `offset` is where they start in the whole input. */
  readonly location?: Location;
  /** The BTF that these bytes continue (a module's continue vmlinux's): its ids and strings come first. */
  readonly base?: Btf;
}

/** A parsed BTF blob. */
export class Btf {
  /** The whole blob, as it was given. */
  readonly bytes: Uint8Array;
  /** Number of types, void included: ids are 0 .. count - 1. */
  readonly count: number;
  /** First id of these bytes: 1, or after those of the base. */
  readonly first: number;
  /** What these bytes continue. */
  readonly base: Btf | undefined;
  readonly #records: Records;
  readonly #eager: boolean;
  readonly #cache = new Map<number, BtfType>();
  readonly #texts = new Map<number, string>();
  readonly #aligns = new Map<number, number>();
  #names: NameIndex | undefined;
  #decoded = 0;

  /**
   * Reads and checks BTF; throws FormatError with the offset of what is wrong.
   * @param location what the bytes are; its `offset` is where they start in the whole input
   */
  static parse(bytes: Uint8Array, location: Location = { section: '.BTF' }): Btf {
    return new Btf(bytes, 'all', { location });
  }

  /** Reads BTF lazily: each type is checked when it is first used, so FormatError may come from any later call. Bytes must not change. */
  static open(bytes: Uint8Array, options: BtfOpenOptions = {}): Btf {
    return new Btf(bytes, 'used', options);
  }

  private constructor(bytes: Uint8Array, checked: 'all' | 'used', options: BtfOpenOptions) {
    const { base, location = { section: '.BTF' } } = options;
    this.bytes = bytes;
    this.base = base;
    this.#eager = checked === 'all';
    const view = new ByteView(bytes, location);
    view.need(0, HEADER_SIZE, 'BTF header');
    const magic = view.u16(0);
    if (magic === MAGIC_SWAPPED) throw view.error(0, 'big-endian BTF: only little-endian objects are read');
    if (magic !== MAGIC) throw view.error(0, `BTF magic is 0x${magic.toString(16)}, expected 0xeb9f`);
    if (view.u8(2) !== 1) throw view.error(2, `BTF version ${view.u8(2)}, expected 1`);
    const headerSize = view.u32(4);
    if (headerSize < HEADER_SIZE) throw view.error(4, `BTF header length ${headerSize}, expected at least ${HEADER_SIZE}`);
    view.need(0, headerSize, 'BTF header');
    const types = view.slice(headerSize + view.u32(8), view.u32(12), 'BTF type section');
    const strings = view.slice(headerSize + view.u32(16), view.u32(20), 'BTF string section');
    const text = strings.bytes;
    const empty = base !== undefined && text.length === 0;
    if (!empty && ((base === undefined && text[0] !== 0) || text[text.length - 1] !== 0)) {
      throw strings.error(0, 'BTF string section must start and end with a NUL byte');
    }
    this.#records = new Records(types, strings, base === undefined ? undefined : base.#records);
    this.first = this.#records.first;
    this.count = this.#records.count;
    if (!this.#eager) return;
    for (let id = this.first; id < this.count; id++) checkRecord(this.#records, id);
    refuseCycles(this.#records);
  }

  /** The type with this id; FormatError when there is none. Decoded on first use. */
  type(id: number): BtfType {
    if (id === 0) return VOID;
    if (id < this.first && this.base !== undefined) return this.base.type(id);
    const known = this.#cache.get(id);
    if (known !== undefined) return known;
    const at = this.#records.offsetOf(id);
    if (!this.#eager) checkRecord(this.#records, id);
    const type = this.#decode(id, at);
    this.#cache.set(id, type);
    return type;
  }

  /** The first id with this name (and kind), or undefined. */
  find(name: string, ...kinds: BtfKind[]): number | undefined {
    return this.findAll(name, ...kinds)[0];
  }

  /** All ids with this name (of these kinds, if any are given), ascending. */
  findAll(name: string, ...kinds: BtfKind[]): number[] {
    if (name === '') return [];
    return [...(this.base?.findAll(name, ...kinds) ?? []), ...this.#ofKinds(this.#index().find(encodeText(name)), kinds)];
  }

  /** Own ids (not the base's) whose names differ from this one by their flavour at most: `task_struct___old`. Ascending. */
  findEssential(name: string, ...kinds: BtfKind[]): number[] {
    return name === '' ? [] : this.#ofKinds(this.#index().findEssential(encodeText(essentialName(name))), kinds);
  }

  /** Names that all searches so far compared: what callers that must bound hostile input charge for. */
  get compared(): number {
    return this.#names?.compared ?? 0;
  }

  #index(): NameIndex {
    this.#names ??= new NameIndex(this.#records);
    return this.#names;
  }

  #ofKinds(ids: number[], kinds: readonly BtfKind[]): number[] {
    return kinds.length === 0 ? ids : ids.filter((id) => kinds.includes(this.kind(id)));
  }

  /** Kind of a type, without decoding it. */
  kind(id: number): BtfKind {
    return this.#records.kind(id);
  }

  /** The string at an offset of the string section; 0 is ''. */
  string(offset: number): string {
    const { strings, firstString } = this.#records;
    if (offset === 0) return '';
    if (offset < firstString && this.base !== undefined) return this.base.string(offset);
    const known = this.#texts.get(offset);
    if (known !== undefined) return known;
    const at = offset - firstString;
    if (at >= strings.length) {
      throw strings.error(0, `string offset 0x${offset.toString(16)} is outside the ${strings.length}-byte string section`);
    }
    const end = strings.bytes.indexOf(0, at);
    this.#decoded += end - at;
    if (this.#decoded > MAX_TEXT) throw strings.error(at, `names overlap to more than ${MAX_TEXT} bytes`);
    const text = decodeText(strings.bytes, at, end);
    this.#texts.set(offset, text);
    return text;
  }

  /** Whether an offset lies in the string section, a base's included. */
  hasString(offset: number): boolean {
    return offset < this.#records.stringEnd;
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

  /** Offset of an own type's record in the blob (where the kernel's btf_fixup and ours patch sizes). */
  recordOffset(id: number): number {
    return this.#records.types.bytes.byteOffset - this.bytes.byteOffset + this.#records.offsetOf(id);
  }

  /** A FormatError about a type, with its place in the blob. */
  error(id: number, message: string): FormatError {
    return id < this.first && this.base !== undefined ? this.base.error(id, message) : this.#records.error(id, message);
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

  #decode(id: number, at: number): BtfType {
    const view = this.#records.types;
    const name = this.string(view.u32(at));
    const info = view.u32(at + 4);
    const vlen = info & 0xffff;
    const flag = info >>> 31 !== 0;
    const word = view.u32(at + 8);
    const body = at + 12;
    const rows = <T>(size: number, row: (offset: number) => T): T[] => Array.from({ length: vlen }, (_, i) => row(body + i * size));
    const kind = this.kind(id);
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
