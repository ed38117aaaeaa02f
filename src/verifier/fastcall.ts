/**
 * Calls around which compilers save registers that the callee leaves alone (bpf_fastcall): the saves are taken out where nothing else uses their
 * stack, which then is smaller (mark_fastcall_pattern_for_call, remove_fastcall_spills_fills, v6.18). Programs mean the same either way.
 */
import type { Slot } from '../isa/index.ts';
import { isHelperCall } from './graph/successors.ts';
import { hasFlag, isKfuncCall, kfuncOf } from './kfunc/call.ts';
import type { Subprogram } from './subprograms.ts';
import type { Verification } from './verification.ts';

const STORE = 0x7b;
const LOAD = 0x79;
const FP = 10;
const CALLER_SAVED = 0b11_1111;
/** The helper that the just-in-time compiler makes code for: get_smp_processor_id. */
const INLINED = [8];
/** Below any place on the stack. */
const NOWHERE = -0x8000;

/** What a call overwrites, and whether it keeps the promise. */
interface Summary {
  readonly params: number;
  readonly isVoid: boolean;
  readonly fast: boolean;
}

/** The saves of a program. */
export class Fastcalls {
  readonly #v: Verification;
  /** Stores and loads that save and restore. */
  readonly #pattern: Uint8Array;
  /** Pairs around a call that may be taken out. */
  readonly #pairs: Uint8Array;
  /** By subprogram: where the stack of the saves ends; below it nothing else may be used. */
  readonly #ends: number[];
  readonly #keep: boolean[];

  constructor(v: Verification) {
    this.#v = v;
    this.#pattern = new Uint8Array(v.insns.length);
    this.#pairs = new Uint8Array(v.insns.length);
    this.#ends = v.subprograms.map(() => 0);
    this.#keep = v.subprograms.map(() => false);
    for (const subprog of v.subprograms) this.#mark(subprog);
  }

  /** The current instruction uses the stack of a subprogram at `off`. */
  touch(subprog: number, off: number): void {
    if ((this.#ends[subprog] ?? 0) <= off || this.#pattern[this.#v.insn] === 1) return;
    this.#ends[subprog] = NOWHERE;
    const info = this.#v.subprograms[subprog];
    this.#pattern.fill(0, info?.start, info?.end);
    this.#pairs.fill(0, info?.start, info?.end);
  }

  /** Takes the saves out: the stack of their subprograms shrinks. */
  remove(): void {
    for (const subprog of this.#v.subprograms) {
      const some = this.#pairs.subarray(subprog.start, subprog.end).some((pairs) => pairs > 0);
      if (some && this.#keep[subprog.index] === false) subprog.stackDepth = -(this.#ends[subprog.index] ?? 0);
    }
  }

  #mark(subprog: Subprogram): void {
    const { insns } = this.#v;
    let lowest = 0;
    for (let i = subprog.start; i < subprog.end; i++) {
      const insn = insns[i];
      if (insn?.code === STORE && insn.dst === FP) lowest = Math.min(lowest, insn.off);
    }
    if (lowest === 0) return;
    for (let i = subprog.start; i < subprog.end; i++) {
      const insn = insns[i];
      const summary = insn === undefined ? undefined : summaryOf(this.#v, insn);
      if (summary !== undefined) this.#markCall(subprog.index, i, summary, lowest);
    }
  }

  #markCall(subprog: number, at: number, { params, isVoid, fast }: Summary, lowest: number): void {
    const { insns } = this.#v;
    const clobbered = ((1 << (params + 1)) - 1) & (isVoid ? ~1 : ~0);
    let expected = ~clobbered & CALLER_SAVED;
    let pairs = 0;
    let off = lowest;
    for (; pairs < 6; pairs++, off += 8) {
      const store = insns[at - pairs - 1];
      const load = insns[at + pairs + 1];
      if (store?.code !== STORE || load?.code !== LOAD || store.dst !== FP || load.src !== FP) break;
      if (store.src !== load.dst || (expected & (1 << store.src)) === 0 || store.off !== off || load.off !== off) break;
      expected &= ~(1 << store.src);
      this.#pattern[at - pairs - 1] = 1;
      this.#pattern[at + pairs + 1] = 1;
    }
    if (pairs === 0) return;
    if (fast) this.#pairs[at] = pairs;
    else this.#keep[subprog] = true;
    this.#ends[subprog] = Math.min(this.#ends[subprog] ?? 0, off);
  }
}

function summaryOf(v: Verification, insn: Slot): Summary | undefined {
  if (isKfuncCall(insn)) {
    const call = kfuncOf(v, insn);
    if (call === undefined) return undefined;
    return { params: call.proto.params.length, isVoid: call.proto.returnType === 0, fast: hasFlag(call, 'fastcall') };
  }
  if (!isHelperCall(insn) || !v.row.helpers.has(insn.imm)) return undefined;
  const proto = v.helper(insn.imm);
  return proto === undefined ? undefined : { params: proto.args.length, isVoid: proto.ret === 'void', fast: INLINED.includes(insn.imm) };
}
