/** Atomic instructions: their operands, and the two accesses that each stands for (check_atomic, v6.18). */
import type { AccessSize, Slot } from '../../isa/index.ts';
import { typeText } from '../log/type-text.ts';
import { denied, invalid } from '../rejection.ts';
import { isPacket, isSocket, KIND, kindOf } from '../state/reg.ts';
import type { Verification } from '../verification.ts';
import { checkAccess, notePointer } from './memory.ts';

const LOAD_ACQUIRE = 0x100;
const STORE_RELEASE = 0x110;
const CMPXCHG = 0xf1;
const RMW = new Set([0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1]);

/** Operations that x86-64 makes of a loop, for which a fault in an arena has no place: and, or, xor with a result (bpf_jit_supports_insn). */
const LOOPS = new Set([0x51, 0x41, 0xa1]);

/** Bytes of the size field of an opcode. */
export function sizeOf(code: number): AccessSize {
  switch (code & 0x18) {
    case 0x00:
      return 4;
    case 0x08:
      return 2;
    case 0x10:
      return 1;
    default:
      return 8;
  }
}

/** Memory that no atomic operation may touch (atomic_ptr_type_ok). */
function allowed(v: Verification, n: number, imm: number): boolean {
  const { type } = v.reg(n);
  if (type === KIND.ARENA) return !LOOPS.has(imm);
  return !(kindOf(type) === KIND.CTX || isPacket(type) || type === KIND.FLOW_KEYS || isSocket(type));
}

function checkPointer(v: Verification, n: number, imm: number): void {
  if (!allowed(v, n, imm)) throw denied(`BPF_ATOMIC stores into R${n} ${typeText(v.reg(n).type)} is not allowed`, n);
}

/** Checks the atomic instruction at the current place. */
export function checkAtomic(v: Verification, insn: Slot): void {
  if (insn.imm === LOAD_ACQUIRE) {
    v.checkRead(insn.src);
    const { type } = v.reg(insn.src);
    if (!allowed(v, insn.src, insn.imm)) throw denied(`BPF_ATOMIC loads from R${insn.src} ${typeText(type)} is not allowed`, insn.src);
    checkLoad(v, insn, { aligned: true, signed: false });
    return;
  }
  if (insn.imm === STORE_RELEASE) {
    v.checkRead(insn.dst);
    checkPointer(v, insn.dst, insn.imm);
    checkStore(v, insn, true);
    return;
  }
  if (!RMW.has(insn.imm)) throw invalid(`BPF_ATOMIC uses invalid atomic opcode ${(insn.imm >>> 0).toString(16).padStart(2, '0')}`);
  const size = sizeOf(insn.code);
  if (size !== 4 && size !== 8) throw invalid('invalid atomic operand size');
  v.checkRead(insn.src);
  v.checkRead(insn.dst);
  if (insn.imm === CMPXCHG) {
    v.checkRead(0);
    if (v.hidesPointer(0)) throw denied('R0 leaks addr into mem', 0);
  }
  if (v.hidesPointer(insn.src)) throw denied(`R${insn.src} leaks addr into mem`, insn.src);
  checkPointer(v, insn.dst, insn.imm);
  let fetched = -1;
  if ((insn.imm & 1) !== 0) {
    fetched = insn.imm === CMPXCHG ? 0 : insn.src;
    v.checkWrite(fetched);
    v.markUnknown(fetched);
  }
  const access = { at: insn.dst, off: insn.off, size, aligned: true } as const;
  // The read is checked twice: the place may not be usable as a number although a register could take it.
  checkAccess(v, { ...access, direction: 'read', value: -1 });
  if (fetched >= 0) checkAccess(v, { ...access, direction: 'read', value: fetched });
  notePointer(v, v.reg(insn.dst).type);
  checkAccess(v, { ...access, direction: 'write', value: -1 });
}

/** dst = [src + off] (check_load_mem). */
export function checkLoad(v: Verification, insn: Slot, how: { aligned: boolean; signed: boolean }): void {
  v.checkRead(insn.src);
  v.checkWrite(insn.dst);
  const { type } = v.reg(insn.src);
  checkAccess(v, {
    at: insn.src,
    off: insn.off,
    size: sizeOf(insn.code),
    direction: 'read',
    value: insn.dst,
    signed: how.signed,
    aligned: how.aligned,
  });
  notePointer(v, type, how.aligned ? 'other' : 'load');
}

/** [dst + off] = src (check_store_reg). */
export function checkStore(v: Verification, insn: Slot, aligned: boolean): void {
  v.checkRead(insn.src);
  v.checkRead(insn.dst);
  const { type } = v.reg(insn.dst);
  checkAccess(v, { at: insn.dst, off: insn.off, size: sizeOf(insn.code), direction: 'write', value: insn.src, aligned });
  notePointer(v, type);
}
