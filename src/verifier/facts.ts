/** What simulation learned that a compiler can use: the kind of pointer that each memory access goes through. */
import { KIND, kindOf } from './state/reg.ts';
import type { Verification } from './verification.ts';

/** Memory that an access can go to. `mixed`: not the same on all paths. */
export type MemoryKind = 'stack' | 'ctx' | 'map_value' | 'map_key' | 'packet' | 'memory' | 'kernel' | 'mixed';

/** Facts by slot. */
export interface ProgramFacts {
  /** For loads, stores and atomics that some path came to: where they go. Undefined for all other slots and for dead code. */
  readonly kinds: readonly (MemoryKind | undefined)[];
}

const NAMES: Readonly<Record<number, MemoryKind>> = {
  [KIND.STACK]: 'stack',
  [KIND.CTX]: 'ctx',
  [KIND.MAP_VALUE]: 'map_value',
  [KIND.MAP_KEY]: 'map_key',
  [KIND.PACKET]: 'packet',
  [KIND.PACKET_META]: 'packet',
  [KIND.MEM]: 'memory',
  [KIND.BUF]: 'memory',
  [KIND.TP_BUFFER]: 'memory',
};

/** The facts of a verification that has ended. */
export function programFacts(v: Verification): ProgramFacts {
  return {
    kinds: v.insns.map((_, at) => {
      const fact = v.facts[at];
      if (fact?.pointer === undefined) return undefined;
      return fact.mixed === true ? 'mixed' : (NAMES[kindOf(fact.pointer)] ?? 'kernel');
    }),
  };
}
