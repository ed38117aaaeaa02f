/** Bounds that keep hostile bytecode from costing more than its size warrants. */
import { BpfError } from '../base/index.ts';

/** Instructions that are translated for one module: functions that share code have it each. */
export const MAX_EMITTED = 4_000_000;

/** Instructions that unrolled loops add to one module. */
export const MAX_UNROLLED = 20_000;

export function tooLarge(limit: number): BpfError {
  return new BpfError(`the programs' functions come to more than ${limit} instructions`, {
    hint: 'functions of a verified program share no code; verify the programs first',
  });
}

/** Code that WebAssembly engines refuse for its size: the program has to be interpreted. */
export class OversizedError extends BpfError {}
