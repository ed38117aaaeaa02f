/**
 * When a type of the object and one of the kernel count as the same for CO-RE: loosely for field types, by kind for type_exists and type_size,
 * member by member for type_matches (tools/lib/bpf/relo_core.c bpf_core_fields_are_compat, bpf_core_types_are_compat, bpf_core_types_match, v6.18).
 */
import type { FormatError } from '../../base/index.ts';
import type { Btf } from '../btf.ts';
import { essentialName } from '../names.ts';
import type { BtfComposite, BtfEnum, BtfKind, BtfType } from '../types.ts';
import { COMPARISON, MAX_LEVELS, type Work } from './work.ts';

/** A type and the BTF whose it is. */
export interface TypeIn {
  readonly btf: Btf;
  readonly id: number;
}

/** Equal kinds, enums of both widths counting as one. */
export function kindsCompatible(a: BtfKind, b: BtfKind): boolean {
  return a === b || (isEnum(a) && isEnum(b));
}

function isEnum(kind: BtfKind): boolean {
  return kind === 'enum' || kind === 'enum64';
}

function isComposite(type: BtfType): type is BtfComposite {
  return type.kind === 'struct' || type.kind === 'union';
}

/** Whether a field of the one type may be read as the other: integers of any size and sign, any pointers, arrays by element, enums by name. */
export function fieldsCompatible(local: TypeIn, target: TypeIn): boolean {
  let a = local.btf.resolve(local.id);
  let b = target.btf.resolve(target.id);
  for (let level = 0; level < MAX_LEVELS; level++) {
    if (isComposite(a) && isComposite(b)) return true;
    if (!kindsCompatible(a.kind, b.kind)) return false;
    if (a.kind === 'array' && b.kind === 'array') {
      a = local.btf.resolve(a.type);
      b = target.btf.resolve(b.type);
    } else if (a.kind === 'int' && b.kind === 'int') {
      return a.bitOffset === 0 && b.bitOffset === 0;
    } else if (a.kind === 'fwd' || isEnum(a.kind)) {
      return a.name === '' || b.name === '' || essentialName(a.name) === essentialName(b.name);
    } else {
      return a.kind === 'ptr' || a.kind === 'float';
    }
  }
  throw tooDeep(local);
}

/** Whether a type of the kernel is the one that the object means, for type_exists, type_size and type_id_target: kinds, through pointers and prototypes. */
export function typesCompatible(local: TypeIn, target: TypeIn, work: Work): boolean {
  if (!kindsCompatible(local.btf.kind(local.id), target.btf.kind(target.id))) return false;
  return compatible(local, target, work, MAX_LEVELS);
}

function compatible(local: TypeIn, target: TypeIn, work: Work, levels: number): boolean {
  if (levels <= 0) throw tooDeep(local);
  work.spend(COMPARISON);
  const a = local.btf.resolve(local.id);
  const b = target.btf.resolve(target.id);
  if (!kindsCompatible(a.kind, b.kind)) return false;
  const inner = (x: number, y: number): boolean => compatible({ btf: local.btf, id: x }, { btf: target.btf, id: y }, work, levels - 1);
  switch (a.kind) {
    case 'void':
    case 'struct':
    case 'union':
    case 'enum':
    case 'enum64':
    case 'fwd':
      return true;
    case 'int':
      return b.kind === 'int' && a.bitOffset === 0 && b.bitOffset === 0;
    case 'ptr':
      return b.kind === 'ptr' && inner(a.type, b.type);
    case 'array':
      return b.kind === 'array' && inner(a.type, b.type);
    case 'func_proto':
      if (b.kind !== 'func_proto' || a.params.length !== b.params.length) return false;
      return a.params.every((p, i) => inner(p.type, b.params[i]?.type ?? 0)) && inner(a.returnType, b.returnType);
    default:
      return false;
  }
}

/** Whether a type of the kernel has everything that the object's declares: each member with its name and a matching type, each enumerator. */
export function typesMatch(local: TypeIn, target: TypeIn, work: Work): boolean {
  return match(local, target, work, { levels: MAX_LEVELS, pointer: false });
}

interface Position {
  readonly levels: number;
  /** Behind a pointer a struct needs the name only. */
  readonly pointer: boolean;
}

function match(local: TypeIn, target: TypeIn, work: Work, at: Position): boolean {
  if (at.levels <= 1) throw tooDeep(local);
  work.spend(COMPARISON);
  const a = local.btf.resolve(local.id);
  const b = target.btf.resolve(target.id);
  if (essentialName(a.name) !== essentialName(b.name)) return false;
  const inner = (x: number, y: number, pointer = at.pointer): boolean =>
    match({ btf: local.btf, id: x }, { btf: target.btf, id: y }, work, { levels: at.levels - 1, pointer });
  switch (a.kind) {
    case 'void':
      return b.kind === 'void';
    case 'fwd':
      return b.kind === 'fwd' ? a.of === b.of : b.kind === a.of;
    case 'enum':
    case 'enum64':
      return (b.kind === 'enum' || b.kind === 'enum64') && enumsMatch(a, b, work);
    case 'struct':
    case 'union':
      if (at.pointer) return a.kind === b.kind || (b.kind === 'fwd' && b.of === a.kind);
      return a.kind === b.kind && membersMatch(a, b, work, inner);
    case 'int':
      return b.kind === 'int' && a.size === b.size && a.signed === b.signed;
    case 'ptr':
      return b.kind === 'ptr' && inner(a.type, b.type, true);
    case 'array':
      return b.kind === 'array' && a.count === b.count && inner(a.type, b.type);
    case 'func_proto':
      if (b.kind !== 'func_proto' || a.params.length !== b.params.length) return false;
      return a.params.every((p, i) => inner(p.type, b.params[i]?.type ?? 0)) && inner(a.returnType, b.returnType);
    default:
      return false;
  }
}

function enumsMatch(a: BtfEnum, b: BtfEnum, work: Work): boolean {
  if (a.size !== b.size || a.values.length > b.values.length) return false;
  work.spend(a.values.length + b.values.length);
  const names = new Set(b.values.map((v) => essentialName(v.name)));
  return a.values.every((v) => names.has(essentialName(v.name)));
}

function membersMatch(a: BtfComposite, b: BtfComposite, work: Work, inner: (x: number, y: number) => boolean): boolean {
  if (a.members.length > b.members.length) return false;
  work.spend(a.members.length + b.members.length);
  const byName = new Map<string, number[]>();
  for (const member of b.members) {
    const name = essentialName(member.name);
    const types = byName.get(name);
    if (types === undefined) byName.set(name, [member.type]);
    else types.push(member.type);
  }
  return a.members.every((m) => (byName.get(essentialName(m.name)) ?? []).some((type) => inner(m.type, type)));
}

function tooDeep(local: TypeIn): FormatError {
  return local.btf.error(local.id, `types nested more than ${MAX_LEVELS} deep`);
}
