/** What the interpreter is given and what it tells: environment, helpers, run input, faults. Plain types. */
import type { HelperCall, HelperImpl, HelperProto } from '../helpers/types.ts';
import type { Region } from '../maps/types.ts';
import type { Mem } from '../mem/memory.ts';
import type { ProgramImage } from './image.ts';

/** A helper that programs may call: its row and what it does. */
export interface HelperEntry {
  readonly proto: HelperProto;
  readonly impl: HelperImpl;
}

/** What the interpreter asks of its surroundings. All offsets are memory offsets. Nothing here may throw. */
export interface Environment {
  /** The live region of a map (or other engine memory) that the program may touch and that holds the offset. */
  region?(offset: number, image: ProgramImage): Region | undefined;
  /** Whether a live map descriptor stands at the offset that is not named by the program itself (an inner map). */
  isMap?(offset: number, image: ProgramImage): boolean;
  /** The program in slot `index` (already below max_entries) of the prog array whose descriptor is at `map`. */
  tailTarget?(map: number, index: number): ProgramImage | undefined;
  /** Big-endian packet data for ld_abs and ld_ind as an unsigned number, or -1 when out of range. `offset` is signed. */
  packet?(offset: number, size: number): number;
}

/** One run. An object with ctx and ctxSize is enough; r1 is a pointer to ctx, or 0 when ctx is 0. */
export interface RunInput {
  /** Offset and bytes of the context. */
  readonly ctx: number;
  readonly ctxSize: number;
  /** Absent: the context is read-only. */
  readonly ctxWritable?: boolean;
  /** Further memory that the program may touch in this run. */
  readonly regions?: readonly Region[];
  /** First value of r2, unsigned 32 bits; absent: 0. */
  readonly r2?: number;
}

/** Kind of a fault: what a caller may count; `reason` tells people. */
export type FaultKind = 'access' | 'insn' | 'helper' | 'call' | 'budget';

/** Why a run ended early. */
export interface Fault {
  readonly kind: FaultKind;
  /** Slot of the instruction in `image`. */
  readonly insn: number;
  /** Lower-case sentence. */
  readonly reason: string;
  /** r0..r10, unsigned. */
  readonly regs: readonly bigint[];
  readonly image: ProgramImage;
  /** What a helper implementation threw. */
  readonly cause?: unknown;
}

/** Members of HelperCall that the interpreter provides. */
export type CallCore = Pick<HelperCall, 'mem' | 'regs' | 'regs64' | 'off' | 'u64' | 'callback'>;

/** What an interpreter is made from. */
export interface InterpreterOptions {
  readonly mem: Mem;
  /** Stack area: see STACK_BYTES. Nothing else may use it, from the constructor on. May be changed with useStack() between runs. */
  readonly stack: { readonly base: number; readonly size: number };
  readonly env?: Environment;
  readonly helpers?: Iterable<HelperEntry>;
  /**
   * Makes what helpers are handed, around the interpreter's registers. Absent: programs that call a helper fault.
   * Called once, when the interpreter is made.
   */
  readonly call?: (core: CallCore) => HelperCall;
  /** Functions without a prototype, by the number in `call`: r1..r5 as unsigned 64 bits in, r0 out. For vectors and experiments. */
  readonly functions?: ReadonlyMap<number, PlainFunction>;
  /** Called before each instruction, those of callbacks too; the interpreter can be asked for its registers, pc and frame then. */
  readonly onStep?: () => void;
  /** Instructions that a run may execute. Default 10 million. */
  readonly budget?: number;
}

/** A function for programs outside of any engine. */
export type PlainFunction = (r1: bigint, r2: bigint, r3: bigint, r4: bigint, r5: bigint) => bigint;
