/**
 * The format language of trace_printk, trace_vprintk and snprintf: checks a format, fetches what it names fault-safely and
 * produces the text (kernel/bpf/helpers.c bpf_bprintf_prepare and lib/vsprintf.c bstr_printf, v6.18). Where the text goes is the callers' business.
 */
import { ERRNO } from '../base/index.ts';
import { TASK_SIZE } from '../mem/index.ts';
import type { HelperCall } from './types.ts';

/** Bytes of the text buffer of trace_printk, NUL included (MAX_BPRINTF_BUF). */
export const PRINTK_BUFFER = 1024;
/** Bytes that the fetched arguments of one call may take (MAX_BPRINTF_BIN_ARGS). */
const BIN_ARGS = 512;

/** What fetching needs. */
export type FormatEnv = Pick<HelperCall, 'scratch' | 'readAny' | 'readStr'> & { readonly mem: Pick<HelperCall['mem'], 'u8' | 'copyOut'> };

/** A text of `length` bytes, of which the first are in `bytes`: those that fit the buffer with its NUL. `bytes` is good until the next call. */
export interface Formatted {
  readonly length: number;
  readonly bytes: Uint8Array;
}

const ZERO = 48;
const SPACE = 32;
const MINUS = 45;
const PLUS = 43;
const PERCENT = 37;

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}

/** The kernel's ctype is Latin-1 (lib/ctype.c). */
function isSpace(c: number): boolean {
  return c === 32 || (c >= 9 && c <= 13) || c === 0xa0;
}

function isAlnum(c: number): boolean {
  if (c >= 0xc0) return c !== 0xd7 && c !== 0xf7;
  return isDigit(c) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122);
}

function isPunct(c: number): boolean {
  if (c >= 0x80) return (c > 0xa0 && c < 0xc0) || c === 0xd7 || c === 0xf7;
  return c > 32 && c < 127 && !isAlnum(c);
}

function endsWord(c: number): boolean {
  return c === 0 || isSpace(c) || isPunct(c);
}

/** Texts of the usual size are made here: allocating for each would cost more than formatting. */
const COMMON = new Uint8Array(PRINTK_BUFFER);

/** Bytes of a growing text; counts all, keeps what fits. */
class Output {
  readonly bytes: Uint8Array;
  length = 0;

  constructor(limit: number) {
    this.bytes = limit <= COMMON.length ? COMMON.subarray(0, Math.max(0, limit)) : new Uint8Array(limit);
  }

  byte(c: number): void {
    if (this.length < this.bytes.length) this.bytes[this.length] = c;
    this.length++;
  }

  repeat(c: number, count: number): void {
    if (count <= 0) return;
    if (this.length < this.bytes.length) this.bytes.fill(c, this.length, Math.min(this.bytes.length, this.length + count));
    this.length += count;
  }

  put(bytes: Uint8Array): void {
    for (const c of bytes) this.byte(c);
  }

  text(s: string): void {
    for (let i = 0; i < s.length; i++) this.byte(s.charCodeAt(i));
  }

  result(): Formatted {
    return { length: this.length, bytes: this.bytes.subarray(0, Math.min(this.length, this.bytes.length)) };
  }
}

interface Spec {
  left: boolean;
  zero: boolean;
  plus: boolean;
  space: boolean;
  /** -1: none given. */
  width: number;
}

/** A formatted number: sign, padding and digits in the order of lib/vsprintf.c number(). */
function putNumber(out: Output, spec: Spec, sign: string, digits: string): void {
  const pad = spec.width - digits.length - sign.length;
  if (!spec.left && !spec.zero) out.repeat(SPACE, pad);
  out.text(sign);
  if (!spec.left && spec.zero) out.repeat(ZERO, pad);
  out.text(digits);
  if (spec.left) out.repeat(SPACE, pad);
}

function putString(out: Output, spec: Spec, bytes: Uint8Array): void {
  const pad = spec.width - bytes.length;
  if (!spec.left) out.repeat(SPACE, pad);
  out.put(bytes);
  if (spec.left) out.repeat(SPACE, pad);
}

/** %x of a pointer: all 16 digits unless a width was given. */
function putPointer(out: Output, spec: Spec, value: bigint): void {
  const full = spec.width === -1;
  putNumber(out, full ? { ...spec, width: 16, zero: true } : spec, '', value.toString(16));
}

/** Largest errno that a pointer can carry. */
const MAX_ERRNO = 4095n;

/** Stands for a pointer without telling it: 32 bits that are the same for the same pointer. NULL and error pointers are shown as they are. */
function hashPointer(value: bigint): bigint {
  if (value === 0n || value >= (1n << 64n) - MAX_ERRNO) return value;
  let h = Number(value & 0xffff_ffffn) ^ Math.imul(Number(value >> 32n), 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return BigInt((h ^ (h >>> 16)) >>> 0);
}

function ipText(bytes: Uint8Array, style: string): string {
  if (bytes.length === 4) return Array.from(bytes, (b) => (style === 'i' ? String(b).padStart(3, '0') : String(b))).join('.');
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  return style === 'i' ? hex : (hex.match(/.{4}/g) ?? []).join(':');
}

/** One pass over a format: position in it, arguments used, and bytes that the fetched arguments take in the kernel's buffer. */
class Formatter {
  readonly #env: FormatEnv;
  readonly #fmt: Uint8Array;
  readonly #args: readonly bigint[];
  readonly #out: Output;
  #at = 0;
  #used = 0;
  #bin = 0;

  constructor(env: FormatEnv, fmt: Uint8Array, args: readonly bigint[], size: number) {
    this.#env = env;
    this.#fmt = fmt;
    this.#args = args;
    this.#out = new Output(size - 1);
  }

  run(): Formatted | number {
    while (this.#at < this.#fmt.length) {
      const c = this.#char(0);
      if (c < 0x80 && !(c >= 32 && c < 127) && !isSpace(c)) return -ERRNO.EINVAL;
      this.#at++;
      if (c !== PERCENT) {
        this.#out.byte(c);
      } else if (this.#char(0) === PERCENT) {
        this.#at++;
        this.#out.byte(PERCENT);
      } else {
        const error = this.#conversion();
        if (error < 0) return error;
      }
    }
    return this.#out.result();
  }

  /** Byte `ahead` of the position; 0 at the end, as the NUL there. */
  #char(ahead: number): number {
    return this.#fmt[this.#at + ahead] ?? 0;
  }

  #nextArg(): bigint {
    return BigInt.asUintN(64, this.#args[this.#used++] ?? 0n);
  }

  /** Room for one number in the kernel's argument buffer, which aligns them to 4 bytes. */
  #take(size: number): number {
    this.#bin = ((this.#bin + 3) & ~3) + size;
    return this.#bin > BIN_ARGS ? -ERRNO.ENOSPC : 0;
  }

  #spec(): Spec {
    const spec: Spec = { left: false, zero: false, plus: false, space: false, width: -1 };
    for (; ; this.#at++) {
      const c = this.#char(0);
      if (c === ZERO) spec.zero = true;
      else if (c === PLUS) spec.plus = true;
      else if (c === MINUS) spec.left = true;
      else if (c === SPACE) spec.space = true;
      else break;
    }
    if (isDigit(this.#char(0))) {
      spec.width = 0;
      for (; isDigit(this.#char(0)); this.#at++) spec.width = (Math.imul(spec.width, 10) + this.#char(0) - ZERO) | 0;
    }
    return spec;
  }

  #conversion(): number {
    if (this.#used >= this.#args.length) return -ERRNO.EINVAL;
    const spec = this.#spec();
    const c = String.fromCharCode(this.#char(0));
    if (c === 'p') return this.#pointer(spec);
    if (c === 's') return this.#string('any', (bytes) => putString(this.#out, spec, bytes));
    if (c === 'c') return this.#character(spec);
    return this.#integer(spec);
  }

  #integer(spec: Spec): number {
    let longs = 0;
    while (longs < 2 && this.#char(0) === 108) {
      longs++;
      this.#at++;
    }
    const c = String.fromCharCode(this.#char(0));
    if (c !== 'd' && c !== 'i' && c !== 'u' && c !== 'x' && c !== 'X') return -ERRNO.EINVAL;
    this.#at++;
    const bits = longs === 0 ? 32 : 64;
    const error = this.#take(bits / 8);
    if (error < 0) return error;
    const arg = this.#nextArg();
    if (c === 'd' || c === 'i') {
      const value = bits === 32 ? Number(BigInt.asIntN(32, arg)) : BigInt.asIntN(64, arg);
      const sign = value < 0 ? '-' : spec.plus ? '+' : spec.space ? ' ' : '';
      putNumber(this.#out, spec, sign, String(value < 0 ? -value : value));
      return 0;
    }
    const value = bits === 32 ? Number(arg & 0xffff_ffffn) : arg;
    const hex = c === 'u' ? value.toString() : value.toString(16);
    putNumber(this.#out, spec, '', c === 'X' ? hex.toUpperCase() : hex);
    return 0;
  }

  #character(spec: Spec): number {
    this.#at++;
    if (this.#bin >= BIN_ARGS) return -ERRNO.ENOSPC;
    this.#bin++;
    const c = Number(this.#nextArg() & 0xffn);
    if (!spec.left) this.#out.repeat(SPACE, spec.width - 1);
    this.#out.byte(c);
    if (spec.left) this.#out.repeat(SPACE, spec.width - 1);
    return 0;
  }

  /** At the last character of the conversion. A string that cannot be read is empty. */
  #string(space: 'any' | 'user' | 'kernel', put: (bytes: Uint8Array) => void): number {
    this.#at++;
    if (!endsWord(this.#char(0))) return -ERRNO.EINVAL;
    const room = BIN_ARGS - this.#bin;
    if (room <= 0) return -ERRNO.ENOSPC;
    const address = this.#nextArg();
    const { scratch, mem } = this.#env;
    const half = space !== 'any' ? space : address < TASK_SIZE ? 'user' : 'kernel';
    const length = this.#env.readStr(scratch, room, address, half);
    this.#bin += Math.max(1, length);
    put(mem.u8.subarray(scratch, scratch + Math.max(0, length - 1)));
    return 0;
  }

  #pointer(spec: Spec): number {
    this.#at++;
    const next = this.#char(0);
    const kind = String.fromCharCode(next);
    if ((kind === 'k' || kind === 'u') && this.#char(1) === 115) {
      this.#at++;
      return this.#string(kind === 'k' ? 'kernel' : 'user', (bytes) => this.#out.put(bytes));
    }
    if ((kind === 'i' || kind === 'I') && (this.#char(1) === 52 || this.#char(1) === 54)) return this.#address(kind);
    if (!endsWord(next) && !'KxsSB'.includes(kind)) return -ERRNO.EINVAL;
    if (kind === 'B') {
      if (this.#bin >= BIN_ARGS) return -ERRNO.ENOSPC;
      const text = `0x${this.#nextArg().toString(16)}`;
      this.#bin += text.length + 1;
      this.#out.text(text);
    } else {
      const error = this.#take(8);
      if (error < 0) return error;
      const value = this.#nextArg();
      // The engine has no symbols, and the kernel prints the number of an address that has none.
      if (kind === 's' || kind === 'S') putString(this.#out, spec, encodeAscii(`0x${value.toString(16)}`));
      else putPointer(this.#out, spec, kind === 'x' ? value : hashPointer(value));
    }
    this.#skipAlnum();
    return 0;
  }

  /** %pi4 and kin: printed from memory at the address, zeros when that cannot be read. Width does not apply. */
  #address(kind: string): number {
    const size = this.#char(1) === 52 ? 4 : 16;
    if (BIN_ARGS - this.#bin < size) return -ERRNO.ENOSPC;
    const { scratch, mem } = this.#env;
    if (this.#env.readAny(scratch, size, this.#nextArg(), 'kernel') < 0) mem.u8.fill(0, scratch, scratch + size);
    const text = ipText(mem.copyOut(scratch, size), kind);
    this.#bin += text.length + 1;
    this.#out.text(text);
    this.#skipAlnum();
    return 0;
  }

  /** The printer takes every letter and digit after %p as part of the conversion. What it skips was checked to be printable. */
  #skipAlnum(): void {
    while (isAlnum(this.#char(0))) this.#at++;
  }
}

function encodeAscii(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

/**
 * Formats `args` (u64 each) by `fmt` (bytes without NUL).
 * @param size bytes of the target buffer, NUL included; longer text is cut but counted
 * @returns the text, -EINVAL for a format that the kernel refuses, -ENOSPC when the fetched arguments exceed 512 bytes
 */
export function formatBpf(env: FormatEnv, fmt: Uint8Array, args: readonly bigint[], size: number): Formatted | number {
  return new Formatter(env, fmt, args, size).run();
}
