/** The end of a program or frame: what R0 may be, and that nothing is held (check_return_code, process_bpf_exit_full, v6.18). */
import { checkUnmodified } from '../access/context.ts';
import { leaveFrame, outOfRange } from '../calls/frames.ts';
import { skipModifiers } from '../kernel-btf/walk.ts';
import { typeText } from '../log/type-text.ts';
import { checkNothingHeld } from '../objects/held.ts';
import { markPrecise } from '../precision/precision.ts';
import { denied, invalid } from '../rejection.ts';
import { KIND, type Reg } from '../state/reg.ts';
import { smaxOf, sminOf } from '../value/index.ts';
import type { Verification } from '../verification.ts';

/** What leaves the program, in messages. */
const LEAVING = 'BPF_EXIT instruction in main prog';

/** Attach types (uapi bpf.h enum bpf_attach_type). */
const EGRESS = 1;
/** recvmsg, getpeername and getsockname of all families. */
const RETURN_ONE = [19, 20, 51, 29, 30, 52, 31, 32, 53];
const BINDS = [8, 9];
const SESSIONS = [56, 57];
const FENTRY_FEXIT = [24, 25];
const ITER = 28;
const LSM_CGROUP = 43;
const STRUCT_OPS = 27;
const LSM = 29;

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
  if (type === LSM) return hookRange(v);
  if (type === 26) {
    if (FENTRY_FEXIT.includes(expectedAttachType)) return [0, 0];
    if (expectedAttachType === ITER) return [0, 1];
  }
  return undefined;
}

/** Security hooks return what they return; for cgroups, whether to go on. */
function hookRange(v: Verification): readonly [number, number] | undefined {
  if (v.program.expectedAttachType !== LSM_CGROUP) return v.target?.returns;
  return v.target?.proto?.returnType === 0 ? [1, 1] : [0, 1];
}

/** Whether nobody looks at the result: functions without one. */
function isVoid(v: Verification): boolean {
  const { type, expectedAttachType } = v.program;
  return v.target?.proto?.returnType === 0 && (type === STRUCT_OPS || (type === LSM && expectedAttachType !== LSM_CGROUP));
}

/** Operations that return a structure: the very reference that the program holds, or NULL. */
function returnsReference(v: Verification, reg: Reg): 'reference' | 'null' | undefined {
  const { target } = v;
  if (v.program.type !== STRUCT_OPS || target?.proto === undefined) return undefined;
  const pointer = skipModifiers(target.btf, target.proto.returnType).type;
  if (pointer.kind !== 'ptr') return undefined;
  const { id } = skipModifiers(target.btf, pointer.type);
  return reg.btf === target.btf && reg.target === id && reg.refId !== 0 ? 'reference' : 'null';
}

/** Follows an exit. @returns the next instruction, or undefined where the path ends */
export function checkExit(v: Verification): number | undefined {
  if (v.state.frames.length > 1) {
    v.liveness.update();
    return leaveFrame(v);
  }
  // Operations may hand a reference back to the kernel by returning it.
  checkNothingHeld(v, LEAVING, v.program.type === STRUCT_OPS ? v.reg(0).refId : 0);
  checkReturn(v, 0);
  return undefined;
}

/** What the program returns: R0 at an exit, R1 where it is thrown. */
export function checkReturn(v: Verification, n: 0 | 1): void {
  const outermost = v.state.frames[0];
  const isMain = outermost?.inAsyncCallback !== true && (outermost?.subprog === 0 || outermost?.subprog === v.exceptionCallback);
  if (isMain && isVoid(v)) return;
  const reference = isMain && outermost.subprog === 0 ? returnsReference(v, v.reg(n)) : undefined;
  if (reference === 'reference') {
    checkUnmodified(v.reg(n), n, 'none');
    return;
  }
  const reg = v.checkRead(n);
  if (v.hidesPointer(n)) throw denied(`R${n} leaks addr as return value`, n);
  let where = 'At program exit';
  let range = reference === 'null' ? ([0, 0] as const) : resultRange(v);
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
  // The kernel looks at 32 bits of what a security hook returns.
  const narrow = isMain && v.program.type === LSM && v.program.expectedAttachType !== LSM_CGROUP;
  const fits = narrow ? min <= reg.s32min && reg.s32max <= max : sminOf(reg) >= BigInt(min) && smaxOf(reg) <= BigInt(max);
  if (fits) return;
  const note = "\nNote, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!";
  const toVoid = isMain && v.program.type === LSM && !narrow && v.target?.proto?.returnType === 0;
  throw invalid(`${outOfRange(where, `R${n}`, reg, min, max)}${toVoid ? note : ''}`, n);
}
