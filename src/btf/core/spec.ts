/**
 * CO-RE access strings: the path that a record names in the object's own types, and the same path found by name in another BTF
 * (tools/lib/bpf/relo_core.c bpf_core_parse_spec, bpf_core_spec_match, v6.18). What a path is worth is values.ts's business.
 */
import type { FormatError } from '../../base/index.ts';
import type { Btf } from '../btf.ts';
import { essentialName } from '../names.ts';
import type { BtfArray, BtfComposite, BtfType, CoreKind, CoreRelo } from '../types.ts';
import { fieldsCompatible, typesCompatible, typesMatch } from './compatible.ts';
import { MAX_LEVELS, type Work } from './work.ts';

/** Numbers of an access string (relo_core.c BPF_CORE_SPEC_MAX_LEN). */
const MAX_STEPS = 64;
/** Paths end within a C object. */
const MAX_BITS = 2 ** 35;

/** One named member, array element or enumerator on the way. */
export interface CoreStep {
  /** Struct, union or enum that has it; of an element: the element's type. Modifiers skipped. */
  readonly typeId: number;
  /** Member, element or enumerator number. */
  readonly index: number;
  /** undefined for elements. */
  readonly name: string | undefined;
}

/** A path in one BTF. */
export interface CoreSpec {
  readonly btf: Btf;
  readonly kind: CoreKind;
  /** The record's type, modifiers included. */
  readonly rootId: number;
  readonly steps: readonly CoreStep[];
  /** From the root's start. */
  readonly bitOffset: number;
}

/** What a kind asks about. */
export function subjectOf(kind: CoreKind): 'field' | 'type' | 'enumval' {
  return kind.startsWith('field_') ? 'field' : kind.startsWith('type_') ? 'type' : 'enumval';
}

/** Reads a record's path in the object's own BTF; FormatError when there is no such path. */
export function parseSpec(btf: Btf, relo: CoreRelo): CoreSpec {
  const fail = (why: string): FormatError => btf.error(relo.typeId, `CO-RE access string '${shortened(relo.access)}': ${why}`);
  if (!/^[0-9]{1,10}(:[0-9]{1,10}){0,63}$/.test(relo.access)) throw fail(`expected 1 to ${MAX_STEPS} numbers separated by colons`);
  const numbers = relo.access.split(':').map(Number);
  const first = numbers[0] ?? 0;
  const root = { btf, kind: relo.kind, rootId: relo.typeId };
  const subject = subjectOf(relo.kind);
  if (subject === 'type') {
    if (relo.access !== '0') throw fail(`expected '0' for ${relo.kind}`);
    return { ...root, steps: [], bitOffset: 0 };
  }
  let type = btf.resolve(relo.typeId);
  if (subject === 'enumval') {
    const value = type.kind === 'enum' || type.kind === 'enum64' ? type.values[first] : undefined;
    if (value === undefined || numbers.length > 1) throw fail(`expected one number of an enumerator of ${btf.typeName(type.id)}`);
    return { ...root, steps: [{ typeId: type.id, index: first, name: value.name }], bitOffset: 0 };
  }
  const steps: CoreStep[] = [{ typeId: type.id, index: first, name: undefined }];
  let bitOffset = first * btf.sizeOf(type.id) * 8;
  for (const index of numbers.slice(1)) {
    if (type.kind === 'struct' || type.kind === 'union') {
      const member = type.members[index];
      if (member === undefined) throw fail(`${btf.typeName(type.id)} has no member ${index}, expected 0..${type.members.length - 1}`);
      bitOffset += member.bitOffset;
      // Members of anonymous aggregates are found by their own names.
      if (member.name !== '') steps.push({ typeId: type.id, index, name: member.name });
      type = btf.resolve(member.type);
    } else if (type.kind === 'array') {
      if (index >= type.count && !isFlexible(btf, steps.at(-1), type)) throw fail(`element ${index} of an array of ${type.count}`);
      type = btf.resolve(type.type);
      steps.push({ typeId: type.id, index, name: undefined });
      bitOffset += index * btf.sizeOf(type.id) * 8;
    } else {
      throw fail(`${btf.typeName(type.id)} has no members`);
    }
    if (bitOffset > MAX_BITS) throw fail('the path leads beyond 4 GiB');
  }
  return { ...root, steps, bitOffset };
}

/** The same path from a type of another BTF, or why it has none. */
export function matchSpec(local: CoreSpec, btf: Btf, targetId: number, work: Work): CoreSpec | string {
  const root = { btf, kind: local.kind, rootId: targetId };
  const target = { btf, id: targetId };
  switch (subjectOf(local.kind)) {
    case 'type': {
      const own = { btf: local.btf, id: local.rootId };
      const same = local.kind === 'type_matches' ? typesMatch(own, target, work) : typesCompatible(own, target, work);
      return same ? { ...root, steps: [], bitOffset: 0 } : `${btf.typeName(targetId)} is another type`;
    }
    case 'enumval': {
      const type = btf.resolve(targetId);
      const name = essentialName(local.steps[0]?.name ?? '');
      if (type.kind !== 'enum' && type.kind !== 'enum64') return `${btf.typeName(targetId)} is no enum`;
      work.spend(type.values.length);
      const index = type.values.findIndex((v) => essentialName(v.name) === name);
      const value = type.values[index];
      if (value === undefined) return `${btf.typeName(targetId)} has no ${name}`;
      return { ...root, steps: [{ typeId: type.id, index, name: value.name }], bitOffset: 0 };
    }
    case 'field':
      return matchField(local, root, work);
  }
}

function matchField(local: CoreSpec, root: Omit<CoreSpec, 'steps' | 'bitOffset'>, work: Work): CoreSpec | string {
  const { btf } = root;
  const steps: CoreStep[] = [];
  let type = btf.resolve(root.rootId);
  let bitOffset = 0;
  for (const [i, own] of local.steps.entries()) {
    if (own.name !== undefined) {
      if (type.kind !== 'struct' && type.kind !== 'union') return `${btf.typeName(type.id)} has no member ${own.name}`;
      const found = findMember(btf, type, own.name, work, 0);
      if (found === undefined) return `${btf.typeName(type.id)} has no member ${own.name}`;
      const owner = local.btf.resolve(own.typeId);
      const ownType = owner.kind === 'struct' || owner.kind === 'union' ? owner.members[own.index]?.type : undefined;
      if (!fieldsCompatible({ btf: local.btf, id: ownType ?? 0 }, { btf, id: found.type })) {
        return `${btf.typeName(type.id)}.${own.name} is ${btf.typeName(found.type)}, not ${local.btf.typeName(ownType ?? 0)}`;
      }
      steps.push({ typeId: found.typeId, index: found.index, name: own.name });
      bitOffset += found.bitOffset;
      type = btf.resolve(found.type);
    } else {
      // The first number counts whole objects, further ones elements.
      if (i > 0) {
        if (type.kind !== 'array') return `${btf.typeName(type.id)} is no array`;
        if (own.index >= type.count && !isFlexible(btf, steps.at(-1), type)) return `${btf.typeName(type.id)} has no element ${own.index}`;
        type = btf.resolve(type.type);
      }
      steps.push({ typeId: type.id, index: own.index, name: undefined });
      if (own.index > 0 || i > 0) bitOffset += own.index * btf.sizeOf(type.id) * 8;
    }
  }
  return bitOffset > MAX_BITS ? 'the path leads beyond 4 GiB' : { ...root, steps, bitOffset };
}

interface FoundMember {
  /** The aggregate whose member it is, the member's number, type and offset from where the search began. */
  readonly typeId: number;
  readonly index: number;
  readonly type: number;
  readonly bitOffset: number;
}

/** A member by name, also inside anonymous members. */
function findMember(btf: Btf, type: BtfComposite, name: string, work: Work, depth: number): FoundMember | undefined {
  if (depth > MAX_LEVELS) throw btf.error(type.id, `anonymous members nested more than ${MAX_LEVELS} deep`);
  work.spend(type.members.length);
  for (const [index, member] of type.members.entries()) {
    if (member.name === name) return { typeId: type.id, index, type: member.type, bitOffset: member.bitOffset };
    if (member.name !== '') continue;
    const inner = btf.resolve(member.type);
    if (inner.kind !== 'struct' && inner.kind !== 'union') continue;
    const found = findMember(btf, inner, name, work, depth + 1);
    if (found !== undefined) return { ...found, bitOffset: member.bitOffset + found.bitOffset };
  }
  return undefined;
}

/** An array without length at the end of a struct has any element. */
function isFlexible(btf: Btf, before: CoreStep | undefined, array: BtfArray): boolean {
  if (before?.name === undefined || array.count > 0) return false;
  const owner: BtfType = btf.resolve(before.typeId);
  return (owner.kind === 'struct' || owner.kind === 'union') && before.index === owner.members.length - 1;
}

function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
