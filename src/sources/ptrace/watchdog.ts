/** Watches from the main thread whether the tracing thread is held in a read of a tracee's memory (a page behind userfaultfd or FUSE), and ends who holds it; wakes the thread where a task waits too long. */
import { CONTROL } from './protocol.ts';

const PERIOD = 500;
/** After this long the process is named, after that long it is killed, milliseconds. */
export const STUCK_NAMED = 2000;
export const STUCK_KILLED = 10_000;

/** What a watchdog can do. */
export interface WatchdogActions {
  say(text: string): void;
  /** Wakes the tracing thread. */
  ring(): void;
  kill(pid: number): void;
}

/** Runs between start() and stop(). */
export class Watchdog {
  readonly #control: Int32Array;
  readonly #actions: WatchdogActions;
  #timer: NodeJS.Timeout | undefined;
  #read = 0;
  #since = 0;
  #named = false;

  constructor(control: Int32Array, actions: WatchdogActions) {
    this.#control = control;
    this.#actions = actions;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.look(performance.now()), PERIOD).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** One look at time `now` (milliseconds). */
  look(now: number): void {
    if (Atomics.load(this.#control, CONTROL.HELD) !== 0) this.#actions.ring();
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
      this.#actions.say(
        `reading the memory of process ${tid} hangs (a page served by userfaultfd or FUSE?): it is killed after ${STUCK_KILLED / 1000} s`,
      );
    }
    if (held < STUCK_KILLED) return;
    this.#actions.say(`process ${tid} was killed: reading its memory took ${(held / 1000).toFixed(0)} s`);
    this.#since = now;
    this.#actions.kill(tid);
  }
}
