/** A kfunc call: whether it may be made, arguments, what it does to the state, and what it returns (check_kfunc_call, v6.18). */
import type { Slot } from '../../isa/index.ts';
import { clearCallerSaved } from '../calls/frames.ts';
import { forgetPackets } from '../calls/packets.ts';
import { kindText } from '../kernel-btf/walk.ts';
import { acquire, checkNothingHeld, release, THROW } from '../objects/held.ts';
import { forkNext, isIteratorRcu } from '../objects/iterator.ts';
import { checkRegions } from '../objects/regions.ts';
import { denied, invalid } from '../rejection.ts';
import { FLAG, KIND, type Reg, setBtfPointer, setPointer, setUnknownScalar } from '../state/reg.ts';
import { checkReturn } from '../steps/exit.ts';
import type { Verification } from '../verification.ts';
import { isScalarType } from './arg-kind.ts';
import { checkKfuncArgs } from './args.ts';
import { hasFlag, type KfuncCall, kfuncOf, namedKfunc } from './call.ts';
import type { KfuncFacts } from './facts.ts';
import { hookOf } from './hooks.ts';

/** kfuncs that may move a packet (is_kfunc_pkt_changing). */
const PACKET_CHANGERS = ['bpf_xdp_pull_data'];
/** kfuncs that acquire though they do not return a structure by their prototype. */
const ACQUIRE_ANY = ['bpf_obj_new_impl', 'bpf_percpu_obj_new_impl', 'bpf_refcount_acquire_impl'];

export function changesPacketsKfunc(call: KfuncCall): boolean {
  return PACKET_CHANGERS.includes(call.special);
}

/** Checks the kfunc call at the current instruction. @returns the next one, or undefined where the path ends */
export function callKfunc(v: Verification, insn: Slot): number | undefined {
  // What libbpf did not find is refused when it is still there after simulation.
  if (insn.imm === 0) {
    v.absentKfunc = true;
    return v.insn + 1;
  }
  const call = kfuncOf(v, insn);
  if (call === undefined) throw denied(`calling kernel function ${namedKfunc(v, insn)?.name ?? ''} is not allowed`);
  const hook = hookOf(call);
  hook?.before?.(v);
  if (hasFlag(call, 'sleepable') && !v.state.sleepable) {
    throw denied(`program must be sleepable to call sleepable kfunc ${call.name}`);
  }
  const facts = checkKfuncArgs(v, call);
  hook?.callback?.(v, facts);
  checkRegions(v, call);
  if (facts.releases !== 0 && !release(v, v.reg(facts.releases).refId)) {
    throw invalid(`kfunc ${call.name}#${call.id} reference has not been acquired before`);
  }
  hook?.effect?.(v, facts);
  const throws = call.special === THROW;
  if (throws) noteThrow(v);
  clearCallerSaved(v, v.frame);
  setResult(v, facts);
  if (changesPacketsKfunc(call)) forgetPackets(v);
  if (hasFlag(call, 'iter_next')) forkNext(v, facts);
  if (!throws) return v.insn + 1;
  v.scratchReg(0);
  checkNothingHeld(v, THROW);
  return undefined;
}

/** Without a callback of the program's own the thrown value is what the program returns. */
function noteThrow(v: Verification): void {
  v.seenException = true;
  if (v.exceptionCallback === 0) checkReturn(v, 1);
}

function setResult(v: Verification, facts: KfuncFacts): void {
  const { call } = facts;
  const reg = v.reg(0);
  const type = call.btf.resolve(call.proto.returnType);
  const acquires = hasFlag(call, 'acquire');
  const target = type.kind === 'ptr' ? call.btf.resolve(type.type) : undefined;
  if (acquires && target?.kind !== 'struct' && target?.kind !== 'union' && !ACQUIRE_ANY.includes(call.special)) {
    throw invalid('acquire kernel function does not return PTR_TO_BTF_ID');
  }
  const hook = hookOf(call);
  if (isScalarType(type)) {
    setUnknownScalar(reg, !v.capable);
    hook?.after?.(v, reg, facts);
    return;
  }
  if (target === undefined) return;
  if (hook?.result !== undefined) {
    hook.result(v, reg, facts);
  } else if (target.kind === 'void') {
    setUnknownScalar(reg, !v.capable);
  } else if (target.kind === 'struct') {
    setObject(v, reg, facts, target.id);
  } else {
    setMemory(reg, facts, target.id);
  }
  const mayBeNull = hook?.mayBeNull?.(facts) ?? hasFlag(call, 'ret_null');
  if (mayBeNull) {
    reg.type |= FLAG.MAYBE_NULL;
    reg.id = v.newId();
  }
  if (acquires) {
    const id = acquire(v, v.insn);
    if (mayBeNull) reg.id = id;
    reg.refId = id;
  }
  hook?.after?.(v, reg, facts);
}

function setObject(v: Verification, reg: Reg, facts: KfuncFacts, id: number): void {
  const { call } = facts;
  let flags = hasFlag(call, 'rcu_protected') ? FLAG.RCU : 0;
  if (hasFlag(call, 'iter_next')) flags |= isIteratorRcu(v, facts) ? FLAG.RCU : FLAG.TRUSTED;
  setBtfPointer(reg, KIND.BTF_ID | flags, call.btf, id);
}

function setMemory(reg: Reg, facts: KfuncFacts, id: number): void {
  const { call } = facts;
  const target = call.btf.resolve(id);
  if (facts.resultSize === 0) {
    const sized = 'size' in target || target.kind === 'ptr' || target.kind === 'array';
    facts.resultSize = sized ? call.btf.sizeOf(id) : 0;
    facts.resultReadOnly = true;
  }
  if (facts.resultSize === 0) {
    throw invalid(`kernel function ${call.name} returns pointer type ${kindText(target)} ${target.name} is not supported`);
  }
  setPointer(reg, KIND.MEM | (facts.resultReadOnly ? FLAG.RDONLY : 0) | (hasFlag(call, 'rcu_protected') ? FLAG.RCU : 0));
  reg.memSize = facts.resultSize;
  reg.refId = facts.refId;
}
