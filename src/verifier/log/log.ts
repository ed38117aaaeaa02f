/** The verifier's log: text that grows, and is cut back when a path turned out well (kernel/bpf/log.c, v6.18). What is written is the callers' business. */

/** Least width of instruction lines before what they changed is told. */
const ALIGN = 40;
const ALIGN_STEP = 8;

/** A log. Level 0 keeps nothing but what is `said`. */
export class Log {
  readonly level: number;
  #parts: string[] = [];
  #length = 0;

  constructor(level: number) {
    this.level = level;
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

  write(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
  }

  /** Cuts the log back to `length` characters. */
  cut(length: number): void {
    while (this.#length > length) {
      const last = this.#parts.pop();
      if (last === undefined) break;
      this.#length -= last.length;
      if (this.#length < length) this.write(last.slice(0, length - this.#length));
    }
  }

  text(): string {
    return this.#parts.join('');
  }
}

/** Blanks from column `at` to where the changes of an instruction are told. */
export function padding(at: number): string {
  const column = Math.ceil(Math.max(at + ALIGN_STEP / 2, ALIGN) / ALIGN_STEP) * ALIGN_STEP;
  return ' '.repeat(Math.max(column - at - 1, 1));
}
