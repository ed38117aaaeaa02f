/** Calls: helpers, functions of the program, tail calls, packet loads. */
import { type Instruction, PSEUDO } from '../isa/index.ts';
import { MAP } from '../maps/types.ts';
import { FAULT, FRAME_STRIDE, PLACES, RUN_AREA } from './area.ts';
import { isTailCall } from './effects.ts';
import type { FunctionWriter } from './function.ts';

import { pushArguments, pushHigh, writeInline } from './inline.ts';
import type { JitOptions } from './types.ts';

import { constantHigh, HIGH } from './widths.ts';

/** Tail calls that one run may make (MAX_TAIL_CALL_CNT, include/linux/bpf.h). */
const MAX_TAIL_CALLS = 33;
/** Frames of one program (MAX_CALL_FRAMES, include/linux/bpf_verifier.h). */
const MAX_CALL_FRAMES = 8;
/** Offset of a prog array's u32 pointer to its slots, each a u32 (src/maps/array-kernel.ts ARRAY_DATA). */
const SLOTS = MAP.PRIVATE;

type Call = Extract<Instruction, { kind: 'call' }>;

/** Writes a call. @param live registers that are read after it */
export function writeCall(w: FunctionWriter, insn: Call, slot: number, live: number): void {
  if (isTailCall(insn)) {
    writeTailCall(w, slot, live);
  } else if (insn.target === 'local') {
    writeLocalCall(w, slot + 1 + insn.imm, slot, live);
  } else {
    writeHelperCall(w, insn, slot, live);
  }
}

function writeHelperCall(w: FunctionWriter, insn: Call, slot: number, live: number): void {
  const { code } = w;
  if (insn.target === 'helper' && writeInline(w, insn, slot)) {
    w.clobber(live);
    return;
  }
  const helper = insn.target === 'helper' ? w.linker.helper(insn.imm) : undefined;
  if (helper === undefined) {
    w.fault(insn.target === 'helper' ? FAULT.helper : FAULT.insn, slot);
    w.cursor.define(0);
    w.clobber(0);
    return;
  }
  const { signature, index } = helper;
  if (signature.callsBack === true || w.checked) {
    w.area();
    code.op1('local.get', w.frame);
    code.mem('i32.store', RUN_AREA.FRAME);
  }
  pushArguments(w, signature);
  code.op1('call', index);
  switch (signature.result) {
    case 'void':
      code.i32(0);
      w.set32(0, HIGH.zero);
      break;
    case 'pointer':
      w.set32(0, HIGH.nullable);
      break;
    case 'u32':
      w.set32(0, HIGH.zero);
      break;
    case 's32':
      w.set32(0, HIGH.sign);
      break;
    case 'i64':
      w.set64(0);
      break;
    case 'cell':
      w.area();
      code.mem('i64.load', RUN_AREA.RESULT);
      w.set64(0);
      break;
  }
  if (signature.callsBack === true) storeProgram(w);
  w.clobber(live);
}

/** This function's program runs: from here, or again after a call in which a tail call may have led to another one. */
export function storeProgram(w: FunctionWriter): void {
  if (!w.checked) return;
  w.area();
  w.code.i32(w.linker.numberOf(w.plan.program));
  w.code.mem('i32.store', RUN_AREA.PROGRAM);
}

function writeLocalCall(w: FunctionWriter, target: number, slot: number, live: number): void {
  const { code } = w;
  const callee = w.linker.sub(w.plan.program, target);
  if (callee === undefined) {
    w.fault(FAULT.insn, slot);
    w.cursor.define(0);
    w.clobber(0);
    return;
  }
  if (w.checked) {
    // Is there room for another frame?
    code.op1('local.get', w.frame);
    w.area();
    code.op('i32.sub');
    code.i32(RUN_AREA.LAST_FRAME + FRAME_STRIDE);
    code.op('i32.lt_u');
    code.open('if');
    w.fault(FAULT.call, slot);
    code.close();
  }
  for (let reg = 1; reg <= 5; reg++) {
    if ((callee.args & (1 << reg)) === 0) continue;
    if ((callee.narrowArgs & (1 << reg)) !== 0) w.push32(reg);
    else w.push64(reg);
  }
  if (callee.needsFrame) w.calleeFrame(FRAME_STRIDE);
  code.op1('call', callee.index);
  w.set64(0);
  storeProgram(w);
  w.clobber(live);
}

/**
 * bpf_tail_call: index, count, then the slot; only filled slots count, as in the x86-64 JIT (arch/x86/net/bpf_jit_comp.c, v6.18). A slot holds the
 * program's number, which gives its place in the thread's table. Where the array is known, programs of this module that are in the slot now, or
 * in all slots if they are few, are compared with and called directly, which saves the way through the table.
 */
function writeTailCall(w: FunctionWriter, slot: number, live: number): void {
  const { code, linker } = w;
  if (w.checked) {
    w.push32(2);
    pushHigh(w, 2);
    code.op1('call', linker.runtime('progArray'));
    code.op('i32.eqz');
    code.open('if');
    w.fault(FAULT.helper, slot);
    code.close();
  }
  const map = w.constant(2);
  const index = w.constant(3);
  const mapAt = map === undefined ? undefined : Number(BigInt.asUintN(32, map));
  const indexAt = index === undefined ? undefined : Number(BigInt.asUintN(32, index));
  const pushMap = (): void => {
    if (mapAt === undefined) w.push32(2);
    else code.i32(mapAt | 0);
  };
  const pushIndex = (): void => {
    if (indexAt === undefined) w.push32(3);
    else code.i32(indexAt | 0);
  };
  // Where the map is known, so are its size and the place of its slots.
  const known = mapAt === undefined || w.checked ? undefined : linker.options.map?.(mapAt);
  const target = w.temp('i32', 'target');
  const place = w.temp('i32', 'place');
  const jump = (write: () => void): void => {
    w.area();
    w.area();
    code.mem('i32.load', RUN_AREA.TAIL_CALLS);
    code.i32(1);
    code.op('i32.add');
    code.mem('i32.store', RUN_AREA.TAIL_CALLS);
    write();
  };
  const indirect = (): void =>
    jump(() => {
      w.push32(1);
      code.op1('local.get', w.frame);
      code.op1('local.get', place);
      code.op1('return_call_indirect', linker.entryType);
      code.u32(0);
    });
  const failed = code.open('block');
  pushIndex();
  if (known === undefined) {
    pushMap();
    code.mem('i32.load', MAP.MAX_ENTRIES);
  } else {
    code.i32(known.maxEntries | 0);
  }
  code.op('i32.ge_u');
  code.brIf(failed);
  w.area();
  code.mem('i32.load', RUN_AREA.TAIL_CALLS);
  code.i32(MAX_TAIL_CALLS);
  code.op('i32.ge_u');
  code.brIf(failed);
  const slotsAt = known === undefined ? 0 : known.data;
  if (known !== undefined) {
    code.i32(0);
  } else {
    pushMap();
    code.mem('i32.load', SLOTS);
  }
  if (indexAt !== undefined && indexAt < 1 << 24) {
    code.mem('i32.load', slotsAt + indexAt * 4);
  } else {
    pushIndex();
    code.i32(2);
    code.op('i32.shl');
    code.op('i32.add');
    code.mem('i32.load', slotsAt);
  }
  code.op1('local.tee', target);
  code.op('i32.eqz');
  code.brIf(failed);
  if (w.plan.kind === 'sub') {
    // The program that is called may go as deep as any, from here.
    code.op1('local.get', w.frame);
    w.area();
    code.op('i32.sub');
    code.i32(RUN_AREA.LAST_FRAME + MAX_CALL_FRAMES * FRAME_STRIDE);
    code.op('i32.lt_u');
    code.open('if');
    w.fault(FAULT.call, slot);
    code.close();
  }
  for (const now of likely(linker.options, mapAt, indexAt)) {
    const entry = linker.entryOf(now);
    if (entry === undefined) continue;
    code.op1('local.get', target);
    code.i32(now);
    code.op('i32.eq');
    code.open('if');
    jump(() => {
      w.push32(1);
      code.op1('local.get', w.frame);
      code.op1('return_call', entry);
    });
    code.close();
  }
  // Before the caller is given up, the program has to stand at its place: a program that is gone, or cannot be there, is a slot that is empty.
  code.op1('local.get', target);
  code.i32(PLACES - 1);
  code.op('i32.and');
  code.op1('local.tee', place);
  code.i32(2);
  code.op('i32.shl');
  w.area();
  code.op('i32.add');
  code.mem('i32.load', RUN_AREA.PLACES);
  code.op1('local.get', target);
  code.op('i32.ne');
  code.open('if');
  code.op1('local.get', target);
  code.op1('call', linker.runtime('miss'));
  code.op('i32.eqz');
  code.brIf(failed);
  // Not joined with the way of those that are there, which a call would slow down.
  indirect();
  code.close();
  indirect();
  code.close();
  code.i32(0);
  w.set32(0, HIGH.zero);
  w.clobber(live);
}

/** Most programs that a tail call with a variable index is compared with. */
const LIKELY = 4;

/** Numbers of the programs that a tail call may well lead to: what is in the slot now, or in all slots if that is few. */
function likely(options: JitOptions, map: number | undefined, index: number | undefined): readonly number[] {
  if (map === undefined || options.tailTarget === undefined) return [];
  if (index !== undefined) {
    const now = options.tailTarget(map, index);
    return now === undefined ? [] : [now];
  }
  const found = options.tailTargets?.(map) ?? [];
  return found.length > LIKELY ? [] : found;
}

/** Writes ld_abs and ld_ind: out of range, the function returns 0. */
export function writePacketLoad(w: FunctionWriter, insn: Extract<Instruction, { kind: 'ld_abs' | 'ld_ind' }>, live: number): void {
  const { code } = w;
  const value = w.temp('f64', 'packet');
  code.i32(insn.imm);
  if (insn.kind === 'ld_ind') {
    w.push32(insn.src);
    code.op('i32.add');
  }
  code.i32(insn.size);
  code.op1('call', w.linker.runtime('packet'));
  code.op1('local.tee', value);
  code.f64Zero();
  code.op('f64.lt');
  code.open('if');
  code.i64(0);
  code.op('return');
  code.close();
  code.op1('local.get', value);
  code.op('i32.trunc_f64_u');
  w.set32(0, HIGH.zero);
  w.clobber(live);
}

/** Writes ld_imm64. A function's address is its place in the thread's table. */
export function writeImm64(w: FunctionWriter, insn: Extract<Instruction, { kind: 'ld_imm64' }>, slot: number): void {
  const { code, linker } = w;
  if (insn.pseudo === PSEUDO.FUNC) {
    const target = slot + 1 + Number(BigInt.asIntN(32, insn.imm));
    if (linker.sub(w.plan.program, target) === undefined) {
      w.fault(FAULT.insn, slot);
      w.cursor.define(insn.dst);
      return;
    }
    code.op1('global.get', linker.callbackBaseGlobal);
    code.i32(linker.callback(w.plan.program, target));
    code.op('i32.add');
    w.set32(insn.dst, HIGH.zero);
    return;
  }
  if (w.nextIsNarrow()) {
    code.i32(Number(BigInt.asIntN(32, insn.imm)));
    w.set32(insn.dst, constantHigh(Number(BigInt.asIntN(32, insn.imm)), Number(BigInt.asIntN(32, insn.imm >> 32n))));
  } else {
    code.i64Big(insn.imm);
    w.set64(insn.dst);
  }
}
