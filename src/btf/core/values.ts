/** What a path is worth for each relocation kind (tools/lib/bpf/relo_core.c bpf_core_calc_field_relo and its siblings, v6.18). */
import { FormatError } from '../../base/index.ts';
import type { Btf } from '../btf.ts';
import type { BtfMember, BtfType } from '../types.ts';
import { type CoreSpec, subjectOf } from './spec.ts';

/** The worth of one path. */
export interface CoreValue {
  /** 64 bits, unsigned; of enumerators sign-extended as the instruction's imm is. */
  readonly value: bigint;
  /** Bytes and type that a load at field_byte_offset reads; undefined for bit fields and other kinds. */
  readonly access: { readonly size: number; readonly typeId: number } | undefined;
  /** The compiler's own value stands in the instruction and can be compared. */
  readonly checked: boolean;
}

/** The worth of a path that exists; FormatError when the kind cannot be asked of it. */
export function worthOf(spec: CoreSpec): CoreValue {
  switch (subjectOf(spec.kind)) {
    case 'type':
      return typeValue(spec);
    case 'enumval':
      return enumValue(spec);
    case 'field':
      return fieldValue(spec);
  }
}

/** What a path that the target lacks is worth; undefined: the instruction must not be reached. */
export function worthOfAbsent(spec: CoreSpec): bigint | undefined {
  return spec.kind === 'field_exists' || spec.kind === 'enumval_exists' || subjectOf(spec.kind) === 'type' ? 0n : undefined;
}

function plain(value: number | bigint, checked = true): CoreValue {
  return { value: BigInt.asUintN(64, BigInt(value)), access: undefined, checked };
}

function typeValue(spec: CoreSpec): CoreValue {
  switch (spec.kind) {
    case 'type_size':
      return plain(spec.btf.sizeOf(spec.rootId));
    case 'type_id_local':
    case 'type_id_target':
      return plain(spec.rootId, false);
    default:
      return plain(1);
  }
}

function enumValue(spec: CoreSpec): CoreValue {
  if (spec.kind === 'enumval_exists') return plain(1);
  const step = spec.steps[0];
  const type = spec.btf.resolve(step?.typeId ?? 0);
  const value = type.kind === 'enum' || type.kind === 'enum64' ? type.values[step?.index ?? 0]?.value : undefined;
  if (value === undefined) throw spec.btf.error(spec.rootId, 'the enumerator does not exist');
  // 32-bit enumerators are signed words, whatever the enum's sign.
  return plain(type.kind === 'enum' ? BigInt.asIntN(32, value) : value);
}

function fieldValue(spec: CoreSpec): CoreValue {
  const { btf, kind, bitOffset } = spec;
  if (kind === 'field_exists') return plain(1);
  const last = spec.steps.at(-1);
  if (last === undefined) throw btf.error(spec.rootId, 'the path is empty');
  if (last.name === undefined) {
    const size = btf.sizeOf(last.typeId);
    if (kind === 'field_byte_offset') return { ...plain(Math.floor(bitOffset / 8)), access: { size, typeId: last.typeId } };
    if (kind === 'field_byte_size') return plain(size);
    throw btf.error(last.typeId, `${kind} of an array element, expected a member`);
  }
  const owner = btf.resolve(last.typeId);
  const member = owner.kind === 'struct' || owner.kind === 'union' ? owner.members[last.index] : undefined;
  if (member === undefined) throw btf.error(last.typeId, `there is no member ${last.index}`);
  const type = btf.resolve(member.type);
  if (kind === 'field_signed') return plain(isSigned(type) ? 1 : 0);
  const unit = unitOf(btf, member, type, bitOffset);
  switch (kind) {
    case 'field_byte_offset':
      return {
        ...plain(unit.offset, !unit.bitfield),
        access: unit.bitfield ? undefined : { size: elementSize(btf, type), typeId: type.id },
      };
    case 'field_byte_size':
      return plain(unit.size, !unit.bitfield);
    case 'field_lshift_u64':
      return plain(64 - (bitOffset + unit.bits - unit.offset * 8), !unit.bitfield);
    case 'field_rshift_u64':
      return plain(64 - unit.bits);
    default:
      throw new FormatError(`${kind} is no relocation of a field`);
  }
}

function isSigned(type: BtfType): boolean {
  return (type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64') && type.signed;
}

/** Of an array the loads are of one element. */
function elementSize(btf: Btf, type: BtfType): number {
  let element = type;
  for (let depth = 0; element.kind === 'array' && depth < 32; depth++) element = btf.resolve(element.type);
  return btf.sizeOf(element.id);
}

interface Unit {
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
  /** Bits of the field itself. */
  readonly bits: number;
  readonly bitfield: boolean;
}

/** The bytes to load for a field: its own, or of a bit field the smallest aligned unit, from its type's size up, that holds it. */
function unitOf(btf: Btf, member: BtfMember, type: BtfType, bitOffset: number): Unit {
  const size = btf.sizeOf(type.id);
  if (member.bitSize === 0) return { offset: Math.floor(bitOffset / 8), size, bits: size * 8, bitfield: false };
  if (size < 1) throw btf.error(type.id, 'a bit field of a type without size');
  for (let unit = size; ; unit *= 2) {
    const offset = Math.floor(bitOffset / 8 / unit) * unit;
    if (bitOffset + member.bitSize - offset * 8 <= unit * 8) return { offset, size: unit, bits: member.bitSize, bitfield: true };
    if (unit >= 8) throw btf.error(type.id, `the bit field ${member.name} fits no unit of 8 bytes`);
  }
}
