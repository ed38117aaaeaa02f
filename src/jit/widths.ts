/**
 * Decides which webs fit in 32-bit locals: those whose high half is known (properties of definitions, forwards) and those whose high half nobody
 * reads (demand of uses, backwards). Both are sound without a verifier, but for pointer arithmetic, which is trusted in unchecked code only.
 */
import { type Instruction, PSEUDO } from '../isa/index.ts';
import { KERNEL_BASE_HI } from '../mem/memory.ts';
import { type CallFacts, Effects, effectsOf, isTailCall } from './effects.ts';
import { at } from './graph.ts';
import { smallCounters } from './induction.ts';
import type { HelperSignature } from './signature.ts';
import type { InsnFact } from './types.ts';
import { Cursor, eachInsn, type FunctionBody, type Webs } from './webs.ts';

/** What is known of a value's high half: it is 0; copies of bit 31; KERNEL_BASE_HI unless the low half is 0, then 0; KERNEL_BASE_HI. */
export const HIGH = { zero: 1, sign: 2, nullable: 4, pointer: 8 } as const;
const ALL = 15;
const POINTER = HIGH.pointer | HIGH.nullable;

const FACT_HIGH = { pointer: POINTER, nullable: HIGH.nullable, u32: HIGH.zero, s32: HIGH.sign } as const;

/** Properties of a constant by its halves. */
export function constantHigh(lo: number, hi: number): number {
  const bits = (hi === 0 ? HIGH.zero : 0) | (hi === lo >> 31 ? HIGH.sign : 0);
  return bits | (hi === KERNEL_BASE_HI ? POINTER : 0) | (lo === 0 && hi === 0 ? HIGH.nullable : 0);
}

/** Properties of a sign-extended immediate. */
export function immediateHigh(imm: number): number {
  return constantHigh(imm, imm >> 31);
}

/** How the values of a register pair compare. `wide`: all 64 bits are needed. */
export type Comparison = 'wide' | 'low' | 'low_unsigned';

/** Whether a 64-bit comparison of values with these properties comes down to one of their low halves. */
export function comparison(op: string, a: number, b: number): Comparison {
  const both = a & b;
  if (op === 'jset') return ((a | b) & HIGH.zero) !== 0 ? 'low' : 'wide';
  if (op === 'jeq' || op === 'jne') return both !== 0 ? 'low' : 'wide';
  if ((both & (HIGH.zero | HIGH.pointer)) !== 0) return 'low_unsigned';
  return (both & HIGH.sign) !== 0 ? 'low' : 'wide';
}

export interface WidthInput {
  readonly body: FunctionBody;
  readonly webs: Webs;
  readonly calls: CallFacts;
  readonly checked: boolean;
  readonly facts: readonly (InsnFact | undefined)[] | undefined;
  /** Properties of r1..r5 at the function's entry. */
  readonly entryHigh: readonly number[];
  helper(id: number): HelperSignature | undefined;
  /** Mask of registers of which the function at a slot wants only the low half. */
  narrowArgs(slot: number): number;
}

export interface Widths {
  /** 1: the web is kept in a 32-bit local. */
  readonly narrow: Uint8Array;
  /** HIGH bits by web. */
  readonly high: Uint8Array;
  /** The constant of a web with one definition. */
  constant(web: number): bigint | undefined;
  /** Slot of the function whose address a web with one definition is. */
  callback(web: number): number | undefined;
}

/** Rules for properties of results that depend on operands'. */
const RULE = { copy: 0, and: 1, both: 2, unsigned: 3, shift: 4, offset: 5 } as const;

function applyRule(rule: number, a: number, b: number): number {
  const plain = HIGH.zero | HIGH.sign;
  switch (rule) {
    case RULE.copy:
      return a;
    case RULE.and:
      return ((a | b) & HIGH.zero) | (a & b & HIGH.sign);
    case RULE.both:
      return a & b & plain;
    case RULE.unsigned:
      return a & HIGH.zero;
    case RULE.shift:
      return a & plain;
    default:
      return (a & HIGH.pointer) !== 0 ? POINTER : 0;
  }
}

const ROUNDS = 12;

/** Analyses a function. */
export function findWidths(input: WidthInput): Widths {
  const high = findHighs(input);
  const demand = findDemand(input, high);
  const narrow = new Uint8Array(input.webs.nodes);
  for (let web = 0; web < narrow.length; web++) narrow[web] = high[web] !== 0 || demand[web] === 0 ? 1 : 0;
  const { constants, callbacks } = findConstants(input);
  return { narrow, high, constant: (web) => constants.get(web), callback: (web) => callbacks.get(web) };
}

function findHighs(input: WidthInput): Uint8Array {
  const { body, webs, calls, facts, entryHigh } = input;
  const high = new Uint8Array(webs.nodes).fill(ALL);
  const cursor = new Cursor(webs);
  const effects = new Effects();
  const small = smallCounters(body, webs, calls);
  // Quintuples of result web, rule, operand's web, other operand's web, and the immediate's properties where there is none.
  const dependent: number[] = [];
  for (let reg = 1; reg <= 5; reg++) meet(high, at(webs.web, reg), entryHigh[reg - 1] ?? 0);
  for (let reg = 0; reg < 10; reg++) if (reg === 0 || reg > 5) meet(high, at(webs.web, reg), constantHigh(0, 0));
  for (const [n, block] of body.blocks.entries()) {
    cursor.enter(n);
    eachInsn(body, block, (insn, slot) => {
      effectsOf(insn, slot, calls, effects);
      if (effects.def < 0) return;
      const of = (reg: number): number => (reg === 10 ? -1 : cursor.web(reg));
      const src = insn.kind === 'alu' && 'reg' in insn.src ? of(insn.src.reg) : -2;
      const dst = insn.kind === 'alu' || insn.kind === 'end' ? of(insn.dst) : -2;
      const web = cursor.define(effects.def);
      if (effects.clobbers) for (let reg = 1; reg <= 5; reg++) meet(high, cursor.define(reg), constantHigh(0, 0));
      const fact = facts?.[slot]?.result;
      if (fact !== undefined) {
        meet(high, web, FACT_HIGH[fact]);
        return;
      }
      if ((small[web] === 1 && insn.kind === 'alu' && insn.op === 'add') || body.bounded.has(slot)) {
        meet(high, web, HIGH.zero | HIGH.sign);
        return;
      }
      const known = resultHigh(insn, input);
      if (typeof known === 'number') meet(high, web, known);
      else dependent.push(web, known.rule, known.rule === RULE.copy && src !== -2 ? src : dst, src, known.imm);
    });
  }
  const read = (web: number): number => (web === -1 ? POINTER : (high[web] ?? 0));
  for (let round = 0, changed = true; changed; round++) {
    changed = false;
    for (let i = 0; i < dependent.length; i += 5) {
      const web = dependent[i] ?? 0;
      const other = dependent[i + 3] ?? 0;
      let value = 0;
      if (round < ROUNDS) {
        value = applyRule(dependent[i + 1] ?? 0, read(dependent[i + 2] ?? 0), other === -2 ? (dependent[i + 4] ?? 0) : read(other));
      }
      const before = high[web] ?? 0;
      if ((before & value) === before) continue;
      high[web] = before & value;
      changed = true;
    }
  }
  return high;
}

function meet(high: Uint8Array, web: number, value: number): void {
  high[web] = (high[web] ?? 0) & value;
}

interface Dependent {
  readonly rule: number;
  readonly imm: number;
}

/** Properties of an instruction's result, or how they depend on its operands'. */
function resultHigh(insn: Instruction, input: WidthInput): number | Dependent {
  switch (insn.kind) {
    case 'alu':
      return aluHigh(insn, input.checked);
    case 'neg':
      return insn.width === 32 ? HIGH.zero : 0;
    case 'end':
      if (insn.bits === 16) return HIGH.zero | HIGH.sign;
      if (insn.bits === 32) return HIGH.zero;
      return insn.op === 'le' ? { rule: RULE.copy, imm: 0 } : 0;
    case 'ldx':
      if (insn.size === 8) return 0;
      if (insn.signed) return HIGH.sign;
      return insn.size === 4 ? HIGH.zero : HIGH.zero | HIGH.sign;
    case 'ld_imm64':
      if (insn.pseudo === PSEUDO.FUNC) return HIGH.zero;
      return immediate64High(insn);
    case 'atomic':
      return insn.size === 8 ? 0 : HIGH.zero;
    case 'ld_abs':
    case 'ld_ind':
      return HIGH.zero;
    case 'call':
      if (isTailCall(insn)) return constantHigh(0, 0);
      if (insn.target !== 'helper') return 0;
      switch (input.helper(insn.imm)?.result) {
        case 'pointer':
          return HIGH.nullable;
        case 'u32':
          return HIGH.zero;
        case 's32':
          return HIGH.sign;
        case 'void':
          return constantHigh(0, 0);
        default:
          return 0;
      }
    default:
      return 0;
  }
}

/** A plain constant may look like a pointer; only references to maps are ones, whose arithmetic is trusted. */
function immediate64High({ pseudo, imm }: Extract<Instruction, { kind: 'ld_imm64' }>): number {
  const high = constantHigh(Number(BigInt.asIntN(32, imm)), Number(BigInt.asIntN(32, imm >> 32n)));
  return pseudo === PSEUDO.NONE ? high & ~HIGH.pointer : high;
}

function aluHigh(insn: Extract<Instruction, { kind: 'alu' }>, checked: boolean): number | Dependent {
  const imm = 'imm' in insn.src ? insn.src.imm : undefined;
  const immHigh = imm === undefined ? 0 : immediateHigh(imm);
  if (insn.width === 32) return insn.op === 'mov' && imm !== undefined ? constantHigh(imm, 0) : HIGH.zero;
  switch (insn.op) {
    case 'mov':
      return imm === undefined ? { rule: RULE.copy, imm: 0 } : immHigh;
    case 'movsx8':
    case 'movsx16':
    case 'movsx32':
      return HIGH.sign;
    case 'and':
      return imm !== undefined && imm >= 0 ? HIGH.zero | HIGH.sign : { rule: RULE.and, imm: immHigh };
    case 'or':
    case 'xor':
      return { rule: RULE.both, imm: immHigh };
    case 'rsh':
      if (imm !== undefined && (imm & 63) >= 32) return HIGH.zero | ((imm & 63) > 32 ? HIGH.sign : 0);
      return { rule: RULE.unsigned, imm: 0 };
    case 'arsh':
      return imm !== undefined && (imm & 63) >= 32 ? HIGH.sign : { rule: RULE.shift, imm: 0 };
    case 'div':
      return { rule: RULE.unsigned, imm: 0 };
    case 'mod':
      return imm !== undefined && imm > 0 ? HIGH.zero | HIGH.sign : { rule: RULE.unsigned, imm: 0 };
    case 'add':
    case 'sub':
      // A verified program's pointers stay within 2^29 bytes of their objects; only then may the carry be left out.
      return !checked && imm !== undefined ? { rule: RULE.offset, imm: 0 } : 0;
    default:
      return 0;
  }
}

/** 1 by web: somebody reads the high half. */
function findDemand(input: WidthInput, high: Uint8Array): Uint8Array {
  const { body, webs, calls, checked } = input;
  const demand = new Uint8Array(webs.nodes);
  const cursor = new Cursor(webs);
  const effects = new Effects();
  // Pairs: when the first web's high half is read, so is the second's.
  const passed: number[] = [];
  const highOf = (reg: number): number => (reg === 10 ? POINTER : (high[cursor.web(reg)] ?? 0));
  const whole = (reg: number): void => {
    if (reg < 10) demand[cursor.web(reg)] = 1;
  };
  for (const [n, block] of body.blocks.entries()) {
    cursor.enter(n);
    eachInsn(body, block, (insn, slot) => {
      effectsOf(insn, slot, calls, effects);
      const before = passed.length;
      const pass = (reg: number): void => {
        if (reg < 10) passed.push(-1, cursor.web(reg));
      };
      switch (insn.kind) {
        case 'alu':
          if (insn.width === 64) demandOfAlu(insn, highOf, whole, pass);
          break;
        case 'neg':
          if (insn.width === 64) pass(insn.dst);
          break;
        case 'end':
          if (insn.bits === 64) (insn.op === 'le' ? pass : whole)(insn.dst);
          break;
        case 'jmp':
          if (insn.width === 64) {
            const other = 'reg' in insn.src ? highOf(insn.src.reg) : immediateHigh(insn.src.imm);
            if (comparison(insn.op, highOf(insn.dst), other) === 'wide') {
              whole(insn.dst);
              if ('reg' in insn.src) whole(insn.src.reg);
            }
          }
          break;
        case 'ldx':
          if (checked || input.facts?.[slot]?.probe === true) whole(insn.src);
          break;
        case 'st':
          if (checked) whole(insn.dst);
          break;
        case 'stx':
          if (checked) whole(insn.dst);
          if (insn.size === 8) whole(insn.src);
          break;
        case 'atomic':
          if (checked) whole(insn.op === 'load_acquire' ? insn.src : insn.dst);
          if (insn.size === 8 && insn.op !== 'load_acquire') {
            whole(insn.src);
            if (insn.op === 'cmpxchg') whole(0);
          }
          break;
        case 'exit':
          whole(0);
          break;
        case 'call':
          if (insn.target === 'local') {
            const wanted = calls.functionArgs(slot + 1 + insn.imm) & ~input.narrowArgs(slot + 1 + insn.imm);
            for (let reg = 1; reg <= 5; reg++) if ((wanted & (1 << reg)) !== 0) whole(reg);
          } else if (isTailCall(insn)) {
            if (checked) whole(2);
          } else if (insn.target === 'helper') {
            input.helper(insn.imm)?.params.forEach((param, i) => {
              if (param !== 'i32') whole(i + 1);
            });
          }
          break;
        default:
          break;
      }
      if (effects.def >= 0) {
        const web = cursor.define(effects.def);
        for (let i = before; i < passed.length; i += 2) passed[i] = web;
      }
      if (effects.clobbers) for (let reg = 1; reg <= 5; reg++) cursor.define(reg);
    });
  }
  for (let round = 0, changed = true; changed; round++) {
    changed = false;
    for (let i = passed.length - 2; i >= 0; i -= 2) {
      const to = passed[i + 1] ?? 0;
      if (demand[to] === 1 || (round < ROUNDS && demand[passed[i] ?? 0] === 0)) continue;
      demand[to] = 1;
      changed = true;
    }
  }
  return demand;
}

/** Demand of a 64-bit operation: `pass` where the low half of the result needs only low halves, `whole` where it needs all. */
function demandOfAlu(
  insn: Extract<Instruction, { kind: 'alu' }>,
  highOf: (reg: number) => number,
  whole: (reg: number) => void,
  pass: (reg: number) => void,
): void {
  const src = 'reg' in insn.src ? insn.src.reg : undefined;
  const imm = 'imm' in insn.src ? insn.src.imm : undefined;
  switch (insn.op) {
    case 'mov':
      if (src !== undefined) pass(src);
      return;
    case 'movsx8':
    case 'movsx16':
    case 'movsx32':
      return;
    case 'and':
      if (imm !== undefined && imm >= 0) return;
      pass(insn.dst);
      if (src !== undefined) pass(src);
      return;
    case 'add':
    case 'sub':
    case 'mul':
    case 'or':
    case 'xor':
      pass(insn.dst);
      if (src !== undefined) pass(src);
      return;
    case 'lsh':
      pass(insn.dst);
      return;
    case 'rsh':
      if (imm === undefined || (highOf(insn.dst) & HIGH.zero) === 0) whole(insn.dst);
      return;
    case 'arsh':
      if (imm === undefined || (highOf(insn.dst) & HIGH.sign) === 0) whole(insn.dst);
      return;
    default:
      whole(insn.dst);
      if (src !== undefined) whole(src);
  }
}

function findConstants({ body, webs, calls }: WidthInput): {
  readonly constants: ReadonlyMap<number, bigint>;
  readonly callbacks: ReadonlyMap<number, number>;
} {
  const count = new Uint8Array(webs.nodes);
  const constants = new Map<number, bigint>();
  const callbacks = new Map<number, number>();
  const cursor = new Cursor(webs);
  const effects = new Effects();
  const seen = (web: number): void => {
    if (at(count, web) < 2) count[web] = at(count, web) + 1;
  };
  for (let reg = 0; reg < 10; reg++) seen(at(webs.web, reg));
  for (const [n, block] of body.blocks.entries()) {
    cursor.enter(n);
    eachInsn(body, block, (insn, slot) => {
      effectsOf(insn, slot, calls, effects);
      if (effects.def >= 0) {
        const web = cursor.define(effects.def);
        seen(web);
        if (insn.kind === 'ld_imm64') {
          if (insn.pseudo === PSEUDO.FUNC) callbacks.set(web, slot + 1 + Number(BigInt.asIntN(32, insn.imm)));
          else constants.set(web, insn.imm);
        } else if (insn.kind === 'alu' && insn.op === 'mov' && 'imm' in insn.src) {
          constants.set(web, insn.width === 32 ? BigInt(insn.src.imm >>> 0) : BigInt.asUintN(64, BigInt(insn.src.imm)));
        }
      }
      if (effects.clobbers) for (let reg = 1; reg <= 5; reg++) seen(cursor.define(reg));
    });
  }
  for (const known of [constants, callbacks]) for (const web of [...known.keys()]) if (count[web] !== 1) known.delete(web);
  return { constants, callbacks };
}
