/** Process-wide adjustments that only a program of its own (the command line) may make, never the library. */
import { RLIMIT, SIGNAL } from './constants.ts';
import type { Sys } from './sys.ts';

const SA_NOCLDSTOP = 1;

/** Stops SIGCHLD for each ptrace stop (2x per stop once child_process was used); call after the first use of child_process. Exits still signal. */
export function quietChildStops(sys: Sys): void {
  sys.addSignalFlags(SIGNAL.SIGCHLD, SA_NOCLDSTOP);
}

/** Ends this process by `signal`, without a core of its own, as its command was ended. Returns only when the signal does not kill. */
export function dieBySignal(sys: Sys, signal: number): void {
  sys.setSoftLimit(0, RLIMIT.CORE, 0n);
  sys.resetSignal(signal);
  sys.kill(process.pid, signal);
}
