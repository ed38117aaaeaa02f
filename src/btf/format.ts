/** Values printed by their BTF type: C-like text for people, JSON for programs. */
import { decodeText, toHex } from '../base/index.ts';
import type { Btf } from './btf.ts';
import { type BtfValue, readValue } from './value.ts';

/** What JSON.stringify takes: 64-bit integers are decimal strings, pointers hexadecimal strings. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/**
 * A value as text in C's initialiser syntax: `{ .pid = 13, .comm = "make" }`. Enums by name, pointers in hex,
 * control bytes and bytes that are no UTF-8 escaped. FormatError when the bytes are too few for the type.
 */
export function formatValue(btf: Btf, typeId: number, bytes: Uint8Array): string {
  return valueText(readValue(btf, typeId, bytes));
}

/**
 * A value as JSON data. Integers and enums without a name: numbers up to 32 bits, decimal strings from 64 bits on (by type, so that
 * a field never changes its JSON type); char arrays are text up to their NUL.
 */
export function toJson(btf: Btf, typeId: number, bytes: Uint8Array): JsonValue {
  return valueJson(readValue(btf, typeId, bytes));
}

/** `"text"` with C escapes: control characters, quotes, backslashes and bytes that are no UTF-8. */
export function quoteText(bytes: Uint8Array): string {
  let out = '';
  for (const part of splitUtf8(bytes)) {
    out += typeof part === 'number' ? `\\x${part.toString(16).padStart(2, '0')}` : escapeText(part);
  }
  return `"${out}"`;
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '"': '\\"', '\\': '\\\\' };

function escapeText(text: string): string {
  return text.replace(/[\u0000-\u001f"\\\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) => {
    const code = c.charCodeAt(0);
    return SHORT[c] ?? (code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`);
  });
}

/** Runs of valid UTF-8 as strings, other bytes as numbers. */
function splitUtf8(bytes: Uint8Array): (string | number)[] {
  const out: (string | number)[] = [];
  let start = 0;
  for (let i = 0; i < bytes.length; ) {
    const size = sequence(bytes, i);
    if (size > 0) {
      i += size;
      continue;
    }
    if (start < i) out.push(decodeText(bytes, start, i));
    out.push(bytes[i] ?? 0);
    start = ++i;
  }
  if (start < bytes.length) out.push(decodeText(bytes, start));
  return out;
}

/** Bytes of the well-formed UTF-8 sequence at `i`, 0 when there is none (Unicode 15, table 3-7). */
function sequence(bytes: Uint8Array, i: number): number {
  const a = bytes[i] ?? 0;
  if (a < 0x80) return 1;
  const size = a >= 0xc2 && a <= 0xdf ? 2 : a >= 0xe0 && a <= 0xef ? 3 : a >= 0xf0 && a <= 0xf4 ? 4 : 0;
  if (size === 0) return 0;
  for (let k = 1; k < size; k++) {
    const b = bytes[i + k] ?? 0;
    const low = k === 1 && a === 0xe0 ? 0xa0 : k === 1 && a === 0xf0 ? 0x90 : 0x80;
    const high = k === 1 && a === 0xed ? 0x9f : k === 1 && a === 0xf4 ? 0x8f : 0xbf;
    if (b < low || b > high) return 0;
  }
  return size;
}

/** A value that was read, as text: what formatValue does after reading. */
export function valueText(value: BtfValue): string {
  switch (value.kind) {
    case 'int':
      return value.value.toString();
    case 'char':
      return value.value >= 0x20 && value.value < 0x7f
        ? `'${CHARS[value.value] ?? String.fromCharCode(value.value)}'`
        : String(value.value);
    case 'bool':
      return String(value.value);
    case 'enum':
      return value.name ?? value.value.toString();
    case 'pointer':
      return `0x${value.value.toString(16)}`;
    case 'float':
      return String(value.value);
    case 'text':
      return quoteText(value.bytes);
    case 'bytes':
      return value.bytes.length === 0 ? '{}' : `0x${toHex(value.bytes, '')}`;
    case 'array':
      return `[${value.items.map(valueText).join(', ')}]`;
    case 'struct': {
      if (value.fields.length === 0) return '{}';
      return `{ ${value.fields.map(([name, v]) => (name === '' ? valueText(v) : `.${name} = ${valueText(v)}`)).join(', ')} }`;
    }
  }
}

const CHARS: Readonly<Record<number, string>> = { 39: "\\'", 92: '\\\\' };

/** A value that was read, as JSON data: what toJson does after reading. */
export function valueJson(value: BtfValue): JsonValue {
  switch (value.kind) {
    case 'int':
      return value.bits > 32 ? value.value.toString() : Number(value.value);
    case 'enum':
      return value.name ?? (value.bits > 32 ? value.value.toString() : Number(value.value));
    case 'char':
    case 'bool':
      return value.value;
    case 'pointer':
      return `0x${value.value.toString(16)}`;
    case 'float':
      return Number.isFinite(value.value) ? value.value : String(value.value);
    case 'text':
      return decodeText(value.bytes);
    case 'bytes':
      return toHex(value.bytes, '');
    case 'array':
      return value.items.map(valueJson);
    case 'struct':
      // fromEntries defines properties, so a member named __proto__ is data.
      return Object.fromEntries(value.fields.map(([name, v], i) => [name === '' ? `#${i}` : name, valueJson(v)]));
  }
}
