/**
 * What simulation learned that a compiler can use. Sound on every path, those included that were not followed because a state was found equal to
 * one that was: types of registers are compared exactly, and what decided a jump or a key was marked precise. Ranges of other scalars are not
 * compared, and are no facts.
 */
import { FLAG, KIND, kindOf, type Reg } from './state/reg.ts';
import { RESULT, type Verification } from './verification.ts';

/** Memory that an access can go to. `mixed`: not the same on all paths. */
export type MemoryKind = 'stack' | 'ctx' | 'map_value' | 'map_key' | 'packet' | 'memory' | 'kernel' | 'mixed';

/** Facts by slot. */
export interface ProgramFacts {
  /** For loads, stores and atomics that some path came to: where they go. Undefined for all other slots and for dead code. */
  readonly kinds: readonly (MemoryKind | undefined)[];
  /** For arithmetic and loads: the result is an engine pointer, never NULL or perhaps. */
  readonly results: readonly ('pointer' | 'nullable' | undefined)[];
  /** For conditional jumps that always or never jump. */
  readonly branches: readonly ('always' | 'never' | undefined)[];
  /** For lookups in arrays whose key is always the same: the key, below max_entries. */
  readonly keys: readonly (number | undefined)[];
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

/** Kinds of pointers into what the program itself may access, not into the kernel. */
const OWN: ReadonlySet<number> = new Set<number>([...Object.keys(NAMES).map(Number), KIND.MAP_PTR, KIND.PACKET_END]);
const FOREIGN = FLAG.USER | FLAG.PERCPU | FLAG.UNTRUSTED;
const RESULTS: Readonly<Record<number, 'pointer' | 'nullable'>> = {
  [RESULT.POINTER]: 'pointer',
  [RESULT.NULLABLE]: 'nullable',
  [RESULT.POINTER | RESULT.NULLABLE]: 'nullable',
};

/** Notes what the instruction just simulated put in its destination. */
export function noteResult(v: Verification, at: number, reg: Reg | undefined): void {
  if (reg === undefined) return;
  const own = OWN.has(kindOf(reg.type)) && (reg.type & FOREIGN) === 0;
  const bit = !own ? RESULT.OTHER : (reg.type & FLAG.MAYBE_NULL) === 0 ? RESULT.POINTER : RESULT.NULLABLE;
  v.results[at] = (v.results[at] ?? 0) | bit;
}

/** Notes the key of an array lookup, -1 for an unknown one. */
export function noteKey(v: Verification, key: number): void {
  const fact = v.fact(v.insn);
  fact.key = fact.key === undefined || fact.key === key ? key : -1;
}

/** The facts of a verification that has ended. */
export function programFacts(v: Verification): ProgramFacts {
  const by = <T>(of: (at: number) => T): T[] => v.insns.map((_, at) => of(at));
  return {
    kinds: by((at) => {
      const fact = v.facts[at];
      if (fact?.pointer === undefined) return undefined;
      if (fact.mixed === true) return 'mixed';
      // Nobody looked at the bounds of what is untrusted.
      return (fact.pointer & FLAG.UNTRUSTED) !== 0 ? 'kernel' : (NAMES[kindOf(fact.pointer)] ?? 'kernel');
    }),
    results: by((at) => RESULTS[v.results[at] ?? 0]),
    branches: by((at) => {
      const ways = v.facts[at]?.ways;
      return ways === 1 ? 'always' : ways === 2 ? 'never' : undefined;
    }),
    keys: by((at) => {
      const key = v.facts[at]?.key;
      return key === undefined || key < 0 ? undefined : key;
    }),
  };
}
