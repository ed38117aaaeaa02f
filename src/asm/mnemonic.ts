/**
 * The assembler syntax of bpf_conformance's `.data` files (`mov %r0, 0`, `ldxw %r1, [%r2+4]`, `lock fetch add [%r10-8], %r1`),
 * with mnemonics of our own in the same manner for what that syntax lacks. Mnemonics come from the instruction table.
 */
import { type AluOp, encode, INSN_TABLE, type Instruction, type NamedRow, SLOT_SIZE } from '../isa/index.ts';
import { BITS32, BITS64, Cursor, type Range, SIGNED16, SIGNED32 } from './cursor.ts';

type Make = (off: number) => Instruction;
type Parsed = Instruction | { readonly label: string; readonly mark: number; readonly range: Range; readonly make: Make };
type Parser = (cursor: Cursor) => Parsed;

const COMMENT = /(?:#|\/\/).*$/;
const LABEL = /^[ \t]*([A-Za-z_.$][A-Za-z0-9_.$]*):/;
const SUFFIX = { 1: 'b', 2: 'h', 4: 'w', 8: 'dw' } as const;

/**
 * Assembles the text of an `-- asm` section. A jump to `exit` without such a label goes to the first exit.
 * @param start file and 1-based line of the text's first line, for errors
 * @throws FormatError with line and column, and what was expected there
 */
export function assembleMnemonics(text: string, start: { readonly file?: string; readonly line: number } = { line: 1 }): Uint8Array {
  const labels = new Map<string, number>();
  const placed: { readonly parsed: Parsed; readonly slot: number; readonly cursor: Cursor }[] = [];
  let slot = 0;
  let firstExit: number | undefined;
  for (const [i, line] of text.split('\n').entries()) {
    const location = { ...start, line: start.line + i };
    let rest = line.replace(COMMENT, '').trimEnd();
    const label = LABEL.exec(rest);
    const name = label?.[1];
    if (label !== null && name !== undefined) {
      if (labels.has(name)) throw new Cursor(rest, location).error(`label '${name}' is defined twice`);
      labels.set(name, slot);
      rest = ' '.repeat(label[0].length) + rest.slice(label[0].length);
    }
    const cursor = new Cursor(rest, location);
    if (cursor.done) continue;
    const parsed = parseLine(cursor);
    if ('kind' in parsed && parsed.kind === 'exit') firstExit ??= slot;
    placed.push({ parsed, slot, cursor });
    slot += 'kind' in parsed && parsed.kind === 'ld_imm64' ? 2 : 1;
  }
  if (firstExit !== undefined && !labels.has('exit')) labels.set('exit', firstExit);
  const bytes = new Uint8Array(slot * SLOT_SIZE);
  for (const { parsed, slot: at, cursor } of placed) {
    bytes.set(encode([resolve(parsed, at, cursor, labels)]), at * SLOT_SIZE);
  }
  return bytes;
}

function resolve(parsed: Parsed, slot: number, cursor: Cursor, labels: ReadonlyMap<string, number>): Instruction {
  if ('kind' in parsed) return parsed;
  const target = labels.get(parsed.label);
  if (target === undefined) throw cursor.error(`label '${parsed.label}' is not defined`, parsed.mark);
  const off = target - slot - 1;
  const { min, max } = parsed.range;
  if (off < min || off > max) throw cursor.error(`label '${parsed.label}' is ${off} slots away, expected ${min} to ${max}`, parsed.mark);
  return parsed.make(off);
}

function parseLine(cursor: Cursor): Parsed {
  const mark = cursor.mark;
  const mnemonic = cursor.word() ?? '';
  const parser = mnemonic === 'lock' ? lockParser(cursor) : PARSERS.get(mnemonic);
  if (parser === undefined) {
    cursor.reset(mark);
    throw cursor.expected('a mnemonic such as mov, ldxw or jeq');
  }
  const parsed = parser(cursor);
  cursor.end();
  return parsed;
}

function lockParser(cursor: Cursor): Parser | undefined {
  const fetch = cursor.takeWord('fetch');
  const mark = cursor.mark;
  const name = cursor.word() ?? '';
  const found = PARSERS.get(`lock ${fetch ? 'fetch ' : ''}${name}`);
  if (found !== undefined) return found;
  cursor.reset(mark);
  throw cursor.expected('an atomic operation such as add, fetch add32 or xchg');
}

/** Mnemonic -> parser, one for both operand kinds of an operation. */
const PARSERS: ReadonlyMap<string, Parser> = new Map([...INSN_TABLE.flatMap(parsersOf), ['call', parseCall]]);

function parsersOf(row: NamedRow): [string, Parser][] {
  switch (row.form) {
    case 'alu_imm':
    case 'alu_reg': {
      const { op, width } = row;
      const sign = /^movsx(\d+)$/.exec(op)?.[1];
      if (sign !== undefined) return [[`movsx${sign}${width}`, (c) => movsx(c, op, width)]];
      return [[`${op}${width === 32 ? '32' : ''}`, (c) => ({ kind: 'alu', op, width, dst: reg(c), src: second(c) })]];
    }
    case 'neg': {
      const { width } = row;
      return [[`neg${width === 32 ? '32' : ''}`, (c) => ({ kind: 'neg', width, dst: reg(c) })]];
    }
    case 'end': {
      const { op, bits } = row;
      const parser: Parser = (c) => ({ kind: 'end', op, bits, dst: reg(c) });
      return op === 'bswap'
        ? [
            [`bswap${bits}`, parser],
            [`swap${bits}`, parser],
          ]
        : [[`${op}${bits}`, parser]];
    }
    case 'addr_space_cast':
      return [['addr_space_cast', (c) => ({ kind: 'addr_space_cast', dst: reg(c), src: next(c, reg), imm: next(c, imm32) })]];
    case 'jmp_imm':
    case 'jmp_reg': {
      const { op, width } = row;
      return [
        [
          `${op}${width === 32 ? '32' : ''}`,
          (c) => {
            const dst = reg(c);
            const src = second(c);
            c.expect(',');
            return target(c, SIGNED16, (off) => ({ kind: 'jmp', op, width, dst, src, off }));
          },
        ],
      ];
    }
    case 'ja':
      return [['ja', (c) => target(c, SIGNED16, (off) => ({ kind: 'ja', wide: false, off }))]];
    case 'gotol':
      return [['ja32', (c) => target(c, SIGNED32, (off) => ({ kind: 'ja', wide: true, off }))]];
    case 'may_goto':
      return [['may_goto', (c) => target(c, SIGNED16, (off) => ({ kind: 'may_goto', off }))]];
    case 'exit':
      return [['exit', () => ({ kind: 'exit' })]];
    case 'ld_imm64':
      return [['lddw', parseLddw]];
    case 'ld_abs': {
      const { size } = row;
      return [[`ldabs${SUFFIX[size]}`, (c) => ({ kind: 'ld_abs', size, imm: imm32(c) })]];
    }
    case 'ld_ind': {
      const { size } = row;
      return [[`ldind${SUFFIX[size]}`, (c) => ({ kind: 'ld_ind', size, src: reg(c), imm: next(c, imm32) })]];
    }
    case 'ldx': {
      const { size, signed } = row;
      return [[`ldx${signed ? 's' : ''}${SUFFIX[size]}`, (c) => loaded({ dst: reg(c), ...next(c, address) }, size, signed)]];
    }
    case 'st': {
      const { size } = row;
      return [[`st${SUFFIX[size]}`, (c) => stored(address(c), size, next(c, imm32))]];
    }
    case 'stx': {
      const { size } = row;
      return [[`stx${SUFFIX[size]}`, (c) => storedReg(address(c), size, next(c, reg))]];
    }
    case 'atomic':
      return atomicParsers(row);
    case 'call':
    case 'call_kfunc':
    case 'callx':
      return [];
  }
}

function atomicParsers({ op, size, fetch }: NamedRow & { form: 'atomic' }): [string, Parser][] {
  if (op === 'load_acquire') {
    return [
      [
        `ldacq${SUFFIX[size]}`,
        (c) => {
          const dst = reg(c);
          const { base, off } = next(c, address);
          return { kind: 'atomic', op, size, fetch, dst, src: base, off };
        },
      ],
    ];
  }
  const parser: Parser = (c) => {
    const { base, off } = address(c);
    return { kind: 'atomic', op, size, fetch, dst: base, src: next(c, reg), off };
  };
  if (op === 'store_release') return [[`strel${SUFFIX[size]}`, parser]];
  const name = `${op}${size === 4 ? '32' : ''}`;
  return [[`lock ${fetch && op !== 'xchg' && op !== 'cmpxchg' ? 'fetch ' : ''}${name}`, parser]];
}

/** `call 5`, `call helper 5`, `call local name`, `call runtime 7` (a kernel function) and `call %r2`. */
function parseCall(c: Cursor): Parsed {
  const callee = c.tryPercentReg();
  if (callee !== undefined) return { kind: 'callx', reg: callee };
  if (c.takeWord('local')) return target(c, SIGNED32, (imm) => ({ kind: 'call', target: 'local', imm, off: 0 }));
  if (c.takeWord('runtime')) return { kind: 'call', target: 'kfunc', imm: imm32(c), off: 0 };
  c.takeWord('helper');
  return { kind: 'call', target: 'helper', imm: imm32(c), off: 0 };
}

/** `lddw %r1, 0x1122334455667788`, and ours: a third operand is the pseudo kind. */
function parseLddw(c: Cursor): Instruction {
  const dst = reg(c);
  const imm = BigInt.asUintN(
    64,
    next(c, (x) => x.number(BITS64)),
  );
  const pseudo = c.take(',') ? Number(c.number({ min: 0n, max: 6n, what: 'a pseudo kind 0 to 6' })) : 0;
  return { kind: 'ld_imm64', dst, pseudo, imm };
}

function movsx(c: Cursor, op: AluOp, width: 32 | 64): Instruction {
  return { kind: 'alu', op, width, dst: reg(c), src: { reg: next(c, reg) } };
}

interface Address {
  readonly base: number;
  readonly off: number;
}

function loaded({ dst, base, off }: Address & { dst: number }, size: 1 | 2 | 4 | 8, signed: boolean): Instruction {
  return { kind: 'ldx', size, signed, dst, src: base, off };
}

function stored({ base, off }: Address, size: 1 | 2 | 4 | 8, imm: number): Instruction {
  return { kind: 'st', size, dst: base, off, imm };
}

function storedReg({ base, off }: Address, size: 1 | 2 | 4 | 8, src: number): Instruction {
  return { kind: 'stx', size, dst: base, src, off };
}

/** `+3` or a label. */
function target(c: Cursor, range: Range, make: Make): Parsed {
  const off = c.tryNumber(range);
  if (off !== undefined) return make(Number(off));
  const mark = c.mark;
  const label = c.word();
  if (label === undefined) throw c.expected('a jump target: +N or a label');
  return { label, mark, range, make };
}

/** `[%r1+8]`. */
function address(c: Cursor): Address {
  c.expect('[');
  const base = reg(c);
  const off = Number(c.tryNumber(SIGNED16) ?? 0n);
  c.expect(']');
  return { base, off };
}

function reg(c: Cursor): number {
  const found = c.tryPercentReg();
  if (found === undefined) throw c.expected('a register %r0 to %r10');
  return found;
}

function imm32(c: Cursor): number {
  return c.int32(BITS32);
}

function second(c: Cursor): { readonly reg: number } | { readonly imm: number } {
  c.expect(',');
  const src = c.tryPercentReg();
  return src === undefined ? { imm: imm32(c) } : { reg: src };
}

function next<T>(c: Cursor, parse: (c: Cursor) => T): T {
  c.expect(',');
  return parse(c);
}
