/** How helpers are imported: WebAssembly types that spare BigInts where the helper does not need 64 bits. */
import type { ArgKind, HelperProto } from '../helpers/types.ts';
import type { ValueType } from './wasm/opcodes.ts';

/** `i32`: the low half (pointers, sizes); `split`: low and high half, two parameters; `i64`: the whole. */
export type HelperParam = 'i32' | 'i64' | 'split';
/**
 * `pointer`: an i32 memory offset, 0 for NULL; `u32`, `s32`: an i32 to be extended; `i64`: the whole; `cell`: no result, the helper stores
 * 8 bytes at RUN_AREA.RESULT; `void`: r0 is 0.
 */
export type HelperResult = 'pointer' | 'u32' | 's32' | 'i64' | 'cell' | 'void';

/** r1.. as `params`, r0 as `result`. */
export interface HelperSignature {
  readonly params: readonly HelperParam[];
  readonly result: HelperResult;
  /** The helper may call back: the caller's frame is left at RUN_AREA.FRAME. */
  readonly callsBack?: boolean;
}

const MAX_ARGS = 5;

/** Arguments of which every bit may matter. */
const WHOLE: ReadonlySet<ArgKind> = new Set<ArgKind>([
  'anything',
  'func',
  'btf_id',
  'btf_id_or_null',
  'sock_common',
  'bpf_sock',
  'socket_or_null',
  'percpu_btf_id',
  'const_alloc_size_or_zero',
]);

/**
 * A signature from a helper's prototype. Pointers are offsets (their high half is known), flags and addresses are whole.
 * @param options.whole how whole values are passed: `split` suits JavaScript, `i64` WebAssembly
 */
export function helperSignature(
  proto: HelperProto,
  options: { readonly whole?: 'split' | 'i64'; readonly checked?: boolean } = {},
): HelperSignature {
  const whole = options.whole ?? 'split';
  const params = proto.args.map(({ kind }): HelperParam => (options.checked === true || WHOLE.has(kind) ? whole : 'i32'));
  // Variadic helpers read registers that the prototype does not name.
  if (proto.variadic === true) while (params.length < MAX_ARGS) params.push(whole);
  const callsBack = proto.args.some(({ kind }) => kind === 'func');
  return { params, result: resultOf(proto, whole), ...(callsBack ? { callsBack } : {}) };
}

function resultOf({ ret, cret }: HelperProto, whole: 'split' | 'i64'): HelperResult {
  switch (ret) {
    case 'void':
      return 'void';
    case 'integer':
      // long results are errnos, lengths and counts; the others use all their bits.
      if (cret === 'long' || cret === 'int') return 's32';
      if (cret === '__u32') return 'u32';
      return whole === 'i64' ? 'i64' : 'cell';
    case 'btf_id':
    case 'btf_id_or_null':
    case 'btf_id_trusted':
    case 'mem_or_btf_id':
    case 'mem_or_btf_id_or_null':
      return whole === 'i64' ? 'i64' : 'cell';
    default:
      return 'pointer';
  }
}

/** The import's types. */
export function importType({ params, result }: HelperSignature): {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
} {
  const types = params.flatMap((param): readonly ValueType[] => (param === 'split' ? ['i32', 'i32'] : [param]));
  if (result === 'void' || result === 'cell') return { params: types, results: [] };
  return { params: types, results: [result === 'i64' ? 'i64' : 'i32'] };
}
