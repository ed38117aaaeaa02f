/** The end of a program or frame: what R0 may be, and that nothing is held (check_return_code, process_bpf_exit_full, v6.18). */
import { leaveFrame, outOfRange } from '../calls/frames.ts';
import { typeText } from '../log/type-text.ts';
import { checkNothingHeld } from '../objects/held.ts';
import { markPrecise } from '../precision/precision.ts';
import { denied, invalid } from '../rejection.ts';
import { KIND } from '../state/reg.ts';
import { smaxOf, sminOf } from '../value/index.ts';
import type { Verification } from '../verification.ts';

/** What leaves the program, in messages. */
export const LEAVING = 'BPF_EXIT instruction in main prog';

/** Attach types (uapi bpf.h enum bpf_attach_type). */
const EGRESS = 1;
const RETURN_ONE = [19, 20, 29, 30, 31, 32, 51, 53, 52, 54, 49, 50];
const BINDS = [8, 9];
const SESSIONS = [56, 59];
const FENTRY_FEXIT = [24, 25];
const ITER = 28;

/** Program types whose return value is a verdict. */
const VERDICTS = [8, 9, 13, 15, 18, 23, 25, 30, 32];

/** Range that the program's return value must have. */
function resultRange(v: Verification): readonly [number, number] | undefined {
  const { type, expectedAttachType = 0 } = v.program;
  if (type === 18) {
    if (RETURN_ONE.includes(expectedAttachType)) return [1, 1];
    if (BINDS.includes(expectedAttachType)) return [0, 3];
    return [0, 1];
  }
  if (type === 8 && expectedAttachType === EGRESS) return [0, 3];
  if (VERDICTS.includes(type)) return [0, 1];
  if (type === 2) return SESSIONS.includes(expectedAttachType) ? [0, 1] : undefined;
  if (type === 26) {
    if (FENTRY_FEXIT.includes(expectedAttachType)) return [0, 0];
    if (expectedAttachType === ITER) return [0, 1];
  }
  return undefined;
}

/** Follows an exit. @returns the next instruction, or undefined where the path ends */
export function checkExit(v: Verification): number | undefined {
  if (v.state.frames.length > 1) {
    v.liveness.update();
    return leaveFrame(v);
  }
  checkNothingHeld(v, LEAVING);
  checkReturn(v, 0);
  return undefined;
}

/** What the program returns: R0 at an exit, R1 where it is thrown. */
export function checkReturn(v: Verification, n: 0 | 1): void {
  const outermost = v.state.frames[0];
  const reg = v.checkRead(n);
  if (v.hidesPointer(n)) throw denied(`R${n} leaks addr as return value`, n);
  let where = 'At program exit';
  let range = resultRange(v);
  if (outermost?.inAsyncCallback === true) {
    where = 'At async callback return';
    range = [outermost.returnMin, outermost.returnMax];
  } else if (outermost !== undefined && outermost.subprog !== 0 && outermost.subprog !== v.exceptionCallback) {
    if (reg.type !== KIND.SCALAR) {
      throw invalid(`At subprogram exit the register R${n} is not a scalar value (${typeText(reg.type)})`, n);
    }
    return;
  }
  if (range === undefined) return;
  if (reg.type !== KIND.SCALAR) throw invalid(`${where} the register R${n} is not a known value (${typeText(reg.type)})`, n);
  markPrecise(v, n);
  const [min, max] = range;
  if (sminOf(reg) < BigInt(min) || smaxOf(reg) > BigInt(max)) throw invalid(outOfRange(where, `R${n}`, reg, min, max), n);
}
