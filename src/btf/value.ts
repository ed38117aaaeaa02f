/** Bytes read by BTF type into a tree of values, with a bound on its size. Printing the tree is format.ts's business. */
import { ByteView, FormatError } from '../base/index.ts';
import { type Btf, MAX_DEPTH } from './btf.ts';
import type { BtfComposite, BtfEnum, BtfInt, BtfMember } from './types.ts';

/** Values of one call: nested empty or overlapping aggregates could otherwise multiply without end. */
const MAX_VALUES = 1 << 20;

/** A value as its type reads it. `text` is a char array up to its first NUL; `bytes` is what has no better reading. */
export type BtfValue =
  | { readonly kind: 'int'; readonly value: bigint; readonly bits: number }
  | { readonly kind: 'char'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'enum'; readonly value: bigint; readonly name: string | undefined; readonly bits: number }
  | { readonly kind: 'pointer'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'text'; readonly bytes: Uint8Array }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'array'; readonly items: readonly BtfValue[] }
  | { readonly kind: 'struct'; readonly fields: readonly (readonly [name: string, value: BtfValue])[] };

/**
 * Reads `bytes` as the type. Members of anonymous aggregates stand among their parent's.
 * Throws FormatError when the bytes are fewer than the type's size, or the type multiplies beyond a million values.
 */
export function readValue(btf: Btf, typeId: number, bytes: Uint8Array): BtfValue {
  const size = btf.sizeOf(typeId);
  if (bytes.length < size) {
    throw new FormatError(`${btf.typeName(typeId)} needs ${size} bytes, got ${bytes.length}`);
  }
  return new Reader(btf, bytes).read(typeId, 0, 0);
}

/** Whether an element of this type makes an array a text: plain `char`, not its signed, unsigned or __u8 relatives. */
export function isChar(btf: Btf, typeId: number): boolean {
  const type = btf.resolve(typeId);
  return type.kind === 'int' && type.size === 1 && !type.bool && (type.name === 'char' || type.char);
}

class Reader {
  /** Names of enums' values by value: an array of a large enum must not search it for every element. */
  readonly #enums = new Map<number, Map<bigint, string>>();
  readonly #btf: Btf;
  readonly #view: ByteView;
  #left = MAX_VALUES;

  constructor(btf: Btf, bytes: Uint8Array) {
    this.#btf = btf;
    this.#view = new ByteView(bytes);
  }

  read(typeId: number, at: number, depth: number): BtfValue {
    if (depth > MAX_DEPTH) throw this.#btf.error(typeId, `values nested more than ${MAX_DEPTH} deep`);
    if (--this.#left < 0) throw this.#btf.error(typeId, `more than ${MAX_VALUES} values in one`);
    const type = this.#btf.resolve(typeId);
    switch (type.kind) {
      case 'int':
        return this.#int(type, at);
      case 'ptr':
        return { kind: 'pointer', value: this.#view.u64(at) };
      case 'enum':
      case 'enum64':
        return this.#enum(type, toSigned(this.#bits(at * 8, type.size * 8), type.size * 8, type.signed));
      case 'float':
        return this.#float(at, type.size);
      case 'array': {
        const size = this.#btf.sizeOf(type.type);
        this.#view.need(at, size * type.count, 'array');
        if (isChar(this.#btf, type.type)) {
          const all = this.#view.bytes.subarray(at, at + type.count);
          const end = all.indexOf(0);
          return { kind: 'text', bytes: end < 0 ? all : all.subarray(0, end) };
        }
        const items: BtfValue[] = [];
        for (let i = 0; i < type.count; i++) items.push(this.read(type.type, at + i * size, depth + 1));
        return { kind: 'array', items };
      }
      case 'struct':
      case 'union':
        return { kind: 'struct', fields: this.#fields(type, at, depth) };
      case 'var':
        return this.read(type.type, at, depth + 1);
      case 'datasec': {
        const fields = type.vars.map((v) => [this.#btf.type(v.type).name, this.read(v.type, at + v.offset, depth + 1)] as const);
        return { kind: 'struct', fields };
      }
      default:
        return { kind: 'bytes', bytes: new Uint8Array(0) };
    }
  }

  #fields(type: BtfComposite, at: number, depth: number): (readonly [string, BtfValue])[] {
    const out: (readonly [string, BtfValue])[] = [];
    for (const member of type.members) {
      const value = this.#member(member, at, depth);
      if (member.name === '' && value.kind === 'struct') for (const field of value.fields) out.push(field);
      else out.push([member.name, value]);
    }
    return out;
  }

  #member(member: BtfMember, at: number, depth: number): BtfValue {
    if (member.bitSize === 0 && member.bitOffset % 8 === 0) return this.read(member.type, at + member.bitOffset / 8, depth + 1);
    if (--this.#left < 0) throw this.#btf.error(member.type, `more than ${MAX_VALUES} values in one`);
    const type = this.#btf.resolve(member.type);
    if (type.kind !== 'int' && type.kind !== 'enum' && type.kind !== 'enum64') {
      throw this.#btf.error(member.type, `a bit field of kind ${type.kind}, expected int or enum`);
    }
    const bits = member.bitSize || (type.kind === 'int' ? type.bits : type.size * 8);
    const raw = this.#bits(at * 8 + member.bitOffset, bits);
    const value = toSigned(raw, bits, type.signed);
    if (type.kind !== 'int') return this.#enum(type, value);
    return type.bool ? { kind: 'bool', value: raw !== 0n } : { kind: 'int', value, bits: type.size * 8 };
  }

  #int(type: BtfInt, at: number): BtfValue {
    const raw = this.#bits(at * 8 + type.bitOffset, type.bits);
    if (type.bool) return { kind: 'bool', value: raw !== 0n };
    const value = toSigned(raw, type.bits, type.signed);
    if (type.size === 1 && type.name === 'char') return { kind: 'char', value: Number(value) };
    return { kind: 'int', value, bits: type.size * 8 };
  }

  #enum(type: BtfEnum, value: bigint): BtfValue {
    let names = this.#enums.get(type.id);
    if (names === undefined) {
      names = new Map();
      // Of several names for one value the first is used.
      for (const v of type.values) if (!names.has(v.value)) names.set(v.value, v.name);
      this.#enums.set(type.id, names);
    }
    return { kind: 'enum', value, name: names.get(value), bits: type.size * 8 };
  }

  #float(at: number, size: number): BtfValue {
    this.#view.need(at, size, 'float');
    const data = new DataView(this.#view.bytes.buffer, this.#view.bytes.byteOffset + at, size);
    if (size === 4) return { kind: 'float', value: data.getFloat32(0, true) };
    if (size === 8) return { kind: 'float', value: data.getFloat64(0, true) };
    return { kind: 'bytes', bytes: this.#view.bytes.subarray(at, at + size) };
  }

  /** Unsigned value of `count` bits from bit `from`, little-endian numbering. */
  #bits(from: number, count: number): bigint {
    const first = Math.floor(from / 8);
    const bytes = Math.ceil((from + count) / 8) - first;
    this.#view.need(first, bytes, 'value');
    let value = 0n;
    for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#view.u8(first + i));
    return BigInt.asUintN(count, value >> BigInt(from % 8));
  }
}

function toSigned(value: bigint, bits: number, signed: boolean): bigint {
  return signed ? BigInt.asIntN(bits, value) : value;
}
