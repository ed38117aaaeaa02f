/** A module of compileToWasm as text, for people: functions with their instructions indented by blocks. Knows what the translator emits, no more. */
import { FormatError } from '../base/index.ts';
import { ATOMIC_PREFIX, MISC_PREFIX, TYPE, VOID, WASM, WASM_ATOMIC, WASM_MISC } from './wasm/opcodes.ts';

const OPS = new Map<number, string>(Object.entries(WASM).map(([name, code]) => [code, name]));
const ATOMIC_OPS = new Map<number, string>(Object.entries(WASM_ATOMIC).map(([name, code]) => [code, name]));
const MISC_OPS = new Map<number, string>(Object.entries(WASM_MISC).map(([name, code]) => [code, name]));
const TYPES = new Map<number, string>(Object.entries(TYPE).map(([name, code]) => [code, name]));
const KINDS = ['func', 'table', 'memory', 'global'];
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10, custom: 0 } as const;

export interface TextOptions {
  /** A comment for the instruction at a byte offset of the module; given once for each stretch with the same comment. */
  readonly comment?: (offset: number) => string | undefined;
}

/**
 * The module as text.
 * @throws FormatError with the offset when the bytes are no module of compileToWasm's kind
 */
export function wasmText(bytes: Uint8Array, options: TextOptions = {}): string {
  const sections = readSections(bytes);
  const names = readNames(bytes, sections);
  const types = list(bytes, sections.get(SECTION.type), (r) => {
    r.byte();
    const values = (): string => Array.from({ length: r.u32() }, () => TYPES.get(r.byte()) ?? '?').join(' ');
    const params = values();
    const results = values();
    return `${params === '' ? '' : ` (param ${params})`}${results === '' ? '' : ` (result ${results})`}`;
  });
  const out: string[] = [];
  let imported = 0;
  for (const line of list(bytes, sections.get(SECTION.import), (r) => {
    const path = `${JSON.stringify(r.name())} ${JSON.stringify(r.name())}`;
    const kind = r.byte();
    if (kind === 0) return `(import ${path} (func $${names.get(imported++) ?? ''}${types[r.u32()] ?? ''}))`;
    if (kind === 3) {
      const type = TYPES.get(r.byte()) ?? '?';
      r.byte();
      return `(import ${path} (global ${type}))`;
    }
    if (kind === 1) r.byte();
    const flags = r.byte();
    r.u32();
    if ((flags & 1) !== 0) r.u32();
    return `(import ${path} (${KINDS[kind] ?? '?'}${(flags & 2) === 0 ? '' : ' shared'}))`;
  })) {
    out.push(`  ${line}`);
  }
  const functionTypes = list(bytes, sections.get(SECTION.function), (r) => r.u32());
  for (const line of list(bytes, sections.get(SECTION.export), (r) => {
    const name = JSON.stringify(r.name());
    r.byte();
    return `(export ${name} (func $${names.get(r.u32()) ?? ''}))`;
  })) {
    out.push(`  ${line}`);
  }
  let index = 0;
  list(bytes, sections.get(SECTION.code), (r) => {
    const end = r.u32() + r.at;
    out.push(`  (func $${names.get(imported + index) ?? ''}${types[functionTypes[index] ?? 0] ?? ''}`);
    const runs = r.u32();
    for (let i = 0; i < runs; i++) {
      const count = r.u32();
      out.push(`    (local${` ${TYPES.get(r.byte()) ?? '?'}`.repeat(Math.min(count, 1000))})`);
    }
    writeBody(r, end, { names, types, options, out });
    out.push('  )');
    index++;
  });
  return `(module\n${out.join('\n')}\n)\n`;
}

interface BodyContext {
  readonly names: ReadonlyMap<number, string>;
  readonly types: readonly string[];
  readonly options: TextOptions;
  readonly out: string[];
}

function writeBody(r: Reader, end: number, { names, types, options, out }: BodyContext): void {
  let depth = 2;
  let said: string | undefined;
  // The function's own end is its closing bracket.
  while (r.at < end - 1) {
    const comment = options.comment?.(r.at);
    if (comment !== undefined && comment !== said) out.push(`${'  '.repeat(depth)};; ${comment}`);
    said = comment;
    const text = instruction(r, names, types);
    if (text === 'end' || text === 'else') depth--;
    out.push(`${'  '.repeat(Math.max(depth, 0))}${text}`);
    if (text === 'block' || text === 'loop' || text === 'if' || text === 'else') depth++;
  }
  r.at = end;
}

function instruction(r: Reader, names: ReadonlyMap<number, string>, types: readonly string[]): string {
  const start = r.at;
  const code = r.byte();
  if (code === ATOMIC_PREFIX) {
    const name = ATOMIC_OPS.get(r.byte()) ?? '?';
    return `${name}${memory(r)}`;
  }
  if (code === MISC_PREFIX) {
    const misc = MISC_OPS.get(r.byte()) ?? '?';
    r.at += misc === 'memory.copy' ? 2 : 1;
    return misc;
  }
  const name = OPS.get(code);
  if (name === undefined) throw new FormatError(`opcode 0x${code.toString(16)}, expected one that the translator emits`, { offset: start });
  switch (name) {
    case 'block':
    case 'loop':
    case 'if':
      if (r.byte() !== VOID) throw new FormatError('a block with a result, expected none', { offset: start });
      return name;
    case 'br_table':
      return `${name} ${Array.from({ length: r.u32() + 1 }, () => r.u32()).join(' ')}`;
    case 'call':
    case 'return_call':
      return `${name} $${names.get(r.u32()) ?? '?'}`;
    case 'call_indirect':
    case 'return_call_indirect': {
      const type = types[r.u32()] ?? '';
      r.u32();
      return `${name}${type}`;
    }
    case 'br':
    case 'br_if':
    case 'local.get':
    case 'local.set':
    case 'local.tee':
    case 'global.get':
      return `${name} ${r.u32()}`;
    case 'i32.const':
    case 'i64.const':
      return `${name} ${r.signed()}`;
    case 'f64.const':
      for (let i = 0; i < 8; i++) r.byte();
      return `${name} 0`;
    default:
      return /\.(load|store)/.test(name) ? `${name}${memory(r)}` : name;
  }
}

function memory(r: Reader): string {
  r.u32();
  const offset = r.u32();
  return offset === 0 ? '' : ` offset=${offset}`;
}

interface Section {
  readonly start: number;
  readonly end: number;
}

function readSections(bytes: Uint8Array): Map<number, Section> {
  const sections = new Map<number, Section>();
  const r = new Reader(bytes, 0);
  for (const [i, expected] of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0].entries()) {
    if (r.byte() !== expected) throw new FormatError('no WebAssembly module, expected \\0asm and version 1', { offset: i });
  }
  while (r.at < bytes.length) {
    const id = r.byte();
    const size = r.u32();
    if (r.at + size > bytes.length) throw new FormatError(`section of ${size} bytes goes beyond the end`, { offset: r.at });
    sections.set(id, { start: r.at, end: r.at + size });
    r.at += size;
  }
  return sections;
}

/** Functions' names by index. */
function readNames(bytes: Uint8Array, sections: ReadonlyMap<number, Section>): Map<number, string> {
  const names = new Map<number, string>();
  const section = sections.get(SECTION.custom);
  if (section === undefined) return names;
  const r = new Reader(bytes, section.start);
  if (r.name() !== 'name') return names;
  // The module's own name comes first, where it has one.
  while (r.byte() === 0) r.at += r.u32();
  r.u32();
  for (let left = r.u32(); left > 0; left--) names.set(r.u32(), r.name());
  return names;
}

function list<T>(bytes: Uint8Array, section: Section | undefined, read: (r: Reader) => T): T[] {
  if (section === undefined) return [];
  const r = new Reader(bytes, section.start);
  const out: T[] = [];
  for (let left = r.u32(); left > 0; left--) out.push(read(r));
  return out;
}

class Reader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw new FormatError('the module ends early', { offset: this.at });
    this.at++;
    return byte;
  }

  u32(): number {
    return Number(BigInt.asUintN(32, this.#leb(false)));
  }

  signed(): bigint {
    return this.#leb(true);
  }

  name(): string {
    const size = this.u32();
    if (this.at + size > this.#bytes.length) throw new FormatError(`a name of ${size} bytes goes beyond the end`, { offset: this.at });
    const text = new TextDecoder().decode(this.#bytes.slice(this.at, this.at + size));
    this.at += size;
    return text;
  }

  #leb(signed: boolean): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return signed ? BigInt.asIntN(Number(shift) + 7, value) : value;
    }
    throw new FormatError('a number of more than 10 bytes', { offset: this.at });
  }
}
