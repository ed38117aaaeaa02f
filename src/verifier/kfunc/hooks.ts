/** kfuncs with rules of their own, by name: one table of hooks. */
import { FIELD_KFUNCS } from '../objects/field-kfuncs.ts';
import { DYNPTR_KFUNCS } from './dynptr-hooks.ts';
import type { KfuncHook } from './facts.ts';
import { OTHER_KFUNCS } from './other-hooks.ts';

const HOOKS: Readonly<Record<string, KfuncHook>> = { ...DYNPTR_KFUNCS, ...OTHER_KFUNCS, ...FIELD_KFUNCS };

/** The hook of a kernel function; those of modules have none. */
export function hookOf({ special }: { readonly special: string }): KfuncHook | undefined {
  return Object.hasOwn(HOOKS, special) ? HOOKS[special] : undefined;
}
