/**
 * Watches a run in the interpreter instruction by instruction: which frames there are, and whether the result depends on addresses or on memory that
 * was never written, so that it need not be the kernel's.
 */
import { FRAME_SIZE, FRAME_STRIDE, type Interpreter, STACK_BYTES } from '../../src/interp/index.ts';
import { type Slot, slotAt } from '../../src/isa/index.ts';
import { KERNEL_BASE_HI } from '../../src/mem/index.ts';
import type { RealFrame } from './oracle.ts';

const EXIT = 0x95;
const CALL = 0x85;
const LD_IMM64 = 0x18;
/** What is known of a byte of the stack. */
const SHADOW = { UNWRITTEN: 0, DATA: 1, POINTER: 2 } as const;
const SIZES = [4, 2, 1, 8] as const;

/** What the watcher has to know of a run. */
export interface Watched {
  readonly bytes: Uint8Array;
  /** First slots of global functions. */
  readonly globals: ReadonlySet<number>;
  readonly stackTop: number;
  readonly packet: { readonly start: number; readonly end: number };
  /** Key and value size of the map whose descriptor is at an offset, and whether its elements have an order. */
  sizes(map: number): { readonly key: number; readonly value: number; readonly ordered: boolean };
}

export class Watcher {
  /** Why the result is this memory's only; undefined where it is anyone's. */
  peculiar: string | undefined;
  readonly frames: RealFrame[];
  readonly #of: Interpreter;
  readonly #run: Watched;
  readonly #shadow = new Uint8Array(STACK_BYTES);
  readonly #before = new Int32Array(22);
  #pc = 0;
  #last: Slot | undefined;

  constructor(of: Interpreter, run: Watched) {
    this.#of = of;
    this.#run = run;
    this.frames = [{ callsite: -1, regs: of.regs, global: true }];
  }

  /** Before each instruction. @returns the instruction */
  step(): number {
    const { pc, frame } = this.#of;
    if (frame >= this.frames.length) this.#enter(pc);
    else if (frame < this.frames.length - 1) this.#leave();
    else if (this.#last?.code === EXIT) this.#clear(frame);
    this.#before.set(this.#of.regs);
    this.#pc = pc;
    const insn = slotAt(this.#run.bytes, pc);
    this.#last = insn;
    if (insn !== undefined) this.peculiar ??= this.#look(insn);
    return pc;
  }

  #enter(pc: number): void {
    const caller = this.frames.pop();
    if (caller !== undefined) this.frames.push({ ...caller, regs: this.#before.slice() });
    this.frames.push({ callsite: this.#pc, regs: this.#of.regs, global: this.#run.globals.has(pc) });
    this.#clear(this.frames.length - 1);
  }

  #leave(): void {
    this.frames.pop();
    const caller = this.frames.pop();
    if (caller !== undefined) this.frames.push({ ...caller, regs: this.#of.regs });
  }

  #clear(frame: number): void {
    const end = STACK_BYTES - frame * FRAME_STRIDE;
    this.#shadow.fill(SHADOW.UNWRITTEN, end - FRAME_SIZE, end);
  }

  #isPointer(n: number): boolean {
    return this.#of.regs[n * 2 + 1] === KERNEL_BASE_HI;
  }

  /** Place in the shadow of the byte that register n points to, plus off; -1 outside of the stack. */
  #place(n: number, off: number): number {
    const at = ((this.#of.regs[n * 2] ?? 0) >>> 0) + off - (this.#run.stackTop - STACK_BYTES);
    return at >= 0 && at < STACK_BYTES && this.#isPointer(n) ? at : -1;
  }

  #inPacket(n: number): boolean {
    const at = (this.#of.regs[n * 2] ?? 0) >>> 0;
    return this.#isPointer(n) && at >= this.#run.packet.start - 4096 && at <= this.#run.packet.end + 4096;
  }

  #look(insn: Slot): string | undefined {
    const { code, dst, src, off, imm } = insn;
    const op = code & 0xf0;
    const isReg = (code & 8) !== 0;
    const size = SIZES[(code >> 3) & 3] ?? 8;
    switch (code & 7) {
      case 4:
      case 7: {
        const from = isReg && op !== 0xd0 && this.#isPointer(src);
        const to = op !== 0xb0 && this.#isPointer(dst);
        if (!from && !to) return undefined;
        const wide = (code & 7) === 7;
        if (wide && ((op === 0xb0 && off === 0) || (op === 0 && from !== to) || (op === 0x10 && to && !from))) return undefined;
        return 'arithmetic with an address';
      }
      case 5:
      case 6:
        if (op === 0x80) return code === CALL && src === 0 ? this.#call(imm) : undefined;
        if (code === EXIT) return this.frames.length === 1 && this.#isPointer(0) ? 'an address is returned' : undefined;
        if (op === 0 || op === 0xe0) return undefined;
        if (!this.#isPointer(dst) && !(isReg && this.#isPointer(src))) return undefined;
        if (!isReg && imm === 0 && (op === 0x10 || op === 0x50) && (code & 7) === 5) return undefined;
        return isReg && (code & 7) === 5 && this.#inPacket(dst) && this.#inPacket(src) ? undefined : 'an address is compared';
      case 1:
        return this.#read(this.#place(src, off), size);
      case 2:
        this.#write(this.#place(dst, off), size, SHADOW.DATA);
        return undefined;
      case 3: {
        const to = this.#place(dst, off);
        if ((code & 0xe0) === 0xc0) {
          if (imm === 0x100) return this.#read(this.#place(src, off), size);
          if (this.#isPointer(src)) return 'an atomic takes an address';
          return imm === 0x110 ? undefined : this.#read(to, size, false);
        }
        if (this.#isPointer(src) && (to < 0 || size !== 8)) return 'an address is stored';
        this.#write(to, size, this.#isPointer(src) ? SHADOW.POINTER : SHADOW.DATA);
        return undefined;
      }
      default:
        return code === LD_IMM64 || code === 0 ? undefined : undefined;
    }
  }

  #read(at: number, size: number, pointers = true): string | undefined {
    if (at < 0) return undefined;
    let known = 0;
    for (let i = 0; i < size; i++) {
      const byte = this.#shadow[at + i];
      if (byte === SHADOW.UNWRITTEN) return 'unwritten stack is read';
      if (byte === SHADOW.POINTER) known++;
    }
    return known === 0 || (pointers && known === 8) ? undefined : 'a part of an address is read';
  }

  #write(at: number, size: number, what: number): void {
    if (at >= 0) this.#shadow.fill(what, at, at + size);
  }

  #call(id: number): string | undefined {
    const map = (this.#of.regs[2] ?? 0) >>> 0;
    switch (id) {
      case 1:
      case 3:
        return this.#read(this.#place(2, 0), this.#run.sizes(map).key, false);
      case 2:
        return (
          this.#read(this.#place(2, 0), this.#run.sizes(map).key, false) ?? this.#read(this.#place(3, 0), this.#run.sizes(map).value, false)
        );
      case 8: {
        // The number of the CPU does not matter where it is multiplied by 0.
        const next = slotAt(this.#run.bytes, this.#pc + 1);
        return next?.code === 0x27 && next.imm === 0 ? undefined : 'depends on the CPU';
      }
      case 12:
      case 131:
      case 132:
      case 133:
      case 181:
        return undefined;
      case 164:
        return this.#run.sizes(map).ordered ? undefined : 'depends on the order of a hash table';
      default:
        return `calls helper ${id}`;
    }
  }
}
