/** Sleeping on a word of shared memory without blocking the thread: Atomics.waitAsync where it exists, looking again by timer where not. */

/** Looks again after this long at most, so that a wake-up lost to a dying thread costs little. Milliseconds. */
const HEARTBEAT = 1000;
const POLL = 20;

/** ES2024's Atomics.waitAsync, which the compiler's library does not know yet. */
interface AsyncAtomics {
  waitAsync?: (
    array: Int32Array,
    index: number,
    value: number,
    timeout: number,
  ) => { readonly async: boolean; readonly value: Promise<string> | string };
}

/**
 * Resolves when the word at `index` was notified or is not `value`, when a signal aborts, or after a heartbeat: callers look again.
 * Memory that is not shared cannot be notified: there it resolves after a short while.
 */
export function sleepOn(array: Int32Array, index: number, value: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const waitAsync = isShared(array.buffer) ? (Atomics as AsyncAtomics).waitAsync : undefined;
    const done = (): void => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', done);
      resolve();
    };
    // The timer also keeps the process alive while someone waits, as a blocked read would.
    const timer = setTimeout(done, waitAsync === undefined ? POLL : HEARTBEAT);
    for (const signal of signals) signal.addEventListener('abort', done);
    if (waitAsync === undefined) return;
    const wait = waitAsync(array, index, value, HEARTBEAT);
    if (typeof wait.value === 'string') done();
    else void wait.value.then(done);
  });
}

function isShared(buffer: ArrayBufferLike): boolean {
  return typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer;
}
