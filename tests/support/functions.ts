/** The least BTF that describes the functions of a program, for tests: every function returns int. */

/** A function: its first slot, linkage, and what its parameters are. */
export interface TestFunction {
  readonly insn: number;
  readonly linkage: 'static' | 'global';
  readonly params?: readonly ('int' | 'ctx' | 'int *' | 'void *')[];
  /** Declaration tags of the function itself. */
  readonly tags?: readonly string[];
}

const HEADER_SIZE = 24;
const MAGIC = 0xeb9f;
const KIND = { INT: 1, PTR: 2, STRUCT: 4, FUNC: 12, FUNC_PROTO: 13, DECL_TAG: 17 } as const;

/** BTF and func_info records. The context is `struct __sk_buff`. */
export function describeFunctions(functions: readonly TestFunction[]): { readonly btf: Uint8Array; readonly records: Uint8Array } {
  let names = '\0';
  const name = (text: string): number => {
    const at = names.length;
    names += `${text}\0`;
    return at;
  };
  const words: number[] = [];
  let id = 0;
  const type = (nameOff: number, kind: number, vlen: number, size: number, ...more: readonly number[]): number => {
    words.push(nameOff, (kind << 24) | vlen, size, ...more);
    return ++id;
  };
  const int = type(name('int'), KIND.INT, 0, 4, (1 << 24) | 32);
  const intPointer = type(0, KIND.PTR, 0, int);
  const context = type(name('__sk_buff'), KIND.STRUCT, 0, 4);
  const contextPointer = type(0, KIND.PTR, 0, context);
  const ids = { int, 'int *': intPointer, ctx: contextPointer, 'void *': type(0, KIND.PTR, 0, 0) };
  const records: number[] = [];
  for (const [i, f] of functions.entries()) {
    const params = f.params ?? [];
    const proto = type(0, KIND.FUNC_PROTO, params.length, int, ...params.flatMap((p, n) => [name(`p${n}`), ids[p]]));
    const func = type(name(`f${i}`), KIND.FUNC, f.linkage === 'global' ? 1 : 0, proto);
    for (const tag of f.tags ?? []) type(name(tag), KIND.DECL_TAG, 0, func, 0xffff_ffff);
    records.push(f.insn, func);
  }
  const strings = new TextEncoder().encode(names);
  const types = new Uint8Array(Uint32Array.from(words).buffer);
  const btf = new Uint8Array(HEADER_SIZE + types.length + strings.length);
  const view = new DataView(btf.buffer);
  view.setUint16(0, MAGIC, true);
  view.setUint8(2, 1);
  for (const [i, value] of [HEADER_SIZE, 0, types.length, types.length, strings.length].entries()) view.setUint32(4 + i * 4, value, true);
  btf.set(types, HEADER_SIZE);
  btf.set(strings, HEADER_SIZE + types.length);
  return { btf, records: new Uint8Array(Uint32Array.from(records).buffer) };
}
