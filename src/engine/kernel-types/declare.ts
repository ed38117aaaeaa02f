/** From C spellings to a type graph: structs by rows of `type name`, laid out as a C compiler does. What is declared is types.ts's business. */
import { FormatError } from '../../base/index.ts';
import type { BtfEnumValue, BtfMember, BtfType } from '../../btf/index.ts';

/** `[type, name]`, and where it lies if not at its natural place; bytes. An anonymous member has the name ''. */
export type MemberRow = readonly [type: string, name: string, offset?: number];

/** A struct or union. */
export interface AggregateRow {
  readonly members: readonly MemberRow[];
  /** Bytes, if more than the members need. */
  readonly size?: number;
}

/** What there is to declare, each by name. A name that begins with `#` is anonymous: `union #cs` is a union without a name. */
export interface Declarations {
  /** Name -> bytes and sign. */
  readonly ints: Readonly<Record<string, readonly [size: number, kind: 'signed' | 'unsigned' | 'bool']>>;
  readonly typedefs: Readonly<Record<string, string>>;
  readonly structs: Readonly<Record<string, AggregateRow>>;
  readonly unions: Readonly<Record<string, AggregateRow>>;
  readonly enums: Readonly<Record<string, readonly BtfEnumValue[]>>;
}

interface Layout {
  readonly size: number;
  readonly align: number;
}

/** The types of all declarations and of what they mention, ids from 1. Throws FormatError for names that nothing declares. */
export function declareTypes(all: Declarations): BtfType[] {
  return new Declarer(all).types();
}

class Declarer {
  readonly #all: Declarations;
  readonly #types: BtfType[] = [];
  readonly #layouts: Layout[] = [{ size: 0, align: 1 }];
  readonly #ids = new Map<string, number>([['void', 0]]);

  constructor(all: Declarations) {
    this.#all = all;
  }

  types(): BtfType[] {
    for (const name of Object.keys(this.#all.ints)) this.#id(name);
    for (const name of Object.keys(this.#all.enums)) this.#id(`enum ${name}`);
    for (const name of Object.keys(this.#all.structs)) this.#id(`struct ${name}`);
    for (const name of Object.keys(this.#all.unions)) this.#id(`union ${name}`);
    for (const name of Object.keys(this.#all.typedefs)) this.#id(name);
    return this.#types;
  }

  /** Id of a spelled type: `const char *`, `u8[16]`, `struct cred *`. */
  #id(spelling: string): number {
    const text = spelling.trim().replace(/\s+/g, ' ');
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const array = /^(.*)\[(\d+)\]$/.exec(text);
    if (array !== null) return this.#array(text, array[1] ?? '', Number(array[2]));
    if (text.endsWith('*')) return this.#pointer(text, text.slice(0, -1).trim());
    if (text.startsWith('const ')) {
      const type = this.#id(text.slice(6));
      return this.#add(text, (id) => ({ kind: 'const', id, name: '', type }), this.#layout(type));
    }
    const tagged = /^(struct|union|enum) (\S+)$/.exec(text);
    if (tagged !== null) return this.#tagged(text, tagged[1] ?? '', tagged[2] ?? '');
    const int = this.#all.ints[text];
    if (int !== undefined) {
      const [size, kind] = int;
      const facts = { size, bits: size * 8, bitOffset: 0, signed: kind === 'signed', char: false, bool: kind === 'bool' };
      return this.#add(text, (id) => ({ kind: 'int', id, name: text, ...facts }), { size, align: size });
    }
    const typedef = this.#all.typedefs[text];
    if (typedef === undefined) throw new FormatError(`type '${text}' is not declared`);
    const type = this.#id(typedef);
    return this.#add(text, (id) => ({ kind: 'typedef', id, name: text, type }), this.#layout(type));
  }

  #array(text: string, element: string, count: number): number {
    const type = this.#id(element);
    const indexType = this.#id('int');
    const { size, align } = this.#layout(type);
    return this.#add(text, (id) => ({ kind: 'array', id, name: '', type, indexType, count }), { size: size * count, align });
  }

  /** A pointer stands before what it points to, which may hold the pointer. */
  #pointer(text: string, target: string): number {
    const id = this.#add(text, (own) => ({ kind: 'ptr', id: own, name: '', type: 0 }), { size: 8, align: 8 });
    const type = this.#id(target);
    this.#types[id - 1] = { kind: 'ptr', id, name: '', type };
    return id;
  }

  #tagged(text: string, keyword: string, name: string): number {
    if (keyword === 'enum') {
      const values = this.#all.enums[name];
      if (values === undefined) throw new FormatError(`type '${text}' is not declared`);
      const signed = values.some((v) => v.value < 0n);
      return this.#add(text, (id) => ({ kind: 'enum', id, name, size: 4, signed, values }), { size: 4, align: 4 });
    }
    const kind = keyword === 'union' ? 'union' : 'struct';
    const row = (kind === 'union' ? this.#all.unions : this.#all.structs)[name];
    if (row === undefined) return this.#add(text, (id) => ({ kind: 'fwd', id, name, of: kind }), { size: 0, align: 1 });
    const shown = name.startsWith('#') ? '' : name;
    const id = this.#add(text, (own) => ({ kind, id: own, name: shown, size: 0, members: [] }), { size: 0, align: 1 });
    const members: BtfMember[] = [];
    let end = 0;
    let align = 1;
    for (const [spelled, member, place] of row.members) {
      const type = this.#id(spelled);
      const layout = this.#layout(type);
      const offset = place ?? (kind === 'union' ? 0 : roundUp(end, layout.align));
      members.push({ name: member, type, bitOffset: offset * 8, bitSize: 0 });
      end = Math.max(end, offset + layout.size);
      align = Math.max(align, layout.align);
    }
    const size = row.size ?? roundUp(end, align);
    this.#types[id - 1] = { kind, id, name: shown, size, members };
    this.#layouts[id] = { size, align };
    return id;
  }

  #layout(id: number): Layout {
    return this.#layouts[id] ?? { size: 0, align: 1 };
  }

  #add(text: string, type: (id: number) => BtfType, layout: Layout): number {
    const id = this.#types.length + 1;
    this.#types.push(type(id));
    this.#layouts[id] = layout;
    this.#ids.set(text, id);
    return id;
  }
}

function roundUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}
