/** Finding special fields in a structure or data section, nested ones and arrays of them too (kernel/bpf/btf.c btf_find_field, v6.18). */
import type { ErrnoName } from '../../base/index.ts';
import { type Btf, MAX_DEPTH } from '../btf.ts';
import type { BtfType } from '../types.ts';
import { declTags } from './tags.ts';
import { FIELD_SHAPES, type FieldKind, GRAPH_ROOTS, KPTRS } from './types.ts';

/** BTF_FIELDS_MAX. */
const MAX_FIELDS = 11;

/** A field as it was found: what it points to or owns is not looked up yet. */
export interface FoundField {
  readonly kind: FieldKind;
  readonly offset: number;
  /** Pointers: the structure pointed to. Roots: the structure of the elements. */
  readonly targetId: number;
  /** Roots: the name of the node in an element. */
  readonly node: string;
}

/** Thrown and caught in here: the search ends with an errno. */
export class FieldError {
  readonly errno: ErrnoName;

  constructor(errno: ErrnoName) {
    this.errno = errno;
  }
}

const STRUCTS = Object.entries(FIELD_SHAPES).filter(([kind]) => ![...KPTRS, 'uptr'].includes(kind as FieldKind)) as [
  FieldKind,
  (typeof FIELD_SHAPES)[FieldKind],
][];
const POINTER_TAGS: Readonly<Record<string, FieldKind>> = {
  kptr_untrusted: 'kptr_untrusted',
  kptr: 'kptr',
  percpu_kptr: 'percpu_kptr',
  uptr: 'uptr',
};
/** Fields of which there may be arrays. */
const REPEATABLE: readonly FieldKind[] = [...KPTRS, 'uptr', ...GRAPH_ROOTS];

/** What is asked of a structure's members. */
interface Place {
  /** Type that a `contains` tag stands at, and the member tagged. */
  readonly owner: number;
  readonly component: number;
  readonly offset: number;
  /** Bytes that the field must have as a variable; 0: any. */
  readonly expected: number;
}

/** One search. */
export class FieldSearch {
  readonly #btf: Btf;
  readonly #wanted: ReadonlySet<FieldKind>;
  /** Members looked at: hostile types nest to many. */
  #steps = 0;

  constructor(btf: Btf, wanted: ReadonlySet<FieldKind>) {
    this.#btf = btf;
    this.#wanted = wanted;
  }

  /** Fields of a struct or data section. @throws FieldError */
  search(id: number): FoundField[] {
    const type = this.#btf.type(id);
    if (type.kind === 'struct') return this.#members(type, MAX_FIELDS, 0);
    if (type.kind !== 'datasec') throw new FieldError('EINVAL');
    const found: FoundField[] = [];
    const seen = new Set<FieldKind>();
    for (const { type: variable, offset, size } of type.vars) {
      const declared = this.#btf.type(variable);
      const target = 'type' in declared ? declared.type : 0;
      const place = { owner: variable, component: -1, offset, expected: size };
      found.push(...this.#one(target, place, seen, MAX_FIELDS - found.length, 0));
    }
    return found;
  }

  #members(type: Extract<BtfType, { kind: 'struct' | 'union' }>, room: number, level: number): FoundField[] {
    const found: FoundField[] = [];
    const seen = new Set<FieldKind>();
    for (const [i, member] of type.members.entries()) {
      if (member.bitOffset % 8 !== 0) throw new FieldError('EINVAL');
      const place = { owner: type.id, component: i, offset: member.bitOffset / 8, expected: 0 };
      found.push(...this.#one(member.type, place, seen, room - found.length, level));
    }
    return found;
  }

  #one(id: number, place: Place, seen: Set<FieldKind>, room: number, level: number): FoundField[] {
    if (++this.#steps > MAX_STEPS) throw new FieldError('E2BIG');
    let type = this.#btf.type(id);
    let count = 1;
    let depth = 0;
    for (; depth < MAX_DEPTH && type.kind === 'array'; depth++) {
      count *= type.count;
      type = this.#btf.type(type.type);
    }
    if (depth === MAX_DEPTH) throw new FieldError('E2BIG');
    if (count === 0) return [];
    const kind = this.#kindOf(type, seen);
    if (kind === undefined) return type.kind === 'struct' ? this.#nested(type, place, count, room, level) : [];
    const { size, align } = FIELD_SHAPES[kind];
    if ((place.expected !== 0 && place.expected !== size * count) || place.offset % align !== 0) return [];
    const field = this.#field(kind, type, place, size);
    if (field === undefined) return [];
    if (room <= 0) throw new FieldError('E2BIG');
    return repeat([field], count, size, room);
  }

  #nested(type: Extract<BtfType, { kind: 'struct' | 'union' }>, place: Place, count: number, room: number, level: number): FoundField[] {
    if (place.expected !== 0 && place.expected !== type.size * count) return [];
    if (level + 1 >= MAX_DEPTH) throw new FieldError('E2BIG');
    const inner = this.#members(type, room, level + 1);
    if (inner.length === 0) return [];
    const moved = inner.map((field) => ({ ...field, offset: field.offset + place.offset }));
    return repeat(moved, count, type.size, room);
  }

  /** What a member may be by its name; pointers are told apart later. */
  #kindOf(type: BtfType, seen: Set<FieldKind>): FieldKind | undefined {
    for (const [kind, shape] of STRUCTS) {
      if (!this.#wanted.has(kind) || type.name !== shape.name) continue;
      if (shape.unique === true) {
        if (seen.has(kind)) throw new FieldError('E2BIG');
        seen.add(kind);
      }
      return kind;
    }
    const pointers = this.#wanted.has('kptr') || this.#wanted.has('uptr');
    return pointers && type.kind !== 'struct' ? 'kptr' : undefined;
  }

  #field(kind: FieldKind, type: BtfType, place: Place, size: number): FoundField | undefined {
    const plain = { kind, offset: place.offset, targetId: 0, node: '' };
    if (kind === 'kptr') return this.pointer(type, place.offset);
    if (type.kind !== 'struct' || type.size !== size) return undefined;
    return GRAPH_ROOTS.includes(kind) ? { ...plain, ...this.#contents(place) } : plain;
  }

  /** A pointer with a tag that makes it a field (btf_find_kptr). */
  pointer(of: BtfType, offset: number): FoundField | undefined {
    const pointer = of.kind === 'volatile' ? this.#btf.type(of.type) : of;
    if (pointer.kind !== 'ptr') return undefined;
    const tag = this.#btf.type(pointer.type);
    if (tag.kind !== 'type_tag') return undefined;
    if (this.#btf.kind(tag.type) === 'type_tag') throw new FieldError('EINVAL');
    const kind = POINTER_TAGS[tag.name];
    if (kind === undefined) throw new FieldError('EINVAL');
    if (!this.#wanted.has(kind)) return undefined;
    const target = this.#btf.resolve(tag.type);
    if (target.kind !== 'struct') throw new FieldError('EINVAL');
    return { kind, offset, targetId: target.id, node: '' };
  }

  /** What a root owns: its tag is `contains:<struct>:<node>` (btf_find_graph_root). */
  #contents({ owner, component }: Place): { targetId: number; node: string } {
    const tags = declTags(this.#btf, owner, component).filter((tag) => tag.startsWith(CONTAINS));
    const [tag] = tags;
    if (tag === undefined || tags.length > 1) throw new FieldError('EINVAL');
    const text = tag.slice(CONTAINS.length);
    const colon = text.indexOf(':');
    if (colon < 0) throw new FieldError('EINVAL');
    const targetId = this.#btf.find(text.slice(0, colon), 'struct');
    if (targetId === undefined) throw new FieldError('ENOENT');
    const node = text.slice(colon + 1);
    if (node === '') throw new FieldError('EINVAL');
    return { targetId, node };
  }
}

const CONTAINS = 'contains:';
/** More members than a C program has; the kernel has no such limit and looks at all of them. */
const MAX_STEPS = 1 << 20;

function repeat(fields: readonly FoundField[], count: number, size: number, room: number): FoundField[] {
  if (count === 1) return [...fields];
  if (!fields.every((field) => REPEATABLE.includes(field.kind))) throw new FieldError('EINVAL');
  if (fields.length * count > room) throw new FieldError('E2BIG');
  return Array.from({ length: count }, (_, i) => fields.map((field) => ({ ...field, offset: field.offset + i * size }))).flat();
}
