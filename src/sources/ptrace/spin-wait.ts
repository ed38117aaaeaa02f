/** waitpid that looks a few times before it sleeps: waking a sleeping thread on another CPU costs more than a whole stop. */
import { type Sys, WAIT } from '../../sys/index.ts';

/** Looks of about 0.4 µs each: less than a wake-up takes where that is slow. */
const MOST = 128;
const LEAST = 4;
/** After this many sleeps in a row the spin is tried again at half its length. */
const RETRY = 256;

/** Adapts how long it looks: as long as looking finds something, up to MOST times; hardly at all when it does not. */
export class SpinWait {
  readonly #sys: Sys;
  /** On a single CPU looking only keeps the tracee from running. */
  readonly #useful: boolean;
  #looks = MOST;
  #sleeps = 0;

  constructor(sys: Sys) {
    this.#sys = sys;
    this.#useful = sys.affinityCount() > 1;
  }

  /** As waitpid(-1, status, flags): a tid or a negative errno. */
  next(status: number, flags: number): number {
    const sys = this.#sys;
    if (!this.#useful) return sys.waitpid(-1, status, flags);
    for (let i = 0; i < this.#looks; i++) {
      const tid = sys.waitpid(-1, status, flags | WAIT.NOHANG);
      if (tid === 0) continue;
      if (i > 0) this.#looks = Math.min(this.#looks * 2, MOST);
      return tid;
    }
    this.#looks = Math.max(this.#looks >> 1, LEAST);
    if (++this.#sleeps % RETRY === 0) this.#looks = MOST >> 1;
    return sys.waitpid(-1, status, flags);
  }
}
