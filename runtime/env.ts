/** What an instance gets from its thread, and what it knows of it. Nothing here or elsewhere in this folder stands in static memory: instances share it. */

/** A zeroed, 64-byte aligned block, or 0 when memory is exhausted. */
export declare function alloc(size: u32): u32;
/** Gives a block back. */
declare function free(offset: u32): void;
/** Sleeps a moment while the word at `offset` is `value`, where the thread may sleep. */
export declare function nap(offset: u32, value: i32): void;
/** A random number for seeds. */
export declare function random(): u32;

/** Gives a block back, if it is one. */
export function release(block: u32): void {
  if (block !== 0) free(block);
}

/** The thread's number + 1: what its locks hold. */
export let owner: i32 = 1;
/** CPU of the program that runs on this thread. */
export let cpu: u32 = 0;

/** Tells the instance whose it is. */
export function join(thread: i32): void {
  owner = thread + 1;
}

/** Tells the instance which CPU the thread holds. */
export function setCpu(number: u32): void {
  cpu = number;
}
