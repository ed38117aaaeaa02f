/** Atomic instructions on the shared memory: real Atomics where the address is aligned, since several threads run programs on one memory. */
import type { Mem } from '../mem/memory.ts';
import { ATOMIC, ATOMIC_FETCH } from './image.ts';

/**
 * Performs operation `code` (ATOMIC, ATOMIC_FETCH) on `size` bytes at offset `at`, which the caller has checked. `reg` is the value register's
 * number; r0 takes part in cmpxchg. An unaligned address is not atomic against other threads (x86 would lock the bus; the kernel's verifier
 * lets it pass).
 */
export function atomic(mem: Mem, regs: Int32Array, regs64: BigInt64Array, code: number, size: number, at: number, reg: number): void {
  const op = code & 0xff;
  if (op === ATOMIC.load_acquire || op === ATOMIC.store_release) ordered(mem, regs, regs64, op, size, at, reg);
  else if (size === 8) atomic64(mem, regs64, code, at, reg);
  else atomic32(mem, regs, code, at, reg);
}

function atomic64(mem: Mem, regs64: BigInt64Array, code: number, at: number, reg: number): void {
  const value = regs64[reg] ?? 0n;
  const op = code & 0xff;
  let old: bigint;
  if (at % 8 === 0) {
    const cells = mem.i64;
    const cell = at / 8;
    if (op === ATOMIC.add) old = Atomics.add(cells, cell, value);
    else if (op === ATOMIC.or) old = Atomics.or(cells, cell, value);
    else if (op === ATOMIC.and) old = Atomics.and(cells, cell, value);
    else if (op === ATOMIC.xor) old = Atomics.xor(cells, cell, value);
    else if (op === ATOMIC.xchg) old = Atomics.exchange(cells, cell, value);
    else old = Atomics.compareExchange(cells, cell, regs64[0] ?? 0n, value);
  } else {
    old = mem.dv.getBigInt64(at, true);
    if (op === ATOMIC.add) mem.dv.setBigInt64(at, old + value, true);
    else if (op === ATOMIC.or) mem.dv.setBigInt64(at, old | value, true);
    else if (op === ATOMIC.and) mem.dv.setBigInt64(at, old & value, true);
    else if (op === ATOMIC.xor) mem.dv.setBigInt64(at, old ^ value, true);
    else if (op === ATOMIC.xchg || old === regs64[0]) mem.dv.setBigInt64(at, value, true);
  }
  if (op === ATOMIC.cmpxchg) regs64[0] = old;
  else if ((code & ATOMIC_FETCH) !== 0) regs64[reg] = old;
}

function atomic32(mem: Mem, regs: Int32Array, code: number, at: number, reg: number): void {
  const value = regs[reg * 2] ?? 0;
  const op = code & 0xff;
  let old: number;
  if (at % 4 === 0) {
    const cells = mem.i32;
    const cell = at / 4;
    if (op === ATOMIC.add) old = Atomics.add(cells, cell, value);
    else if (op === ATOMIC.or) old = Atomics.or(cells, cell, value);
    else if (op === ATOMIC.and) old = Atomics.and(cells, cell, value);
    else if (op === ATOMIC.xor) old = Atomics.xor(cells, cell, value);
    else if (op === ATOMIC.xchg) old = Atomics.exchange(cells, cell, value);
    else old = Atomics.compareExchange(cells, cell, regs[0] ?? 0, value);
  } else {
    old = mem.dv.getInt32(at, true);
    if (op === ATOMIC.add) mem.dv.setInt32(at, old + value, true);
    else if (op === ATOMIC.or) mem.dv.setInt32(at, old | value, true);
    else if (op === ATOMIC.and) mem.dv.setInt32(at, old & value, true);
    else if (op === ATOMIC.xor) mem.dv.setInt32(at, old ^ value, true);
    else if (op === ATOMIC.xchg || old === regs[0]) mem.dv.setInt32(at, value, true);
  }
  const to = op === ATOMIC.cmpxchg ? 0 : reg * 2;
  if (op === ATOMIC.cmpxchg || (code & ATOMIC_FETCH) !== 0) {
    regs[to] = old;
    regs[to + 1] = 0;
  }
}

/** load-acquire and store-release; Atomics are sequentially consistent, which is more than asked. */
function ordered(mem: Mem, regs: Int32Array, regs64: BigInt64Array, op: number, size: number, at: number, reg: number): void {
  const load = op === ATOMIC.load_acquire;
  if (size === 8 && at % 8 === 0) {
    if (load) regs64[reg] = Atomics.load(mem.i64, at / 8);
    else Atomics.store(mem.i64, at / 8, regs64[reg] ?? 0n);
    return;
  }
  if (size === 8) {
    if (load) regs64[reg] = mem.dv.getBigInt64(at, true);
    else mem.dv.setBigInt64(at, regs64[reg] ?? 0n, true);
    return;
  }
  const value = regs[reg * 2] ?? 0;
  let loaded = 0;
  if (size === 4 && at % 4 === 0) {
    if (load) loaded = Atomics.load(mem.i32, at / 4);
    else Atomics.store(mem.i32, at / 4, value);
  } else if (size === 2 && at % 2 === 0) {
    const cells = new Uint16Array(mem.u8.buffer, at, 1);
    if (load) loaded = Atomics.load(cells, 0);
    else Atomics.store(cells, 0, value & 0xffff);
  } else if (size === 1) {
    if (load) loaded = Atomics.load(mem.u8, at);
    else Atomics.store(mem.u8, at, value & 0xff);
  } else if (load) {
    loaded = size === 4 ? mem.dv.getInt32(at, true) : mem.dv.getUint16(at, true);
  } else if (size === 4) {
    mem.dv.setInt32(at, value, true);
  } else {
    mem.dv.setUint16(at, value & 0xffff, true);
  }
  if (load) {
    regs[reg * 2] = loaded;
    regs[reg * 2 + 1] = 0;
  }
}
