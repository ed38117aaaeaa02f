/**
 * Locks in the shared memory that record their owner: a thread that died can be made to let go. They spin a little, then sleep
 * where the thread may sleep (a browser's main thread may not). Who may take which lock is the callers' business.
 */
import type { Mem } from './memory.ts';

/** Set in a lock word while a thread may be asleep on it. */
export const WAITERS = 0x4000_0000;
const OWNER_MASK = 0x3fff_ffff;
const SPINS = 200;
/** A sleeper looks again after this long, so that a wake-up lost to a dying thread costs little. Milliseconds. */
const NAP = 5;

/** Whether this thread may sleep in Atomics.wait: learnt by trying. */
let maySleep = true;

/** Takes the lock at `offset` (4-byte aligned) for `thread`; returns when it is held. Not re-entrant. */
export function lock(mem: Mem, offset: number, thread: number): void {
  const index = offset >>> 2;
  if (Atomics.compareExchange(mem.i32, index, 0, thread + 1) === 0) return;
  lockSlowly(mem, index, thread);
}

/** Takes the lock if it is free. @returns whether it did */
export function tryLock(mem: Mem, offset: number, thread: number): boolean {
  return Atomics.compareExchange(mem.i32, offset >>> 2, 0, thread + 1) === 0;
}

function lockSlowly(mem: Mem, index: number, thread: number): void {
  for (let i = 0; i < SPINS; i++) {
    if (Atomics.load(mem.i32, index) === 0 && Atomics.compareExchange(mem.i32, index, 0, thread + 1) === 0) return;
  }
  for (;;) {
    const word = Atomics.load(mem.i32, index);
    if (word === 0) {
      // Others may still sleep: keep the mark, or their wake-up would be forgotten.
      if (Atomics.compareExchange(mem.i32, index, 0, (thread + 1) | WAITERS) === 0) return;
      continue;
    }
    const marked = word | WAITERS;
    if (word !== marked && Atomics.compareExchange(mem.i32, index, word, marked) !== word) continue;
    nap(mem, index, marked);
  }
}

/** Sleeps a moment while the word (by its index in `mem.i32`) is `word`, where the thread may sleep. */
export function nap(mem: Mem, index: number, word: number): void {
  if (!maySleep) return;
  try {
    Atomics.wait(mem.i32, index, word, NAP);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    maySleep = false;
  }
}

/** Lets the lock go. */
export function unlock(mem: Mem, offset: number): void {
  const index = offset >>> 2;
  if ((Atomics.exchange(mem.i32, index, 0) & WAITERS) !== 0) Atomics.notify(mem.i32, index, 1);
}

/** Number of the thread that holds the lock, or undefined when it is free. */
export function lockOwner(mem: Mem, offset: number): number | undefined {
  const word = Atomics.load(mem.i32, offset >>> 2) & OWNER_MASK;
  return word === 0 ? undefined : word - 1;
}

/** Frees the lock if `thread`, which must be dead, holds it. @returns whether it did */
export function releaseDead(mem: Mem, offset: number, thread: number): boolean {
  if (lockOwner(mem, offset) !== thread) return false;
  Atomics.store(mem.i32, offset >>> 2, 0);
  Atomics.notify(mem.i32, offset >>> 2);
  return true;
}
