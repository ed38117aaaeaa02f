/** Global functions: checked on their own by their BTF prototype, and taken for right where they are called (btf_check_subprog_call, v6.18). */
import type { Btf, BtfType } from '../../btf/index.ts';
import { checkUnmodified } from '../access/context.ts';
import { isLocked } from '../objects/held.ts';
import { sleepRefusal } from '../objects/regions.ts';
import { invalid, Rejection } from '../rejection.ts';
import { FLAG, isNullScalar, KIND, kindOf, mayBeNull, setPointer, setUnknownScalar } from '../state/reg.ts';
import { topFrame } from '../state/state.ts';
import type { Subprogram } from '../subprograms.ts';
import { regOf, type Verification } from '../verification.ts';
import { clearCallerSaved } from './frames.ts';
import { checkMemory } from './memory-args.ts';
import { forgetPackets } from './packets.ts';

/** What a parameter takes. */
export type GlobalArg =
  | { readonly kind: 'scalar' }
  | { readonly kind: 'ctx' }
  | { readonly kind: 'memory'; readonly size: number; readonly nonNull: boolean };

/** The parameters of a global function, or why they cannot be checked. */
export function globalArgs(v: Verification, subprog: Subprogram): readonly GlobalArg[] | string {
  const { btf } = v.program;
  const { proto, name } = subprog;
  if (btf === undefined || proto === undefined) return `Type of func ${name}() is not known`;
  if (proto.params.length > 5) return `Global function ${name}() with ${proto.params.length} > 5 args. Buggy compiler.`;
  const returned = btf.resolve(proto.returnType);
  if (returned.kind !== 'int' && returned.kind !== 'enum' && returned.kind !== 'enum64') {
    return `Global function ${name}() doesn't return scalar. Only those are supported.`;
  }
  const args: GlobalArg[] = [];
  for (const [i, param] of proto.params.entries()) {
    const type = btf.resolve(param.type);
    if (type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64') {
      args.push({ kind: 'scalar' });
      continue;
    }
    if (type.kind !== 'ptr') return `Arg#${i} type ${type.kind.toUpperCase()} in ${name}() is not supported yet.`;
    const tags = tagsOf(btf, subprog.func?.id ?? 0, i);
    if (tags.includes('arg:ctx') || isContext(v, btf, type.type)) {
      args.push({ kind: 'ctx' });
      continue;
    }
    const pointee = btf.resolve(type.type);
    const size = sizeOf(btf, pointee);
    if (size === undefined)
      return `arg#${i} reference type('${pointee.kind.toUpperCase()} ${pointee.name}') size cannot be determined: -22`;
    args.push({ kind: 'memory', size, nonNull: tags.includes('arg:nonnull') });
  }
  return args;
}

function sizeOf(btf: Btf, type: BtfType): number | undefined {
  if (type.kind === 'void' || type.kind === 'func_proto' || type.kind === 'fwd') return undefined;
  return btf.sizeOf(type.id);
}

/** Declaration tags of a function's parameter. Looked for only in checks of global functions, of which there are few. */
function tagsOf(btf: Btf, func: number, param: number): string[] {
  const tags: string[] = [];
  for (let id = btf.first; id < btf.count; id++) {
    if (btf.kind(id) !== 'decl_tag') continue;
    const tag = btf.type(id);
    if (tag.kind === 'decl_tag' && tag.type === func && tag.component === param) tags.push(tag.name);
  }
  return tags;
}

/** Whether a pointer's target is the context of the program's type, by its name. */
function isContext(v: Verification, btf: Btf, id: number): boolean {
  const wanted = v.row.ctxType.replace('struct ', '');
  for (let type = btf.type(id); ; type = btf.type(type.type)) {
    if (type.kind === 'typedef' && type.name === 'bpf_user_pt_regs_t' && wanted === 'pt_regs') return true;
    if (type.kind === 'struct') return type.name === wanted;
    if (type.kind !== 'typedef' && type.kind !== 'const' && type.kind !== 'volatile' && type.kind !== 'type_tag') return false;
  }
}

/** Gives R1-R5 of a global function's own check what its prototype promises. */
export function setGlobalArgs(v: Verification, args: readonly GlobalArg[]): void {
  const frame = topFrame(v.state);
  for (const [i, arg] of args.entries()) {
    const reg = regOf(frame, i + 1);
    if (arg.kind === 'scalar') {
      setUnknownScalar(reg, !v.capable);
    } else if (arg.kind === 'ctx') {
      setPointer(reg, KIND.CTX);
    } else {
      setPointer(reg, KIND.MEM | (arg.nonNull ? 0 : FLAG.MAYBE_NULL));
      reg.memSize = arg.size;
      if (!arg.nonNull) reg.id = v.newId();
    }
  }
}

/** Calls a global function: the arguments fit its prototype. */
export function callGlobal(v: Verification, index: number): void {
  const subprog = v.subprograms[index];
  if (subprog === undefined) throw new Rejection('EFAULT', `verifier bug: no subprogram ${index}`);
  if (isLocked(v.state)) throw invalid('global function calls are not allowed while holding a lock,\nuse static function instead');
  if (subprog.mightSleep && (sleepRefusal(v) !== undefined || !v.state.sleepable)) {
    throw invalid(
      'global functions that may sleep are not allowed in non-sleepable context,\ni.e., in a RCU/IRQ/preempt-disabled section, or in\na non-sleepable BPF program context',
    );
  }
  const args = globalArgs(v, subprog);
  const complaint = typeof args === 'string' ? args : mismatch(v, args);
  if (complaint !== undefined) throw invalid(`${complaint}\nCaller passes invalid args into func#${index} ('${subprog.name}')`);
  if (v.log.on) v.log.write(`Func#${index} ('${subprog.name}') is global and assumed valid.\n`);
  if (subprog.changesPacket) forgetPackets(v);
  subprog.called = true;
  clearCallerSaved(v, v.frame);
  setUnknownScalar(v.reg(0), !v.capable);
}

function mismatch(v: Verification, args: readonly GlobalArg[]): string | undefined {
  for (const [i, arg] of args.entries()) {
    const n = i + 1;
    const reg = v.reg(n);
    if (arg.kind === 'scalar') {
      if (reg.type !== KIND.SCALAR) return `R${n} is not a scalar`;
    } else if (arg.kind === 'ctx') {
      const refusal = attempt(() => checkUnmodified(reg, n, 'none'));
      if (refusal !== undefined) return refusal;
      if (reg.type !== KIND.CTX) return `arg#${i} expects pointer to ctx`;
    } else {
      const refusal = memoryMismatch(v, n, arg.size);
      if (refusal !== undefined) return refusal;
      if (arg.nonNull && mayBeNull(reg.type)) return `arg#${i} is expected to be non-NULL`;
    }
  }
  return undefined;
}

/** Memory that a global function may read and write, or NULL (check_mem_reg). */
function memoryMismatch(v: Verification, n: number, size: number): string | undefined {
  const reg = v.reg(n);
  if (isNullScalar(reg)) return undefined;
  // What may be NULL is checked as if it were not: the function has to check itself.
  const { type } = reg;
  reg.type &= ~FLAG.MAYBE_NULL;
  const refusal = attempt(() => {
    if (kindOf(reg.type) === KIND.SOCKET) throw invalid(`R${n} type=sock expected=fp`);
    checkMemory(v, n, size, { direction: 'read', zero: true });
    checkMemory(v, n, size, { direction: 'write', zero: true });
  });
  reg.type = type;
  return refusal;
}

function attempt(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (refusal) {
    if (refusal instanceof Rejection) return refusal.message;
    throw refusal;
  }
}
