/** The record of each type on its own: its words, its names, its parts (btf_check_meta and the kinds' check_meta, kernel/bpf/btf.c v6.18). */

import { K, RawTypes } from './graph.ts';
import type { Sections } from './header.ts';
import { isIdentifier, isSectionName } from './names.ts';
import { BtfRefusal, badType } from './refusal.ts';

const HEAD = 12;
/** Bits of the info word that exist: kind_flag, kind, vlen. */
const INFO_MASK = 0x9f00_ffff;
const MAX_KIND = 19;
/** BTF_MAX_TYPE. */
const MAX_TYPE = 0xf_ffff;
const INT_MASK = 0x0fff_ffff;
const MAX_BITS = 128;
/** Encodings of an int: at most one of signed, char, bool. */
const ENCODINGS = [0, 1, 2, 4];
const FLOAT_SIZES = [2, 4, 8, 12, 16];
/** Bytes behind the head, and of each part. */
const TAILS: Readonly<Record<number, readonly [fixed: number, each: number]>> = {
  [K.INT]: [4, 0],
  [K.ARRAY]: [12, 0],
  [K.STRUCT]: [0, 12],
  [K.UNION]: [0, 12],
  [K.ENUM]: [0, 8],
  [K.FUNC_PROTO]: [0, 8],
  [K.VAR]: [4, 0],
  [K.DATASEC]: [0, 12],
  [K.DECL_TAG]: [4, 0],
  [K.ENUM64]: [0, 12],
};

const bytesOf = (bits: number): number => (bits + 7) >>> 3;

/** Checks all records. Throws BtfRefusal. @returns the types, which may still refer to anything */
export function checkMetas(bytes: Uint8Array, { types: section, strings }: Sections): RawTypes {
  const types = new RawTypes(bytes, strings);
  for (let at = section.start; at < section.end; ) {
    const id = types.count;
    const left = section.end - at;
    if (left < HEAD) throw badType(id, `meta_left:${left} meta_needed:${HEAD}`);
    if (id > MAX_TYPE) throw new BtfRefusal('E2BIG', 'Exceeded max num of types', id);
    types.add(at);
    at += checkMeta(types, id, left - HEAD);
  }
  return types;
}

function checkMeta(types: RawTypes, id: number, left: number): number {
  const info = types.info(id);
  if ((info & ~INFO_MASK) !== 0) throw badType(id, `Invalid btf_info:${info.toString(16)}`);
  const kind = types.kind(id);
  if (kind === K.UNKN || kind > MAX_KIND) throw badType(id, `Invalid kind:${kind}`);
  if (!types.hasString(types.name(id))) throw badType(id, `Invalid name_offset:${types.name(id)}`);
  const [fixed, each] = TAILS[kind] ?? [0, 0];
  const needed = fixed + each * types.parts(id);
  if (left < needed) throw badType(id, `meta_left:${left} meta_needed:${needed}`);
  CHECKS[kind]?.(types, id);
  return HEAD + needed;
}

type Check = (types: RawTypes, id: number) => void;

function noParts(types: RawTypes, id: number): void {
  if (types.parts(id) !== 0) throw badType(id, 'vlen != 0');
}

function noFlag(types: RawTypes, id: number): void {
  if (types.flag(id)) throw badType(id, 'Invalid btf_info kind_flag');
}

function noName(types: RawTypes, id: number): void {
  if (types.name(id) !== 0) throw badType(id, 'Invalid name');
}

function named(types: RawTypes, id: number, name = types.name(id)): void {
  if (name === 0 || !isIdentifier(types, name)) throw badType(id, 'Invalid name');
}

function perhapsNamed(types: RawTypes, id: number, name = types.name(id)): void {
  if (name !== 0 && !isIdentifier(types, name)) throw badType(id, 'Invalid name');
}

const checkInt: Check = (types, id) => {
  noParts(types, id);
  noFlag(types, id);
  const data = types.u32(types.body(id));
  if ((data & ~INT_MASK) !== 0) throw badType(id, `Invalid int_data:${data.toString(16)}`);
  const { bits, offset } = types.intData(id);
  if (bits + offset > MAX_BITS) throw badType(id, `nr_bits exceeds ${MAX_BITS}`);
  if (bytesOf(bits + offset) > types.word(id)) throw badType(id, 'nr_bits exceeds type_size');
  if (!ENCODINGS.includes((data >>> 24) & 15)) throw new BtfRefusal('ENOTSUPP', 'Unsupported encoding', id);
};

const checkReference: Check = (types, id) => {
  const kind = types.kind(id);
  noParts(types, id);
  if (kind !== K.TYPE_TAG) noFlag(types, id);
  if (types.word(id) > MAX_TYPE) throw badType(id, 'Invalid type_id');
  if (kind === K.TYPEDEF) named(types, id);
  else if (kind !== K.TYPE_TAG) noName(types, id);
  else if (types.char(types.name(id), 0) === 0) throw badType(id, 'Invalid name');
};

const checkArray: Check = (types, id) => {
  noName(types, id);
  noParts(types, id);
  noFlag(types, id);
  if (types.word(id) !== 0) throw badType(id, 'size != 0');
  const [element, index] = [types.u32(types.body(id)), types.u32(types.body(id) + 4)];
  if (element === 0 || element > MAX_TYPE) throw badType(id, 'Invalid elem');
  if (index === 0 || index > MAX_TYPE) throw badType(id, 'Invalid index');
};

const checkStruct: Check = (types, id) => {
  perhapsNamed(types, id);
  const isUnion = types.kind(id) === K.UNION;
  let last = 0;
  for (let i = 0; i < types.parts(id); i++) {
    const at = types.body(id) + i * 12;
    const name = types.u32(at);
    if (!types.hasString(name)) throw badType(id, `Invalid member name_offset:${name}`);
    perhapsNamed(types, id, name);
    const type = types.u32(at + 4);
    if (type === 0 || type > MAX_TYPE) throw badType(id, 'Invalid type_id');
    const place = types.u32(at + 8);
    const offset = types.flag(id) ? place & 0xff_ffff : place;
    if ((isUnion && offset !== 0) || last > offset) throw badType(id, 'Invalid member bits_offset');
    // 32 bits, as the kernel rounds: an offset near the end of them becomes small.
    if (((offset + 7) >>> 0) >>> 3 > types.word(id)) throw badType(id, 'Member bits_offset exceeds its struct size');
    last = offset;
  }
};

const checkEnum: Check = (types, id) => {
  const size = types.word(id);
  if (![1, 2, 4, 8].includes(size)) throw badType(id, 'Unexpected size');
  perhapsNamed(types, id);
  const each = types.kind(id) === K.ENUM ? 8 : 12;
  for (let i = 0; i < types.parts(id); i++) {
    const name = types.u32(types.body(id) + i * each);
    if (!types.hasString(name)) throw badType(id, `Invalid name_offset:${name}`);
    named(types, id, name);
  }
};

const checkForward: Check = (types, id) => {
  noParts(types, id);
  if (types.word(id) !== 0) throw badType(id, 'type != 0');
  named(types, id);
};

const checkFunction: Check = (types, id) => {
  named(types, id);
  if (types.parts(id) > 1) throw badType(id, 'Invalid func linkage');
  noFlag(types, id);
};

const checkProto: Check = (types, id) => {
  noName(types, id);
  noFlag(types, id);
};

const checkVariable: Check = (types, id) => {
  noParts(types, id);
  noFlag(types, id);
  named(types, id);
  if (types.word(id) === 0 || types.word(id) > MAX_TYPE) throw badType(id, 'Invalid type_id');
  if (types.u32(types.body(id)) > 1) throw badType(id, 'Linkage not supported');
};

const checkSection: Check = (types, id) => {
  const size = types.word(id);
  if (size === 0) throw badType(id, 'size == 0');
  noFlag(types, id);
  if (types.name(id) === 0 || !isSectionName(types, types.name(id))) throw badType(id, 'Invalid name');
  let end = 0;
  let sum = 0;
  for (let i = 0; i < types.parts(id); i++) {
    const at = types.body(id) + i * 12;
    const [type, offset, bytes] = [types.u32(at), types.u32(at + 4), types.u32(at + 8)];
    if (type === 0 || type > MAX_TYPE) throw badType(id, 'Invalid type_id');
    if (offset < end || offset >= size) throw badType(id, 'Invalid offset');
    if (bytes === 0 || bytes > size) throw badType(id, 'Invalid size');
    end = offset + bytes;
    if (end > size) throw badType(id, 'Invalid offset+size');
    sum += bytes;
  }
  if (size < sum) throw badType(id, 'Invalid btf_info size');
};

const checkFloat: Check = (types, id) => {
  noParts(types, id);
  noFlag(types, id);
  if (!FLOAT_SIZES.includes(types.word(id))) throw badType(id, 'Invalid type_size');
};

const checkDeclTag: Check = (types, id) => {
  if (types.char(types.name(id), 0) === 0) throw badType(id, 'Invalid value');
  noParts(types, id);
  if ((types.u32(types.body(id)) | 0) < -1) throw badType(id, 'Invalid component_idx');
};

const CHECKS: Readonly<Record<number, Check>> = {
  [K.INT]: checkInt,
  [K.PTR]: checkReference,
  [K.ARRAY]: checkArray,
  [K.STRUCT]: checkStruct,
  [K.UNION]: checkStruct,
  [K.ENUM]: checkEnum,
  [K.FWD]: checkForward,
  [K.TYPEDEF]: checkReference,
  [K.VOLATILE]: checkReference,
  [K.CONST]: checkReference,
  [K.RESTRICT]: checkReference,
  [K.FUNC]: checkFunction,
  [K.FUNC_PROTO]: checkProto,
  [K.VAR]: checkVariable,
  [K.DATASEC]: checkSection,
  [K.FLOAT]: checkFloat,
  [K.DECL_TAG]: checkDeclTag,
  [K.TYPE_TAG]: checkReference,
  [K.ENUM64]: checkEnum,
};
