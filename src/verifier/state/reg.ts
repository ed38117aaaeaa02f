/** What is known of one register, or of a register saved on the stack: its kind, its place inside what it points to, and its identity. */
import type { Btf } from '../../btf/index.ts';
import type { MapFacts } from '../environment.ts';
import { copyScalar, isZero, Scalar, scalarsEqual, setKnown64, setUnknown } from '../value/scalar.ts';

/** Kinds of contents (enum bpf_reg_type without its flags). */
export const KIND = {
  NOT_INIT: 0,
  SCALAR: 1,
  CTX: 2,
  MAP_PTR: 3,
  MAP_VALUE: 4,
  MAP_KEY: 5,
  STACK: 6,
  PACKET_META: 7,
  PACKET: 8,
  PACKET_END: 9,
  FLOW_KEYS: 10,
  SOCKET: 11,
  SOCK_COMMON: 12,
  TCP_SOCK: 13,
  TP_BUFFER: 14,
  XDP_SOCK: 15,
  BTF_ID: 16,
  MEM: 17,
  BUF: 18,
  FUNC: 19,
  DYNPTR: 20,
  ARENA: 21,
} as const;

/** Flags added to a kind (enum bpf_type_flag). */
export const FLAG = {
  MAYBE_NULL: 1 << 8,
  RDONLY: 1 << 9,
  RINGBUF: 1 << 10,
  USER: 1 << 11,
  PERCPU: 1 << 12,
  UNTRUSTED: 1 << 13,
  TRUSTED: 1 << 14,
  RCU: 1 << 15,
  /** Of the program's own making: bpf_obj_new, bpf_percpu_obj_new, a kptr of a program's type. */
  ALLOC: 1 << 16,
  /** A node of a list or tree that the program does not own. */
  NON_OWN_REF: 1 << 17,
} as const;

/** Kind of a type, without its flags. */
export function kindOf(type: number): number {
  return type & 0xff;
}

/** Packet range of a pointer compared equal to or found beyond the packet's end (AT_PKT_END, BEYOND_PKT_END). */
export const AT_PACKET_END = -1;
export const BEYOND_PACKET_END = -2;

/** Bits of `id` of a scalar that is another one plus `off`: added in 64 bits, or in 32 bits to a value that fits them. */
export const ADD_CONST64 = 1 << 30;
export const ADD_CONST32 = 1 << 29;
/** Either (BPF_ADD_CONST). */
export const ADD_CONST = ADD_CONST64 | ADD_CONST32;

/** A register's state. The scalar part is the value, or a pointer's variable offset. */
export class Reg extends Scalar {
  /** KIND with FLAGs. */
  type: number = KIND.NOT_INIT;
  /** Fixed part of a pointer's offset; with ADD_CONST a scalar's distance from its relatives. */
  off = 0;
  /** Same number: same unknown value, or same unchecked pointer. 0: none. */
  id = 0;
  /** The reference that it belongs to, or 0. */
  refId = 0;
  /** Frame whose stack it points into. */
  frame = 0;
  /** Packet pointers: bytes known to be there; special below 0. */
  range = 0;
  /** Bytes of sized memory. */
  memSize = 0;
  map: MapFacts | undefined = undefined;
  /** Tells values of inner maps found by different lookups apart. */
  mapUid = 0;
  /** Subprogram of a function pointer; type id in `btf`. */
  target = 0;
  /** Of BTF_ID pointers: where `target` is a type, the kernel's or the program's own. */
  btf: Btf | undefined = undefined;
  /** The dynptr that the memory belongs to (dynptr_id); of a dynptr: its number. */
  dynptrId = 0;
  /** DYNPTR kind. */
  dynptrType = 0;
  /** A scalar whose exact range mattered. */
  precise = false;
  /** Of a saved register, which is never changed in place: its text in the log, once it was needed. */
  text: string | undefined = undefined;
}

/** Makes `to` the same as `from`. */
export function copyReg(to: Reg, from: Reg): void {
  copyScalar(to, from);
  to.type = from.type;
  to.off = from.off;
  to.id = from.id;
  to.refId = from.refId;
  to.frame = from.frame;
  to.range = from.range;
  to.memSize = from.memSize;
  to.map = from.map;
  to.mapUid = from.mapUid;
  to.target = from.target;
  to.btf = from.btf;
  to.dynptrId = from.dynptrId;
  to.dynptrType = from.dynptrType;
  to.precise = from.precise;
}

/** A new register in the same state. */
export function cloneReg(from: Reg): Reg {
  const reg = new Reg();
  copyReg(reg, from);
  return reg;
}

/** Forgets what a register was besides its value. */
function clearMeta(reg: Reg): void {
  reg.off = 0;
  reg.id = 0;
  reg.refId = 0;
  reg.frame = 0;
  reg.range = 0;
  reg.memSize = 0;
  reg.map = undefined;
  reg.mapUid = 0;
  reg.target = 0;
  reg.btf = undefined;
  reg.dynptrId = 0;
  reg.dynptrType = 0;
}

/** The register becomes a scalar of unknown value. @param precise whether its range counts from the start (unprivileged programs) */
export function setUnknownScalar(reg: Reg, precise: boolean): void {
  reg.type = KIND.SCALAR;
  clearMeta(reg);
  reg.precise = precise;
  setUnknown(reg);
}

/** The register becomes unreadable. */
export function setNotInit(reg: Reg, precise: boolean): void {
  setUnknownScalar(reg, precise);
  reg.type = KIND.NOT_INIT;
}

/** The register becomes a pointer (or scalar) of `type` with offset 0. */
export function setPointer(reg: Reg, type: number): void {
  setKnown64(reg, 0, 0);
  clearMeta(reg);
  reg.type = type;
  reg.precise = false;
}

/** The register becomes a pointer to a type of `btf`; `type` is KIND.BTF_ID with FLAGs. */
export function setBtfPointer(reg: Reg, type: number, btf: Btf, target: number): void {
  setPointer(reg, type);
  reg.btf = btf;
  reg.target = target;
}

/** The register becomes the constant (h, l). */
export function setConstant(reg: Reg, h: number, l: number): void {
  setKnown64(reg, h, l);
  clearMeta(reg);
  reg.type = KIND.SCALAR;
  reg.precise = false;
}

/** A scalar with the constant 0. */
export function isNullScalar(reg: Reg): boolean {
  return reg.type === KIND.SCALAR && isZero(reg);
}

/** All but identity, frame and precision is the same. */
export function sameContents(a: Reg, b: Reg): boolean {
  return sameTarget(a, b) && scalarsEqual(a, b);
}

/** Kind, fixed offset and what is pointed to are the same; values and identity may differ. */
export function sameTarget(a: Reg, b: Reg): boolean {
  return (
    a.type === b.type &&
    a.off === b.off &&
    a.range === b.range &&
    a.memSize === b.memSize &&
    a.map === b.map &&
    a.mapUid === b.mapUid &&
    a.target === b.target &&
    a.btf === b.btf &&
    a.dynptrId === b.dynptrId &&
    a.dynptrType === b.dynptrType
  );
}

/** Whether the register holds an address: everything but scalars. */
export function isPointer(reg: Reg): boolean {
  return reg.type !== KIND.SCALAR;
}

export function mayBeNull(type: number): boolean {
  return (type & FLAG.MAYBE_NULL) !== 0;
}

export function isPacket(type: number): boolean {
  const kind = kindOf(type);
  return kind === KIND.PACKET || kind === KIND.PACKET_META;
}

export function isAnyPacket(type: number): boolean {
  return isPacket(type) || kindOf(type) === KIND.PACKET_END;
}

/** Kernel sockets that a program sees as a fixed structure. */
export function isSocket(type: number): boolean {
  const kind = kindOf(type);
  return kind === KIND.SOCKET || kind === KIND.SOCK_COMMON || kind === KIND.TCP_SOCK || kind === KIND.XDP_SOCK;
}
