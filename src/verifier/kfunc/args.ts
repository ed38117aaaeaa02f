/** The arguments of a kfunc call, one by one against its prototype in BTF (check_kfunc_args, v6.18). */
import { type BtfParam, type BtfType, hasField, type TypeRef } from '../../btf/index.ts';
import { checkOffset } from '../calls/args.ts';
import { checkConstString } from '../calls/const-string.ts';
import { checkMemory, checkSizedMemory } from '../calls/memory-args.ts';
import { kernelContext } from '../kernel-btf/context-types.ts';
import { kernelStruct } from '../kernel-btf/lookup.ts';
import { isNoCastAlias, isProjection, structsMatch } from '../kernel-btf/match.ts';
import { kindText } from '../kernel-btf/walk.ts';
import { typeText } from '../log/type-text.ts';
import { dynptrOf, useDynptr } from '../objects/dynptr-args.ts';
import { OWN_ARGS } from '../objects/field-kfuncs.ts';
import { useIrqFlag } from '../objects/irq-flag.ts';
import { useIterator } from '../objects/iterator.ts';
import { markPrecise } from '../precision/precision.ts';
import { denied, invalid, Rejection } from '../rejection.ts';
import { cloneReg, copyReg, isNullScalar, KIND, kindOf, mayBeNull, type Reg } from '../state/reg.ts';
import { DYNPTR_TYPE } from '../state/stack.ts';
import { isRcu, isTrusted, isUnsafe, structOfKind, trustingFlags } from '../state/trust.ts';
import { setNotNull } from '../steps/null-checks.ts';
import { tnumIsConst, toU64 } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { hasSuffix, isConstSizeParam, isScalarType, type PointerKind, pointerKind } from './arg-kind.ts';
import { hasFlag, type KfuncCall, wantsTrusted } from './call.ts';
import { KfuncFacts } from './facts.ts';

const MAX_ARGS = 5;
/** Types whose kfuncs' dynptrs are of one kind. */
const DYNPTR_OF: Readonly<Record<string, number>> = {
  bpf_dynptr_from_skb: DYNPTR_TYPE.SKB,
  bpf_dynptr_from_xdp: DYNPTR_TYPE.XDP,
  bpf_dynptr_from_skb_meta: DYNPTR_TYPE.SKB_META,
};
const SAVES_IRQ = ['bpf_local_irq_save', 'bpf_res_spin_lock_irqsave'];
const LOCKS_IRQ = ['bpf_res_spin_lock_irqsave', 'bpf_res_spin_unlock_irqrestore'];
const LSM = 29;
const TRACING = 26;
const TRACE_ITER = 28;

/** Checks all arguments. */
export function checkKfuncArgs(v: Verification, call: KfuncCall): KfuncFacts {
  const facts = new KfuncFacts(call);
  const { params } = call.proto;
  if (params.length > MAX_ARGS) throw invalid(`Function ${call.name} has ${params.length} > ${MAX_ARGS} args`);
  for (let i = 0; i < params.length; i++) {
    const param = params[i];
    if (param === undefined || hasSuffix(param, '__ign') || hasSuffix(param, '__prog')) continue;
    const type = call.btf.resolve(param.type);
    if (isScalarType(type)) {
      checkScalar(v, i, param, facts);
      continue;
    }
    if (type.kind !== 'ptr') throw invalid(`Unrecognized arg#${i} type ${kindText(type)}`);
    const kind = checkPointer(v, i, param, call.btf.resolve(type.type), facts);
    if (kind === 'sized_memory') i++;
  }
  if (hasFlag(call, 'release') && facts.releases === 0) {
    throw invalid(`release kernel function ${call.name} expects refcounted PTR_TO_BTF_ID`);
  }
  return facts;
}

function checkScalar(v: Verification, i: number, param: BtfParam, facts: KfuncFacts): void {
  const n = i + 1;
  const reg = v.reg(n);
  if (reg.type !== KIND.SCALAR) throw invalid(`R${n} is not a scalar`, n);
  if (hasSuffix(param, '__k')) {
    if (!tnumIsConst(reg)) throw invalid(`R${n} must be a known constant`, n);
    markPrecise(v, n);
    facts.constant = toU64(reg.vH, reg.vL);
    return;
  }
  if (param.name !== 'rdonly_buf_size' && param.name !== 'rdwr_buf_size') return;
  facts.resultReadOnly ||= param.name === 'rdonly_buf_size';
  if (facts.resultSize !== 0) throw invalid('2 or more rdonly/rdwr_buf_size parameters for kfunc');
  if (!tnumIsConst(reg)) throw invalid(`R${n} is not a const`, n);
  facts.resultSize = Number(toU64(reg.vH, reg.vL));
  markPrecise(v, n);
}

function checkPointer(v: Verification, i: number, param: BtfParam, target: BtfType, facts: KfuncFacts): PointerKind {
  const { call } = facts;
  const n = i + 1;
  const reg = v.reg(n);
  const trusted = wantsTrusted(call);
  const rcu = hasFlag(call, 'rcu');
  const releases = hasFlag(call, 'release');
  if ((trusted || rcu) && (isNullScalar(reg) || mayBeNull(reg.type)) && !hasSuffix(param, '__nullable')) {
    throw denied(`Possibly NULL pointer passed to trusted arg${i}`, n);
  }
  if (reg.refId !== 0) {
    if (releases && facts.refId !== 0) {
      throw new Rejection('EFAULT', `verifier bug: more than one arg with ref_obj_id R${n} ${reg.refId} ${facts.refId}`, [n]);
    }
    facts.refId = reg.refId;
    if (releases) facts.releases = n;
  }
  const kind = pointerKind(v, facts, i, target);
  if (kind === 'null') return kind;
  if (kind === 'map') useMap(n, reg, facts);
  if ((kind === 'map' || kind === 'alloc' || kind === 'object') && (trusted || rcu) && !isTrusted(reg)) {
    if (!rcu) throw invalid(`R${n} must be referenced or trusted`, n);
    if (!isRcu(reg)) throw invalid(`R${n} must be a rcu pointer`, n);
  }
  checkOffset(n, reg, { release: releases && reg.refId !== 0 });
  use(v, i, param, target, kind, facts);
  return kind;
}

function use(v: Verification, i: number, param: BtfParam, target: BtfType, kind: PointerKind, facts: KfuncFacts): void {
  const n = i + 1;
  const reg = v.reg(n);
  const { call } = facts;
  switch (kind) {
    case 'null':
      return;
    case 'context':
      if (reg.type !== KIND.CTX) throw invalid(`arg#${i} expected pointer to ctx, but got ${typeText(reg.type)}`, n);
      if (call.special === 'bpf_cast_to_kern_ctx') findKernelContext(v, facts);
      return;
    case 'dynptr':
      useKfuncDynptr(v, n, param, facts);
      return;
    case 'iterator':
      if (call.special === 'bpf_iter_css_task_new' && !mayIterateCssTasks(v)) {
        throw invalid('css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs');
      }
      useIterator(v, n, reg, facts);
      return;
    case 'map': {
      const map = kernelStruct(v, 'bpf_map');
      if (map !== undefined) useObject(v, i, map, facts);
      return;
    }
    case 'object':
      useObject(v, i, { btf: call.btf, id: target.id }, facts);
      return;
    case 'memory':
      useMemory(v, i, target, facts);
      return;
    case 'sized_memory':
      useSizedMemory(v, i, param, facts);
      return;
    case 'callback':
      if (reg.type !== KIND.FUNC) throw invalid(`arg${i} expected pointer to func`, n);
      facts.subprog = reg.target;
      return;
    case 'const_string':
      if (reg.type !== KIND.MAP_VALUE) throw invalid(`arg#${i} doesn't point to a const string`, n);
      checkConstString(v, n, reg);
      return;
    case 'irq_flag':
      useIrqFlag(v, n, reg, { saves: SAVES_IRQ.includes(call.special), byLock: LOCKS_IRQ.includes(call.special) });
      return;
    default:
      OWN_ARGS[kind](v, n, reg, facts);
  }
}

/** css_set_lock must not be taken twice (check_css_task_iter_allowlist). */
function mayIterateCssTasks(v: Verification): boolean {
  const { type, expectedAttachType } = v.program;
  return type === LSM || (type === TRACING && expectedAttachType === TRACE_ITER) || v.state.sleepable;
}

function findKernelContext(v: Verification, facts: KfuncFacts): void {
  const { btf } = facts.call;
  const id = kernelContext(v, v.program.type)?.id ?? 0;
  const { kind } = btf.type(id);
  if (kind !== 'struct' && kind !== 'union') throw invalid(`kern ctx type id ${id} is not a struct`);
  facts.object = { btf, target: id };
}

function useKfuncDynptr(v: Verification, n: number, param: BtfParam, facts: KfuncFacts): void {
  const { special } = facts.call;
  const own = DYNPTR_OF[special];
  if (!hasSuffix(param, '__uninit')) {
    useDynptr(v, n, own === undefined ? { how: 'rdonly' } : { how: 'rdonly', type: own });
    const dynptr = dynptrOf(v, n);
    if (dynptr !== undefined) facts.dynptr = { type: dynptr.dynptrType, id: dynptr.id, refId: dynptr.refId };
    return;
  }
  if (v.reg(n).type === KIND.DYNPTR) throw new Rejection('EFAULT', 'verifier bug: misconfigured dynptr helper type flags', [n]);
  const parent = special === 'bpf_dynptr_clone' ? facts.dynptr : undefined;
  useDynptr(v, n, { how: 'uninit', type: parent?.type ?? own ?? 0, cloneRef: parent?.refId ?? 0 });
}

function useMap(n: number, reg: Reg, facts: KfuncFacts): void {
  const { map } = reg;
  if (map === undefined) {
    // What the kernel knows about other pointers lies where it looks for the map; that they are none it tells later.
    if (reg.btf !== undefined || reg.memSize !== 0 || reg.range !== 0) return;
    throw invalid(`pointer in R${n} isn't map pointer`, n);
  }
  if (facts.map !== undefined && (facts.map !== map || facts.mapUid !== reg.mapUid)) {
    const task = hasField(map.special, 'task_work');
    const wq = hasField(map.special, 'wq');
    const uids = (place: string, other: string): string =>
      `pointer in ${place} map_uid=${facts.mapUid} doesn't match map pointer in ${other} map_uid=${reg.mapUid}`;
    if (task) throw invalid(`bpf_task_work ${uids('R2', 'R3')}`, n);
    if (wq) throw invalid(`workqueue ${uids('R1', 'R2')}`, n);
  }
  facts.map = map;
  facts.mapUid = reg.mapUid;
}

/** A pointer to a kernel object of the type that the prototype names (process_kf_arg_ptr_to_btf_id). */
function useObject(v: Verification, i: number, need: TypeRef, facts: KfuncFacts): void {
  const n = i + 1;
  const reg = v.reg(n);
  const { call } = facts;
  const kernelName = structOfKind(reg.type);
  const isBtf = kindOf(reg.type) === KIND.BTF_ID;
  if ((!isBtf || (isUnsafe(reg.type) && !isRcu(reg))) && kernelName === undefined) {
    const expected = typeText(kindOf(reg.type) | trustingFlags(reg.type));
    throw invalid(`arg#${i} is ${typeText(reg.type)} expected ${expected} or socket`, n);
  }
  const known = kernelName === undefined ? undefined : kernelStruct(v, kernelName);
  const have: TypeRef | undefined = isBtf && reg.btf !== undefined ? { btf: reg.btf, id: reg.target } : known;
  if (have === undefined) throw invalid('', n);
  const haveType = have.btf.resolve(have.id);
  const needType = need.btf.resolve(need.id);
  const strict = (hasFlag(call, 'release') && reg.refId !== 0) || isNoCastAlias(haveType.name, needType.name);
  const same = structsMatch(v, { btf: have.btf, id: haveType.id }, reg.off, { btf: need.btf, id: needType.id }, strict ? 'strict' : 'walk');
  if (same || isProjection(needType.name, haveType.name)) return;
  const words = [needType, haveType].map((t) => `${kindText(t)} ${t.name}`);
  throw invalid(`kernel function ${call.name} args#${i} expected pointer to ${words[0]} but R${n} has a pointer to ${words[1]}`, n);
}

/** Memory that the function may read and write, of the size of its type; NULL is the function's business (check_mem_reg). */
function useMemory(v: Verification, i: number, target: BtfType, facts: KfuncFacts): void {
  const n = i + 1;
  if (isNullScalar(v.reg(n))) return;
  const size = facts.call.btf.sizeOf(target.id);
  asNotNull(v, n, () => {
    checkMemory(v, n, size, { direction: 'read', zero: true });
    checkMemory(v, n, size, { direction: 'write', zero: true });
  });
}

/** Checks with a pointer that may be NULL taken for one that is not: the function has to look itself. */
function asNotNull(v: Verification, n: number, check: () => void): void {
  const reg = v.reg(n);
  if (!mayBeNull(reg.type)) {
    check();
    return;
  }
  const before = cloneReg(reg);
  setNotNull(reg);
  try {
    check();
  } finally {
    copyReg(v.reg(n), before);
  }
}

function useSizedMemory(v: Verification, i: number, param: BtfParam, facts: KfuncFacts): void {
  const n = i + 1;
  const size = v.reg(n + 1);
  const sizeParam = facts.call.proto.params[i + 1];
  if (!isNullScalar(v.reg(n)) || !hasSuffix(param, '__opt')) {
    try {
      asNotNull(v, n, () => {
        checkSizedMemory(v, n + 1, size, { direction: 'read', zero: true });
        checkSizedMemory(v, n + 1, size, { direction: 'write', zero: true });
      });
    } catch (refusal) {
      if (!(refusal instanceof Rejection)) throw refusal;
      const pair = `arg#${i} arg#${i + 1} memory, len pair leads to invalid memory access`;
      throw new Rejection(refusal.errno, `${refusal.message}\n${pair}`, refusal.regs);
    }
  }
  if (sizeParam === undefined || !isConstSizeParam(sizeParam)) return;
  if (!tnumIsConst(size)) throw invalid(`R${n + 1} must be a known constant`, n + 1);
  facts.constant = toU64(size.vH, size.vL);
}
