/**
 * What lies at an offset of a structure: nested structures and unions, arrays, bit fields, pointers and what they point to
 * (btf_struct_walk, btf_struct_access; kernel/bpf/btf.c v6.18). What a program may do with it is access.ts's business.
 */
import type { ErrnoName } from '../../base/index.ts';
import { type Btf, type BtfComposite, type BtfMember, type BtfType, isModifier } from '../../btf/index.ts';
import { FLAG } from '../state/reg.ts';

/** Largest chain of typedefs, qualifiers and arrays (MAX_RESOLVE_DEPTH). */
const MAX_RESOLVE = 32;
/** Structures entered on the way to one offset; real ones nest far less, hostile ones may contain themselves in empty arrays. */
const MAX_NESTING = 256;
const MAX_U32 = 0xffff_ffff;

/** Flags by the type tag that a pointer's target carries. */
const TAGS: Readonly<Record<string, number>> = { user: FLAG.USER, percpu: FLAG.PERCPU, rcu: FLAG.RCU };

/** What is at an offset. */
export type Found =
  | { readonly kind: 'scalar' }
  /** A pointer to a structure; `flags` by its tag, and untrusted when a union was on the way. */
  | { readonly kind: 'pointer'; readonly target: number; readonly flags: number; readonly field: string }
  /** A pointer to anything else. */
  | { readonly kind: 'memory' }
  /** A structure begins here. */
  | { readonly kind: 'struct'; readonly id: number }
  | { readonly kind: 'refused'; readonly errno: ErrnoName; readonly message: string };

/** A type's size, and for arrays what they consist of. */
export interface Sized {
  /** Bytes of the whole. */
  readonly size: number;
  /** Without qualifiers: the array, or the type itself. */
  readonly type: BtfType;
  readonly id: number;
  /** Of arrays: their innermost elements, all dimensions counted. */
  readonly element: { readonly type: BtfType; readonly id: number; readonly count: number } | undefined;
}

/** Size of a type as the kernel finds it; undefined for what has none (__btf_resolve_size). */
export function resolveSize(btf: Btf, from: number): Sized | undefined {
  let id = from;
  let type = btf.type(id);
  let array: BtfType | undefined;
  let elementId = 0;
  let count = 1;
  for (let depth = 0; depth < MAX_RESOLVE; depth++) {
    if (isModifier(type)) {
      id = type.type;
      type = btf.type(id);
      continue;
    }
    if (type.kind === 'array') {
      array ??= type;
      if (count !== 0 && type.count > MAX_U32 / count) return undefined;
      count *= type.count;
      elementId = type.type;
      type = btf.type(elementId);
      continue;
    }
    if (type.kind === 'datasec') return undefined;
    const size = 'size' in type ? type.size : type.kind === 'ptr' ? 8 : undefined;
    if (size === undefined || (count !== 0 && size > MAX_U32 / count)) return undefined;
    return { size: size * count, type: array ?? type, id, element: array === undefined ? undefined : { type, id: elementId, count } };
  }
  return undefined;
}

/** A type without typedefs, qualifiers and tags, and its id. */
export function skipModifiers(btf: Btf, from: number): { readonly type: BtfType; readonly id: number } {
  let id = from;
  let type = btf.type(id);
  for (let depth = 0; isModifier(type) && depth < MAX_RESOLVE; depth++) {
    id = type.type;
    type = btf.type(id);
  }
  return { type, id };
}

/** A struct or union. */
export function isComposite(type: BtfType): type is BtfComposite {
  return type.kind === 'struct' || type.kind === 'union';
}

/** Name of a type or member in messages (__btf_name_by_offset). */
export function shownName(name: string): string {
  return name === '' ? '(anon)' : name;
}

/** Name of a kind in messages (btf_type_str). */
export function kindText(type: BtfType): string {
  return type.kind === 'void' ? 'UNKNOWN' : type.kind.toUpperCase();
}

/** The walk that is under way: whether a union with several members was entered. */
interface Trail {
  untrusted: boolean;
}

/** What `size` bytes at `off` of a structure are, wherever it is nested. */
export function findAt(btf: Btf, id: number, off: number, size: number): Found {
  const trail: Trail = { untrusted: false };
  let at = off;
  for (let type = btf.type(id), depth = 0; depth < MAX_NESTING; depth++) {
    const found = walk(btf, type, at, size, trail);
    if (found.kind !== 'struct') return found;
    type = btf.type(found.id);
    at = 0;
  }
  return refused('EINVAL', `structures nest more than ${MAX_NESTING} deep`);
}

/** Whether a structure that begins at an offset of another is the wanted one; or why there is none, where the kernel has words for it. */
export function findStruct(btf: Btf, id: number, off: number, wanted: (id: number) => boolean): boolean | string {
  const trail: Trail = { untrusted: false };
  let at = off;
  for (let type = btf.type(id), depth = 0; depth < MAX_NESTING; depth++) {
    const next = walk(btf, type, at, 1, trail);
    if (next.kind === 'refused') return next.message;
    if (next.kind !== 'struct') return false;
    if (wanted(next.id)) return true;
    type = btf.type(next.id);
    at = 0;
  }
  return false;
}

function refused(errno: ErrnoName, message: string): Found {
  return { kind: 'refused', errno, message };
}

function walk(btf: Btf, start: BtfType, from: number, size: number, trail: Trail): Found {
  let type = start;
  let off = from;
  for (let depth = 0; depth < MAX_NESTING; depth++) {
    if (isModifier(type)) type = skipModifiers(btf, type.type).type;
    const name = shownName(type.name);
    if (!isComposite(type)) return refused('EINVAL', `Type '${name}' is not a struct`);
    if (type.kind === 'union' && type.members.length !== 1) trail.untrusted = true;
    if (off + size > type.size) {
      const rest = flexibleElement(btf, type, off);
      if (rest === undefined) return refused('EACCES', `access beyond struct ${name} at off ${off >>> 0} size ${size}`);
      if (rest === 'scalar') return { kind: 'scalar' };
      type = rest.type;
      off = rest.off;
      continue;
    }
    const next = inMembers(btf, type, off, size, trail);
    if (next.kind !== 'inside') return next;
    type = next.type;
    off = next.off;
  }
  return refused('EINVAL', `structures nest more than ${MAX_NESTING} deep`);
}

/** Beyond a structure's size only the elements of its last, empty array may be. */
function flexibleElement(btf: Btf, type: BtfComposite, off: number): 'scalar' | { type: BtfComposite; off: number } | undefined {
  const last = type.members.at(-1);
  if (last === undefined) return undefined;
  const array = skipModifiers(btf, last.type).type;
  if (array.kind !== 'array' || array.count !== 0) return undefined;
  const start = last.bitOffset >>> 3;
  if (off < start) return undefined;
  const element = skipModifiers(btf, array.type).type;
  if (element.kind === 'int') return 'scalar';
  if (!isComposite(element) || element.size === 0) return undefined;
  return { type: element, off: (off - start) % element.size };
}

type Step = Found | { readonly kind: 'inside'; readonly type: BtfType; readonly off: number };

function inMembers(btf: Btf, type: BtfComposite, off: number, size: number, trail: Trail): Step {
  for (const member of type.members) {
    const start = member.bitOffset >>> 3;
    if (off + size <= start) break;
    if (member.bitSize !== 0) {
      const end = Math.ceil((member.bitOffset + member.bitSize) / 8);
      if (off <= start && end <= off + size) return { kind: 'scalar' };
      continue;
    }
    if (off < start) break;
    const step = inMember(btf, shownName(type.name), member, off, size, trail);
    if (step !== undefined) return step;
  }
  return refused('EINVAL', `struct ${shownName(type.name)} doesn't have field at offset ${off}`);
}

/** @returns undefined where the member ends before the offset */
function inMember(btf: Btf, structName: string, member: BtfMember, off: number, size: number, trail: Trail): Step | undefined {
  const sized = resolveSize(btf, member.type);
  if (sized === undefined) return refused('EFAULT', `field ${shownName(member.name)} doesn't have size`);
  let start = member.bitOffset >>> 3;
  const end = start + sized.size;
  if (off >= end) return undefined;
  let { type, id, size: memberSize } = sized;
  if (sized.element !== undefined) {
    memberSize = sized.size / sized.element.count;
    start += Math.floor((off - start) / memberSize) * memberSize;
    type = sized.element.type;
    id = sized.element.id;
  }
  if (isComposite(type)) return off === start ? { kind: 'struct', id } : { kind: 'inside', type, off: off - start };
  if (type.kind === 'ptr') {
    if (memberSize !== size || off !== start) {
      return refused(
        'EACCES',
        `cannot access ptr member ${shownName(member.name)} with moff ${start} in struct ${structName} with off ${off} size ${size}`,
      );
    }
    const pointee = btf.type(type.type);
    const flags = pointee.kind === 'type_tag' ? (TAGS[pointee.name] ?? 0) : 0;
    const target = skipModifiers(btf, type.type);
    if (!isComposite(target.type)) return { kind: 'memory' };
    return { kind: 'pointer', target: target.id, flags: flags | (trail.untrusted ? FLAG.UNTRUSTED : 0), field: member.name };
  }
  if (off + size > end && !trail.untrusted) {
    return refused(
      'EACCES',
      `access beyond the end of member ${shownName(member.name)} (mend:${end}) in struct ${structName} with off ${off} size ${size}`,
    );
  }
  return { kind: 'scalar' };
}
