/** Loads, stores and atomics. Unchecked code trusts the verifier: an address is the low half of its register. */
import type { AccessSize, Instruction } from '../isa/index.ts';
import { FRAME_SIZE, RUN_AREA } from './area.ts';
import type { FunctionWriter } from './function.ts';
import type { WasmAtomicOp, WasmOp } from './wasm/opcodes.ts';
import { HIGH } from './widths.ts';

/** Bit of the access check's third argument: it writes. The size is below. */
export const WRITE = 16;

interface Place {
  /** Static offset for the access. */
  readonly offset: number;
  /** log2 of an alignment that is known. */
  readonly align: number;
}

/** Pushes the address of [base + off]; what it leaves to the static offset is returned. */
function pushAddress(w: FunctionWriter, base: number, off: number, size: AccessSize, write: boolean, slot: number): Place {
  const { code } = w;
  if (w.checked) {
    w.push64(base);
    if (off !== 0) {
      code.i64(off);
      code.op('i64.add');
    }
    code.op1('local.get', w.frame);
    code.i32(size | (write ? WRITE : 0));
    code.i32(w.linker.numberOf(w.plan.program));
    code.i32(slot);
    code.op1('call', w.linker.runtime('access'));
    return { offset: 0, align: 0 };
  }
  if (base === 10 && off >= -FRAME_SIZE && off < 0) {
    code.op1('local.get', w.frame);
    return { offset: FRAME_SIZE + off, align: trailingZeros(off) };
  }
  w.push32(base);
  if (off >= 0) return { offset: off, align: 0 };
  code.i32(off);
  code.op('i32.add');
  return { offset: 0, align: 0 };
}

function trailingZeros(n: number): number {
  return Math.min(3, 31 - Math.clz32(n & -n));
}

const LOAD32 = { 1: 'i32.load8_u', 2: 'i32.load16_u', 4: 'i32.load', 8: 'i32.load' } as const;
const LOAD32_SIGNED = { 1: 'i32.load8_s', 2: 'i32.load16_s', 4: 'i32.load', 8: 'i32.load' } as const;
const LOAD64 = { 1: 'i64.load8_u', 2: 'i64.load16_u', 4: 'i64.load32_u', 8: 'i64.load' } as const;
const LOAD64_SIGNED = { 1: 'i64.load8_s', 2: 'i64.load16_s', 4: 'i64.load32_s', 8: 'i64.load' } as const;
const STORE32 = { 1: 'i32.store8', 2: 'i32.store16', 4: 'i32.store', 8: 'i64.store' } as const satisfies Record<AccessSize, WasmOp>;

export function writeLoad(w: FunctionWriter, insn: Extract<Instruction, { kind: 'ldx' }>, slot: number): void {
  if (w.plan.facts?.[slot]?.probe === true) {
    writeProbe(w, insn);
    return;
  }
  const { offset } = pushAddress(w, insn.src, insn.off, insn.size, false, slot);
  if (w.nextIsNarrow()) {
    w.code.mem((insn.signed ? LOAD32_SIGNED : LOAD32)[insn.size], offset);
    w.set32(insn.dst, HIGH.zero);
  } else {
    w.code.mem((insn.signed ? LOAD64_SIGNED : LOAD64)[insn.size], offset);
    w.set64(insn.dst);
  }
}

/** A load through a pointer into the kernel, which the engine answers. */
function writeProbe(w: FunctionWriter, insn: Extract<Instruction, { kind: 'ldx' }>): void {
  const { code } = w;
  const address = w.temp('i64', 'probe');
  w.push64(insn.src);
  code.i64(insn.off);
  code.op('i64.add');
  code.op1('local.tee', address);
  code.op('i32.wrap_i64');
  code.op1('local.get', address);
  code.i64(32);
  code.op('i64.shr_u');
  code.op('i32.wrap_i64');
  code.i32(insn.size);
  code.op1('call', w.linker.runtime('probe'));
  w.area();
  code.mem((insn.signed ? LOAD64_SIGNED : LOAD64)[insn.size], RUN_AREA.RESULT);
  w.set64(insn.dst);
}

export function writeStore(w: FunctionWriter, insn: Extract<Instruction, { kind: 'st' | 'stx' }>, slot: number): void {
  const { offset } = pushAddress(w, insn.dst, insn.off, insn.size, true, slot);
  if (insn.kind === 'st') {
    if (insn.size === 8) w.code.i64(insn.imm);
    else w.code.i32(insn.imm);
  } else if (insn.size === 8) {
    w.push64(insn.src);
  } else {
    w.push32(insn.src);
  }
  w.code.mem(STORE32[insn.size], offset);
}

type Atomic = Extract<Instruction, { kind: 'atomic' }>;

/**
 * Atomics are real ones where the address is aligned. An unaligned address, at which WebAssembly would trap, is accessed without atomicity,
 * as in the interpreter; so is the run's own stack, which no other thread can reach.
 */
export function writeAtomic(w: FunctionWriter, insn: Atomic, slot: number): void {
  const { code } = w;
  const { size, op } = insn;
  const load = op === 'load_acquire';
  const base = load ? insn.src : insn.dst;
  const type = size === 8 ? 'i64' : 'i32';
  const address = w.temp('i32', 'address');
  const { offset, align } = pushAddress(w, base, insn.off, size, !load, slot);
  if (offset !== 0) {
    code.i32(offset);
    code.op('i32.add');
  }
  code.op1('local.set', address);
  const value = w.temp(type, 'value');
  const old = w.temp(type, 'old');
  if (!load) {
    if (size === 8) w.push64(insn.src);
    else w.push32(insn.src);
    code.op1('local.set', value);
  }
  const natural = size === 8 ? 3 : size >> 1;
  const ownStack = base === 10 && !w.checked && align >= natural;
  if (ownStack) {
    writePlain(w, insn, address, value, old);
  } else {
    const split = natural > 0;
    if (split) {
      code.op1('local.get', address);
      code.i32(size - 1);
      code.op('i32.and');
      code.open('if');
      writePlain(w, insn, address, value, old);
      code.else();
    }
    writeReal(w, insn, address, value, old);
    if (split) code.close();
  }
  const target = load ? insn.dst : op === 'cmpxchg' ? 0 : insn.fetch ? insn.src : -1;
  if (target < 0) return;
  code.op1('local.get', old);
  if (size === 8) w.set64(target);
  else w.set32(target, HIGH.zero);
}

/** The operation by a plain load and store; leaves the old value in `old`. */
function writePlain(w: FunctionWriter, insn: Atomic, address: number, value: number, old: number): void {
  const { code } = w;
  const { size, op } = insn;
  const type = size === 8 ? 'i64' : 'i32';
  const store = STORE32[size];
  if (op !== 'store_release') {
    code.op1('local.get', address);
    code.mem(size === 8 ? 'i64.load' : LOAD32[size], 0);
    code.op1('local.set', old);
    if (op === 'load_acquire') return;
  }
  code.op1('local.get', address);
  if (op === 'store_release' || op === 'xchg') {
    code.op1('local.get', value);
  } else if (op === 'cmpxchg') {
    code.op1('local.get', value);
    code.op1('local.get', old);
    code.op1('local.get', old);
    expected(w, size);
    code.op(`${type}.eq`);
    code.op('select');
  } else {
    code.op1('local.get', old);
    code.op1('local.get', value);
    code.op(`${type}.${op}`);
  }
  code.mem(store, 0);
}

/** Pushes r0 as cmpxchg compares it. */
function expected(w: FunctionWriter, size: AccessSize): void {
  if (size === 8) w.push64(0);
  else w.push32(0);
}

function writeReal(w: FunctionWriter, insn: Atomic, address: number, value: number, old: number): void {
  const { code } = w;
  const { size, op } = insn;
  const align = size === 8 ? 3 : size >> 1;
  code.op1('local.get', address);
  if (op === 'load_acquire') {
    code.atomic(ORDERED_LOAD[size], align, 0);
    code.op1('local.set', old);
  } else if (op === 'store_release') {
    code.op1('local.get', value);
    code.atomic(ORDERED_STORE[size], align, 0);
  } else {
    if (op === 'cmpxchg') expected(w, size);
    code.op1('local.get', value);
    const name: WasmAtomicOp = `${size === 8 ? 'i64' : 'i32'}.atomic.rmw.${op}`;
    code.atomic(name, align, 0);
    code.op1('local.set', old);
  }
}

const ORDERED_LOAD = {
  1: 'i32.atomic.load8_u',
  2: 'i32.atomic.load16_u',
  4: 'i32.atomic.load',
  8: 'i64.atomic.load',
} as const satisfies Record<AccessSize, WasmAtomicOp>;
const ORDERED_STORE = {
  1: 'i32.atomic.store8',
  2: 'i32.atomic.store16',
  4: 'i32.atomic.store',
  8: 'i64.atomic.store',
} as const satisfies Record<AccessSize, WasmAtomicOp>;
