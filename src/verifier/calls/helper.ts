/** A helper call: arguments, what it does to the state, and what it returns (check_helper_call, v6.18). */
import { helperTakesMap, mayChangeMap } from '../../helpers/map-compatibility.ts';
import type { HelperProto } from '../../helpers/types.ts';
import type { Slot } from '../../isa/index.ts';
import { MAP_FLAG } from '../../maps/index.ts';
import { checkAccess } from '../access/memory.ts';
import { pushState } from '../explore/pending.ts';
import { noteKey } from '../facts.ts';
import { giveToField, setExchanged } from '../fields/exchange.ts';
import { mayHoldLock } from '../fields/lock.ts';
import { kernelStruct } from '../kernel-btf/lookup.ts';
import { isComposite, resolveSize, skipModifiers } from '../kernel-btf/walk.ts';
import { typeText } from '../log/type-text.ts';
import { dynptrOf, endDynptr } from '../objects/dynptr-args.ts';
import { acquire, checkNothingHeld, release } from '../objects/held.ts';
import { sleepRefusal } from '../objects/regions.ts';
import { markPrecise } from '../precision/precision.ts';
import { denied, invalid, Rejection } from '../rejection.ts';
import { FLAG, isNullScalar, KIND, mayBeNull, type Reg, setBtfPointer, setPointer, setUnknownScalar } from '../state/reg.ts';
import { DYNPTR_TYPE } from '../state/stack.ts';
import { narrowToS32, setSigned, setUnsigned, syncBounds, tnumIsConst, umaxNumber } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { type CallFacts, checkArgs } from './args.ts';
import { canVisit, drainArgs, eachArgs, loopArgs, timerArgs, vmaArgs } from './callbacks.ts';
import { checkFormat } from './const-string.ts';
import { clearCallerSaved, leaveFrame, pushAsyncCallback, pushCallback } from './frames.ts';
import { noteMismatch } from './global.ts';
import { changesPackets, forgetPackets } from './packets.ts';

const LOOKUP = 1;
const TAIL_CALL = 12;
const PROG_ARRAY = 3;
/** Helpers that change maps: update, delete, push, pop. */
const MAP_WRITERS = [2, 3, 87, 88];
/** Helpers that return at most the size of their buffer: get_stack, get_task_stack, the string reads. */
const BOUNDED = [67, 141, 45, 115, 114];
const GET_CPU = 8;
const MAX_ERRNO = 4095;
/** Helpers that look sockets up: sk_lookup_tcp, _udp, skc_lookup_tcp. ringbuf_reserve; kptr_xchg; map_lookup of sockets. */
const ACQUIRERS = [84, 85, 99, 131, 194];
/** Helpers that make another kind of socket of a socket: the reference goes along. */
const CASTS = [95, 96, 98, 136, 137, 138, 139, 140, 178, 196];
/** RET_PTR_TO_BTF_ID of enum bpf_return_type. */
const RET_BTF_ID = 8;
const KPROBE = 2;
const TRACING = 26;
const TRAMPOLINES: readonly number[] = [24, 25, 26];
const LSM_CGROUP = 43;
const SOCKMAPS = [15, 18];

/** Checks the helper call at the current instruction. @returns the next one */
export function callHelper(v: Verification, insn: Slot): number {
  const proto = v.helper(insn.imm);
  if (proto === undefined) throw invalid(`invalid func unknown#${insn.imm}`);
  if (proto.sleepable === true) {
    if (!v.state.sleepable) throw invalid('helper call might sleep in a non-sleepable prog');
    const where = sleepRefusal(v);
    if (where !== undefined) throw invalid(`sleepable helper bpf_${proto.name}#${proto.id} ${where}`);
  }
  const facts = checkArgs(v, proto);
  checkMapUse(v, proto, facts);
  if (facts.filled !== undefined) fillMemory(v, facts.filled);
  if (facts.releases !== 0) releaseArg(v, proto, facts);
  special(v, proto, facts);
  const dynptrType = proto.name === 'dynptr_write' ? (dynptrOf(v, 1)?.dynptrType ?? 0) : 0;
  // The memory that dynptr_data gives lives as long as the dynptr.
  const dynptr = proto.ret === 'dynptr_mem_or_null' ? ownerOf(dynptrOf(v, 1)) : undefined;
  clearCallerSaved(v, v.frame);
  setResult(v, proto, facts, dynptr);
  refine(v, proto, facts, v.reg(0));
  if (facts.map !== undefined) checkMapType(v, proto, facts.map.type);
  if (proto.id === TAIL_CALL) return tailCall(v);
  if (changesPackets(proto.id) || dynptrType === DYNPTR_TYPE.SKB || dynptrType === DYNPTR_TYPE.SKB_META) forgetPackets(v);
  return v.insn + 1;
}

function checkMapType(v: Verification, proto: HelperProto, mapType: number): void {
  const user = { type: v.program.type, attachType: v.program.expectedAttachType ?? 0 };
  if (helperTakesMap(proto.id, mapType, user)) return;
  const context = mayChangeMap(proto.id, mapType, user) ? '' : 'cannot update sockmap in this context\n';
  throw invalid(`${context}cannot pass map_type ${mapType} into func bpf_${proto.name}#${proto.id}`);
}

/** A dynptr's number and reference. */
interface Owner {
  readonly id: number;
  readonly refId: number;
}

function ownerOf(dynptr: Reg | undefined): Owner | undefined {
  return dynptr === undefined ? undefined : { id: dynptr.id, refId: dynptr.refId };
}

/** A tail call that succeeds ends the program, or takes the place of a subprogram: its caller gets any number, and goes on after the call. */
function tailCall(v: Verification): number {
  if (v.state.frames.length === 1) return v.insn + 1;
  pushState(v, v.insn + 1, v.insn);
  forgetPackets(v);
  v.scratchReg(0);
  v.markUnknown(0);
  v.liveness.update();
  return leaveFrame(v);
}

function checkMapUse(v: Verification, proto: HelperProto, { map }: CallFacts): void {
  if (map !== undefined && MAP_WRITERS.includes(proto.id) && (map.flags & MAP_FLAG.RDONLY_PROG) !== 0) {
    throw denied('write into map forbidden');
  }
  if (proto.id !== TAIL_CALL) return;
  if (map?.type !== PROG_ARRAY) throw invalid('expected prog array map for tail call');
  const index = v.reg(3);
  if (index.type === KIND.SCALAR && tnumIsConst(index) && umaxNumber(index) < map.maxEntries) markPrecise(v, 3);
}

/** The helper writes the buffer: byte by byte, as stores of unknown data. */
function fillMemory(v: Verification, { n, size }: { n: number; size: number }): void {
  for (let i = 0; i < size; i++) checkAccess(v, { at: n, off: i, size: 1, direction: 'write', value: -1 });
}

function releaseArg(v: Verification, proto: HelperProto, facts: CallFacts): void {
  const arg = proto.args[facts.releases - 1];
  let ok = isNullScalar(v.reg(facts.releases));
  if (arg?.kind === 'dynptr') {
    endDynptr(v, facts.releases);
    ok = true;
  } else if (facts.field !== undefined && facts.refId !== 0) {
    ok = giveToField(v, facts.refId);
  } else if (facts.refId !== 0) {
    ok = release(v, facts.refId);
  }
  if (!ok) throw invalid(`func bpf_${proto.name}#${proto.id} reference has not been acquired before`);
}

function special(v: Verification, proto: HelperProto, facts: CallFacts): void {
  switch (proto.name) {
    case 'tail_call':
      checkNothingHeld(v, 'tail_call');
      return;
    case 'get_local_storage':
      if (!isNullScalar(v.reg(2))) throw invalid("get_local_storage() doesn't support non-zero flags");
      return;
    case 'snprintf':
      checkFormat(v, 3, 5);
      return;
    case 'loop':
      noteLoop(v, facts.subprog);
      markPrecise(v, 1);
      if (v.frame.callbackDepth < umaxNumber(v.reg(1))) {
        pushCallback(v, facts.subprog, loopArgs(!v.capable));
      } else {
        v.frame.callbackDepth = 0;
        if (v.log.all) v.log.write(`frame${v.state.frames.length - 1} bpf_loop iteration limit reached\n`);
      }
      return;
    case 'for_each_map_elem':
      if (facts.map === undefined || !canVisit(facts.map)) {
        noteMismatch(v, facts.subprog);
        throw new Rejection('ENOTSUPP', 'callback function not allowed for map');
      }
      pushCallback(v, facts.subprog, eachArgs(facts.map));
      return;
    case 'user_ringbuf_drain':
      pushCallback(v, facts.subprog, drainArgs(v.newId()));
      return;
    case 'find_vma': {
      const vma = kernelStruct(v, 'vm_area_struct');
      pushCallback(v, facts.subprog, vmaArgs(vma));
      return;
    }
    case 'get_func_ip':
      checkFuncIp(v, proto);
      return;
    case 'set_retval':
      if (v.program.expectedAttachType === LSM_CGROUP && v.target?.proto?.returnType === 0) {
        throw invalid("BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!");
      }
      return;
    case 'timer_set_callback':
      pushAsyncCallback(v, facts.subprog, timerArgs(facts.map));
      return;
    case 'dynptr_from_mem': {
      const { type } = v.reg(1);
      if (type !== KIND.MAP_VALUE) throw denied(`Unsupported reg type ${typeText(type)} for bpf_dynptr_from_mem data`, 1);
    }
  }
}

/** Whether the call is one of a single callback without flags, which the kernel inlines (update_loop_inline_state). */
function noteLoop(v: Verification, subprog: number): void {
  const fact = v.fact(v.insn);
  if (fact.loop !== undefined && (!fact.loop.inline || fact.loop.subprog !== subprog)) {
    if (fact.loop.inline) flagsAreZero(v);
    fact.loop = { subprog: fact.loop.subprog, inline: false };
    return;
  }
  fact.loop = { subprog, inline: flagsAreZero(v) };
}

function flagsAreZero(v: Verification): boolean {
  if (!isNullScalar(v.reg(4))) return false;
  markPrecise(v, 4);
  return true;
}

/** Only programs at a function know its address (check_get_func_ip). */
function checkFuncIp(v: Verification, { name, id }: HelperProto): void {
  const { type, expectedAttachType = 0 } = v.program;
  if (type === KPROBE || (type === TRACING && TRAMPOLINES.includes(expectedAttachType))) return;
  const where = type === TRACING ? 'supported only for fentry/fexit/fmod_ret programs' : `not supported for program type ${type}`;
  throw new Rejection('ENOTSUPP', `func bpf_${name}#${id} ${where}`);
}

function setResult(v: Verification, proto: HelperProto, facts: CallFacts, dynptr: Owner | undefined): void {
  const reg = v.reg(0);
  switch (proto.ret) {
    case 'integer':
      setUnknownScalar(reg, !v.capable);
      return;
    case 'void':
      return;
    case 'map_value':
    case 'map_value_or_null': {
      if (facts.map === undefined) throw new Rejection('EFAULT', 'verifier bug: unexpected null map_ptr');
      if (proto.id === LOOKUP) noteKey(v, facts.key < facts.map.maxEntries ? facts.key : -1);
      const certain = proto.ret === 'map_value' || (proto.id === LOOKUP && facts.key >= 0 && facts.key < facts.map.maxEntries);
      setPointer(reg, KIND.MAP_VALUE | (certain ? 0 : FLAG.MAYBE_NULL));
      reg.map = facts.map;
      reg.mapUid = facts.mapUid;
      if (certain && mayHoldLock(v, reg)) reg.id = v.newId();
      break;
    }
    case 'mem_or_null':
      setPointer(reg, KIND.MEM | FLAG.MAYBE_NULL);
      reg.memSize = facts.memSize;
      break;
    case 'ringbuf_mem_or_null':
      setPointer(reg, KIND.MEM | FLAG.RINGBUF | FLAG.MAYBE_NULL);
      reg.memSize = facts.memSize;
      break;
    case 'dynptr_mem_or_null':
      setPointer(reg, KIND.MEM | FLAG.MAYBE_NULL);
      reg.memSize = facts.memSize;
      break;
    case 'sock_or_null':
      setPointer(reg, KIND.SOCKET | FLAG.MAYBE_NULL);
      break;
    case 'sock_common_or_null':
      setPointer(reg, KIND.SOCK_COMMON | FLAG.MAYBE_NULL);
      break;
    case 'tcp_sock_or_null':
      setPointer(reg, KIND.TCP_SOCK | FLAG.MAYBE_NULL);
      break;
    case 'btf_id_trusted':
      setPointer(reg, KIND.BTF_ID | FLAG.TRUSTED);
      break;
    case 'btf_id':
      setPointer(reg, KIND.BTF_ID);
      break;
    case 'btf_id_or_null':
      setPointer(reg, KIND.BTF_ID | FLAG.MAYBE_NULL);
      break;
    case 'mem_or_btf_id':
      setPercpuResult(reg, facts, 0);
      break;
    case 'mem_or_btf_id_or_null':
      setPercpuResult(reg, facts, FLAG.MAYBE_NULL);
  }
  if (proto.retBtf !== undefined) {
    const type = kernelStruct(v, proto.retBtf);
    if (type === undefined) throw invalid(`invalid return type ${RET_BTF_ID} of func bpf_${proto.name}#${proto.id}`);
    reg.btf = type.btf;
    reg.target = type.id;
  }
  if (facts.field !== undefined) setExchanged(v, reg, facts.field);
  if (mayBeNull(reg.type)) reg.id = v.newId();
  if (dynptr !== undefined) {
    reg.dynptrId = dynptr.id;
    reg.refId = dynptr.refId;
  } else if (CASTS.includes(proto.id)) {
    reg.refId = facts.refId;
  } else if (ACQUIRERS.includes(proto.id) || (proto.id === LOOKUP && facts.map !== undefined && SOCKMAPS.includes(facts.map.type))) {
    const id = acquire(v, v.insn);
    reg.id = id;
    reg.refId = id;
  }
}

/** This CPU's copy of a variable: a structure, or bytes (RET_PTR_TO_MEM_OR_BTF_ID). */
function setPercpuResult(reg: Reg, { percpu }: CallFacts, flags: number): void {
  if (percpu?.btf === undefined) throw new Rejection('EFAULT', 'verifier bug: no per-CPU argument');
  const { btf, rcu } = percpu;
  const value = skipModifiers(btf, percpu.target);
  if (isComposite(value.type)) {
    setBtfPointer(reg, rcu ? KIND.BTF_ID | FLAG.ALLOC | FLAG.RCU : KIND.BTF_ID | flags, btf, percpu.target);
    return;
  }
  const size = resolveSize(btf, value.id)?.size;
  if (size === undefined) throw invalid(`unable to resolve the size of type '${value.type.name}': -22`);
  setPointer(reg, KIND.MEM | FLAG.RDONLY | flags);
  reg.memSize = size;
}

/** Results whose range the helper promises (do_refine_retval_range). */
function refine(v: Verification, proto: HelperProto, facts: CallFacts, reg: Reg): void {
  if (proto.ret !== 'integer') return;
  if (BOUNDED.includes(proto.id)) {
    narrowResult(reg, facts.maxSize);
  } else if (proto.id === GET_CPU) {
    const last = (v.environment.cpus ?? 1) - 1;
    setUnsigned(reg, 0, last);
    setSigned(reg, 0, last);
    reg.u32min = 0;
    reg.u32max = last;
    reg.s32min = 0;
    reg.s32max = last;
    syncBounds(reg);
  }
}

function narrowResult(reg: Reg, maxSize: bigint): void {
  narrowToS32(reg, -MAX_ERRNO, Number(BigInt.asIntN(32, maxSize)));
}
