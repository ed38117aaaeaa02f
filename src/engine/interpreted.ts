/** Runs programs by the reference interpreter: the yardstick of the compiled way, and the choice of `{ jit: false }`. */
import type { HelperCall } from '../helpers/index.ts';
import { type CallCore, type HelperEntry, Interpreter, type RunInput, STACK_BYTES } from '../interp/index.ts';
import type { ThreadEnv } from '../mem/index.ts';
import type { Current, ExecutionFault, Executor } from './executor.ts';
import { loadPacket } from './packet.ts';
import type { ThreadProgram, ThreadPrograms } from './thread-programs.ts';

/** What either executor is made from. */
export interface ExecutorOptions {
  readonly env: ThreadEnv;
  readonly programs: ThreadPrograms;
  readonly helpers: readonly HelperEntry[];
  /** Makes what helpers are handed around the executor's registers. */
  readonly call: (core: CallCore) => HelperCall;
  /** What runs now. */
  readonly now: Current;
  /** 0: the default. */
  readonly budget: number;
}

/** See Executor. */
export class Interpreted implements Executor {
  readonly #env: ThreadEnv;
  readonly #stack: number;
  readonly #interpreter: Interpreter;
  runs = 0;

  constructor({ env, programs, helpers, call, budget }: ExecutorOptions) {
    this.#env = env;
    this.#stack = env.allocOrThrow(STACK_BYTES);
    this.#interpreter = new Interpreter({
      mem: env.mem,
      stack: { base: this.#stack, size: STACK_BYTES },
      helpers,
      env: {
        region: (offset, image) => programs.region(offset, image.progId),
        isMap: (offset, image) => programs.isMap(offset, image.progId),
        packet: (offset, size) => loadPacket(env.mem.dv, programs.packet, offset, size),
        tailTarget: (map, index) => programs.inSlot(map, index)?.image,
      },
      call,
      ...(budget === 0 ? {} : { budget }),
    });
  }

  run(program: ThreadProgram, input: RunInput): boolean {
    return this.repeat(program, input, 1);
  }

  repeat(program: ThreadProgram, input: RunInput, times: number): boolean {
    for (this.runs = 1; this.#interpreter.run(program.image, input); this.runs++) if (this.runs === times) return true;
    return false;
  }

  get r0(): bigint {
    return this.#interpreter.r0;
  }

  get r0Low(): number {
    return this.#interpreter.r0Low;
  }

  get fault(): ExecutionFault | undefined {
    const fault = this.#interpreter.fault;
    return fault && { progId: fault.image.progId, insn: fault.insn, reason: fault.reason };
  }

  forget(): void {
    // Images go with the thread's programs.
  }

  warmUp(): void {
    // The constructor has run every operation.
  }

  close(): void {
    this.#env.free(this.#stack);
  }
}
