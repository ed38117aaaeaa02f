/** Assembler text (kernel/LLVM syntax, labels, comments) -> bytes. The syntax of one statement is in parse.ts. */
import { encode, type Instruction, SLOT_SIZE } from '../isa/index.ts';
import { Cursor, SIGNED16, SIGNED32 } from './cursor.ts';
import { parseStatement, type Statement } from './parse.ts';

/** What names mean that the text does not define. */
export interface AssembleOptions {
  /** File name for errors. */
  readonly file?: string;
  /** Helper's id by name, for `call bpf_trace_printk`. */
  readonly helperId?: (name: string) => number | undefined;
}

/** Comments start with `//`, `;`, or with `#` where a statement could start. */
const COMMENT = /(?:^|[ \t])#.*$|\/\/.*$|;.*$/;
/** What the kernel's log and llvm-objdump print before an instruction: `12: (79) `. */
const LISTING = /^[ \t]*\d+:[ \t]*(?:\([0-9a-f]{2}\))?/;
const LABEL = /^[ \t]*([A-Za-z_.$][A-Za-z0-9_.$]*):(?!:)/;

interface Placed {
  readonly statement: Statement;
  readonly slot: number;
  readonly cursor: Cursor;
}

/**
 * The bytes of a program.
 * @throws FormatError with line and column, and what was expected there
 */
export function assemble(text: string, options: AssembleOptions = {}): Uint8Array {
  const labels = new Map<string, number>();
  const placed: Placed[] = [];
  let size = 0;
  for (const [i, line] of text.split('\n').entries()) {
    const location = { ...(options.file === undefined ? {} : { file: options.file }), line: i + 1 };
    let rest = blank(blank(line, COMMENT).trimEnd(), LISTING);
    const name = LABEL.exec(rest)?.[1];
    if (name !== undefined) {
      if (labels.has(name)) throw new Cursor(rest, location).error(`label '${name}' is defined twice`);
      labels.set(name, size / SLOT_SIZE);
      rest = blank(rest, LABEL);
    }
    const cursor = new Cursor(rest, location);
    if (cursor.done) continue;
    const statement = parseStatement(cursor);
    placed.push({ statement, slot: size / SLOT_SIZE, cursor });
    size += sizeOf(statement);
  }
  return concat(
    placed.map((p) => {
      if (p.statement.kind === 'data') return Uint8Array.from(p.statement.bytes);
      return encode([resolve(p, p.statement, labels, options)]);
    }),
    size,
  );
}

function resolve(
  { slot, cursor }: Placed,
  statement: Exclude<Statement, { kind: 'data' }>,
  labels: ReadonlyMap<string, number>,
  options: AssembleOptions,
): Instruction {
  if (statement.kind === 'insn') return statement.insn;
  const name = statement.kind === 'call' ? statement.name : statement.label;
  const target = labels.get(name);
  const off = target === undefined ? undefined : target - slot - 1;
  if (off !== undefined && !Number.isInteger(off)) {
    throw cursor.error(`label '${name}' is not at a whole instruction's distance`, statement.mark);
  }
  if (statement.kind === 'call') {
    if (off !== undefined) return { kind: 'call', target: 'local', imm: off, off: 0 };
    const id = options.helperId?.(name);
    if (id === undefined) throw cursor.error(`'${name}' is neither a label of this text nor a known helper`, statement.mark);
    return { kind: 'call', target: 'helper', imm: id, off: 0 };
  }
  if (off === undefined) throw cursor.error(`label '${name}' is not defined`, statement.mark);
  const range = statement.wide ? SIGNED32 : SIGNED16;
  if (off < range.min || off > range.max) {
    throw cursor.error(`label '${name}' is ${off} slots away, expected ${range.min} to ${range.max}`, statement.mark);
  }
  return statement.make(off);
}

function sizeOf(statement: Statement): number {
  if (statement.kind === 'data') return statement.bytes.length;
  return statement.kind === 'insn' && statement.insn.kind === 'ld_imm64' ? 2 * SLOT_SIZE : SLOT_SIZE;
}

/** The line with what matches turned into spaces, so that columns stay true. */
function blank(line: string, pattern: RegExp): string {
  return line.replace(pattern, (found) => ' '.repeat(found.length));
}

function concat(parts: readonly Uint8Array[], size: number): Uint8Array {
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
