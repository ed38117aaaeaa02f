/** Loads and stores: which pointers may be dereferenced how, and what a load gives (check_mem_access, v6.18). */

import { fieldAt } from '../../btf/index.ts';
import type { AccessSize } from '../../isa/index.ts';
import { MAP_FLAG } from '../../maps/index.ts';
import type { MapFacts } from '../environment.ts';
import { accessKptr } from '../fields/kptr.ts';
import { checkBtfAccess, checkMapPointerAccess } from '../kernel-btf/access.ts';
import { accessArguments } from '../kernel-btf/context.ts';
import { kernelStruct } from '../kernel-btf/lookup.ts';
import { bitsText } from '../log/bits-text.ts';
import { typeText } from '../log/type-text.ts';
import { denied, Rejection } from '../rejection.ts';
import { FLAG, isPacket, isSocket, KIND, kindOf, mayBeNull, type Reg, setBtfPointer, setConstant, setPointer } from '../state/reg.ts';
import { highOf, knownNumber, lowOf, signExtend64, tnumIsConst, truncate } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import { checkAlignment } from './alignment.ts';
import { type ContextValue, checkContext, checkUnmodified } from './context.ts';
import { mayWritePackets } from './packet-types.ts';
import { checkBuffer, checkMapDirection, checkMapValue, checkPacketRange, checkRegion, type Direction, POINTERS } from './region.ts';
import { checkSocket } from './socket.ts';
import { checkStackBounds } from './stack-bounds.ts';
import { readStack } from './stack-read.ts';
import { writeStack } from './stack-write.ts';

/** One access of an instruction. */
export interface Access {
  /** Register with the pointer. */
  readonly at: number;
  readonly off: number;
  readonly size: AccessSize;
  readonly direction: Direction;
  /** Register loaded or stored; -1 for immediates and unknown data. */
  readonly value: number;
  /** Stored immediate. */
  readonly imm?: number;
  readonly signed?: boolean;
  /** Alignment is asked for this access, whatever the program's flags. */
  readonly aligned?: boolean;
}

/** Checks an access and gives the loaded register its state. */
export function checkAccess(v: Verification, access: Access): void {
  const { at: n, size, direction, value } = access;
  const reg = v.reg(n);
  checkAlignment(v, n, reg, access.off, size, access.aligned === true);
  const off = access.off + reg.off;
  dispatch(v, access, reg, off);
  if (size < 8 && value >= 0 && direction === 'read') {
    const loaded = v.reg(value);
    if (loaded.type !== KIND.SCALAR) return;
    const narrow = size === 1 ? 1 : size === 2 ? 2 : 4;
    if (access.signed === true) signExtend64(loaded, narrow);
    else truncate(loaded, narrow);
  }
}

function checkLeak(v: Verification, access: Access, where: string): void {
  if (access.direction === 'write' && access.value >= 0 && v.hidesPointer(access.value)) {
    throw denied(`R${access.value} leaks addr into ${where}`, access.value);
  }
}

function noWrite(access: Access, reg: Reg): void {
  if (access.direction === 'write') throw denied(`R${access.at} cannot write into ${typeText(reg.type)}`, access.at);
}

function loadUnknown(v: Verification, access: Access): void {
  if (access.direction === 'read' && access.value >= 0) v.markUnknown(access.value);
}

function dispatch(v: Verification, access: Access, reg: Reg, off: number): void {
  const { at: n, size, direction, value } = access;
  const { type } = reg;
  const kind = kindOf(type);
  if (type === KIND.STACK) {
    checkStackBounds(v, n, off, size, direction);
    if (direction === 'read') readStack(v, n, off, size, value);
    else writeStack(v, n, off, size, { reg: value, imm: access.imm });
  } else if (type === KIND.MAP_VALUE) {
    checkLeak(v, access, 'map');
    if (reg.map !== undefined) checkMapDirection(n, reg.map, off, size, direction);
    checkMapValue(v, n, off, size, { zero: false, by: 'program' });
    const field = tnumIsConst(reg) ? fieldAt(reg.map?.special, off + knownNumber(reg), POINTERS) : undefined;
    if (field !== undefined) accessKptr(v, access, field);
    else if (direction === 'read' && value >= 0) loadMapValue(v, access, reg, off);
  } else if (type === KIND.CTX) {
    checkLeak(v, access, 'ctx');
    checkUnmodified(reg, n, 'none');
    if (v.target === undefined || v.row.ctx.kind !== 'btf_args') loadContext(v, access, checkContext(v, off, size, direction));
    else if (!accessArguments(v, v.target, { off, size, direction }, value))
      throw denied(`invalid bpf_context access off=${off} size=${size}`, n);
  } else if (isPacket(type)) {
    if (direction === 'write' && !mayWritePackets(v)) throw denied('cannot write into packet', n);
    checkLeak(v, access, 'packet');
    checkPacketRange(v, n, off, size, false);
    loadUnknown(v, access);
  } else if (type === KIND.MAP_KEY) {
    if (direction === 'write') throw denied(`write to change key R${n} not allowed`, n);
    checkRegion(v, n, off, size, reg.map?.keySize ?? 0, false);
    loadUnknown(v, access);
  } else if (kind === KIND.MEM) {
    if (mayBeNull(type)) throw denied(`R${n} invalid mem access '${typeText(type)}'`, n);
    if ((type & FLAG.RDONLY) !== 0) noWrite(access, reg);
    checkLeak(v, access, 'mem');
    // Untrusted memory is read by loads that cannot fault: its bounds are of no account.
    if ((type & (FLAG.RDONLY | FLAG.UNTRUSTED)) !== (FLAG.RDONLY | FLAG.UNTRUSTED)) checkRegion(v, n, off, size, reg.memSize, false);
    loadUnknown(v, access);
  } else if (type === KIND.FLOW_KEYS) {
    checkLeak(v, access, 'flow keys');
    if (off < 0 || off + size > 56) throw denied(`invalid access to flow keys off=${off} size=${size}`, n);
    loadUnknown(v, access);
  } else if (isSocket(type) && !mayBeNull(type)) {
    noWrite(access, reg);
    checkSocket(v, n, reg, off, size);
    loadUnknown(v, access);
  } else if (type === KIND.TP_BUFFER) {
    if (off < 0) throw denied(`R${n} invalid tracepoint buffer access: off=${off}, size=${size}`, n);
    if (!tnumIsConst(reg) || (reg.vL | reg.vH) !== 0)
      throw denied(`R${n} invalid variable buffer offset: off=${off}, var_off=${bitsText(reg)}`, n);
    loadUnknown(v, access);
  } else if (kind === KIND.BUF && !mayBeNull(type)) {
    if ((type & FLAG.RDONLY) !== 0) noWrite(access, reg);
    checkBuffer(v, n, off, size);
    loadUnknown(v, access);
  } else if (kind === KIND.BTF_ID && !mayBeNull(type)) {
    checkBtfAccess(v, access, reg, off);
  } else if (type === KIND.ARENA) {
    loadUnknown(v, access);
  } else if (type === KIND.MAP_PTR) {
    checkMapPointerAccess(v, access, reg, off);
  } else {
    throw denied(`R${n} invalid mem access '${typeText(type)}'`, n);
  }
}

/** Values of frozen read-only arrays are constants. */
function loadMapValue(v: Verification, access: Access, reg: Reg, off: number): void {
  const to = v.reg(access.value);
  const bytes = reg.map === undefined || !tnumIsConst(reg) ? undefined : constants(reg.map);
  const at = off + knownNumber(reg);
  v.markUnknown(access.value);
  if (bytes === undefined) return;
  let value = 0n;
  for (let i = access.size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i] ?? 0);
  if (access.signed === true) value = BigInt.asIntN(access.size * 8, value);
  setConstant(to, highOf(value), lowOf(value));
  to.precise = !v.capable;
}

function constants(map: MapFacts): Uint8Array | undefined {
  if (map.frozen !== true || (map.flags & MAP_FLAG.RDONLY_PROG) === 0) return undefined;
  return map.contents?.();
}

function loadContext(v: Verification, access: Access, { type, struct }: ContextValue): void {
  if (access.direction !== 'read' || access.value < 0) return;
  if (type === KIND.SCALAR) {
    v.markUnknown(access.value);
    return;
  }
  const reg = v.reg(access.value);
  const target = struct === undefined ? undefined : kernelStruct(v, struct);
  if (target === undefined) setPointer(reg, type);
  else setBtfPointer(reg, type, target.btf, target.id);
  if (mayBeNull(type)) reg.id = v.newId();
}

/** Kinds for which one instruction may not serve several: they are rewritten by kind. */
function isRewritten(type: number): boolean {
  const kind = kindOf(type);
  return kind === KIND.CTX || isSocket(type) || kind === KIND.BTF_ID || kind === KIND.ARENA;
}

/** Whether a load may meet both kinds: it then reads as from the less trusted one. */
function mayMerge(a: number, b: number): boolean {
  return [a, b].every((type) => kindOf(type) === KIND.MEM || kindOf(type) === KIND.BTF_ID);
}

/** An instruction that is rewritten by the kind of its pointer may meet one kind only (save_aux_ptr_type). `load`: an ordinary one, not atomic. */
export function notePointer(v: Verification, type: number, how: 'load' | 'other' = 'other'): void {
  const fact = v.fact(v.insn);
  const before = fact.pointer;
  if (before === undefined || before === type) {
    fact.pointer = type;
    return;
  }
  fact.mixed = true;
  if (!isRewritten(type) && !isRewritten(before)) return;
  if (how === 'other' || !mayMerge(type, before)) throw new Rejection('EINVAL', 'same insn cannot be used with different pointers');
  const kind = kindOf(type) === KIND.MEM || kindOf(before) === KIND.MEM ? KIND.MEM : KIND.BTF_ID;
  fact.pointer = kind | ((type | before) & (FLAG.UNTRUSTED | FLAG.RDONLY));
}
