/** The verifier's log: text that grows, and is cut back when a path turned out well (kernel/bpf/log.c, v6.18). What is written is the callers' business. */
import { decodeText, encodeText } from '../../base/index.ts';

/** Least width of instruction lines before what they changed is told. */
const ALIGN = 40;
const ALIGN_STEP = 8;

/** Level bit: of a log that is too long the beginning is kept (BPF_LOG_FIXED). */
const FIXED = 8;

/** BPF_VERIFIER_TMP_LOG_SIZE without its NUL. */
const MAX_MESSAGE = 1023;

const NOT_ASCII = /[^\x00-\x7f]/;

/** Bytes that are kept at least of a log that is longer: its end, or with FIXED its beginning. */
const MAX_KEPT = 1 << 24;
/** So many characters in small parts are joined to one: a million small strings are what a garbage collector is slowest with. */
const CHUNK = 1 << 13;

/** A log. Level 0 keeps nothing but what is `said`. */
export class Log {
  readonly level: number;
  /** Bytes of the reader's buffer, its NUL included; undefined: as many as it takes. */
  readonly #size: number | undefined;
  readonly #parts: string[] = [];
  /** Leading parts that are joined ones, and characters in those behind them. */
  #joined = 0;
  #loose = 0;
  #length = 0;
  /** Where what is still in the buffer begins. */
  #start = 0;
  #needed = 0;
  /** Bytes in #parts, and those given up before and behind them. */
  #kept = 0;
  #before = 0;
  #behind = 0;
  /** Something in it is not ASCII: #parts have a character for each byte of UTF-8. */
  #wide = false;

  constructor(level: number, size?: number) {
    this.level = level;
    this.#size = size;
  }

  /** Bytes that a buffer for all of it would have needed, its NUL included; cut-back text counts (log_true_size). */
  get trueSize(): number {
    return this.level === 0 ? 0 : this.#needed;
  }

  /** The buffer was too small. None (0 bytes) is never too small. */
  get overflowed(): boolean {
    return this.#size !== undefined && this.#size > 0 && this.trueSize > this.#size;
  }

  /** Instruction lines are wanted. */
  get on(): boolean {
    return (this.level & 3) !== 0;
  }

  /** Every path is kept. */
  get all(): boolean {
    return (this.level & 2) !== 0;
  }

  get length(): number {
    return this.#length;
  }

  write(said: string): void {
    this.#append(NOT_ASCII.test(said) ? this.#bytesOf(said) : said);
  }

  #append(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
    this.#kept += text.length;
    this.#loose += text.length;
    if (this.#loose > CHUNK) this.#join();
    this.#needed = Math.max(this.#needed, this.#length + 1);
    if (this.#size !== undefined) this.#start = Math.max(this.#start, this.#length + 1 - this.#size);
  }

  /** Writes what is one message of the kernel's and has text of the program's: its end is lost where it is longer than 1023 bytes. */
  message(said: string): void {
    const text = NOT_ASCII.test(said) ? this.#bytesOf(said) : said;
    this.#append(text.slice(0, MAX_MESSAGE));
  }

  /** A character for each byte: lengths, cuts and sizes are the reader's bytes. */
  #bytesOf(text: string): string {
    this.#wide = true;
    return Array.from(encodeText(text), (byte) => String.fromCharCode(byte)).join('');
  }

  #join(): void {
    const chunk = this.#parts.splice(this.#joined).join('');
    this.#loose = 0;
    if ((this.level & FIXED) !== 0 && this.#kept - chunk.length >= MAX_KEPT) {
      this.#behind += chunk.length;
      this.#kept -= chunk.length;
      return;
    }
    this.#parts.push(chunk);
    this.#joined++;
    for (let first = this.#parts[0]; first !== undefined && this.#kept - first.length >= MAX_KEPT; first = this.#parts[0]) {
      this.#parts.shift();
      this.#joined--;
      this.#before += first.length;
      this.#kept -= first.length;
    }
  }

  /** Cuts the log back to `length` bytes. */
  cut(length: number): void {
    const lost = Math.min(this.#behind, Math.max(this.#length - length, 0));
    this.#behind -= lost;
    this.#length -= lost;
    while (this.#length > length) {
      const last = this.#parts.pop();
      if (last === undefined) {
        this.#length = length;
        this.#before = Math.min(this.#before, length);
        break;
      }
      if (this.#parts.length < this.#joined) this.#joined--;
      else this.#loose -= last.length;
      this.#length -= last.length;
      this.#kept -= last.length;
      if (this.#length < length) this.#append(last.slice(0, length - this.#length));
    }
    this.#start = Math.min(this.#start, this.#length);
  }

  /** What is in the buffer. */
  text(): string {
    const text = this.#text();
    return this.#wide ? decodeText(Uint8Array.from(text, (c) => c.charCodeAt(0))) : text;
  }

  #text(): string {
    const all = this.#parts.join('');
    if (this.#size === undefined) return all;
    return (this.level & FIXED) !== 0 ? all.slice(0, Math.max(this.#size - 1, 0)) : all.slice(Math.max(this.#start - this.#before, 0));
  }
}

/** Blanks from column `at` to where the changes of an instruction are told. */
export function padding(at: number): string {
  const column = Math.ceil(Math.max(at + ALIGN_STEP / 2, ALIGN) / ALIGN_STEP) * ALIGN_STEP;
  return ' '.repeat(Math.max(column - at - 1, 1));
}
