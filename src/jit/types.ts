/** What the translator is given and what it gives. */
import type { JitMap } from './inline.ts';
import type { HelperSignature } from './signature.ts';

/** What a verifier knows about one instruction. Whatever is stated must hold on every path. */
export interface InsnFact {
  /**
   * The value that the instruction puts in its destination. u32: below 2^32; s32: a sign-extended 32-bit number; pointer: an engine
   * pointer that is not NULL (high half KERNEL_BASE_HI), also while it is out of its object's bounds; nullable: such a pointer, or NULL.
   */
  readonly result?: 'u32' | 's32' | 'pointer' | 'nullable';
  /** A conditional jump that always or never jumps. */
  readonly branch?: 'always' | 'never';
  /** A load through a pointer that may be bad or lead out of the engine's memory: env.probe reads. */
  readonly probe?: boolean;
  /** A lookup in an array whose key is always this, below max_entries. */
  readonly key?: number;
}

/** One program and its subprograms. */
export interface JitProgram {
  /** For names in the module and in stack traces. */
  readonly name?: string;
  /** Bytecode whose map references hold engine pointers (ld_imm64 with MAP_FD, MAP_IDX: the descriptor; MAP_VALUE, MAP_IDX_VALUE: the value). */
  readonly bytes: Uint8Array;
  /** The program's number in prog array slots and in the table; 0 or absent: it is in no slot. */
  readonly number?: number;
  /** Offset of its run counters, u64 by CPU: given, `hold` is exported. */
  readonly counters?: number;
  /** A verifier's facts by slot; absent members mean nothing is known. */
  readonly facts?: readonly (InsnFact | undefined)[];
}

export interface JitOptions {
  /**
   * Every access through a region check, calls within the stack area, tail calls on prog arrays only. Without it programs must have been verified:
   * what an unverified program accesses then is any byte of the memory.
   */
  readonly checked?: boolean;
  /** Counts loops and calls down in the run area and faults at the end of the budget (see RUN_AREA.BUDGET). */
  readonly budget?: boolean;
  /** How `call id` is imported; undefined: the instruction faults. */
  readonly helper?: (id: number) => HelperSignature | undefined;
  /** Number of the program in a slot of the prog array whose descriptor is at `map` now: a constant index is then compared and called directly. */
  readonly tailTarget?: (map: number, index: number) => number | undefined;
  /**
   * The map whose descriptor is at an offset. Given, helpers are written out where they can be, or imported from the module `runtime`, and the host
   * keeps the facts in the run area. Checked code does without.
   */
  readonly map?: (address: number) => JitMap | undefined;
  /** Numbers of all programs in the prog array whose descriptor is at `map` now: few of them are compared and called directly where the index varies. */
  readonly tailTargets?: (map: number) => readonly number[];
  /** Whether the memory is shared. Default true. */
  readonly sharedMemory?: boolean;
  /** Name of the module, which stands in stack traces; letters and digits. */
  readonly name?: string;
}

/** What is known of a translated program. */
export interface JitProgramInfo {
  readonly name: string;
  /**
   * Export `(ctx: i32, r2: i32) -> i32`: one run. `ctx` is the context's offset, 0 for none; `r2` r2's first value. Gives r0's low half; the
   * whole is at RUN_AREA.RESULT.
   */
  readonly run: string;
  /** Export `(ctx: i32, r2: i32, times: i32) -> i32`: runs one after another. */
  readonly repeat: string;
  /**
   * Export `(ctx: i32, r2: i32, cpu: i32, tid: i32, tgid: i32) -> HOLD`: one run for a task, with the CPU taken, the facts of the run area set, the run
   * counted and the CPU let go. r0 is at RUN_AREA.RESULT. After a trap the CPU is still held.
   */
  readonly hold: string | undefined;
  /** Export `(ctx: i32, frame: i32) -> i64`: what prog array slots lead to; goes into the table at the program's place (RUN_AREA.PLACES). */
  readonly entry: string;
}

/** A function whose address a program takes. */
export interface JitCallback {
  readonly program: number;
  /** Slot of its first instruction. */
  readonly slot: number;
  /** Its place in the table env.callbacks is the global env.callbackBase plus this. Its type is `(r1..r5: i64, frame: i32) -> i64`. */
  readonly index: number;
}

/** Which instruction a place in the module came from. */
export interface JitPlace {
  /** Index in the programs given. */
  readonly program: number;
  readonly insn: number;
}

export interface JitModule {
  readonly bytes: Uint8Array;
  readonly programs: readonly JitProgramInfo[];
  readonly callbacks: readonly JitCallback[];
  /** Ids of the helpers imported, ascending, as `helper` `<id>`. */
  readonly helpers: readonly number[];
  /** Whether env.table is imported. */
  readonly usesTable: boolean;
  /** The instruction at a byte offset of the module, as a WebAssembly stack trace gives it; undefined outside of translated code. */
  place(offset: number): JitPlace | undefined;
}
