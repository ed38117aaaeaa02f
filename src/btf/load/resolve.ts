/**
 * What types refer to: every reference leads to a type of the right kind, sizes exist and members fit them, and nothing contains itself
 * (btf_check_all_types, btf_resolve and the kinds' resolve, kernel/bpf/btf.c v6.18). The kernel's depth-first walk with its bounded stack is
 * kept as it is: which errno a loop gets depends on it.
 */
import { K, type RawTypes } from './graph.ts';
import { checkFlaggedMember, checkMember, type MemberPlace } from './members.ts';
import { isIdentifier } from './names.ts';
import { BtfRefusal, badType } from './refusal.ts';

/** MAX_RESOLVE_DEPTH. */
const MAX_DEPTH = 32;
const MAX_U32 = 0xffff_ffff;

/** What ends a walk: depends on the kind that it began with. */
type Mode = 'any' | 'pointer' | 'aggregate';

interface Vertex {
  readonly id: number;
  next: number;
}

const NOT_VISITED = 0;
const VISITED = 1;
const RESOLVED = 2;

/** A type with a size, what modifiers lead to. */
export interface SizedType {
  readonly id: number;
  readonly size: number;
}

/** Checks all references. Throws BtfRefusal. */
export function checkReferences(types: RawTypes): void {
  new Resolver(types).all();
}

/** The walk, and what it found of each type. */
export class Resolver {
  readonly types: RawTypes;
  readonly #states: Uint8Array;
  /** What pointers, modifiers and variables lead to; sizes of arrays. */
  readonly #ids: Uint32Array;
  readonly #sizes: Float64Array;
  #stack: Vertex[] = [];
  #mode: Mode = 'any';

  constructor(types: RawTypes) {
    this.types = types;
    this.#states = new Uint8Array(types.count);
    this.#ids = new Uint32Array(types.count);
    this.#sizes = new Float64Array(types.count);
  }

  all(): void {
    const { types } = this;
    for (let id = 1; id < types.count; id++) {
      if (types.needsResolve(id) && !this.#isResolved(id)) this.#resolve(id);
      if (types.kind(id) === K.FUNC_PROTO) this.#checkProto(id);
    }
  }

  /** The type with a size that an id leads to; undefined where there is none (btf_type_id_size). */
  sized(id: number): SizedType | undefined {
    const { types } = this;
    if (types.isSizeless(id)) return undefined;
    const direct = this.#ownSize(id);
    if (direct !== undefined) return { id, size: direct };
    const target = this.#ids[id] ?? 0;
    if (types.isSizeless(target)) return undefined;
    const size = this.#ownSize(target);
    return size === undefined ? undefined : { id: target, size };
  }

  #ownSize(id: number): number | undefined {
    const { types } = this;
    if (types.hasSize(id)) return types.word(id);
    const kind = types.kind(id);
    return kind === K.ARRAY ? (this.#sizes[id] ?? 0) : kind === K.PTR ? 8 : undefined;
  }

  #isResolved(id: number): boolean {
    return this.#states[id] === RESOLVED;
  }

  #isSink(id: number): boolean {
    const { types } = this;
    switch (this.#mode) {
      case 'any':
        return !types.needsResolve(id);
      case 'pointer':
        return !types.isModifier(id) && types.kind(id) !== K.PTR;
      case 'aggregate':
        return !types.isModifier(id) && types.kind(id) !== K.ARRAY && !types.isStruct(id);
    }
  }

  #resolve(root: number): void {
    this.#mode = 'any';
    this.#stack = [];
    try {
      this.#push(root);
      for (let top = this.#stack.at(-1); top !== undefined; top = this.#stack.at(-1)) this.#step(top);
    } catch (refusal) {
      if (!(refusal instanceof BtfRefusal) || refusal.type !== 0) throw refusal;
      throw new BtfRefusal(refusal.errno, refusal.message, root);
    }
    if (!this.#isValid(root)) throw badType(root, 'Invalid resolve state');
  }

  #push(id: number): void {
    if (this.#stack.length === MAX_DEPTH) throw new BtfRefusal('E2BIG', `Exceeded max resolving depth:${MAX_DEPTH}`);
    if (this.#states[id] !== NOT_VISITED) throw new BtfRefusal('EEXIST', 'Loop detected');
    this.#states[id] = VISITED;
    this.#stack.push({ id, next: 0 });
    if (this.#mode !== 'any') return;
    const kind = this.types.kind(id);
    if (kind === K.PTR) this.#mode = 'pointer';
    else if (kind === K.ARRAY || this.types.isStruct(id)) this.#mode = 'aggregate';
  }

  #pop(id: number, size: number): void {
    const top = this.#stack.pop();
    if (top === undefined) return;
    this.#ids[top.id] = id;
    this.#sizes[top.id] = size;
    this.#states[top.id] = RESOLVED;
  }

  /** Visits a type first, if it has to be. @returns whether it has */
  #first(id: number): boolean {
    if (this.#isSink(id) || this.#isResolved(id)) return false;
    this.#push(id);
    return true;
  }

  #step(top: Vertex): void {
    const { types } = this;
    const kind = types.kind(top.id);
    if (types.isModifier(top.id)) this.#modifier(top.id);
    else if (types.isStruct(top.id)) this.#struct(top);
    else if (kind === K.PTR) this.#pointer(top.id);
    else if (kind === K.ARRAY) this.#array(top.id);
    else if (kind === K.VAR) this.#variable(top.id);
    else if (kind === K.FUNC) this.#func(top.id);
    else if (kind === K.DECL_TAG) this.#declTag(top.id);
    else this.#section(top);
  }

  /** References that may lead to nothing with a size: void, forward declarations, prototypes. */
  #reference(id: number, next: number): void {
    const { types } = this;
    const sized = this.sized(next);
    if (sized !== undefined) {
      this.#pop(sized.id, 0);
      return;
    }
    const target = this.#isResolved(next) ? (this.#ids[next] ?? 0) : next;
    const kind = types.kind(target);
    if (kind !== K.UNKN && kind !== K.FWD && kind !== K.FUNC_PROTO) throw badType(id, 'Invalid type_id');
    this.#pop(target, 0);
  }

  #modifier(id: number): void {
    const { types } = this;
    const next = types.word(id);
    if (!types.has(next) || types.isSourceOnly(next)) throw badType(id, 'Invalid type_id');
    if (!this.#first(next)) this.#reference(id, next);
  }

  #pointer(id: number): void {
    const { types } = this;
    const next = types.word(id);
    if (!types.has(next) || types.isSourceOnly(next)) throw badType(id, 'Invalid type_id');
    if (this.#first(next)) return;
    // A modifier that was resolved inside a structure may have stopped at a pointer, which could lead back here.
    if (types.isModifier(next) && this.#continuesAt(this.#ids[next] ?? 0)) return;
    this.#reference(id, next);
  }

  #continuesAt(id: number): boolean {
    if (this.types.kind(id) !== K.PTR || this.#isSink(id) || this.#isResolved(id)) return false;
    this.#push(id);
    return true;
  }

  #variable(id: number): void {
    const { types } = this;
    const next = types.word(id);
    if (!types.has(next) || types.isSourceOnly(next)) throw badType(id, 'Invalid type_id');
    if (this.#first(next)) return;
    if (types.isModifier(next) && this.#continuesAt(this.#ids[next] ?? 0)) return;
    const sized = this.sized(next);
    if (sized === undefined) throw badType(id, 'Invalid type_id');
    this.#pop(sized.id, 0);
  }

  #array(id: number): void {
    const { types } = this;
    const body = types.body(id);
    const [element, index, count] = [types.u32(body), types.u32(body + 4), types.u32(body + 8)];
    if (types.isSizeless(index) || types.isSourceOnly(index)) throw badType(id, 'Invalid index');
    if (this.#first(index)) return;
    const indexType = this.sized(index);
    if (indexType === undefined || types.kind(indexType.id) !== K.INT || !types.isRegularInt(indexType.id)) {
      throw badType(id, 'Invalid index');
    }
    if (types.isSizeless(element) || types.isSourceOnly(element)) throw badType(id, 'Invalid elem');
    if (this.#first(element)) return;
    const elementType = this.sized(element);
    if (elementType === undefined) throw badType(id, 'Invalid elem');
    if (types.kind(elementType.id) === K.INT && !types.isRegularInt(elementType.id)) throw badType(id, 'Invalid array of int');
    if (count !== 0 && elementType.size > Math.floor(MAX_U32 / count)) throw badType(id, 'Array size overflows U32_MAX');
    this.#pop(elementType.id, elementType.size * count);
  }

  #struct(top: Vertex): void {
    const { types } = this;
    const { id } = top;
    if (top.next > 0) this.#member(id, top.next - 1);
    for (let i = top.next; i < types.parts(id); i++) {
      const type = types.u32(types.body(id) + i * 12 + 4);
      if (types.isSizeless(type) || types.isSourceOnly(type)) throw badType(id, 'Invalid member');
      if (!this.#isSink(type) && !this.#isResolved(type)) {
        top.next = i + 1;
        this.#push(type);
        return;
      }
      this.#member(id, i);
    }
    this.#pop(0, 0);
  }

  #member(struct: number, i: number): void {
    const { types } = this;
    const at = types.body(struct) + i * 12;
    const member: MemberPlace = { struct, type: types.u32(at + 4), place: types.u32(at + 8) };
    if (types.flag(struct)) checkFlaggedMember(this, member);
    else checkMember(this, member);
  }

  #section(top: Vertex): void {
    const { types } = this;
    const { id } = top;
    this.#mode = 'any';
    for (let i = top.next; i < types.parts(id); i++) {
      const at = types.body(id) + i * 12;
      const variable = types.u32(at);
      if (!types.has(variable) || types.kind(variable) !== K.VAR) throw badType(id, 'Not a VAR kind member');
      if (!this.#isSink(variable) && !this.#isResolved(variable)) {
        top.next = i + 1;
        this.#push(variable);
        return;
      }
      const sized = this.sized(types.word(variable));
      if (sized === undefined) throw badType(id, 'Invalid type');
      if (types.u32(at + 8) < sized.size) throw badType(id, 'Invalid size');
    }
    this.#pop(0, 0);
  }

  #func(id: number): void {
    const { types } = this;
    const proto = types.word(id);
    if (!types.has(proto) || types.kind(proto) !== K.FUNC_PROTO) throw badType(id, 'Invalid type_id');
    for (let i = 0; i < types.parts(proto); i++) {
      const at = types.body(proto) + i * 8;
      if (types.u32(at) === 0 && types.u32(at + 4) !== 0) throw badType(id, `Invalid arg#${i + 1}`);
    }
    this.#pop(proto, 0);
  }

  #declTag(id: number): void {
    const { types } = this;
    const next = types.word(id);
    const kind = types.has(next) ? types.kind(next) : K.UNKN;
    if (kind !== K.FUNC && kind !== K.VAR && kind !== K.TYPEDEF && !types.isStruct(next)) throw badType(id, 'Invalid type_id');
    if (this.#first(next)) return;
    const component = types.u32(types.body(id));
    if ((component | 0) !== -1) {
      if (kind === K.VAR || kind === K.TYPEDEF) throw badType(id, 'Invalid component_idx');
      const parts = kind === K.FUNC ? types.parts(types.word(next)) : types.parts(next);
      if (component >= parts) throw badType(id, 'Invalid component_idx');
    }
    this.#pop(next, 0);
  }

  #checkProto(id: number): void {
    const { types } = this;
    const result = types.word(id);
    if (result !== 0) {
      if (!types.has(result) || types.isSourceOnly(result)) throw badType(id, 'Invalid return type');
      if (types.needsResolve(result) && !this.#isResolved(result)) this.#resolve(result);
      if (this.sized(result) === undefined) throw badType(id, 'Invalid return type');
    }
    const name = (i: number): number => types.u32(types.body(id) + i * 8);
    const type = (i: number): number => types.u32(types.body(id) + i * 8 + 4);
    let count = types.parts(id);
    if (count === 0) return;
    if (type(count - 1) === 0) {
      if (name(count - 1) !== 0) throw badType(id, `Invalid arg#${count}`);
      count--;
    }
    for (let i = 0; i < count; i++) {
      const bad = badType(id, `Invalid arg#${i + 1}`);
      if (!types.has(type(i)) || types.isSourceOnly(type(i))) throw bad;
      if (name(i) !== 0 && !(types.hasString(name(i)) && isIdentifier(types, name(i)))) throw bad;
      if (types.needsResolve(type(i)) && !this.#isResolved(type(i))) this.#resolve(type(i));
      if (this.sized(type(i)) === undefined) throw bad;
    }
  }

  /** What the walk must have left (btf_resolve_valid). */
  #isValid(id: number): boolean {
    const { types } = this;
    if (!this.#isResolved(id)) return false;
    const kind = types.kind(id);
    const target = this.#ids[id] ?? 0;
    if (types.isStruct(id) || kind === K.DATASEC) return target === 0;
    if (kind === K.DECL_TAG || kind === K.FUNC) return target !== 0;
    if (kind === K.ARRAY) {
      const element = this.sized(types.u32(types.body(id)));
      return element !== undefined && !types.isModifier(element.id);
    }
    return !types.isModifier(target) && types.kind(target) !== K.VAR && types.kind(target) !== K.DATASEC;
  }
}
