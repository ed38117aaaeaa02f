/** Locks that record their owner, as src/mem/lock.ts takes them: the words are the same. */
import { nap, owner } from './env';

/** Set in a lock word while a thread may be asleep on it. */
export const WAITERS: i32 = 0x40000000;
const OWNER_MASK: i32 = 0x3fffffff;
const SPINS: i32 = 200;

/** Takes the lock; returns when it is held. Not re-entrant. */
export function lock(word: u32): void {
  if (atomic.cmpxchg<i32>(word, 0, owner) !== 0) lockSlowly(word);
}

function lockSlowly(word: u32): void {
  for (let i = 0; i < SPINS; i++) {
    if (atomic.load<i32>(word) === 0 && atomic.cmpxchg<i32>(word, 0, owner) === 0) return;
  }
  while (true) {
    const held = atomic.load<i32>(word);
    if (held === 0) {
      // Others may still sleep: keep the mark, or their wake-up would be forgotten.
      if (atomic.cmpxchg<i32>(word, 0, owner | WAITERS) === 0) return;
      continue;
    }
    const marked = held | WAITERS;
    if (held !== marked && atomic.cmpxchg<i32>(word, held, marked) !== held) continue;
    nap(word, marked);
  }
}

/** Lets the lock go. */
export function unlock(word: u32): void {
  if ((atomic.xchg<i32>(word, 0) & WAITERS) !== 0) atomic.notify(word, 1);
}

/** Frees the lock if `thread`, which must be dead, holds it. */
export function releaseDead(word: u32, thread: i32): bool {
  if ((atomic.load<i32>(word) & OWNER_MASK) !== thread + 1) return false;
  atomic.store<i32>(word, 0);
  atomic.notify(word, -1);
  return true;
}
