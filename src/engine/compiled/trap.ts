/** Why a compiled run ended early: what the code recorded, or where WebAssembly trapped. */
import { FAULT, type JitModule, RUN_AREA } from '../../jit/index.ts';
import type { Mem } from '../../mem/index.ts';
import type { ExecutionFault } from '../executor.ts';

/** Modules are named by this and their number, which stack traces show. */
export const MODULE_PREFIX = 'bpf';
const FRAME = /wasm:\/\/wasm\/bpf(\d+)-[0-9a-f]+:wasm-function\[\d+\]:0x([0-9a-f]+)/;
const WRITE = 16;

/** A compiled module as faults see it. */
export interface TracedModule {
  readonly jit: JitModule;
  /** Program ids by their index in the module. */
  readonly programs: readonly number[];
}

export interface TrapInput {
  readonly mem: Mem;
  readonly area: number;
  /** The program that was started. */
  readonly progId: number;
  module(number: number): TracedModule | undefined;
}

/** Explains what a run threw, and clears the record of it. */
export function explainTrap(error: unknown, { mem, area, progId, module }: TrapInput): ExecutionFault {
  const kind = mem.dv.getUint32(area + RUN_AREA.FAULT, true);
  mem.dv.setUint32(area + RUN_AREA.FAULT, 0, true);
  if (kind !== 0) {
    const program = mem.dv.getInt32(area + RUN_AREA.FAULT_PROGRAM, true);
    return {
      progId: program > 0 ? program : progId,
      insn: mem.dv.getInt32(area + RUN_AREA.FAULT_INSN, true),
      reason: recorded(mem, area, kind),
    };
  }
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const [, number = '', offset = ''] = FRAME.exec(stack) ?? [];
  const found = number === '' ? undefined : module(Number(number));
  const place = found?.jit.place(Number.parseInt(offset, 16));
  const where = { progId: (place && found?.programs[place.program]) ?? progId, insn: place?.insn ?? 0 };
  const message = error instanceof Error ? error.message : String(error);
  // A RangeError is the thread's own stack, exhausted by calls of calls.
  if (error instanceof WebAssembly.RuntimeError) return { ...where, reason: `the compiled program trapped: ${message}`, trap: true };
  return { ...where, reason: error instanceof RangeError ? 'the call stack is too deep' : message };
}

function recorded(mem: Mem, area: number, kind: number): string {
  switch (kind) {
    case FAULT.access: {
      const access = mem.dv.getUint32(area + RUN_AREA.FAULT_SIZE, true);
      const address = mem.dv.getBigUint64(area + RUN_AREA.FAULT_ADDRESS, true);
      const how = (access & WRITE) !== 0 ? 'writable' : 'readable';
      return `invalid mem access: ${access & (WRITE - 1)} bytes at 0x${address.toString(16)} are not ${how}`;
    }
    case FAULT.helper:
      return 'a helper was called that the engine does not have, or not with these arguments';
    case FAULT.call:
      return 'the call stack is too deep';
    case FAULT.budget:
      return 'the program used up its budget of loops and calls without an end';
    default:
      return 'an instruction that cannot be executed was reached';
  }
}
