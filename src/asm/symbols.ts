/** Operators and type names of the kernel/LLVM syntax, in both directions. */
import type { AccessSize, AluOp, AtomicOp, JmpOp } from '../isa/index.ts';

/** ALU operators that are written `dst OP src`. */
export const ALU_SYMBOL: Readonly<Record<Exclude<AluOp, 'mov' | 'movsx8' | 'movsx16' | 'movsx32'>, string>> = {
  add: '+=',
  sub: '-=',
  mul: '*=',
  div: '/=',
  sdiv: 's/=',
  mod: '%=',
  smod: 's%=',
  or: '|=',
  and: '&=',
  xor: '^=',
  lsh: '<<=',
  rsh: '>>=',
  arsh: 's>>=',
};

/** Comparison operators. */
export const JMP_SYMBOL: Readonly<Record<JmpOp, string>> = {
  jeq: '==',
  jne: '!=',
  jgt: '>',
  jge: '>=',
  jlt: '<',
  jle: '<=',
  jset: '&',
  jsgt: 's>',
  jsge: 's>=',
  jslt: 's<',
  jsle: 's<=',
};

/** Atomic operations without a result, `lock *(u64 *)(r1 + 0) += r2`. */
export const ATOMIC_SYMBOL: Readonly<Record<AtomicOp & ('add' | 'or' | 'and' | 'xor'), string>> = {
  add: '+=',
  or: '|=',
  and: '&=',
  xor: '^=',
};

/** Memory type of a size: `u8`. */
export function typeName(size: AccessSize, signed = false): string {
  return `${signed ? 's' : 'u'}${size * 8}`;
}

/** What a type name means, or undefined. */
export function typeOf(name: string): { readonly size: AccessSize; readonly signed: boolean } | undefined {
  return TYPES.get(name);
}

const SIZES: readonly AccessSize[] = [1, 2, 4, 8];
const TYPES = new Map(SIZES.flatMap((size) => [false, true].map((signed) => [typeName(size, signed), { size, signed }] as const)));

/** The table with keys and values exchanged, longest symbols first, so that the first match is the right one. */
export function bySymbol<K extends string>(table: Readonly<Record<K, string>>): readonly (readonly [symbol: string, op: K])[] {
  const keys = Object.keys(table) as K[];
  return keys.map((op) => [table[op], op] as const).sort((a, b) => b[0].length - a[0].length);
}
