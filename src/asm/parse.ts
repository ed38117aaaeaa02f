/** One statement of kernel/LLVM assembler text -> an instruction, or one that waits for its label. Labels and lines are assemble.ts's business. */
import { type AccessSize, type AluOp, type AtomicOp, type Instruction, type Operand, PSEUDO, type Reg, type Width } from '../isa/index.ts';
import { BITS32, BITS64, type Cursor, type Range, type RegToken, SIGNED16, SIGNED32 } from './cursor.ts';
import { ALU_SYMBOL, ATOMIC_SYMBOL, bySymbol, JMP_SYMBOL, typeOf } from './symbols.ts';

/** A statement: an instruction, an instruction whose offset is a label's, or raw bytes. */
export type Statement =
  | { readonly kind: 'insn'; readonly insn: Instruction }
  | {
      readonly kind: 'branch';
      readonly label: string;
      readonly mark: number;
      readonly wide: boolean;
      readonly make: (off: number) => Instruction;
    }
  /** `call name`: a label's subprogram or a helper. */
  | { readonly kind: 'call'; readonly name: string; readonly mark: number }
  | { readonly kind: 'data'; readonly bytes: readonly number[] };

const ALU = bySymbol(ALU_SYMBOL);
const JMP = bySymbol(JMP_SYMBOL);
const ATOMIC = bySymbol(ATOMIC_SYMBOL);
const IMM16: Range = { min: 0n, max: 0xffffn, what: 'a number of 16 bits' };
const PSEUDO_RANGE: Range = { min: 0n, max: 6n, what: 'a pseudo kind 0 to 6' };
const BYTE: Range = { min: 0n, max: 0xffn, what: 'a byte' };
const DATA: Range = { min: 0n, max: 0xffffffffffffffffn, what: 'an unsigned 64-bit number' };

/** Parses the statement at the cursor, to the end of the line. */
export function parseStatement(cursor: Cursor): Statement {
  const statement = parseWhole(cursor);
  cursor.end();
  return statement;
}

function parseWhole(cursor: Cursor): Statement {
  if (cursor.take('*')) return done(parseStore(cursor));
  const dst = cursor.tryReg();
  if (dst !== undefined) return done(parseAssignment(cursor, dst));
  const mark = cursor.mark;
  switch (cursor.word()) {
    case 'if':
      return parseIf(cursor);
    case 'goto':
      return parseTarget(cursor, false, (off) => ({ kind: 'ja', wide: false, off }));
    case 'gotol':
      return parseTarget(cursor, true, (off) => ({ kind: 'ja', wide: true, off }));
    case 'may_goto':
      return parseTarget(cursor, false, (off) => ({ kind: 'may_goto', off }));
    case 'call':
      return parseCall(cursor);
    case 'callx':
      return done({ kind: 'callx', reg: cursor.reg(64).reg });
    case 'exit':
      return done({ kind: 'exit' });
    case 'lock':
      return done(parseLock(cursor));
    case 'store_release': {
      cursor.expect('(');
      const { size, base, off } = typedAddress(cursor);
      cursor.expect(',');
      const src = accessReg(cursor, size);
      cursor.expect(')');
      return done({ kind: 'atomic', op: 'store_release', fetch: false, size, dst: base, src, off });
    }
    case '.8byte':
      return { kind: 'data', bytes: littleEndian(cursor.number(DATA)) };
    case '.byte':
      return parseBytes(cursor);
    default:
      cursor.reset(mark);
      throw cursor.expected('an instruction');
  }
}

function done(insn: Instruction): Statement {
  return { kind: 'insn', insn };
}

/** `+3`, `pc+3`, `+0x3 <.text+0x48>` or a label. */
function parseTarget(cursor: Cursor, wide: boolean, make: (off: number) => Instruction): Statement {
  const range = wide ? SIGNED32 : SIGNED16;
  const mark = cursor.mark;
  const pc = cursor.takeWord('pc');
  const off = cursor.tryNumber(range);
  if (off !== undefined) {
    cursor.takeAnnotation();
    return done(make(Number(off)));
  }
  if (pc) cursor.reset(mark);
  const label = cursor.word();
  if (label === undefined) throw cursor.expected('a jump target: +N, pc+N or a label');
  return { kind: 'branch', label, mark, wide, make };
}

function parseIf(cursor: Cursor): Statement {
  const { reg: dst, width } = cursor.reg();
  const symbol = JMP.find(([text]) => cursor.take(text));
  if (symbol === undefined) throw cursor.expected('a comparison');
  const op = symbol[1];
  const src = operand(cursor, width, BITS32);
  if (!cursor.takeWord('goto')) throw cursor.expected("'goto'");
  return parseTarget(cursor, false, (off) => ({ kind: 'jmp', width, op, dst, src, off }));
}

function parseCall(cursor: Cursor): Statement {
  const mark = cursor.mark;
  const name = cursor.word();
  if (name === undefined) return done({ kind: 'call', target: 'helper', imm: cursor.int32(), off: 0 });
  if (name === 'pc') {
    const off = cursor.tryNumber(SIGNED32);
    if (off !== undefined) return done({ kind: 'call', target: 'local', imm: Number(off), off: 0 });
  }
  if (name === 'kernel' && cursor.take('-function#')) return done({ kind: 'call', target: 'kfunc', imm: cursor.int32(), off: 0 });
  if (cursor.take('#')) return done({ kind: 'call', target: 'helper', imm: cursor.int32(), off: 0 });
  if (name !== 'kfunc' || cursor.done) return { kind: 'call', name, mark };
  if (cursor.word() !== undefined) cursor.expect('#');
  const imm = cursor.int32();
  return done({ kind: 'call', target: 'kfunc', imm, off: cursor.take(',') ? Number(cursor.number(SIGNED16)) : 0 });
}

/** After `lock`: `*(u64 *)(r1 + 0) += r2`. */
function parseLock(cursor: Cursor): Instruction {
  cursor.expect('*');
  const { size, base, off } = typedAddress(cursor);
  const symbol = ATOMIC.find(([text]) => cursor.take(text));
  if (symbol === undefined) throw cursor.expected("'+=', '|=', '&=' or '^='");
  return { kind: 'atomic', op: symbol[1], fetch: false, size: atomicSize(cursor, size), dst: base, src: accessReg(cursor, size), off };
}

/** After the first `*`: `(u64 *)(r1 + 8) = r2`. */
function parseStore(cursor: Cursor): Instruction {
  const { size, base, off } = typedAddress(cursor);
  cursor.expect('=');
  const mark = cursor.mark;
  const isReg = cursor.tryReg() !== undefined;
  cursor.reset(mark);
  if (isReg) return { kind: 'stx', size, dst: base, src: accessReg(cursor, size), off };
  return { kind: 'st', size, dst: base, off, imm: cursor.int32(size === 8 ? SIGNED32 : BITS32) };
}

function parseAssignment(cursor: Cursor, dst: RegToken): Instruction {
  const symbol = ALU.find(([text]) => cursor.take(text));
  if (symbol !== undefined) {
    const src = operand(cursor, dst.width, immRange(dst.width));
    return { kind: 'alu', width: dst.width, op: symbol[1], dst: dst.reg, src };
  }
  if (!cursor.take('=')) throw cursor.expected("'=' or an operator such as '+='");
  if (cursor.take('*')) return parseLoad(cursor, dst);
  if (cursor.take('(')) return parseSignExtend(cursor, dst);
  const src = cursor.tryReg();
  if (src !== undefined) return { kind: 'alu', width: dst.width, op: 'mov', dst: dst.reg, src: { reg: sameWidth(cursor, src, dst) } };
  const mark = cursor.mark;
  if (cursor.take('-')) {
    const negated = cursor.tryReg();
    if (negated !== undefined) {
      sameRegister(cursor, negated, dst);
      return { kind: 'neg', width: dst.width, dst: dst.reg };
    }
    cursor.reset(mark);
  }
  const name = cursor.word();
  return name === undefined ? parseConstant(cursor, dst) : parseNamed(cursor, dst, name, mark);
}

/** A 32-bit constant, or one of 64 bits when `ll` follows. */
function parseConstant(cursor: Cursor, dst: RegToken): Instruction {
  const mark = cursor.mark;
  const number = cursor.tryNumber(BITS64);
  if (number === undefined) throw cursor.expected('a register, a number, a memory access or an operation');
  if (cursor.takeWord('ll')) {
    sameWidth(cursor, dst, { width: 64 });
    const pseudo = cursor.takeWord('pseudo') ? Number(cursor.number(PSEUDO_RANGE)) : PSEUDO.NONE;
    return { kind: 'ld_imm64', dst: dst.reg, pseudo, imm: BigInt.asUintN(64, number) };
  }
  const range = immRange(dst.width);
  if (number < range.min || number > range.max)
    throw cursor.error(`${number} is not ${range.what}; write 'll' after a 64-bit constant`, mark);
  return { kind: 'alu', width: dst.width, op: 'mov', dst: dst.reg, src: { imm: Number(BigInt.asIntN(32, number)) } };
}

/** `dst = name…`: byte swaps, atomics with a result, map references. */
function parseNamed(cursor: Cursor, dst: RegToken, name: string, mark: number): Instruction {
  const end = /^(le|be|bswap)(16|32|64)$/.exec(name);
  if (end !== null) {
    sameWidth(cursor, dst, { width: 64 });
    sameRegister(cursor, cursor.reg(64), dst);
    return { kind: 'end', op: end[1] as 'le' | 'be' | 'bswap', bits: Number(end[2]) as 16 | 32 | 64, dst: dst.reg };
  }
  const atomic = /^atomic(?:64)?_(fetch_add|fetch_or|fetch_and|fetch_xor|xchg|cmpxchg)$/.exec(name);
  if (atomic !== null) {
    cursor.expect('(');
    const { size, base, off } = typedAddress(cursor);
    const op = (atomic[1] ?? '').replace('fetch_', '') as AtomicOp;
    return parseFetch(cursor, dst, op, atomicSize(cursor, size), base, off);
  }
  const exchange = /^(xchg|cmpxchg)(_64|32_32)$/.exec(name);
  if (exchange !== null) {
    cursor.expect('(');
    const base = cursor.reg(64).reg;
    const off = offset(cursor);
    return parseFetch(cursor, dst, exchange[1] as AtomicOp, exchange[2] === '_64' ? 8 : 4, base, off);
  }
  switch (name) {
    case 'load_acquire': {
      cursor.expect('(');
      const { size, base, off } = typedAddress(cursor);
      cursor.expect(')');
      if (size === 8) sameWidth(cursor, dst, { width: 64 });
      return { kind: 'atomic', op: 'load_acquire', fetch: false, size, dst: dst.reg, src: base, off };
    }
    case 'addr_space_cast': {
      cursor.expect('(');
      const src = cursor.reg(64).reg;
      cursor.expect(',');
      const to = Number(cursor.number(IMM16));
      cursor.expect(',');
      const from = Number(cursor.number(IMM16));
      cursor.expect(')');
      sameWidth(cursor, dst, { width: 64 });
      return { kind: 'addr_space_cast', dst: dst.reg, src, imm: (to << 16) | from };
    }
    case 'map':
    case 'subprog':
      sameWidth(cursor, dst, { width: 64 });
      return parseReference(cursor, dst.reg, name);
    default:
      cursor.reset(mark);
      throw cursor.expected('a register, a number, a memory access or an operation');
  }
}

/** `map[fd:5]`, `map[idx:5][0]+8`, `subprog[+3]`: ld_imm64 with a pseudo kind. */
function parseReference(cursor: Cursor, dst: Reg, name: 'map' | 'subprog'): Instruction {
  cursor.expect('[');
  if (name === 'subprog') {
    const off = cursor.int32();
    cursor.expect(']');
    return { kind: 'ld_imm64', dst, pseudo: PSEUDO.FUNC, imm: BigInt(off >>> 0) };
  }
  const isFd = cursor.takeWord('fd');
  if (!isFd && !cursor.takeWord('idx')) throw cursor.expected("'fd:' or 'idx:'");
  cursor.expect(':');
  const low = BigInt(cursor.int32(BITS32) >>> 0);
  cursor.expect(']');
  if (!cursor.take('[0]')) return { kind: 'ld_imm64', dst, pseudo: isFd ? PSEUDO.MAP_FD : PSEUDO.MAP_IDX, imm: low };
  const high = BigInt(cursor.int32(BITS32) >>> 0);
  return { kind: 'ld_imm64', dst, pseudo: isFd ? PSEUDO.MAP_VALUE : PSEUDO.MAP_IDX_VALUE, imm: (high << 32n) | low };
}

/** After the address: `, r0)`, and the register that gets the old value. */
function parseFetch(cursor: Cursor, dst: RegToken, op: AtomicOp, size: AccessSize, base: Reg, off: number): Instruction {
  cursor.expect(',');
  if (op === 'cmpxchg') {
    if (accessReg(cursor, size) !== 0) throw cursor.error('cmpxchg compares with r0, expected r0');
    if (dst.reg !== 0) throw cursor.error(`cmpxchg gives its old value to r0, expected r0 instead of r${dst.reg}`, dst.mark);
    cursor.expect(',');
  }
  const src = accessReg(cursor, size);
  cursor.expect(')');
  if (op !== 'cmpxchg' && src !== dst.reg)
    throw cursor.error(`the old value goes to the source register r${src}, not to r${dst.reg}`, dst.mark);
  return { kind: 'atomic', op, fetch: true, size, dst: base, src, off };
}

/** After `(`: `s8)r1`. */
function parseSignExtend(cursor: Cursor, dst: RegToken): Instruction {
  const mark = cursor.mark;
  const type = typeOf(cursor.word() ?? '');
  if (type?.signed !== true || type.size * 8 >= dst.width) {
    cursor.reset(mark);
    throw cursor.expected(dst.width === 32 ? 's8 or s16' : 's8, s16 or s32');
  }
  cursor.expect(')');
  const op = `movsx${type.size * 8}` as AluOp;
  return { kind: 'alu', width: dst.width, op, dst: dst.reg, src: { reg: cursor.reg(dst.width).reg } };
}

/** After `dst = *`: `(u64 *)(r1 + 8)` or `(u8 *)skb[14]`. */
function parseLoad(cursor: Cursor, dst: RegToken): Instruction {
  const start = cursor.mark;
  const { size, signed } = pointerType(cursor);
  if (cursor.takeWord('skb')) {
    if (size === 8 || signed) throw cursor.error('a packet is read as u8, u16 or u32', start);
    if (dst.reg !== 0) throw cursor.error(`a packet is read into r0, not into r${dst.reg}`, dst.mark);
    cursor.expect('[');
    const src = cursor.tryReg();
    const imm = src === undefined || cursor.take('+') ? cursor.int32() : 0;
    cursor.expect(']');
    return src === undefined ? { kind: 'ld_abs', size, imm } : { kind: 'ld_ind', size, src: src.reg, imm };
  }
  if (signed && size === 8) throw cursor.error('expected s8, s16, s32 or an unsigned type, found s64', start);
  const { base, off } = bracketed(cursor);
  if (size === 8 || signed) sameWidth(cursor, dst, { width: 64 });
  return { kind: 'ldx', size, signed, dst: dst.reg, src: base, off };
}

function parseBytes(cursor: Cursor): Statement {
  const bytes: number[] = [];
  do bytes.push(Number(cursor.number(BYTE)));
  while (cursor.take(','));
  return { kind: 'data', bytes };
}

/** `(u64 *)(r1 + 8)` of an unsigned type. */
function typedAddress(cursor: Cursor): { size: AccessSize; base: Reg; off: number } {
  const mark = cursor.mark;
  const { size, signed } = pointerType(cursor);
  if (signed) throw cursor.error('expected u8, u16, u32 or u64', mark);
  return { size, ...bracketed(cursor) };
}

function pointerType(cursor: Cursor): { size: AccessSize; signed: boolean } {
  cursor.expect('(');
  const mark = cursor.mark;
  const type = typeOf(cursor.word() ?? '');
  if (type === undefined) {
    cursor.reset(mark);
    throw cursor.expected('a type: u8, u16, u32, u64, s8, s16 or s32');
  }
  cursor.expect('*');
  cursor.expect(')');
  return type;
}

function bracketed(cursor: Cursor): { base: Reg; off: number } {
  cursor.expect('(');
  const base = cursor.reg(64).reg;
  const off = offset(cursor);
  cursor.expect(')');
  return { base, off };
}

function offset(cursor: Cursor): number {
  return Number(cursor.tryNumber(SIGNED16) ?? 0n);
}

function operand(cursor: Cursor, width: Width, range: Range): Operand {
  const src = cursor.tryReg();
  if (src !== undefined) return { reg: sameWidth(cursor, src, { width }) };
  return { imm: cursor.int32(range) };
}

/** 64-bit operations extend the sign: what needs bit 31 as a value bit cannot be written. */
function immRange(width: Width): Range {
  return width === 32 ? BITS32 : SIGNED32;
}

function sameWidth(cursor: Cursor, reg: RegToken, as: { readonly width: Width }): Reg {
  if (reg.width === as.width) return reg.reg;
  throw cursor.error(
    `${reg.width === 32 ? 'w' : 'r'}${reg.reg} has ${reg.width} bits, expected ${as.width === 32 ? 'w' : 'r'}${reg.reg}`,
    reg.mark,
  );
}

function sameRegister(cursor: Cursor, src: RegToken, dst: RegToken): void {
  if (src.reg !== dst.reg || src.width !== dst.width) {
    throw cursor.error('source and destination must be the same register', src.mark);
  }
}

/** The register of a memory access: below 64 bits both names of it are in use. */
function accessReg(cursor: Cursor, size: AccessSize): Reg {
  return size === 8 ? cursor.reg(64).reg : cursor.reg().reg;
}

function atomicSize(cursor: Cursor, size: AccessSize): AccessSize {
  if (size < 4) throw cursor.error(`atomic operations exist on u32 and u64, not on u${size * 8}`);
  return size;
}

function littleEndian(value: bigint): number[] {
  return Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}
