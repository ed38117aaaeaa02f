/** Runs bare bytecode in a small memory of its own: for vectors, experiments and tests. Engines use Interpreter directly. */
import { BpfError } from '../base/index.ts';
import { Mem } from '../mem/memory.ts';
import { STACK_BYTES } from './access.ts';
import { prepare } from './image.ts';
import { Interpreter } from './interpreter.ts';
import type { Environment, Fault, PlainFunction } from './types.ts';

export interface BytecodeOptions {
  /** Memory that r1 points at and r2 gives the length of; absent or empty: both are 0. Readable and writable. */
  readonly memory?: Uint8Array;
  /** Instructions that may be executed; default 10 million. */
  readonly budget?: number;
  readonly env?: Environment;
  /** What `call N` does, by N; absent: calls fault. */
  readonly functions?: ReadonlyMap<number, PlainFunction>;
}

export interface BytecodeResult {
  /** Unsigned 64 bits; undefined when the run faulted. */
  readonly r0: bigint | undefined;
  readonly fault: Fault | undefined;
  /** `memory` after the run. */
  readonly memory: Uint8Array;
  /** Instructions executed. */
  readonly executed: number;
}

const STACK_BASE = 0x8000;
const MEMORY_BASE = 64 * Math.ceil((STACK_BASE + STACK_BYTES) / 64) + 64;
const MAX_MEMORY = 1 << 24;

/** Runs a program with r1 = memory, r2 = its length. Never throws for what the bytecode does; BpfError when `memory` is above 16 MiB. */
export function runBytecode(bytes: Uint8Array, options: BytecodeOptions = {}): BytecodeResult {
  const memory = options.memory ?? new Uint8Array(0);
  if (memory.length > MAX_MEMORY) throw new BpfError(`memory of ${memory.length} bytes, expected at most ${MAX_MEMORY}`);
  const size = MEMORY_BASE + memory.length;
  const mem = Mem.create({ initial: size, maximum: size });
  mem.copyIn(MEMORY_BASE, memory);
  const interpreter = new Interpreter({ mem, stack: { base: STACK_BASE, size: STACK_BYTES }, ...options });
  const ctx = memory.length === 0 ? 0 : MEMORY_BASE;
  interpreter.run(prepare(bytes), { ctx, ctxSize: memory.length, ctxWritable: true, r2: memory.length });
  return {
    r0: interpreter.fault === undefined ? interpreter.r0 : undefined,
    fault: interpreter.fault,
    memory: mem.copyOut(MEMORY_BASE, memory.length),
    executed: interpreter.executed,
  };
}
