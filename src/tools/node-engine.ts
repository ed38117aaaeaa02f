/** The engine as it is on this machine: its possible CPUs and its monotonic clock, which worker threads share. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Engine, type EngineOptions } from '../engine/index.ts';

/** Possible CPUs by the kernel's list (`0-3,8`); where there is none, the CPUs that Node sees. */
export function possibleCpus(): number {
  try {
    const last = /(\d+)\s*$/.exec(readFileSync('/sys/devices/system/cpu/possible', 'utf8'))?.[1];
    if (last !== undefined) return Math.min(Number(last) + 1, 4096);
  } catch {
    // Not Linux, or /sys is hidden.
  }
  return availableParallelism();
}

/** CLOCK_MONOTONIC, in all threads alike. */
const clock = { monotonic: () => process.hrtime.bigint(), boottime: () => process.hrtime.bigint() };

/** An engine with this machine's CPUs and clock. */
export function createEngine(options: EngineOptions = {}): Engine {
  return new Engine({ cpus: possibleCpus(), clock, ...options });
}
