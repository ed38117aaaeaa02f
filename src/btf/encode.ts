/** Text to the bytes of a BTF-typed value, as `--set NAME=VALUE` needs it: integers, bools, enums, char arrays and lists of them. */
import { encodeText, FormatError, NotSupportedError } from '../base/index.ts';
import type { Btf } from './btf.ts';
import type { BtfEnum, BtfInt } from './types.ts';
import { isChar } from './value.ts';

/** Nobody types more; a declared size alone must not allocate gigabytes. */
const MAX_ENCODED = 16 << 20;

/**
 * The bytes of `text` as a value of the type, sizeOf(type) of them.
 * Integers are decimal, 0x, 0o or 0b with an optional minus; bools true/false/1/0/yes/no; enums a name or a number; char arrays the text
 * itself (its NUL must fit); other arrays `1,2,3`, missing elements zero.
 * Throws FormatError when the text is no such value or does not fit, NotSupportedError for structs, pointers and floats.
 */
export function encodeValue(btf: Btf, typeId: number, text: string): Uint8Array {
  const size = btf.sizeOf(typeId);
  if (size > MAX_ENCODED) throw new FormatError(`${btf.typeName(typeId)} has ${size} bytes, expected at most ${MAX_ENCODED} for a text`);
  const out = new Uint8Array(size);
  encodeInto(btf, typeId, text, out);
  return out;
}

function encodeInto(btf: Btf, typeId: number, text: string, out: Uint8Array): void {
  const type = btf.resolve(typeId);
  switch (type.kind) {
    case 'int':
      put(out, type.bool ? parseBool(text) : parseInt64(btf.typeName(typeId), type, text), type.size);
      return;
    case 'enum':
    case 'enum64':
      put(out, parseEnum(type, text), type.size);
      return;
    case 'var':
      encodeInto(btf, type.type, text, out);
      return;
    case 'array': {
      if (isChar(btf, type.type)) {
        const bytes = encodeText(text);
        if (bytes.includes(0)) throw new FormatError(`'${text.replaceAll('\0', '\\0')}' has a NUL, which ends a text`);
        if (bytes.length >= out.length) {
          throw new FormatError(
            `'${text}' is ${bytes.length} bytes, but ${btf.typeName(typeId)} holds at most ${Math.max(0, out.length - 1)}`,
          );
        }
        out.set(bytes);
        return;
      }
      const items = text.trim() === '' ? [] : text.split(',');
      if (items.length > type.count) {
        throw new FormatError(`${items.length} values, but ${btf.typeName(typeId)} holds at most ${type.count}`);
      }
      const size = btf.sizeOf(type.type);
      items.forEach((item, i) => {
        encodeInto(btf, type.type, item.trim(), out.subarray(i * size, (i + 1) * size));
      });
      return;
    }
    default:
      throw new NotSupportedError(`a value of type ${btf.typeName(typeId)} cannot be given as text`, {
        hint: 'integers, bool, enums, char arrays and arrays of them can',
      });
  }
}

function parseBool(text: string): bigint {
  switch (text.trim().toLowerCase()) {
    case 'true':
    case 'yes':
    case '1':
      return 1n;
    case 'false':
    case 'no':
    case '0':
      return 0n;
    default:
      throw new FormatError(`'${text}' is no bool, expected true or false`);
  }
}

/** The integer of a text, or undefined when it is none. */
function integer(text: string): bigint | undefined {
  const match = /^\s*([-+]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|[0-9]+)\s*$/.exec(text);
  // No C integer needs more digits; BigInt's parsing is not linear.
  if (match === null || text.length > 200) return undefined;
  const value = BigInt(match[2] ?? '');
  return match[1] === '-' ? -value : value;
}

function parseInt64(name: string, type: BtfInt, text: string): bigint {
  const bits = BigInt(type.bits);
  const low = type.signed ? -(1n << (bits - 1n)) : 0n;
  const high = type.signed ? (1n << (bits - 1n)) - 1n : (1n << bits) - 1n;
  const value = integer(text) ?? (type.size === 1 && /^'.'$/.test(text) ? BigInt(text.charCodeAt(1)) : undefined);
  if (value === undefined) throw new FormatError(`'${text}' is no integer, expected ${low}..${high} for ${name}`);
  if (value < low || value > high) throw new FormatError(`${value} does not fit ${name}, expected ${low}..${high}`);
  return value;
}

function parseEnum(type: BtfEnum, text: string): bigint {
  const named = type.values.find((v) => v.name === text.trim());
  if (named !== undefined) return named.value;
  const value = integer(text);
  const bits = type.size * 8;
  if (value !== undefined && value === (type.signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value))) return value;
  const names = type.values.slice(0, 8).map((v) => v.name);
  const more = type.values.length > names.length ? ', …' : '';
  throw new FormatError(`'${text}' is no value of enum ${type.name || '{...}'}, expected ${names.join(', ')}${more}`);
}

function put(out: Uint8Array, value: bigint, size: number): void {
  let rest = BigInt.asUintN(size * 8, value);
  for (let i = 0; i < size; i++, rest >>= 8n) out[i] = Number(rest & 255n);
}
