/** Writes one function: prologue, blocks, instructions. */
import type { Instruction } from '../isa/index.ts';
import { writeAlu, writeCondition, writeEnd, writeNeg } from './alu.ts';
import { FAULT, RUN_AREA } from './area.ts';
import { storeProgram, writeCall, writeImm64, writePacketLoad } from './calls.ts';
import { type CallFacts, Effects, effectsOf } from './effects.ts';
import { type FunctionPlan, FunctionWriter, type Linker } from './function.ts';
import { at } from './graph.ts';
import { writeAtomic, writeLoad, writeStore } from './memory.ts';
import { type BlockWriter, writeStructured } from './structure.ts';
import type { FunctionType } from './wasm/module.ts';
import type { ValueType } from './wasm/opcodes.ts';
import { eachInsn } from './webs.ts';
import { HIGH } from './widths.ts';

/** Times that the may_goto instructions of one function fall through, as in the interpreter, which says why. */
const MAX_LOOPS = 262_144;

const CLOBBERS: ReadonlySet<Instruction['kind']> = new Set<Instruction['kind']>(['call', 'ld_abs', 'ld_ind']);

/** Type of what prog array slots lead to. */
export const ENTRY_TYPE: FunctionType = { params: ['i32', 'i32'], results: ['i64'] };

/** A function's type. */
export function typeOf(plan: FunctionPlan): FunctionType {
  if (plan.kind === 'entry') return ENTRY_TYPE;
  const params: ValueType[] = [];
  for (let reg = 1; reg <= 5; reg++) {
    if ((plan.args & (1 << reg)) !== 0) params.push((plan.narrowArgs & (1 << reg)) !== 0 ? 'i32' : 'i64');
  }
  if (plan.needsFrame) params.push('i32');
  return { params, results: ['i64'] };
}

export interface WrittenFunction {
  readonly locals: readonly ValueType[];
  readonly code: Uint8Array;
  /** Offset in code and slot, pairs, ascending. */
  readonly places: readonly number[];
}

/** Translates a function. */
export function writeFunction(plan: FunctionPlan, linker: Linker): WrittenFunction {
  const w = new FunctionWriter(plan, linker, typeOf(plan).params.length);
  const { code } = w;
  const { body } = plan;
  writePrologue(w);
  const state = body.blocks.some((block) => block.term.kind === 'switch') ? w.local('i32') : 0;
  const loops = usesMayGoto(plan) ? w.local('i32') : 0;
  if (loops !== 0) {
    code.i32(MAX_LOOPS);
    code.op1('local.set', loops);
  }
  const lastOf = (n: number): Instruction | undefined => body.insns[(body.blocks[n]?.end ?? 0) - 1];
  const slotOf = (n: number): number => (body.blocks[n]?.end ?? 0) - 1;
  const writer: BlockWriter = {
    code,
    loop: (n) => w.spend(FAULT.budget, Math.max(0, body.blocks[n]?.start ?? 0), body.blocks[n]?.rounds),
    body: (n) => writeBlock(w, n, state),
    condition(n, taken) {
      const insn = lastOf(n);
      w.places.push(code.length, slotOf(n));
      if (insn?.kind === 'jmp') {
        writeCondition(w, insn, taken);
        return;
      }
      // may_goto jumps when nothing is left, else it takes one away.
      code.op1('local.get', loops);
      code.op('i32.eqz');
      code.op1('local.get', loops);
      code.op1('local.get', loops);
      code.i32(0);
      code.op('i32.ne');
      code.op('i32.sub');
      code.op1('local.set', loops);
      if (!taken) code.op('i32.eqz');
    },
    state: () => code.op1('local.get', state),
  };
  writeStructured(body.blocks, body.graph, writer);
  code.op('unreachable');
  return { locals: w.locals, code: code.view, places: w.places };
}

function usesMayGoto({ body }: FunctionPlan): boolean {
  return body.blocks.some((block) => block.term.kind === 'branch' && body.insns[block.end - 1]?.kind === 'may_goto');
}

/** Arguments into their registers' places. */
function writePrologue(w: FunctionWriter): void {
  const { plan, code } = w;
  const { webs } = plan;
  if (plan.kind === 'entry') {
    storeProgram(w);
    if ((webs.liveIn & 2) !== 0) {
      code.op1('local.get', 0);
      w.initialise(1, HIGH.nullable);
    }
    if ((webs.liveIn & 4) !== 0) {
      w.area();
      code.mem('i32.load', RUN_AREA.R2);
      w.initialise(2, HIGH.zero);
    }
    return;
  }
  let param = 0;
  for (let reg = 1; reg <= 5; reg++) {
    if ((plan.args & (1 << reg)) === 0) continue;
    code.op1('local.get', param++);
    w.initialise(reg, (plan.narrowArgs & (1 << reg)) !== 0 ? HIGH.zero : undefined);
  }
  w.spend(FAULT.budget, plan.slot);
}

function writeBlock(w: FunctionWriter, n: number, state: number): void {
  const { code, plan } = w;
  const { body } = plan;
  const block = body.blocks[n];
  if (block === undefined) return;
  w.cursor.enter(n);
  if (block.state !== undefined) {
    code.i32(block.state);
    code.op1('local.set', state);
  }
  if (block.start < 0) return;
  const live = liveAfterCalls(w, n);
  let ended = false;
  eachInsn(body, block, (insn, slot) => {
    w.places.push(code.length, slot);
    writeInsn(w, insn, slot, live.get(slot) ?? 0);
    if (insn.kind === 'exit') ended = true;
  });
  if (block.term.kind === 'end' && !ended) w.fault(FAULT.insn, Math.min(Math.max(block.end - 1, 0), body.insns.length));
}

/** By the slot of a call: registers that are read after it. Verified programs never read r1..r5 there, so that clearing them is left out. */
function liveAfterCalls({ plan, linker }: FunctionWriter, n: number): Map<number, number> {
  const block = plan.body.blocks[n];
  const after = new Map<number, number>();
  if (block === undefined) return after;
  const insns: [Instruction, number][] = [];
  eachInsn(plan.body, block, (insn, slot) => void insns.push([insn, slot]));
  if (!insns.some(([insn]) => CLOBBERS.has(insn.kind))) return after;
  let live = 0;
  for (const to of block.term.to) live |= at(plan.webs.live, to);
  const effects = new Effects();
  const calls: CallFacts = {
    helperArgs: (id) => linker.helper(id)?.signature.params.length ?? 0,
    functionArgs: (slot) => linker.sub(plan.program, slot)?.args ?? 0,
  };
  for (const [insn, slot] of insns.reverse()) {
    if (CLOBBERS.has(insn.kind)) after.set(slot, live);
    effectsOf(insn, slot, calls, effects);
    live = (live & ~effects.defs) | effects.uses;
  }
  return after;
}

function writeInsn(w: FunctionWriter, insn: Instruction, slot: number, live: number): void {
  switch (insn.kind) {
    case 'alu':
      writeAlu(w, insn);
      return;
    case 'neg':
      writeNeg(w, insn);
      return;
    case 'end':
      writeEnd(w, insn);
      return;
    case 'ldx':
      writeLoad(w, insn, slot);
      return;
    case 'st':
    case 'stx':
      writeStore(w, insn, slot);
      return;
    case 'atomic':
      writeAtomic(w, insn, slot);
      return;
    case 'call':
      writeCall(w, insn, slot, live);
      return;
    case 'exit':
      w.push64(0);
      w.code.op('return');
      return;
    case 'ld_imm64':
      writeImm64(w, insn, slot);
      return;
    case 'ld_abs':
    case 'ld_ind':
      writePacketLoad(w, insn, live);
      return;
    case 'callx':
    case 'addr_space_cast':
      w.fault(FAULT.insn, slot);
      return;
    case 'jmp':
    case 'ja':
    case 'may_goto':
      return;
  }
}
