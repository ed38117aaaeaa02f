/** Bounded little-endian reading of hostile bytes: every read is checked and a failure names the offset, the need and the size. */
import { FormatError, type Location } from './errors.ts';

/** A view of bytes that throws FormatError instead of reading past its end. Offsets are relative to the view. */
export class ByteView {
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly #view: DataView;
  readonly #location: Location;

  /** @param location what the bytes are; its `offset` is where they start in the whole input */
  constructor(bytes: Uint8Array, location: Location = {}) {
    this.bytes = bytes;
    this.length = bytes.length;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#location = location;
  }

  /** A FormatError at `offset` of this view. */
  error(offset: number, message: string): FormatError {
    return new FormatError(message, { ...this.#location, offset: (this.#location.offset ?? 0) + offset });
  }

  /** Checks that `size` bytes at `offset` exist. */
  need(offset: number, size: number, what: string): void {
    if (!Number.isInteger(offset) || !Number.isInteger(size) || offset < 0 || size < 0 || offset + size > this.length) {
      throw this.error(offset, `${what} needs ${size} bytes, but the data ends at 0x${this.length.toString(16)}`);
    }
  }

  u8(offset: number, what = 'byte'): number {
    this.need(offset, 1, what);
    return this.#view.getUint8(offset);
  }
  u16(offset: number, what = 'u16'): number {
    this.need(offset, 2, what);
    return this.#view.getUint16(offset, true);
  }
  u32(offset: number, what = 'u32'): number {
    this.need(offset, 4, what);
    return this.#view.getUint32(offset, true);
  }
  i32(offset: number, what = 'i32'): number {
    this.need(offset, 4, what);
    return this.#view.getInt32(offset, true);
  }
  u64(offset: number, what = 'u64'): bigint {
    this.need(offset, 8, what);
    return this.#view.getBigUint64(offset, true);
  }

  /** The sub-range as a view of its own, whose errors still name the whole input's offsets. */
  slice(offset: number, size: number, what: string, location: Location = {}): ByteView {
    this.need(offset, size, what);
    return new ByteView(this.bytes.subarray(offset, offset + size), {
      ...this.#location,
      ...location,
      offset: (this.#location.offset ?? 0) + offset,
    });
  }

  /** The NUL-terminated string at `offset` (latin1-safe UTF-8); unterminated is an error. */
  cstring(offset: number, what = 'string'): string {
    this.need(offset, 1, what);
    const end = this.bytes.indexOf(0, offset);
    if (end < 0) throw this.error(offset, `${what} is not NUL-terminated`);
    return decodeText(this.bytes, offset, end);
  }
}

const decoder = new TextDecoder();

/** UTF-8 text of bytes[start, end). Copies first: TextDecoder refuses shared memory in browsers. */
export function decodeText(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return decoder.decode(bytes.slice(start, end));
}

const encoder = new TextEncoder();

/** UTF-8 bytes of a string, without a terminator. */
export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

/** `0a ff …` of bytes. */
export function toHex(bytes: Uint8Array, separator = ' '): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(separator);
}

/** Bytes of hex digits with optional white space; FormatError names the first bad place. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  const bad = digits.search(/[^0-9a-fA-F]/);
  if (bad >= 0) throw new FormatError(`'${digits[bad]}' is not a hex digit`, { offset: bad });
  if (digits.length % 2 !== 0) throw new FormatError(`odd number of hex digits: ${digits.length}`);
  const out = new Uint8Array(digits.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16);
  return out;
}
