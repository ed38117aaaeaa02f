/** Members fit their structures, by the kind of their types (the kinds' check_member and check_kflag_member, kernel/bpf/btf.c v6.18). */
import { K } from './graph.ts';
import { type BtfRefusal, badType } from './refusal.ts';
import type { Resolver } from './resolve.ts';

/** A member: its structure, its type, and its offset word (with the bits of a bit field above bit 24 where the structure's flag is set). */
export interface MemberPlace {
  readonly struct: number;
  readonly type: number;
  readonly place: number;
}

const MAX_U32 = 0xffff_ffff;
const MAX_COPY_BITS = 128;
const ENUM_BITS = 32;
const BIT_FIELD_SHIFT = 24;
const OFFSET_MASK = 0xff_ffff;

const bytesUp = (bits: number): number => Math.floor((bits + 7) / 8);

function bad({ struct }: MemberPlace, message: string): BtfRefusal {
  return badType(struct, message);
}

/** A member of a structure without bit fields. */
export function checkMember(resolver: Resolver, member: MemberPlace): void {
  const { types } = resolver;
  const size = types.word(member.struct);
  switch (types.kind(member.type)) {
    case K.INT:
      checkInt(resolver, member);
      return;
    case K.FLOAT:
      checkFloat(resolver, member);
      return;
    case K.PTR:
    case K.ARRAY:
    case K.STRUCT:
    case K.UNION:
    case K.ENUM:
    case K.ENUM64:
      if ((member.place & 7) !== 0) throw bad(member, 'Member is not byte aligned');
      if (size - (member.place >>> 3) < (resolver.sized(member.type)?.size ?? 0)) throw bad(member, 'Member exceeds struct_size');
      return;
    default: {
      const target = types.isModifier(member.type) ? resolver.sized(member.type) : undefined;
      if (target === undefined) throw bad(member, types.isModifier(member.type) ? 'Invalid member' : 'Unsupported check_member');
      checkMember(resolver, { ...member, type: target.id });
    }
  }
}

/** A member of a structure that has bit fields. */
export function checkFlaggedMember(resolver: Resolver, member: MemberPlace): void {
  const { types } = resolver;
  const kind = types.kind(member.type);
  if (kind === K.INT) {
    checkFlaggedInt(resolver, member);
  } else if (kind === K.ENUM || kind === K.ENUM64) {
    checkFlaggedEnum(resolver, member);
  } else if (types.isModifier(member.type)) {
    const target = resolver.sized(member.type);
    if (target === undefined) throw bad(member, 'Invalid member');
    checkFlaggedMember(resolver, { ...member, type: target.id });
  } else {
    if (member.place >>> BIT_FIELD_SHIFT !== 0) throw bad(member, 'Invalid member bitfield_size');
    checkMember(resolver, member);
  }
}

function checkInt({ types }: Resolver, member: MemberPlace): void {
  const { bits, offset } = types.intData(member.type);
  if (MAX_U32 - member.place < offset) throw bad(member, 'bits_offset exceeds U32_MAX');
  fits(types.word(member.struct), member, member.place + offset, bits);
}

/** `bits` bits at bit `at` lie in the structure, and can be copied out of it. */
function fits(size: number, member: MemberPlace, at: number, bits: number): void {
  const copied = bits + (at & 7);
  const start = Math.floor(at / 8);
  if (copied > MAX_COPY_BITS) throw bad(member, 'nr_copy_bits exceeds 128');
  if (size < start || size - start < bytesUp(copied)) throw bad(member, 'Member exceeds struct_size');
}

function checkFlaggedInt({ types }: Resolver, member: MemberPlace): void {
  if (!types.isRegularInt(member.type)) throw bad(member, 'Invalid member base type');
  const whole = types.intData(member.type).bits;
  const at = member.place & OFFSET_MASK;
  let bits = member.place >>> BIT_FIELD_SHIFT;
  if (bits === 0) {
    if ((at & 7) !== 0) throw bad(member, 'Invalid member offset');
    bits = whole;
  } else if (bits > whole) {
    throw bad(member, 'Invalid member bitfield_size');
  }
  fits(types.word(member.struct), member, at, bits);
}

function checkFlaggedEnum({ types }: Resolver, member: MemberPlace): void {
  const at = member.place & OFFSET_MASK;
  let bits = member.place >>> BIT_FIELD_SHIFT;
  if (bits === 0) {
    if ((at & 7) !== 0) throw bad(member, 'Member is not byte aligned');
    bits = ENUM_BITS;
  } else if (bits > ENUM_BITS) {
    throw bad(member, 'Invalid member bitfield_size');
  }
  if (types.word(member.struct) < bytesUp(at + bits)) throw bad(member, 'Member exceeds struct_size');
}

function checkFloat({ types }: Resolver, member: MemberPlace): void {
  const size = types.word(member.type);
  if (member.place % (Math.min(8, size) * 8) !== 0) throw bad(member, 'Member is not properly aligned');
  if (Math.floor(member.place / 8) + size > types.word(member.struct)) throw bad(member, 'Member exceeds struct_size');
}
