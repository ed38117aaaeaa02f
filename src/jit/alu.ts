/** Arithmetic, moves, byte order and comparisons (RFC 9669 §4.1-4.3), in 32 bits where only the low half of the result is kept. */
import type { Instruction, JmpOp } from '../isa/index.ts';
import type { FunctionWriter } from './function.ts';
import type { WasmOp } from './wasm/opcodes.ts';
import { comparison, HIGH, immediateHigh } from './widths.ts';

type Alu = Extract<Instruction, { kind: 'alu' }>;
type Plain = 'add' | 'sub' | 'mul' | 'and' | 'or' | 'xor';

const PLAIN: Readonly<Record<Plain, readonly [WasmOp, WasmOp]>> = {
  add: ['i32.add', 'i64.add'],
  sub: ['i32.sub', 'i64.sub'],
  mul: ['i32.mul', 'i64.mul'],
  and: ['i32.and', 'i64.and'],
  or: ['i32.or', 'i64.or'],
  xor: ['i32.xor', 'i64.xor'],
};
const SHIFT = { lsh: ['i32.shl', 'i64.shl'], rsh: ['i32.shr_u', 'i64.shr_u'], arsh: ['i32.shr_s', 'i64.shr_s'] } as const;
const EXTEND = { movsx8: ['i32.extend8_s', 'i64.extend8_s'], movsx16: ['i32.extend16_s', 'i64.extend16_s'] } as const;

/** Pushes the second operand's low half, or all of it. */
function source32(w: FunctionWriter, insn: Alu): void {
  if ('reg' in insn.src) w.push32(insn.src.reg);
  else w.code.i32(insn.src.imm);
}

function source64(w: FunctionWriter, insn: Alu): void {
  if ('reg' in insn.src) w.push64(insn.src.reg);
  else w.code.i64(insn.src.imm);
}

/** Writes an `alu` instruction. */
export function writeAlu(w: FunctionWriter, insn: Alu): void {
  const { code } = w;
  const { op, dst } = insn;
  const narrow = insn.width === 32 || w.nextIsNarrow();
  const done32 = (high: number = HIGH.zero): void => w.set32(dst, high);
  switch (op) {
    case 'mov':
      if (narrow) {
        source32(w, insn);
        done32();
      } else {
        source64(w, insn);
        w.set64(dst);
      }
      return;
    case 'movsx8':
    case 'movsx16':
      if (narrow) {
        source32(w, insn);
        code.op(EXTEND[op][0]);
        done32();
      } else {
        source64(w, insn);
        code.op(EXTEND[op][1]);
        w.set64(dst);
      }
      return;
    case 'movsx32':
      source32(w, insn);
      done32(HIGH.sign);
      return;
    case 'and':
      if (insn.width === 64 && 'imm' in insn.src && insn.src.imm >= 0) {
        w.push32(dst);
        code.i32(insn.src.imm);
        code.op('i32.and');
        done32();
        return;
      }
      plain(w, insn, op, narrow);
      return;
    case 'add':
    case 'sub':
    case 'mul':
    case 'or':
    case 'xor':
      plain(w, insn, op, narrow);
      return;
    case 'lsh':
    case 'rsh':
    case 'arsh':
      shift(w, insn, op);
      return;
    default:
      divide(w, insn, op);
  }
}

function plain(w: FunctionWriter, insn: Alu, op: Plain, narrow: boolean): void {
  if (narrow) {
    w.push32(insn.dst);
    source32(w, insn);
    w.code.op(PLAIN[op][0]);
    w.set32(insn.dst, HIGH.zero);
  } else {
    w.push64(insn.dst);
    source64(w, insn);
    w.code.op(PLAIN[op][1]);
    w.set64(insn.dst);
  }
}

function shift(w: FunctionWriter, insn: Alu, op: keyof typeof SHIFT): void {
  const { code } = w;
  const { dst, src } = insn;
  const count = 'imm' in src ? src.imm & (insn.width - 1) : undefined;
  const high = w.high(dst);
  const low32 = op === 'lsh' || (op === 'rsh' ? (high & HIGH.zero) !== 0 : (high & HIGH.sign) !== 0);
  if (insn.width === 32) {
    w.push32(dst);
    source32(w, insn);
    code.op(SHIFT[op][0]);
    w.set32(dst, HIGH.zero);
  } else if (count !== undefined && low32 && w.nextIsNarrow()) {
    w.push32(dst);
    if (count >= 32 && op !== 'arsh') {
      code.op('drop');
      code.i32(0);
    } else {
      code.i32(Math.min(count, 31));
      code.op(SHIFT[op][0]);
    }
    w.set32(dst, HIGH.zero);
  } else {
    w.push64(dst);
    source64(w, insn);
    code.op(SHIFT[op][1]);
    w.set64(dst);
  }
}

/** Division by zero gives 0, modulo by zero the dividend (RFC 9669 §4.1); the smallest number by -1 wraps. */
function divide(w: FunctionWriter, insn: Alu, op: 'div' | 'mod' | 'sdiv' | 'smod'): void {
  const { code } = w;
  const { dst, src } = insn;
  const signed = op === 'sdiv' || op === 'smod';
  const modulo = op === 'mod' || op === 'smod';
  const divisorHigh = 'reg' in src ? w.high(src.reg) : immediateHigh(src.imm);
  const small = insn.width === 32 || (!signed && (w.high(dst) & divisorHigh & HIGH.zero) !== 0);
  const type = small ? 'i32' : 'i64';
  const x = w.temp(type, 'dividend');
  const y = w.temp(type, 'divisor');
  const operation: WasmOp = `${type}.${modulo ? 'rem' : 'div'}_${signed ? 's' : 'u'}`;
  const constant = (value: number): void => (small ? code.i32(value) : code.i64(value));
  const finish = (): void => (small ? w.set32(dst, HIGH.zero) : w.set64(dst));
  const pushDividend = (): void => (small ? w.push32(dst) : w.push64(dst));
  if ('imm' in src) {
    if (src.imm === 0) {
      if (modulo) pushDividend();
      else constant(0);
    } else if (src.imm === -1 && signed) {
      if (modulo) {
        constant(0);
      } else {
        constant(0);
        pushDividend();
        code.op(small ? 'i32.sub' : 'i64.sub');
      }
    } else {
      pushDividend();
      constant(src.imm);
      code.op(operation);
    }
    finish();
    return;
  }
  pushDividend();
  code.op1('local.set', x);
  if (small) w.push32(src.reg);
  else w.push64(src.reg);
  code.op1('local.set', y);
  // The trap-free value first, replaced where the division can be done.
  const result = w.temp(type, 'quotient');
  if (modulo) code.op1('local.get', x);
  else constant(0);
  code.op1('local.set', result);
  code.op1('local.get', y);
  if (!small) {
    code.i64(0);
    code.op('i64.ne');
  }
  code.open('if');
  if (op === 'sdiv') {
    code.op1('local.get', y);
    constant(-1);
    code.op(small ? 'i32.eq' : 'i64.eq');
    code.open('if');
    constant(0);
    code.op1('local.get', x);
    code.op(small ? 'i32.sub' : 'i64.sub');
    code.op1('local.set', result);
    code.else();
  }
  code.op1('local.get', x);
  code.op1('local.get', y);
  code.op(operation);
  code.op1('local.set', result);
  if (op === 'sdiv') code.close();
  code.close();
  code.op1('local.get', result);
  finish();
}

/** Writes `neg`. */
export function writeNeg(w: FunctionWriter, insn: Extract<Instruction, { kind: 'neg' }>): void {
  const { code } = w;
  if (insn.width === 32 || w.nextIsNarrow()) {
    code.i32(0);
    w.push32(insn.dst);
    code.op('i32.sub');
    w.set32(insn.dst, HIGH.zero);
  } else {
    code.i64(0);
    w.push64(insn.dst);
    code.op('i64.sub');
    w.set64(insn.dst);
  }
}

/** Writes `end`: this machine is little-endian, so le truncates and be swaps. */
export function writeEnd(w: FunctionWriter, insn: Extract<Instruction, { kind: 'end' }>): void {
  const { code } = w;
  const { dst, bits } = insn;
  if (bits === 64) {
    if (insn.op === 'le') {
      if (w.nextIsNarrow()) {
        w.push32(dst);
        w.set32(dst, HIGH.zero);
      } else {
        w.push64(dst);
        w.set64(dst);
      }
      return;
    }
    const whole = w.temp('i64', 'swap');
    w.push64(dst);
    code.op1('local.tee', whole);
    code.op('i32.wrap_i64');
    swap32(w);
    code.op('i64.extend_i32_u');
    code.i64(32);
    code.op('i64.shl');
    code.op1('local.get', whole);
    code.i64(32);
    code.op('i64.shr_u');
    code.op('i32.wrap_i64');
    swap32(w);
    code.op('i64.extend_i32_u');
    code.op('i64.or');
    w.set64(dst);
    return;
  }
  w.push32(dst);
  if (insn.op !== 'le') swap32(w);
  if (bits === 16) {
    if (insn.op === 'le') {
      code.i32(0xffff);
      code.op('i32.and');
    } else {
      code.i32(16);
      code.op('i32.shr_u');
    }
  }
  w.set32(dst, HIGH.zero);
}

/** Swaps the bytes of the i32 on the stack. */
function swap32(w: FunctionWriter): void {
  const { code } = w;
  const value = w.temp('i32', 'swap');
  code.op1('local.tee', value);
  code.i32(8);
  code.op('i32.rotl');
  code.i32(0x00ff00ff);
  code.op('i32.and');
  code.op1('local.get', value);
  code.i32(8);
  code.op('i32.rotr');
  code.i32(0xff00ff00 | 0);
  code.op('i32.and');
  code.op('i32.or');
}

type Relation = 'eq' | 'ne' | 'gt_u' | 'ge_u' | 'lt_u' | 'le_u' | 'gt_s' | 'ge_s' | 'lt_s' | 'le_s';
const RELATION: Readonly<Record<Exclude<JmpOp, 'jset'>, Relation>> = {
  jeq: 'eq',
  jne: 'ne',
  jgt: 'gt_u',
  jge: 'ge_u',
  jlt: 'lt_u',
  jle: 'le_u',
  jsgt: 'gt_s',
  jsge: 'ge_s',
  jslt: 'lt_s',
  jsle: 'le_s',
};
const OPPOSITE: Readonly<Record<Relation, Relation>> = {
  eq: 'ne',
  ne: 'eq',
  gt_u: 'le_u',
  ge_u: 'lt_u',
  lt_u: 'ge_u',
  le_u: 'gt_u',
  gt_s: 'le_s',
  ge_s: 'lt_s',
  lt_s: 'ge_s',
  le_s: 'gt_s',
};
const UNSIGNED: Readonly<Partial<Record<Relation, Relation>>> = { gt_s: 'gt_u', ge_s: 'ge_u', lt_s: 'lt_u', le_s: 'le_u' };

/** Pushes whether the jump is taken, or with `taken` false whether it is not. */
export function writeCondition(w: FunctionWriter, insn: Extract<Instruction, { kind: 'jmp' }>, taken: boolean): void {
  const { code } = w;
  const { dst, src } = insn;
  const other = 'reg' in src ? w.high(src.reg) : immediateHigh(src.imm);
  const how = insn.width === 32 ? 'low' : comparison(insn.op, w.high(dst), other);
  const type = how === 'wide' ? 'i64' : 'i32';
  const push = (reg: number): void => (type === 'i64' ? w.push64(reg) : w.push32(reg));
  push(dst);
  const zero = 'imm' in src && src.imm === 0;
  if (insn.op === 'jset') {
    if ('reg' in src) push(src.reg);
    else if (type === 'i64') code.i64(src.imm);
    else code.i32(src.imm);
    code.op(`${type}.and`);
    if (type === 'i64') {
      code.i64(0);
      code.op(taken ? 'i64.ne' : 'i64.eq');
    } else if (!taken) {
      code.op('i32.eqz');
    }
    return;
  }
  const plainRelation = RELATION[insn.op];
  const signedAs = how === 'low_unsigned' ? (UNSIGNED[plainRelation] ?? plainRelation) : plainRelation;
  const relation = taken ? signedAs : OPPOSITE[signedAs];
  if (zero && relation === 'eq') {
    code.op(`${type}.eqz`);
    return;
  }
  if (zero && relation === 'ne' && type === 'i32') return;
  if ('reg' in src) push(src.reg);
  else if (type === 'i64') code.i64(src.imm);
  else code.i32(src.imm);
  code.op(`${type}.${relation}`);
}
