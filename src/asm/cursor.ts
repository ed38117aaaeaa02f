/** A place in one line of assembler text: small matchers that skip white space, and errors that name line, column and expectation. */
import { FormatError, type Location } from '../base/errors.ts';
import type { Reg, Width } from '../isa/index.ts';

/** Longest number worth reading: 64 bits in binary are shorter, and BigInt's cost grows with the square. */
const MAX_DIGITS = 32;
/** How much of the offending text an error quotes. */
const QUOTE = 24;

/** A register as written: `w3` has width 32. */
export interface RegToken {
  readonly reg: Reg;
  readonly width: Width;
  /** Where it stands, for errors. */
  readonly mark: number;
}

/** Range of a number: what is above `max` up to `wrap` is taken as the same bits, signed. */
export interface Range {
  readonly min: bigint;
  readonly max: bigint;
  readonly what: string;
}

/** Signed 32 bits. */
export const SIGNED32: Range = { min: -0x80000000n, max: 0x7fffffffn, what: 'a signed 32-bit number' };
/** 32 bits, signed or unsigned. */
export const BITS32: Range = { min: -0x80000000n, max: 0xffffffffn, what: 'a 32-bit number' };
/** Signed 16 bits. */
export const SIGNED16: Range = { min: -0x8000n, max: 0x7fffn, what: 'a signed 16-bit offset' };
/** 64 bits, signed or unsigned. */
export const BITS64: Range = { min: -0x8000000000000000n, max: 0xffffffffffffffffn, what: 'a 64-bit number' };

const SPACE = /[ \t\r]*/y;
const NUMBER = /[+-]?[ \t]*(?:0[xX][0-9a-fA-F]+|[0-9]+)(?![0-9A-Za-z_])/y;
const REG = /([rw])(10|[0-9])(?![0-9A-Za-z_])/y;
const PERCENT_REG = /%r(10|[0-9])(?![0-9A-Za-z_])/y;
const ANNOTATION = /<[^>]*>/y;
const IDENTIFIER = /[A-Za-z_.$][A-Za-z0-9_.$]*/y;

/** A place in one line. */
export class Cursor {
  readonly #text: string;
  readonly #location: Location;
  #at = 0;

  /** @param location the 1-based line in the whole text, and the file if there is one */
  constructor(text: string, location: Location) {
    this.#text = text;
    this.#location = location;
    this.#skip();
  }

  /** A mark to come back to with reset(), and to place an error at. */
  get mark(): number {
    return this.#at;
  }
  reset(mark: number): void {
    this.#at = mark;
  }

  /** True at the end of the line. */
  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  /** An error at `mark` (default: here). */
  error(message: string, mark = this.#at): FormatError {
    return new FormatError(message, { ...this.#location, column: mark + 1 });
  }

  /** An error that says what was expected here. */
  expected(what: string): FormatError {
    const rest = this.#text.slice(this.#at, this.#at + QUOTE).trimEnd();
    return this.error(`expected ${what}, found ${rest === '' ? 'the end of the line' : `'${rest}'`}`);
  }

  /** Takes `text` if it is next. */
  take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    this.#skip();
    return true;
  }

  /** Takes a whole word (letters and digits) if it is next. */
  takeWord(word: string): boolean {
    const mark = this.#at;
    if (this.#match(IDENTIFIER)?.[0] === word) {
      this.#skip();
      return true;
    }
    this.#at = mark;
    return false;
  }

  /** Takes `text`, or throws. */
  expect(text: string): void {
    if (!this.take(text)) throw this.expected(`'${text}'`);
  }

  /** Throws unless the line ends here. */
  end(): void {
    if (!this.done) throw this.expected('the end of the line');
  }

  /** Takes `<.text+0x48>`, which llvm-objdump prints after a jump target. */
  takeAnnotation(): void {
    this.#match(ANNOTATION);
    this.#skip();
  }

  /** A name, or undefined. */
  word(): string | undefined {
    const found = this.#match(IDENTIFIER)?.[0];
    this.#skip();
    return found;
  }

  /** A register `r0`..`r10` or `w0`..`w10`, or undefined. */
  tryReg(): RegToken | undefined {
    const mark = this.#at;
    const found = this.#match(REG);
    this.#skip();
    return found === undefined ? undefined : { reg: Number(found[2]), width: found[1] === 'w' ? 32 : 64, mark };
  }

  /** A register, of this width if one is given. */
  reg(width?: Width): RegToken {
    const mark = this.#at;
    const found = this.tryReg();
    if (found === undefined || (width !== undefined && found.width !== width)) {
      this.#at = mark;
      throw this.expected(width === undefined ? 'a register' : width === 32 ? 'a register w0 to w10' : 'a register r0 to r10');
    }
    return found;
  }

  /** A register `%r0`..`%r10`, or undefined. */
  tryPercentReg(): Reg | undefined {
    const found = this.#match(PERCENT_REG);
    this.#skip();
    return found === undefined ? undefined : Number(found[1]);
  }

  /** A number, or undefined; its sign may be apart from it (`- 8`). */
  tryNumber(range: Range): bigint | undefined {
    const mark = this.#at;
    const found = this.#match(NUMBER)?.[0].replace(/\s/g, '');
    if (found === undefined) return undefined;
    const digits = found.replace(/^[+-]/, '');
    const value = digits.length > MAX_DIGITS ? undefined : BigInt(digits) * (found.startsWith('-') ? -1n : 1n);
    if (value === undefined || value < range.min || value > range.max) {
      this.#at = mark;
      throw this.expected(range.what);
    }
    this.#skip();
    return value;
  }

  /** A number. */
  number(range: Range): bigint {
    const found = this.tryNumber(range);
    if (found === undefined) throw this.expected(range.what);
    return found;
  }

  /** A number of at most 32 bits as the signed 32-bit value of the same bits. */
  int32(range: Range = SIGNED32): number {
    return Number(BigInt.asIntN(32, this.number(range)));
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }

  #skip(): void {
    this.#match(SPACE);
  }
}
