/** Dynptrs as arguments: made, used, and given back (process_dynptr_func, v6.18). */
import type { HelperArg } from '../../helpers/types.ts';
import { growStack, pointedFrame, STACK_MAX } from '../access/stack-bounds.ts';
import type { CallFacts } from '../calls/args.ts';
import { invalid, Rejection } from '../rejection.ts';
import { KIND, Reg, setPointer } from '../state/reg.ts';
import { ALL, BYTE, lowestByte } from '../state/stack.ts';
import type { Frame } from '../state/state.ts';
import { knownNumber, tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { destroyDynptr, isMain } from './dynptr.ts';
import { acquire } from './held.ts';

const LOCAL = 1;
const RINGBUF = 2;
/** Kinds of dynptrs by the helper that makes them. */
const MADE_BY: Readonly<Record<string, number>> = { dynptr_from_mem: LOCAL, ringbuf_reserve_dynptr: RINGBUF };
/** Helpers that take dynptrs of one kind only. */
const WANTS: Readonly<Record<string, string>> = { ringbuf_submit_dynptr: 'ringbuf', ringbuf_discard_dynptr: 'ringbuf' };

/** The dynptr's main slot; the other one is the slot below it in number. */
function slotAt(n: number, reg: Reg): number {
  if (!tnumIsConst(reg)) throw invalid('dynptr has to be at a constant offset', n);
  const off = reg.off + knownNumber(reg);
  if (off % 8 !== 0) throw invalid(`cannot pass in dynptr at an offset=${off}`, n);
  const slot = -off / 8 - 1;
  if (slot < 1) throw invalid(`cannot pass in dynptr at an offset=${off}`, n);
  if (off < -STACK_MAX) throw new Rejection('EACCES', `invalid write to stack R${n} off=${off} size=16`, [n]);
  return slot;
}

/** The object in a dynptr argument. */
function objectOf(v: Verification, n: number, reg: Reg, arg: HelperArg): { frame: Frame; slot: number; object: Reg } {
  const missing = `Expected an initialized dynptr as arg #${n - 1}`;
  const frame = pointedFrame(v, n);
  const slot = slotAt(n, reg);
  const object = frame.saved[slot];
  if (lowestByte(frame.types[slot] ?? 0) !== BYTE.DYNPTR || !isMain(frame, slot) || object === undefined) {
    if (arg.release === true) throw invalid(`arg ${n} is an unacquired reference`, n);
    throw invalid(missing, n);
  }
  return { frame, slot, object };
}

export function useDynptr(v: Verification, n: number, reg: Reg, arg: HelperArg, facts: CallFacts): void {
  if (arg.kind === 'dynptr_uninit') {
    make(v, n, reg, facts);
    return;
  }
  if (reg.type === KIND.DYNPTR) {
    if (arg.release === true) throw invalid('cannot release unowned const bpf_dynptr', n);
    facts.dynptrId = reg.id;
    return;
  }
  const { frame, slot, object } = objectOf(v, n, reg, arg);
  if (arg.release === true && object.refId === 0) throw invalid(`arg ${n} is an unacquired reference`, n);
  const wanted = WANTS[facts.proto.name];
  if (wanted === 'ringbuf' && object.dynptrType !== RINGBUF) throw invalid(`Expected a dynptr of type ringbuf as arg #${n - 1}`, n);
  v.liveness.read(frame.frameno, slot, v.insn);
  v.liveness.read(frame.frameno, slot - 1, v.insn);
  facts.dynptrId = object.id;
  facts.dynptrRef = object.refId;
}

function make(v: Verification, n: number, reg: Reg, facts: CallFacts): void {
  if (reg.type !== KIND.STACK) throw invalid('Dynptr has to be an uninitialized dynptr', n);
  const frame = pointedFrame(v, n);
  const slot = slotAt(n, reg);
  growStack(v, frame, (slot + 1) * 8);
  for (const at of [slot, slot - 1]) destroyDynptr(v, frame, at);
  const object = new Reg();
  setPointer(object, KIND.STACK);
  object.dynptrType = MADE_BY[facts.proto.name] ?? LOCAL;
  object.id = v.newId();
  if (object.dynptrType === RINGBUF) object.refId = acquire(v, v.insn);
  for (const at of [slot, slot - 1]) {
    frame.types[at] = ALL.DYNPTR;
    frame.saved[at] = undefined;
    v.scratchSlot(at);
    v.liveness.write(frame.frameno, at);
  }
  frame.saved[slot] = object;
}

/** Ends the dynptr at register `n`, and with a ring buffer's all that share its reference. @returns whether it held one */
export function endDynptr(v: Verification, n: number): number {
  const reg = v.reg(n);
  const frame = pointedFrame(v, n);
  const slot = slotAt(n, reg);
  const object = frame.saved[slot];
  if (object === undefined) return 0;
  frame.saved[slot] = undefined;
  for (const at of [slot, slot - 1]) {
    frame.types[at] = 0;
    v.scratchSlot(at);
    v.liveness.write(frame.frameno, at);
  }
  return object.refId;
}
