/** encodeBtf: a type graph as the bytes of a BTF blob. Reading is btf.ts's business. */
import { encodeText, FormatError } from '../base/index.ts';
import { BTF_KINDS, type BtfLinkage, type BtfType } from './types.ts';

const HEADER_SIZE = 24;
const LINKAGE: Readonly<Record<BtfLinkage, number>> = { static: 0, global: 1, extern: 2 };
const FLAG = 0x8000_0000;
/** vlen has 16 bits. */
const MAX_PARTS = 0xffff;

/**
 * Bytes of these types, in the order of their ids: the first has id 1.
 * Throws FormatError when an id is not its place, or a type has more than 65,535 parts.
 */
export function encodeBtf(types: readonly BtfType[]): Uint8Array {
  const strings = new StringTable();
  const words: number[] = [];
  types.forEach((type, i) => {
    if (type.id !== i + 1) throw new FormatError(`type ${type.name || type.kind} has id ${type.id}, expected ${i + 1}`);
    const { parts, flag, word, rest } = record(type, strings);
    if (parts > MAX_PARTS) throw new FormatError(`type ${type.name} has ${parts} parts, expected at most ${MAX_PARTS}`);
    words.push(strings.offset(type.name), ((BTF_KINDS.indexOf(type.kind) << 24) | parts | (flag ? FLAG : 0)) >>> 0, word >>> 0);
    for (const value of rest) words.push(value >>> 0);
  });
  const text = strings.bytes();
  const out = new Uint8Array(HEADER_SIZE + words.length * 4 + text.length);
  const view = new DataView(out.buffer);
  const header = [0xeb9f | (1 << 16), HEADER_SIZE, 0, words.length * 4, words.length * 4, text.length];
  [...header, ...words].forEach((value, i) => {
    view.setUint32(i * 4, value, true);
  });
  out.set(text, HEADER_SIZE + words.length * 4);
  return out;
}

interface BtfRecord {
  /** vlen; of func its linkage. */
  readonly parts: number;
  readonly flag: boolean;
  /** Size or type. */
  readonly word: number;
  readonly rest: readonly number[];
}

function record(type: BtfType, strings: StringTable): BtfRecord {
  const plain = (word: number, rest: readonly number[] = [], parts = 0, flag = false): BtfRecord => ({ parts, flag, word, rest });
  switch (type.kind) {
    case 'void':
      throw new FormatError('void has id 0 and no record');
    case 'int': {
      const encoding = (type.signed ? 1 : 0) | (type.char ? 2 : 0) | (type.bool ? 4 : 0);
      return plain(type.size, [(encoding << 24) | (type.bitOffset << 16) | type.bits]);
    }
    case 'array':
      return plain(0, [type.type, type.indexType, type.count]);
    case 'struct':
    case 'union': {
      const flag = type.members.some((m) => m.bitSize > 0);
      const rest = type.members.flatMap((m) => [strings.offset(m.name), m.type, flag ? (m.bitSize << 24) | m.bitOffset : m.bitOffset]);
      return plain(type.size, rest, type.members.length, flag);
    }
    case 'enum': {
      const rest = type.values.flatMap((v) => [strings.offset(v.name), Number(BigInt.asUintN(32, v.value))]);
      return plain(type.size, rest, type.values.length, type.signed);
    }
    case 'enum64': {
      const half = (v: bigint): number => Number(BigInt.asUintN(32, v));
      const rest = type.values.flatMap((v) => [strings.offset(v.name), half(v.value), half(v.value >> 32n)]);
      return plain(type.size, rest, type.values.length, type.signed);
    }
    case 'fwd':
      return plain(0, [], 0, type.of === 'union');
    case 'func':
      return plain(type.type, [], LINKAGE[type.linkage]);
    case 'func_proto': {
      const rest = type.params.flatMap((p) => [strings.offset(p.name), p.type]);
      return plain(type.returnType, rest, type.params.length);
    }
    case 'var':
      return plain(type.type, [LINKAGE[type.linkage]]);
    case 'datasec':
      return plain(
        type.size,
        type.vars.flatMap((v) => [v.type, v.offset, v.size]),
        type.vars.length,
      );
    case 'float':
      return plain(type.size);
    case 'decl_tag':
      return plain(type.type, [type.component]);
    default:
      return plain(type.type);
  }
}

/** Names, each once. */
class StringTable {
  readonly #offsets = new Map([['', 0]]);
  readonly #texts: Uint8Array[] = [new Uint8Array(1)];
  #size = 1;

  offset(name: string): number {
    const known = this.#offsets.get(name);
    if (known !== undefined) return known;
    const text = encodeText(`${name}\0`);
    const offset = this.#size;
    this.#offsets.set(name, offset);
    this.#texts.push(text);
    this.#size += text.length;
    return offset;
  }

  bytes(): Uint8Array {
    const out = new Uint8Array(this.#size);
    let at = 0;
    for (const text of this.#texts) {
      out.set(text, at);
      at += text.length;
    }
    return out;
  }
}
