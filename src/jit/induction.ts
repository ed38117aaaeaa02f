/**
 * Loop counters that stay small: they start at constants, one addition of a constant changes them, and the test that ends the addition's block leaves the
 * loop before they grow. Sound without a verifier; widths.ts keeps them in 32 bits.
 */
import type { Instruction, JmpOp } from '../isa/index.ts';
import { type CallFacts, Effects, effectsOf, REGS } from './effects.ts';
import { at } from './graph.ts';
import { Cursor, eachInsn, type FunctionBody, type Webs } from './webs.ts';

/** A sum stays below this. */
const LIMIT = 2 ** 31;

interface Counter {
  /** Constants that it starts at. */
  readonly starts: number[];
  step: number;
  /** Block and register of the addition. */
  block: number;
  reg: number;
  additions: number;
  /** Another definition. */
  spoilt: boolean;
}

/** 1 by web: a counter whose values are all in [0, 2^31). */
export function smallCounters(body: FunctionBody, webs: Webs, calls: CallFacts): Uint8Array {
  const small = new Uint8Array(webs.nodes);
  const counters = findCounters(body, webs, calls);
  if (counters.size === 0) return small;
  const cursor = new Cursor(webs);
  const effects = new Effects();
  for (const [web, counter] of counters) {
    if (counter.spoilt || counter.additions !== 1 || counter.starts.length === 0) continue;
    const block = body.blocks[counter.block];
    if (block?.term.kind !== 'branch') continue;
    let last: Instruction | undefined;
    cursor.enter(counter.block);
    eachInsn(body, block, (insn, slot) => {
      effectsOf(insn, slot, calls, effects);
      if (effects.def >= 0) cursor.define(effects.def);
      if (effects.clobbers) for (let reg = 1; reg <= 5; reg++) cursor.define(reg);
      last = insn;
    });
    if (
      last?.kind === 'jmp' &&
      last.dst === counter.reg &&
      cursor.web(counter.reg) === web &&
      isBounded(last, counter, block.term.to, webs)
    )
      small[web] = 1;
  }
  return small;
}

function findCounters(body: FunctionBody, webs: Webs, calls: CallFacts): Map<number, Counter> {
  const counters = new Map<number, Counter>();
  const of = (web: number): Counter => {
    const known = counters.get(web);
    if (known !== undefined) return known;
    const made = { starts: [], step: 0, block: 0, reg: 0, additions: 0, spoilt: false };
    counters.set(web, made);
    return made;
  };
  const cursor = new Cursor(webs);
  const effects = new Effects();
  for (let reg = 0; reg < REGS; reg++) if ((webs.liveIn & (1 << reg)) !== 0) of(at(webs.web, reg)).spoilt = true;
  for (const [n, block] of body.blocks.entries()) {
    cursor.enter(n);
    eachInsn(body, block, (insn, slot) => {
      effectsOf(insn, slot, calls, effects);
      if (effects.def >= 0) {
        const before = cursor.web(effects.def);
        const web = cursor.define(effects.def);
        const imm = insn.kind === 'alu' && 'imm' in insn.src ? insn.src.imm : undefined;
        if (insn.kind === 'alu' && insn.op === 'mov' && imm !== undefined && imm >= 0) {
          of(web).starts.push(imm);
        } else if (insn.kind === 'alu' && insn.op === 'add' && imm !== undefined && imm > 0 && before === web) {
          const counter = of(web);
          counter.additions++;
          counter.step = imm;
          counter.block = n;
          counter.reg = effects.def;
        } else {
          of(web).spoilt = true;
        }
      }
      if (effects.clobbers) for (let reg = 1; reg <= 5; reg++) of(cursor.define(reg)).spoilt = true;
    });
  }
  return counters;
}

/** Tests under which the loop goes on when the jump is taken, and when it is not. */
const ON_TAKEN: ReadonlySet<JmpOp> = new Set<JmpOp>(['jlt', 'jle', 'jslt', 'jsle', 'jne']);
const ON_NEXT: ReadonlySet<JmpOp> = new Set<JmpOp>(['jgt', 'jge', 'jsgt', 'jsge', 'jeq']);

function isBounded(test: Extract<Instruction, { kind: 'jmp' }>, counter: Counter, to: readonly [number, number], webs: Webs): boolean {
  if (!('imm' in test.src)) return false;
  const bound = test.src.imm;
  const { starts, step, reg } = counter;
  const most = Math.max(bound, ...starts) + step;
  if (bound <= 0 || most >= LIMIT) return false;
  const [taken, next] = to;
  const leaves = ON_TAKEN.has(test.op) ? next : ON_NEXT.has(test.op) ? taken : undefined;
  // Who leaves does not come back with the value that it left with.
  if (leaves === undefined || taken === next || (at(webs.live, leaves) & (1 << reg)) !== 0) return false;
  if (test.op !== 'jne' && test.op !== 'jeq') return true;
  return starts.every((start) => start < bound && (bound - start) % step === 0);
}
