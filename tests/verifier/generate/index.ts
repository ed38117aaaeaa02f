/** Random programs for the verifier and the live kernel: by seed and number, the same on every machine. */
import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import { ScalarPrograms } from './scalars.ts';
import { structuredProgram } from './structured.ts';
import type { Generated } from './writer.ts';

export { Random } from './random.ts';
export { shrink } from './shrink.ts';
export type { Generated } from './writer.ts';

/** Every so many programs one is changed in its bytes. */
const MUTATED = 0.35;

/** Program number `n` of a seed, and what is done to its bytes. */
export function generate(seed: number, n: number): Generated & { readonly change: ((bytes: Uint8Array) => Uint8Array) | undefined } {
  const random = new Random(Math.imul(seed, 1_000_003) + n);
  const program = random.chance(0.3) ? { text: new ScalarPrograms(random).program(), type: 1 } : structuredProgram(random);
  return { ...program, change: random.chance(MUTATED) ? (bytes) => mutate(bytes, random) : undefined };
}
