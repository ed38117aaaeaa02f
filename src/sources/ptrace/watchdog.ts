/** Watches from the main thread whether the tracing thread is held in a read of a tracee's memory (a page behind userfaultfd or FUSE), and ends who holds it. */
import { CONTROL } from './protocol.ts';

const PERIOD = 500;
/** After this long the process is named, after that long it is killed, milliseconds. */
export const STUCK_NAMED = 2000;
export const STUCK_KILLED = 10_000;

/** Runs between start() and stop(). */
export class Watchdog {
  readonly #control: Int32Array;
  readonly #say: (text: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #read = 0;
  #since = 0;
  #named = false;

  constructor(control: Int32Array, say: (text: string) => void) {
    this.#control = control;
    this.#say = say;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.look(performance.now()), PERIOD).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** One look at time `now` (milliseconds). */
  look(now: number, kill: (pid: number) => void = killHard): void {
    const tid = Atomics.load(this.#control, CONTROL.READING);
    const read = Atomics.load(this.#control, CONTROL.READS);
    if (tid === 0 || read !== this.#read) {
      this.#read = read;
      this.#since = now;
      this.#named = false;
      return;
    }
    const held = now - this.#since;
    if (held >= STUCK_NAMED && !this.#named) {
      this.#named = true;
      this.#say(
        `reading the memory of process ${tid} hangs (a page served by userfaultfd or FUSE?): it is killed after ${STUCK_KILLED / 1000} s`,
      );
    }
    if (held < STUCK_KILLED) return;
    this.#say(`process ${tid} was killed: reading its memory took ${(held / 1000).toFixed(0)} s`);
    this.#since = now;
    kill(tid);
  }
}

function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended just now.
  }
}
