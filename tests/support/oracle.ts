/**
 * The soundness oracle: at every instruction of a real run, some state that the verifier was in at that instruction must allow the values that the
 * registers and the stack really have. Scalars count where the verifier says that their value mattered, pointers always.
 */
import { FRAME_STRIDE } from '../../src/interp/access.ts';
import { KERNEL_BASE_HI } from '../../src/mem/index.ts';
import { widthOf } from '../../src/verifier/identity.ts';
import type { MapFacts, Trail, TrailStep } from '../../src/verifier/index.ts';
import { ADD_CONST, ADD_CONST32, FLAG, KIND, kindOf, mayBeNull, type Reg } from '../../src/verifier/state/reg.ts';
import { BYTE, byteType, lowestByte } from '../../src/verifier/state/stack.ts';
import { scalarContains } from '../../src/verifier/value/index.ts';

/** A real frame: its registers when it called, or now; the slot of the call that made it. */
export interface RealFrame {
  readonly callsite: number;
  /** r0..r10 as low and high words. */
  readonly regs: Int32Array;
  /** Entered by a call of a global function, whose callers' states it does not see. */
  readonly global: boolean;
}

/** Where things are in the real memory. */
export interface RealMemory {
  readonly dv: DataView;
  /** End of the outermost frame. */
  readonly stackTop: number;
  readonly ctx: number;
  readonly packet: { readonly start: number; readonly end: number };
  /** Where the map's elements begin, how far apart they are, and how many; undefined where that is not known. */
  elements(map: MapFacts): readonly { readonly base: number; readonly stride: number; readonly count: number }[] | undefined;
}

export class Oracle {
  readonly #steps = new Map<string, TrailStep[]>();
  readonly #memory: RealMemory;
  readonly #trail: Trail;
  readonly #alive = new Map<TrailStep, (frame: number, slot: number) => boolean>();
  /** Steps compared. */
  checks = 0;

  constructor(trail: Trail, memory: RealMemory) {
    this.#memory = memory;
    this.#trail = trail;
    for (const step of trail.steps) {
      const { frames, insn } = step.state;
      const key = keyOf(
        insn,
        frames.slice(1).map((f) => f.callsite),
      );
      const known = this.#steps.get(key);
      if (known === undefined) this.#steps.set(key, [step]);
      else known.push(step);
    }
  }

  /** What is wrong at an instruction of a real run; undefined where some state allows it. */
  check(insn: number, real: readonly RealFrame[]): string | undefined {
    this.checks++;
    let base = real.length - 1;
    while (base > 0 && real[base]?.global !== true) base--;
    const frames = real.slice(base);
    const steps = this.#steps.get(
      keyOf(
        insn,
        frames.slice(1).map((f) => f.callsite),
      ),
    );
    if (steps === undefined) return `insn ${insn}: the verifier was never here`;
    let wrong: string | undefined;
    // The last states come first: loops end in them.
    for (let i = steps.length - 1; i >= 0; i--) {
      const step = steps[i];
      if (step === undefined) continue;
      const why = this.#wrong(step, frames, base);
      if (why === undefined) return undefined;
      wrong ??= why;
    }
    return `insn ${insn}: no state of ${steps.length} allows the values; in the last: ${wrong}`;
  }

  #wrong(step: TrailStep, frames: readonly RealFrame[], base: number): string | undefined {
    for (const [i, frame] of step.state.frames.entries()) {
      const real = frames[i];
      if (real === undefined) return 'frames differ';
      const live = this.#trail.liveRegs(step, i);
      for (let n = 0; n < 10; n++) {
        const reg = frame.regs[n];
        // In outer frames only what a call preserves.
        if (reg === undefined || (live & (1 << n)) === 0 || (i < step.state.frames.length - 1 && n < 6)) continue;
        const matters = step.all || ((step.regs[i] ?? 0) & (1 << n)) !== 0;
        const why = this.#wrongValue(reg, real.regs[n * 2] ?? 0, real.regs[n * 2 + 1] ?? 0, { matters, bytes: 8, base });
        if (why !== undefined) return `R${n} of frame ${i}: ${why}`;
      }
      const why = this.#wrongStack(step, i, base) ?? (i === step.state.frames.length - 1 ? wrongLinks(step, i, real, live) : undefined);
      if (why !== undefined) return why;
    }
    return undefined;
  }

  #wrongStack(step: TrailStep, i: number, base: number): string | undefined {
    const frame = step.state.frames[i];
    if (frame === undefined) return undefined;
    let alive = this.#alive.get(step);
    if (alive === undefined) {
      alive = this.#trail.liveSlots(step);
      this.#alive.set(step, alive);
    }
    const top = this.#memory.stackTop - (base + i) * FRAME_STRIDE;
    for (let slot = 0; slot < frame.types.length; slot++) {
      if (!alive(i, slot)) continue;
      const types = frame.types[slot] ?? 0;
      const at = top - 8 * (slot + 1);
      let spilled = 0;
      for (let b = 0; b < 8; b++) {
        const type = byteType(types, b);
        if (type === BYTE.SPILL) spilled++;
        else if (type === BYTE.ZERO && this.#memory.dv.getUint8(at + 7 - b) !== 0)
          return `fp${-8 * (slot + 1)} of frame ${i} has a byte that is not 0`;
      }
      const saved = frame.saved[slot];
      if (saved === undefined || lowestByte(types) !== BYTE.SPILL) continue;
      const word = (step.slots[i * 2 + (slot >> 5)] ?? 0) & (1 << (slot & 31));
      // What was cut off when it was stored is not compared.
      if (saved.type === KIND.SCALAR && widthOf(saved) > spilled * 8) continue;
      const matters = step.all || word !== 0;
      const { dv } = this.#memory;
      const low = spilled >= 4 ? dv.getInt32(at, true) : spilled === 2 ? dv.getUint16(at, true) : dv.getUint8(at);
      const why = this.#wrongValue(saved, low, spilled === 8 ? dv.getInt32(at + 4, true) : 0, { matters, bytes: spilled, base });
      if (why !== undefined) return `fp${-8 * (slot + 1)} of frame ${i}: ${why}`;
    }
    return undefined;
  }

  #wrongValue(reg: Reg, lo: number, hi: number, how: { matters: boolean; bytes: number; base: number }): string | undefined {
    if (reg.type === KIND.NOT_INIT) return undefined;
    const value = `0x${((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)).toString(16)}`;
    if (reg.type === KIND.SCALAR) {
      if (!how.matters || scalarContains(reg, hi, lo)) return undefined;
      return `${value} is not in ${rangeText(reg)}`;
    }
    if ((lo | hi) === 0 && mayBeNull(reg.type)) return undefined;
    const kind = kindOf(reg.type);
    if (kind === KIND.FUNC || kind === KIND.BTF_ID || (reg.type & FLAG.USER) !== 0) return undefined;
    if (hi !== KERNEL_BASE_HI && hi !== KERNEL_BASE_HI - 1) return `${value} is no pointer`;
    const at = (lo >>> 0) + (hi - KERNEL_BASE_HI) * 2 ** 32 - reg.off;
    const fits = (object: number): boolean => {
      const by = at - object;
      return scalarContains(reg, Math.floor(by / 2 ** 32) | 0, by | 0);
    };
    const { packet, ctx, stackTop } = this.#memory;
    switch (kind) {
      case KIND.STACK:
        return fits(stackTop - (how.base + reg.frame) * FRAME_STRIDE) ? undefined : `${value} is not at fp${reg.off} ${rangeText(reg)}`;
      case KIND.CTX:
        return fits(ctx) ? undefined : `${value} is not the context plus ${reg.off}`;
      case KIND.PACKET:
        if (!fits(packet.start)) return `${value} is not in the packet at ${reg.off} ${rangeText(reg)}`;
        return reg.range > 0 && at + reg.range > packet.end ? `${value} has no ${reg.range} bytes of packet` : undefined;
      case KIND.PACKET_END:
        return fits(packet.end) ? undefined : `${value} is not the packet's end`;
      case KIND.MAP_VALUE: {
        const elements = reg.map === undefined ? undefined : this.#memory.elements(reg.map);
        if (elements === undefined) return undefined;
        for (const { base, stride, count } of elements) {
          for (let k = Math.min(count - 1, Math.floor((at - base) / stride)); k >= 0; k--) if (fits(base + k * stride)) return undefined;
          if (fits(base)) return undefined;
        }
        return `${value} is in no element at ${reg.off} ${rangeText(reg)}`;
      }
      default:
        return undefined;
    }
  }
}

/** Scalars that are said to be the same, or a constant apart, are. */
function wrongLinks(step: TrailStep, i: number, real: RealFrame, live: number): string | undefined {
  const frame = step.state.frames[i];
  const first = new Map<number, number>();
  for (let n = 0; n < 10; n++) {
    const reg = frame?.regs[n];
    const matters = step.all || ((step.regs[i] ?? 0) & (1 << n)) !== 0;
    if (reg === undefined || reg.type !== KIND.SCALAR || reg.id === 0 || !matters || (live & (1 << n)) === 0) continue;
    const id = reg.id & ~ADD_CONST;
    const other = first.get(id);
    first.set(id, other ?? n);
    const was = other === undefined ? undefined : frame?.regs[other];
    if (other === undefined || was === undefined || ((reg.id ^ was.id) & ADD_CONST) === ADD_CONST) continue;
    const value = (m: number, of: Reg): bigint => {
      const all = (BigInt(real.regs[m * 2 + 1] ?? 0) << 32n) | BigInt((real.regs[m * 2] ?? 0) >>> 0);
      return all - ((of.id & ADD_CONST) === 0 ? 0n : BigInt(of.off));
    };
    const width = ((reg.id | was.id) & ADD_CONST32) !== 0 ? 32 : 64;
    if (BigInt.asUintN(width, value(n, reg)) !== BigInt.asUintN(width, value(other, was)))
      return `R${n} and R${other} are said to be linked`;
  }
  return undefined;
}

function keyOf(insn: number, callsites: readonly number[]): string {
  return `${callsites.join()}:${insn}`;
}

function rangeText(r: Reg): string {
  const n = (h: number, l: number): bigint => (BigInt(h) << 32n) | BigInt(l >>> 0);
  const u = (h: number, l: number): bigint => BigInt.asUintN(64, n(h, l));
  const x = (v: bigint): string => v.toString(16);
  return `s64 [${n(r.sminH, r.sminL)}, ${n(r.smaxH, r.smaxL)}] u64 [${u(r.uminH, r.uminL)}, ${u(r.umaxH, r.umaxL)}] s32 [${r.s32min}, ${r.s32max}] u32 [${r.u32min >>> 0}, ${r.u32max >>> 0}] bits ${x(u(r.vH, r.vL))};${x(u(r.mH, r.mL))}`;
}
