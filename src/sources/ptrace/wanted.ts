/** What to stop for, as the tracer asks at each stop: the probes' wishes as a table. */
import type { SyscallAbi, Wanted } from './types.ts';

/** ABIs in the order of their number in a call key. */
export const ABIS: readonly SyscallAbi[] = ['x86_64', 'i386', 'x32'];
const ABI_SHIFT = 14;
const NR_MASK = (1 << ABI_SHIFT) - 1;
/** Key of a call that a key cannot hold; it also is no valid key of an ABI. */
export const UNKNOWN_KEY = ABIS.length << ABI_SHIFT;
const KEYS = UNKNOWN_KEY;

/** Bits of a call's row: the sides at which it is wanted. */
export const ENTER = 1;
export const EXIT = 2;
/** 16 bits that name a system call: the filter returns them with each stop, so that the number needs no further system call. */
export function callKey(abi: SyscallAbi, nr: number): number {
  const index = ABIS.indexOf(abi);
  return index < 0 || nr < 0 || nr > NR_MASK ? UNKNOWN_KEY : (index << ABI_SHIFT) | nr;
}

export function keyAbi(key: number): SyscallAbi {
  return ABIS[key >> ABI_SHIFT] ?? 'x86_64';
}

export function keyNr(key: number): number {
  return key & NR_MASK;
}

/** execve and execveat: the launcher's only calls that are the command's. */
export const EXEC_KEYS: ReadonlySet<number> = new Set([
  callKey('x86_64', 59),
  callKey('x86_64', 322),
  callKey('i386', 11),
  callKey('i386', 358),
  callKey('x32', 520),
  callKey('x32', 545),
]);

/** Answers what a stop at a call is for. Replaced as a whole when probes come and go. */
export class WantedTable {
  /** Nothing at all wants system calls. */
  readonly none: boolean;
  readonly all: boolean;
  readonly exec: boolean;
  readonly #bits = new Uint8Array(KEYS);
  readonly #other: number;

  constructor(wanted: Wanted) {
    const { syscalls } = wanted;
    this.all = syscalls === undefined;
    this.exec = wanted.exec;
    this.none = syscalls !== undefined && syscalls.length === 0;
    this.#other = this.all ? (wanted.allEnter ? ENTER : 0) | (wanted.allExit ? EXIT : 0) : 0;
    if (this.none) return;
    this.#bits.fill(this.#other);
    for (const call of syscalls ?? []) this.#add(callKey(call.abi, call.nr), (call.enter ? ENTER : 0) | (call.exit ? EXIT : 0));
  }

  #add(key: number, bits: number): void {
    if (key !== UNKNOWN_KEY) this.#bits[key] = (this.#bits[key] ?? 0) | bits;
  }

  /** ENTER | EXIT of a call. */
  bits(key: number): number {
    return this.#bits[key] ?? this.#other;
  }

  /** Whether a filter made for `installed` stops at everything that is wanted here. */
  coveredBy(installed: WantedTable): boolean {
    if (installed.all || this.none) return true;
    if (this.all) return false;
    return this.#bits.every((bits, key) => bits === 0 || installed.bits(key) !== 0);
  }
}
