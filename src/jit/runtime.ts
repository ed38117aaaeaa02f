/** Functions that stand in the module beside the programs': faults, the access check, runs, callbacks. */
import { CPU, HEADER } from '../mem/layout.ts';
import { WAITERS } from '../mem/lock.ts';
import { KERNEL_BASE_HI } from '../mem/memory.ts';
import { FAULT, FRAME_SIZE, HOLD, RUN_AREA } from './area.ts';
import type { FunctionPlan } from './function.ts';
import { WRITE } from './memory.ts';
import { Code } from './wasm/code.ts';
import type { FunctionBody, FunctionType } from './wasm/module.ts';

/** (kind, program, slot): records the fault and traps. */
export function faultFunction(area: number): FunctionBody {
  const code = new Code();
  for (const [param, field] of [
    [0, RUN_AREA.FAULT],
    [1, RUN_AREA.FAULT_PROGRAM],
    [2, RUN_AREA.FAULT_INSN],
  ] as const) {
    code.op1('global.get', area);
    code.op1('local.get', param);
    code.mem('i32.store', field);
  }
  code.op('unreachable');
  return { name: 'fault', type: { params: ['i32', 'i32', 'i32'], results: [] }, locals: [], code: code.view };
}

/** (address, frame, size | WRITE, program, slot): the offset of an access that is allowed; faults for others. */
export function accessFunction(area: number, reach: number, fault: number): FunctionBody {
  const [address, frame, access, program, slot, low] = [0, 1, 2, 3, 4, 5];
  const code = new Code();
  code.op1('local.get', address);
  code.op('i32.wrap_i64');
  code.op1('local.set', low);
  code.op1('local.get', address);
  code.i64(32);
  code.op('i64.shr_u');
  code.op('i32.wrap_i64');
  code.i32(KERNEL_BASE_HI);
  code.op('i32.eq');
  code.open('if');
  // Most accesses are to the function's own frame.
  code.op1('local.get', low);
  code.op1('local.get', frame);
  code.op('i32.sub');
  code.i32(FRAME_SIZE);
  code.op1('local.get', access);
  code.i32(WRITE - 1);
  code.op('i32.and');
  code.op('i32.sub');
  code.op('i32.le_u');
  code.open('if');
  code.op1('local.get', low);
  code.op('return');
  code.close();
  code.op1('local.get', low);
  code.op1('local.get', access);
  code.op1('local.get', frame);
  code.op1('call', reach);
  code.open('if');
  code.op1('local.get', low);
  code.op('return');
  code.close();
  code.close();
  code.op1('global.get', area);
  code.op1('local.get', address);
  code.mem('i64.store', RUN_AREA.FAULT_ADDRESS);
  code.op1('global.get', area);
  code.op1('local.get', access);
  code.mem('i32.store', RUN_AREA.FAULT_SIZE);
  code.i32(FAULT.access);
  code.op1('local.get', program);
  code.op1('local.get', slot);
  code.op1('call', fault);
  code.op('unreachable');
  return {
    name: 'access',
    type: { params: ['i64', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] },
    locals: ['i32'],
    code: code.view,
  };
}

/** A program as its run functions call it: what it does not use needs no preparation. */
export interface RunEntry {
  readonly index: number;
  /** It, or what shares its module, makes tail calls. */
  readonly tailCalls: boolean;
  readonly readsR2: boolean;
  /** Loops and calls are counted: each run begins with the full budget. */
  readonly budget: boolean;
}

/** Calls an entry. @param result local that r0 goes to @param frame local that holds the first frame, if there is one */
function callEntry(code: Code, area: number, entry: RunEntry, result: number, frame?: number): void {
  if (entry.tailCalls) {
    code.op1('global.get', area);
    code.i32(0);
    code.mem('i32.store', RUN_AREA.TAIL_CALLS);
  }
  if (entry.budget) {
    code.op1('global.get', area);
    code.op1('global.get', area);
    code.mem('i32.load', RUN_AREA.FULL_BUDGET);
    code.mem('i32.store', RUN_AREA.BUDGET);
  }
  code.op1('local.get', 0);
  if (frame === undefined) pushFirstFrame(code, area);
  else code.op1('local.get', frame);
  code.op1('call', entry.index);
  code.op1('local.set', result);
}

function pushFirstFrame(code: Code, area: number): void {
  code.op1('global.get', area);
  code.i32(RUN_AREA.FIRST_FRAME);
  code.op('i32.add');
}

function storeR2(code: Code, area: number, entry: RunEntry): void {
  if (!entry.readsR2) return;
  code.op1('global.get', area);
  code.op1('local.get', 1);
  code.mem('i32.store', RUN_AREA.R2);
}

function giveResult(code: Code, area: number, result: number): void {
  code.op1('global.get', area);
  code.op1('local.get', result);
  code.mem('i64.store', RUN_AREA.RESULT);
  code.op1('local.get', result);
  code.op('i32.wrap_i64');
}

/** (ctx, r2) -> r0's low half. */
export function runFunction(name: string, area: number, entry: RunEntry): FunctionBody {
  const code = new Code();
  storeR2(code, area, entry);
  callEntry(code, area, entry, 2);
  giveResult(code, area, 2);
  return { name, type: { params: ['i32', 'i32'], results: ['i32'] }, locals: ['i64'], code: code.view };
}

/** Runs from one test of the count to the next. */
const RUNS = 8;

/** (ctx, r2, times) -> r0's low half of the last run. */
export function repeatFunction(name: string, area: number, entry: RunEntry): FunctionBody {
  const [times, result, frame] = [2, 3, 4];
  const code = new Code();
  storeR2(code, area, entry);
  pushFirstFrame(code, area);
  code.op1('local.set', frame);
  // One by one until what is left is a multiple of RUNS.
  for (const [mask, runs] of [
    [RUNS - 1, 1],
    [-1, RUNS],
  ] as const) {
    const end = code.open('block');
    const loop = code.open('loop');
    code.op1('local.get', times);
    code.i32(mask);
    code.op('i32.and');
    code.op('i32.eqz');
    code.brIf(end);
    for (let i = 1; i <= runs; i++) {
      code.op1('global.get', area);
      code.op1('local.get', times);
      code.i32(i);
      code.op('i32.sub');
      code.mem('i32.store', RUN_AREA.RUNS_LEFT);
      callEntry(code, area, entry, result, frame);
    }
    code.op1('local.get', times);
    code.i32(runs);
    code.op('i32.sub');
    code.op1('local.set', times);
    code.br(loop);
    code.close();
    code.close();
  }
  giveResult(code, area, result);
  return { name, type: { params: ['i32', 'i32', 'i32'], results: ['i32'] }, locals: ['i64', 'i32'], code: code.view };
}

const LOG2_CPU = Math.log2(CPU.SIZE);

export interface HoldEntry extends RunEntry {
  /** The program's number, and the offset of its counters. */
  readonly number: number;
  readonly counters: number;
  /** Import that wakes those who sleep on a lock word. */
  readonly wake: number;
}

/** (ctx, r2, cpu, tid, tgid) -> HOLD: a whole run, its bookkeeping included. */
export function holdFunction(name: string, area: number, entry: HoldEntry): FunctionBody {
  const [cpu, tid, tgid, result, record] = [2, 3, 4, 5, 6];
  const code = new Code();
  const toArea = (field: number, value: () => void): void => {
    code.op1('global.get', area);
    value();
    code.mem('i32.store', field);
  };
  const fromArea = (field: number): void => {
    code.op1('global.get', area);
    code.mem('i32.load', field);
  };
  const header = (field: number): void => {
    code.i32(0);
    code.mem('i32.load', field);
  };
  const toRecord = (field: number, value: () => void): void => {
    code.op1('local.get', record);
    value();
    code.mem('i32.store', field);
  };
  const unlock = (): void => {
    code.op1('local.get', record);
    code.i32(0);
    code.atomic('i32.atomic.rmw.xchg', 2, CPU.LOCK);
    code.i32(WAITERS);
    code.op('i32.and');
    code.open('if');
    code.op1('local.get', record);
    code.i32(CPU.LOCK);
    code.op('i32.add');
    code.op1('call', entry.wake);
    code.close();
  };
  fromArea(RUN_AREA.CPU_TABLE);
  code.op1('local.get', cpu);
  code.i32(LOG2_CPU);
  code.op('i32.shl');
  code.op('i32.add');
  code.op1('local.tee', record);
  code.i32(0);
  fromArea(RUN_AREA.OWNER);
  code.atomic('i32.atomic.rmw.cmpxchg', 2, CPU.LOCK);
  code.open('if');
  code.i32(HOLD.busy);
  code.op('return');
  code.close();
  header(HEADER.PROG_GENERATION);
  fromArea(RUN_AREA.GENERATION);
  code.op('i32.ne');
  header(HEADER.STATS);
  code.op('i32.or');
  code.open('if');
  unlock();
  code.i32(HOLD.look);
  code.op('return');
  code.close();
  toRecord(CPU.PROG, () => code.i32(entry.number));
  toArea(RUN_AREA.CPU, () => code.op1('local.get', cpu));
  toArea(RUN_AREA.CPU_RECORD, () => code.op1('local.get', record));
  toArea(RUN_AREA.FACTS, () => code.i32(0));
  toArea(RUN_AREA.PID_TGID, () => code.op1('local.get', tid));
  toArea(RUN_AREA.PID_TGID + 4, () => code.op1('local.get', tgid));
  storeR2(code, area, entry);
  callEntry(code, area, entry, result);
  code.op1('global.get', area);
  code.op1('local.get', result);
  code.mem('i64.store', RUN_AREA.RESULT);
  // Counters of this CPU: nobody else writes them while it is held.
  const counter = (): void => {
    code.op1('local.get', cpu);
    code.i32(3);
    code.op('i32.shl');
  };
  counter();
  counter();
  code.mem('i64.load', entry.counters);
  code.i64(1);
  code.op('i64.add');
  code.mem('i64.store', entry.counters);
  toRecord(CPU.PROG, () => code.i32(0));
  toRecord(CPU.SEQ, () => {
    code.op1('local.get', record);
    code.mem('i32.load', CPU.SEQ);
    code.i32(1);
    code.op('i32.add');
  });
  unlock();
  code.i32(HOLD.done);
  return { name, type: { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] }, locals: ['i64', 'i32'], code: code.view };
}

/** Type of callbacks in the table: r1..r5 and the frame. */
export const CALLBACK_TYPE: FunctionType = { params: ['i64', 'i64', 'i64', 'i64', 'i64', 'i32'], results: ['i64'] };

/** A callback with the uniform type, which passes on what the function takes. */
export function callbackFunction(plan: FunctionPlan): FunctionBody {
  const code = new Code();
  for (let reg = 1; reg <= 5; reg++) {
    if ((plan.args & (1 << reg)) === 0) continue;
    code.op1('local.get', reg - 1);
    if ((plan.narrowArgs & (1 << reg)) !== 0) code.op('i32.wrap_i64');
  }
  if (plan.needsFrame) code.op1('local.get', 5);
  code.op1('return_call', plan.index);
  return { name: `${plan.name}:callback`, type: CALLBACK_TYPE, locals: [], code: code.view };
}
