/** Ids of two states that are compared: which of one stands for which of the other (check_ids, v6.18). */

/** A one-to-one relation between the ids of two states. */
export class Ids {
  readonly #old: number[] = [];
  readonly #cur: number[] = [];
  /** Ids for scalars without one. */
  #next: number;

  constructor(next: number) {
    this.#next = next;
  }

  match(old: number, cur: number): boolean {
    if ((old === 0) !== (cur === 0)) return false;
    if (old === 0) return true;
    for (let i = 0; i < this.#old.length; i++) {
      if (this.#old[i] === old) return this.#cur[i] === cur;
      if (this.#cur[i] === cur) return false;
    }
    this.#old.push(old);
    this.#cur.push(cur);
    return true;
  }

  /** A scalar without an id is tied to nothing: as if it had one of its own. */
  matchScalars(old: number, cur: number): boolean {
    return this.match(old, cur === 0 ? ++this.#next : cur);
  }
}
