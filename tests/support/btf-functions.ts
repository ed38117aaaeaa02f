/** BTF and records of a program's functions from C-like prototypes, for tests: `int f(struct __sk_buff *ctx, int n)`, with tags as `arg:ctx`. */
import { type BtfType, encodeBtf } from '../../src/btf/index.ts';

/** A function: its first slot, its prototype and linkage, and the declaration tags of its parameters. */
export interface Described {
  readonly insn: number;
  /** `int f(int, struct task_struct *)`. */
  readonly proto: string;
  readonly linkage?: 'static' | 'global';
  /** By parameter. */
  readonly tags?: Readonly<Record<number, string | readonly string[]>>;
}

/** A line record: slot and line number; offsets of strings where they are to be wrong. */
export interface Line {
  readonly insn: number;
  readonly line?: number;
  readonly file?: number;
  readonly source?: number;
}

/** What a program is loaded with. */
export interface ProgramTypes {
  readonly btf: Uint8Array;
  readonly records: Uint8Array;
  readonly lines?: Uint8Array;
}

const INTS: Readonly<Record<string, number>> = { int: 4, char: 1, u64: 8, u32: 4, long: 8, __int128: 16 };

class Types {
  readonly list: BtfType[] = [];
  readonly #known = new Map<string, number>();

  add(type: (id: number) => BtfType): number {
    this.list.push(type(this.list.length + 1));
    return this.list.length;
  }

  /** Id of a spelled type; 0 is void. `fwd x` is a struct that is declared only, `struct x` has one int. */
  id(spelling: string): number {
    const text = spelling.trim();
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const id = text === 'void' ? 0 : this.#make(text);
    this.#known.set(text, id);
    return id;
  }

  #make(text: string): number {
    if (text.endsWith('*')) {
      const type = this.id(text.slice(0, -1));
      return this.add((id) => ({ kind: 'ptr', id, name: '', type }));
    }
    const array = /^(.*)\[(\d+)\]$/.exec(text);
    if (array !== null) {
      const [type, indexType, count] = [this.id(array[1] ?? ''), this.id('int'), Number(array[2])];
      return this.add((id) => ({ kind: 'array', id, name: '', type, indexType, count }));
    }
    const [word = '', name = ''] = text.split(' ');
    const size = INTS[text];
    if (size !== undefined) {
      return this.add((id) => ({
        kind: 'int',
        id,
        name: text,
        size,
        bits: size * 8,
        bitOffset: 0,
        signed: true,
        char: false,
        bool: false,
      }));
    }
    switch (word) {
      case 'struct':
      case 'union': {
        const type = this.id('int');
        return this.add((id) => ({ kind: word, id, name, size: 8, members: [{ name: 'a', type, bitOffset: 0, bitSize: 0 }] }));
      }
      case 'fwd':
        return this.add((id) => ({ kind: 'fwd', id, name, of: 'struct' }));
      case 'enum':
        return this.add((id) => ({ kind: 'enum', id, name, size: 4, signed: false, values: [{ name: `${name}_A`, value: 0n }] }));
      case 'float':
        return this.add((id) => ({ kind: 'float', id, name: 'float', size: 4 }));
      case 'const': {
        const type = this.id(text.slice('const '.length));
        return this.add((id) => ({ kind: 'const', id, name: '', type }));
      }
      default: {
        // A typedef of a struct: `bpf_user_pt_regs_t`.
        const type = this.id(`struct ${text}__struct`);
        return this.add((id) => ({ kind: 'typedef', id, name: text, type }));
      }
    }
  }
}

/** BTF, func_info and, where lines are given, line_info. */
export function describeProgram(functions: readonly Described[], lines?: readonly Line[]): ProgramTypes {
  const types = new Types();
  const records: number[] = [];
  for (const f of functions) {
    const [, result = 'int', name = '', list = ''] = /^(.*?)(\w+)\((.*)\)$/.exec(f.proto) ?? [];
    const returnType = types.id(result);
    const params = list.trim() === '' ? [] : list.split(',').map((param, i) => ({ name: `p${i}`, type: types.id(param) }));
    const proto = types.add((id) => ({ kind: 'func_proto', id, name: '', returnType, params }));
    const func = types.add((id) => ({ kind: 'func', id, name, type: proto, linkage: f.linkage ?? 'global' }));
    for (const [i, tags] of Object.entries(f.tags ?? {})) {
      for (const tag of typeof tags === 'string' ? [tags] : tags) {
        types.add((id) => ({ kind: 'decl_tag', id, name: tag, type: func, component: Number(i) }));
      }
    }
    records.push(f.insn, func);
  }
  // A name for files and lines.
  types.add((id) => ({ kind: 'fwd', id, name: 'source_c', of: 'struct' }));
  const btf = encodeBtf(types.list);
  const bytes = (words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
  if (lines === undefined) return { btf, records: bytes(records) };
  const words = lines.flatMap(({ insn, line = 1, file = 1, source = 1 }) => [insn, file, source, (line << 10) | 1]);
  return { btf, records: bytes(records), lines: bytes(words) };
}
