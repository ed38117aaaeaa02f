/** Spelling of program rows: helper sets as id ranges over the base set, context fields by name. */
import type { ContextStruct } from './contexts.ts';
import type { CtxField, CtxLayout, FieldRule } from './types.ts';

/** Helpers that every program type may call with all capabilities (kernel/bpf/helpers.c bpf_base_func_proto, v6.18, asked of the kernel type by type). */
const BASE =
  '1-3,5-8,12,14-17,22,35,37,42,55,80,87-89,93-94,105-106,109,112-115,117-118,120,123,125,130-134,141,148-149,153-154,156-158,164-165,169-172,175-177,180-182,191,194-195,197-203,208-211';

/** The ids of `1-3,7`-like ranges, joined with the base set unless `without` it. */
export function helperSet(ranges: string, base: 'base' | 'none' = 'base'): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const range of `${base === 'base' ? BASE : ''},${ranges}`.split(',')) {
    if (range === '') continue;
    const [first, last] = range.split('-').map(Number);
    if (first === undefined) continue;
    for (let id = first; id <= (last ?? first); id++) ids.add(id);
  }
  return ids;
}

/** How a program type may access named members of its context. Each is a list of names separated by spaces. */
export interface FieldAccess {
  /** Reads of the full size. */
  readonly read?: string;
  /** Reads of the full size and of aligned parts. */
  readonly narrow?: string;
  /** Reads and writes of the full size. */
  readonly readWrite?: string;
  /** Reads of aligned parts too, writes of the full size. */
  readonly narrowWrite?: string;
  /** Reads of 1, 2, 4 and 8 aligned bytes anywhere inside. */
  readonly anyRead?: string;
  /** Reads and writes of 1, 2, 4 and 8 aligned bytes anywhere inside. */
  readonly any?: string;
}

/** Rules of single members, by name. */
export type FieldRules = Readonly<Record<string, FieldRule>>;

/** The layout of a context of which some members are accessible. */
export function fields(struct: ContextStruct, access: FieldAccess, rules: FieldRules = {}): CtxLayout & { readonly kind: 'fields' } {
  const list: CtxField[] = [];
  for (const [kind, names] of Object.entries(access)) {
    for (const name of String(names).split(' ')) {
      const member = struct.members.find((m) => m[0] === name);
      if (member === undefined) throw new Error(`context has no member '${name}'`);
      const write = kind === 'readWrite' || kind === 'narrowWrite' || kind === 'any';
      const anySize = kind === 'any' || kind === 'anyRead';
      const narrow = kind === 'narrow' || kind === 'narrowWrite' || anySize;
      const rule = rules[name];
      list.push({
        name,
        offset: member[1],
        size: member[2],
        read: true,
        write,
        narrow,
        ...(anySize ? { anySize } : {}),
        ...(rule === undefined ? {} : { rule }),
      });
    }
  }
  return { kind: 'fields', size: struct.size, fields: list.sort((a, b) => a.offset - b.offset) };
}
