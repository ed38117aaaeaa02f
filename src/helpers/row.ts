/** Spelling of helper rows: one call per argument. */
import type { ArgKind, HelperArg } from './types.ts';

/** One argument of a helper: C type, name, kind, and what some kinds need besides. */
export function arg(ctype: string, name: string, kind: ArgKind, more: Omit<HelperArg, 'ctype' | 'name' | 'kind'> = {}): HelperArg {
  return { ctype, name, kind, ...more };
}
