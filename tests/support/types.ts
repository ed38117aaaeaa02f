/**
 * BTF from a few lines of C-like text, for tests:
 *
 *     struct node { u64 key; bpf_list_node l; bpf_refcount r; };
 *     struct value { bpf_spin_lock lock; bpf_list_head head contains(node:l); kptr task_struct *p; u32 x[4]; };
 *
 * Members stand where C would put them, or at `@N`. The kernel's special structures are known by name; other names that nothing declares
 * become empty structures. A section is `section .bss { value v @0; u32 n @64; };`, a tagged pointer has its tag before its type.
 */
import { type BtfType, encodeBtf, FIELD_SHAPES } from '../../src/btf/index.ts';

const INTS: Readonly<Record<string, readonly [size: number, signed: boolean]>> = {
  u8: [1, false],
  u16: [2, false],
  u32: [4, false],
  u64: [8, false],
  int: [4, true],
  s64: [8, true],
};

const SHAPES = new Map(
  [...Object.values(FIELD_SHAPES).filter((s) => s.name.startsWith('bpf_')), { name: 'bpf_dynptr', size: 16, align: 8 }].map((s) => [
    s.name,
    s,
  ]),
);

/** A type of the builder: its id, and how it is laid out. */
interface Laid {
  readonly id: number;
  readonly size: number;
  readonly align: number;
}

const MEMBER =
  /^(?:(typedef|volatile|\w+(?=\s+\w+\s*\*))\s+)?(?:struct\s+)?([\w.]+)\s*(\*?)\s*(\w*)((?:\[\d+\])*)\s*(?:contains\(([^)]*)\))?\s*(?:tag\(([^)]*)\))?\s*(?:@(\d+))?$/;

/** Types as they are declared. */
export class TypeBuilder {
  readonly types: BtfType[] = [];
  readonly #named = new Map<string, Laid>();
  readonly #tags: { of: number; component: number; text: string }[] = [];

  /** Declares what the text says. */
  declare(text: string): this {
    for (const [, kind = '', name = '', body = ''] of text.matchAll(/(struct|union|section)\s+([\w.]*)\s*\{([^}]*)\}/g))
      this.#aggregate(kind, name, body);
    return this;
  }

  /** Adds a type. @returns its id */
  add(type: BtfType extends infer T ? (T extends BtfType ? Omit<T, 'id'> : never) : never): number {
    const id = this.types.length + 1;
    this.types.push({ ...type, id } as BtfType);
    return id;
  }

  /** Id of a named type; unknown names become empty structures. */
  id(name: string): number {
    return this.laid(name).id;
  }

  laid(name: string): Laid {
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    const made = this.#make(name);
    this.#named.set(name, made);
    return made;
  }

  #make(name: string): Laid {
    const int = INTS[name];
    if (int !== undefined) {
      const [size, signed] = int;
      const id = this.add({ kind: 'int', name, size, signed, char: false, bool: false, bitOffset: 0, bits: size * 8 });
      return { id, size, align: size };
    }
    const shape = SHAPES.get(name);
    if (shape === undefined) return { id: this.add({ kind: 'struct', name, size: 0, members: [] }), size: 0, align: 1 };
    const { id: word, size } = this.laid(shape.align === 4 ? 'u32' : 'u64');
    const index = this.laid('u32').id;
    const type = this.add({ kind: 'array', name: '', type: word, indexType: index, count: shape.size / size });
    const id = this.add({ kind: 'struct', name, size: shape.size, members: [{ name: '__opaque', type, bitOffset: 0, bitSize: 0 }] });
    return { id, size: shape.size, align: shape.align };
  }

  /** A pointer, with a type tag where one is given. */
  pointer(target: string, tag?: string): Laid {
    const to = target === 'void' ? 0 : this.id(target);
    const tagged = tag === undefined || tag === 'volatile' ? to : this.add({ kind: 'type_tag', name: tag, type: to });
    const id = this.add({ kind: 'ptr', name: '', type: tagged });
    return { id: tag === 'volatile' ? this.add({ kind: 'volatile', name: '', type: id }) : id, size: 8, align: 8 };
  }

  #aggregate(kind: string, name: string, body: string): void {
    const members: { name: string; type: number; bitOffset: number; bitSize: number }[] = [];
    const tags: { component: number; text: string }[] = [];
    const sizes: number[] = [];
    let end = 0;
    let align = 1;
    for (const line of body
      .split(';')
      .map((l) => l.trim())
      .filter((l) => l !== '')) {
      const match = MEMBER.exec(line);
      if (match === null) throw new Error(`cannot read member '${line}'`);
      const [, qualifier, target = '', star, memberName = '', dims = '', contains, tag, at] = match;
      let laid = star === '*' ? this.pointer(target, qualifier) : this.laid(target);
      if (star !== '*' && qualifier === 'typedef')
        laid = { ...laid, id: this.add({ kind: 'typedef', name: `${target}_t`, type: laid.id }) };
      for (const [, n] of [...dims.matchAll(/\[(\d+)\]/g)].reverse()) {
        const type = this.add({ kind: 'array', name: '', type: laid.id, indexType: this.id('u32'), count: Number(n) });
        laid = { id: type, size: laid.size * Number(n), align: laid.align };
      }
      const natural = kind === 'union' ? 0 : Math.ceil(end / laid.align) * laid.align;
      const offset = at === undefined ? natural : Number(at);
      if (contains !== undefined) tags.push({ component: members.length, text: `contains:${contains}` });
      if (tag !== undefined) tags.push({ component: members.length, text: tag });
      members.push({ name: memberName, type: laid.id, bitOffset: offset * 8, bitSize: 0 });
      sizes.push(laid.size);
      end = Math.max(end, offset + laid.size);
      align = Math.max(align, laid.align);
    }
    const size = kind === 'section' ? end : Math.ceil(end / align) * align;
    if (kind === 'section') {
      const vars = members.map((m, i) => {
        const type = this.add({ kind: 'var', name: m.name, type: m.type, linkage: 'global' });
        for (const t of tags) if (t.component === i) this.#tags.push({ of: type, component: -1, text: t.text });
        return { type, offset: m.bitOffset / 8, size: sizes[i] ?? 0 };
      });
      this.#named.set(name, { id: this.add({ kind: 'datasec', name, size, vars }), size, align });
      return;
    }
    const id = this.add({ kind: kind === 'union' ? 'union' : 'struct', name, size, members });
    for (const t of tags) this.#tags.push({ of: id, ...t });
    this.#named.set(name, { id, size, align });
  }

  /** Adds a function that returns int. @returns its id */
  func(name: string, linkage: 'static' | 'global', params: readonly number[]): number {
    const returnType = this.id('int');
    const type = this.add({ kind: 'func_proto', name: '', returnType, params: params.map((p, n) => ({ name: `p${n}`, type: p })) });
    return this.add({ kind: 'func', name, type, linkage });
  }

  /** The bytes, tags last. */
  bytes(): Uint8Array {
    for (const { of, component, text } of this.#tags.splice(0)) this.add({ kind: 'decl_tag', name: text, type: of, component });
    return encodeBtf(this.types);
  }
}

/** Names of subprograms that programs with types may have: `main` gets the context, the others pointers to anything. */
const SUBPROGRAMS = ['sub', 'less', 'later', 'each'] as const;

/** The types of programs and their maps, complete: one BTF for both, because types of different BTF are different types. */
export class ProgramTypes {
  readonly bytes: Uint8Array;
  readonly #builder: TypeBuilder;
  readonly #functions = new Map<string, number>();

  constructor(text: string) {
    this.#builder = new TypeBuilder().declare(text);
    for (const name of Object.keys(INTS)) this.#builder.id(name);
    this.#functions.set('main', this.#builder.func('main', 'global', [this.#builder.pointer('__sk_buff').id]));
    const pointer = this.#builder.pointer('void').id;
    for (const name of SUBPROGRAMS) this.#functions.set(name, this.#builder.func(name, 'static', [pointer, pointer, pointer]));
    this.bytes = this.#builder.bytes();
  }

  id(name: string): number {
    return this.#builder.id(name);
  }

  laid(name: string): Laid {
    return this.#builder.laid(name);
  }

  /**
   * A program's text made ready: `typeid(name)` is a type's number, `&name` the address of the subprogram at the label `name:`, which is one
   * of SUBPROGRAMS. @returns the text, and what a Question wants to know of the functions
   */
  program(text: string): { readonly text: string; readonly functions: { readonly btf: Uint8Array; readonly records: Uint8Array } } {
    const lines = text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    const labels = new Map<string, number>();
    let slot = 0;
    const at = lines.map((line) => {
      const here = slot;
      const label = /^(\w+):$/.exec(line)?.[1];
      if (label !== undefined) labels.set(label, here);
      else slot += /= (map\[|&)/.test(line) ? 2 : 1;
      return here;
    });
    const place = (name: string): number => labels.get(name) ?? -1;
    const placed = lines.map((line, i) =>
      line
        .replace(/typeid\((\w+)\)/g, (_, name: string) => String(this.id(name)))
        .replace(/&(\w+)$/, (_, name: string) => `subprog[${place(name) - (at[i] ?? 0) - 1}]`),
    );
    const starts = SUBPROGRAMS.filter((name) => labels.has(name)).map((name) => [place(name), this.#functions.get(name) ?? 0]);
    const records = [[0, this.#functions.get('main') ?? 0], ...starts.sort(([a = 0], [b = 0]) => a - b)];
    return {
      text: placed.join('\n'),
      functions: { btf: this.bytes, records: new Uint8Array(Uint32Array.from(records.flat()).buffer) },
    };
  }
}
