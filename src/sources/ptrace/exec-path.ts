/** The path of the program a task has just executed, as the kernel keeps it: read at PTRACE_EVENT_EXEC, when no user code has run yet. */
import { readFileSync, readlinkSync } from 'node:fs';
import { AUXV, type Block, type Sys } from '../../sys/index.ts';

/** PATH_MAX. */
const MOST = 4096;
let block: Block | undefined;

/**
 * Path bytes: what execve was given (AT_EXECFN, which the kernel has copied: a racing thread cannot change it any more), or the file's own
 * path when that cannot be read; empty when the task is gone.
 */
export function execPath(sys: Sys, tid: number): Uint8Array {
  block ??= sys.block(MOST);
  try {
    const address = auxvEntry(readFileSync(`/proc/${tid}/auxv`), AUXV.EXECFN);
    const size = address === undefined ? 0 : sys.readMemory(tid, address, block.address, MOST);
    const end = size <= 0 ? -1 : block.u8.subarray(0, size).indexOf(0);
    if (end > 0) return block.u8.slice(0, end);
  } catch {
    // Gone, or /proc is not there: the link below says the same.
  }
  try {
    return readlinkSync(`/proc/${tid}/exe`, { encoding: 'buffer' });
  } catch {
    return new Uint8Array();
  }
}

/** Value of an entry of an auxiliary vector with 8-byte words, or with 4-byte words (i386), which shows in the first type's upper half. */
function auxvEntry(bytes: Uint8Array, type: number): bigint | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes.length >= 16 && view.getUint32(4, true) === 0;
  const word = (at: number): bigint => (wide ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true)));
  const step = wide ? 16 : 8;
  for (let at = 0; at + step <= bytes.length; at += step) {
    if (word(at) === BigInt(AUXV.NULL)) return undefined;
    if (word(at) === BigInt(type)) return word(at + step / 2);
  }
  return undefined;
}
