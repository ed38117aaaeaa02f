/** A line on the terminal that says which object is being looked at; nothing where standard error is no terminal. */
import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';

const STDERR = 2;
/** Back to the line's start, and clear it. */
const CLEAR = '\r\x1b[K';

/** Shows `done` of `total` objects. */
export class Progress {
  readonly #total: number;
  readonly #shown: boolean;
  #line = false;

  /** @param total objects; a single one needs no progress */
  constructor(total: number) {
    this.#total = total;
    this.#shown = total > 1 && isatty(STDERR);
  }

  /** The `n`th object (from 1) is being looked at. */
  at(n: number, object: string): void {
    if (!this.#shown) return;
    this.#line = true;
    // A terminal's line is not known to be longer than this.
    this.#write(`${CLEAR}[${n}/${this.#total}] ${object.replace(/[^\x20-\x7e]/g, '?').slice(-60)}`);
  }

  /** Makes room for other output. */
  clear(): void {
    if (this.#line) this.#write(CLEAR);
    this.#line = false;
  }

  #write(text: string): void {
    try {
      writeSync(STDERR, text);
    } catch {
      // A terminal that is gone or full costs no verdict.
    }
  }
}
