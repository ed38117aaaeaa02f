/** Global functions: checked on their own by their BTF prototype, and taken for right where they are called (btf_check_subprog_call, v6.18). */
import { useDynptr } from '../objects/dynptr-args.ts';
import { isLocked } from '../objects/held.ts';
import { sleepRefusal } from '../objects/regions.ts';
import { invalid, Rejection } from '../rejection.ts';
import { FLAG, isNullScalar, KIND, kindOf, mayBeNull, type Reg, setBtfPointer, setPointer, setUnknownScalar } from '../state/reg.ts';
import { topFrame } from '../state/state.ts';
import type { Subprogram } from '../subprograms.ts';
import { regOf, type Verification } from '../verification.ts';
import { checkOffset } from './args.ts';
import { checkBtfArg } from './btf-args.ts';
import { clearCallerSaved } from './frames.ts';
import { type ArgsRefusal, type FunctionArg, functionArgs } from './global-args.ts';
import { checkMemory } from './memory-args.ts';
import { forgetPackets } from './packets.ts';

/** The parameters of a subprogram, found once. */
export function subprogramArgs(v: Verification, subprog: Subprogram): readonly FunctionArg[] | ArgsRefusal {
  const known = v.subprogramArgs.get(subprog.index);
  if (known !== undefined) return known;
  const { btf } = v.program;
  const { func } = subprog;
  if (btf === undefined || func === undefined) return { errno: 'EINVAL', message: `Type of func ${subprog.name}() is not known` };
  const linkage = func.linkage === 'global' ? 'global' : 'static';
  const args = functionArgs(v, { btf, func, linkage, progType: v.program.type });
  v.subprogramArgs.set(subprog.index, args);
  return args;
}

/** Gives R1-R5 of a global function's own check what its prototype promises (do_check_common). */
export function setGlobalArgs(v: Verification, args: readonly FunctionArg[]): void {
  const frame = topFrame(v.state);
  for (const [i, arg] of args.entries()) setArg(v, regOf(frame, i + 1), arg);
}

function setArg(v: Verification, reg: Reg, arg: FunctionArg): void {
  switch (arg.kind) {
    case 'scalar':
    case 'arena':
      setUnknownScalar(reg, !v.capable);
      return;
    case 'ctx':
      setPointer(reg, KIND.CTX);
      return;
    case 'dynptr':
      setPointer(reg, KIND.DYNPTR);
      reg.dynptrType = 1;
      reg.id = v.newId();
      return;
    case 'untrusted_memory':
      setPointer(reg, KIND.MEM | FLAG.RDONLY | FLAG.UNTRUSTED);
      return;
    case 'memory':
      setPointer(reg, KIND.MEM | (arg.nonNull ? 0 : FLAG.MAYBE_NULL));
      reg.memSize = arg.size;
      if (!arg.nonNull) reg.id = v.newId();
      return;
    case 'btf':
      setBtfPointer(reg, KIND.BTF_ID | arg.flags, arg.type.btf, arg.type.id);
      reg.id = v.newId();
  }
}

/** Calls a global function: the arguments fit its prototype. */
export function callGlobal(v: Verification, index: number): void {
  const subprog = v.subprograms[index];
  if (subprog === undefined) throw new Rejection('EFAULT', `verifier bug: no subprogram ${index}`);
  const refusal = attempt(() => checkGlobalCall(v, subprog));
  if (isLocked(v.state)) throw invalid('global function calls are not allowed while holding a lock,\nuse static function instead');
  if (subprog.mightSleep && (sleepRefusal(v) !== undefined || !v.state.sleepable)) {
    throw invalid(
      'global functions that may sleep are not allowed in non-sleepable context,\ni.e., in a RCU/IRQ/preempt-disabled section, or in\na non-sleepable BPF program context',
    );
  }
  if (refusal !== undefined) {
    const complaint = refusal.message === '' ? '' : `${refusal.message}\n`;
    throw new Rejection(refusal.errno, `${complaint}Caller passes invalid args into func#${index} ('${subprog.name}')`, refusal.regs);
  }
  if (v.log.on) v.log.write(`Func#${index} ('${subprog.name}') is global and assumed valid.\n`);
  if (subprog.changesPacket) forgetPackets(v);
  subprog.called = true;
  clearCallerSaved(v, v.frame);
  setUnknownScalar(v.reg(0), !v.capable);
}

/** Parameters of static functions that calls are compared with. */
const COMPARED: readonly FunctionArg['kind'][] = ['scalar', 'ctx', 'dynptr'];

/** Tells, once, where the arguments of a static function do not fit its prototype; it is verified with what it gets (btf_check_subprog_call). */
export function noteMismatch(v: Verification, index: number): void {
  const subprog = v.subprograms[index];
  if (v.program.functions === undefined || subprog === undefined || subprog.unreliable) return;
  const args = subprogramArgs(v, subprog);
  if ('errno' in args || args.some((arg) => !COMPARED.includes(arg.kind))) {
    subprog.unreliable = true;
    if ('errno' in args && args.message !== '' && v.log.level > 0) v.log.write(`${args.message}\n`);
    return;
  }
  const refusal = attempt(() => {
    for (const [i, arg] of args.entries()) checkGlobalArg(v, i, arg);
  });
  if (refusal === undefined) return;
  subprog.unreliable = true;
  if (v.log.level > 0) v.log.write(`${refusal.message}\n`);
}

function checkGlobalCall(v: Verification, subprog: Subprogram): void {
  const args = subprogramArgs(v, subprog);
  if ('errno' in args) throw new Rejection(args.errno, args.message);
  for (const [i, arg] of args.entries()) checkGlobalArg(v, i, arg);
}

function checkGlobalArg(v: Verification, i: number, arg: FunctionArg): void {
  const n = i + 1;
  const reg = v.reg(n);
  switch (arg.kind) {
    case 'scalar':
      if (reg.type !== KIND.SCALAR) throw invalid(`R${n} is not a scalar`, n);
      return;
    // Loads through it cannot fault, whatever it is.
    case 'untrusted_memory':
      return;
    case 'ctx':
      checkOffset(n, reg, {});
      if (reg.type !== KIND.CTX) throw invalid(`arg#${i} expects pointer to ctx`, n);
      return;
    case 'memory':
      checkOffset(n, reg, {});
      checkOwnMemory(v, n, arg.size);
      if (arg.nonNull && mayBeNull(reg.type)) throw invalid(`arg#${i} is expected to be non-NULL`, n);
      return;
    case 'arena':
      if (reg.type !== KIND.SCALAR && reg.type !== KIND.ARENA) throw invalid(`R${n} is not a pointer to arena or scalar.`, n);
      return;
    case 'dynptr':
      checkOffset(n, reg, {});
      useDynptr(v, n, { how: 'rdonly' });
      return;
    case 'btf':
      if ((arg.flags & FLAG.UNTRUSTED) !== 0 || (isNullScalar(reg) && mayBeNull(arg.flags))) return;
      checkBtfArg(v, n, reg, { wanted: arg.type, nullable: mayBeNull(arg.flags), strict: false });
      checkOffset(n, reg, {});
  }
}

/** Memory that a global function may read and write, or NULL (check_mem_reg). */
function checkOwnMemory(v: Verification, n: number, size: number): void {
  const reg = v.reg(n);
  if (isNullScalar(reg)) return;
  // What may be NULL is checked as if it were not: the function has to check itself.
  const { type } = reg;
  reg.type &= ~FLAG.MAYBE_NULL;
  const refusal = attempt(() => {
    if (kindOf(reg.type) === KIND.SOCKET) throw invalid(`R${n} type=sock expected=fp`);
    checkMemory(v, n, size, { direction: 'read', zero: true });
    checkMemory(v, n, size, { direction: 'write', zero: true });
  });
  reg.type = type;
  if (refusal !== undefined) throw invalid(refusal.message, n);
}

function attempt(check: () => void): Rejection | undefined {
  try {
    check();
    return undefined;
  } catch (refusal) {
    if (refusal instanceof Rejection) return refusal;
    throw refusal;
  }
}
