/** Functions that stand in the module beside the programs': faults, the access check, runs, callbacks, tail calls to programs that the table lacks. */
import { KERNEL_BASE_HI } from '../mem/memory.ts';
import { FAULT, FRAME_SIZE, RUN_AREA } from './area.ts';
import type { FunctionPlan } from './function.ts';
import { WRITE } from './memory.ts';
import { Code } from './wasm/code.ts';
import type { FunctionBody, FunctionType } from './wasm/module.ts';
import { ENTRY_TYPE } from './write.ts';

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
}

/** Pushes what an entry takes, calls it, and leaves r0's low half; the whole goes to the run area. */
function callEntry(code: Code, area: number, entry: RunEntry, result: number): void {
  if (entry.tailCalls) {
    code.op1('global.get', area);
    code.i32(0);
    code.mem('i32.store', RUN_AREA.TAIL_CALLS);
  }
  code.op1('local.get', 0);
  code.op1('global.get', area);
  code.i32(RUN_AREA.FIRST_FRAME);
  code.op('i32.add');
  code.op1('call', entry.index);
  code.op1('local.set', result);
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

/** (ctx, r2, times) -> r0's low half of the last run. */
export function repeatFunction(name: string, area: number, entry: RunEntry): FunctionBody {
  const [times, result] = [2, 3];
  const code = new Code();
  storeR2(code, area, entry);
  const end = code.open('block');
  code.op1('local.get', times);
  code.op('i32.eqz');
  code.brIf(end);
  const loop = code.open('loop');
  callEntry(code, area, entry, result);
  code.op1('local.get', times);
  code.i32(1);
  code.op('i32.sub');
  code.op1('local.tee', times);
  code.brIf(loop);
  code.close();
  code.close();
  giveResult(code, area, result);
  return { name, type: { params: ['i32', 'i32', 'i32'], results: ['i32'] }, locals: ['i64'], code: code.view };
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

/** Stands in the table where the thread does not know the program yet: env.miss puts it there (then the call is made again), or does not, because the program is gone: r0 is 0. */
export function missFunction(area: number, miss: number, entryType: number): FunctionBody {
  const code = new Code();
  const pushTarget = (): void => {
    code.op1('global.get', area);
    code.mem('i32.load', RUN_AREA.TARGET);
  };
  pushTarget();
  code.op1('call', miss);
  code.open('if');
  code.op1('local.get', 0);
  code.op1('local.get', 1);
  pushTarget();
  code.op1('return_call_indirect', entryType);
  code.u32(0);
  code.close();
  code.i64(0);
  return { name: 'miss', type: ENTRY_TYPE, locals: [], code: code.view };
}
