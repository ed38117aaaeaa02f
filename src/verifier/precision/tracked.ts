/** The registers and stack slots whose values a walk back along a path still has to account for, by frame (struct backtrack_state, v6.18). */
import { MAX_FRAMES } from '../state/state.ts';

/** R1-R5. */
export const ARGS = 0b11_1110;

/** Sets of registers and slots by frame. Slots as two words. */
export class Tracked {
  frame: number;
  readonly #regs = new Int32Array(MAX_FRAMES);
  readonly #slots = new Int32Array(MAX_FRAMES * 2);

  constructor(frame: number) {
    this.frame = frame;
  }

  get empty(): boolean {
    for (const word of this.#regs) if (word !== 0) return false;
    for (const word of this.#slots) if (word !== 0) return false;
    return true;
  }

  regs(frame = this.frame): number {
    return this.#regs[frame] ?? 0;
  }

  hasReg(n: number, frame = this.frame): boolean {
    return (this.regs(frame) & (1 << n)) !== 0;
  }

  addReg(n: number, frame = this.frame): void {
    this.#regs[frame] = this.regs(frame) | (1 << n);
  }

  dropReg(n: number, frame = this.frame): void {
    this.#regs[frame] = this.regs(frame) & ~(1 << n);
  }

  anySlot(frame = this.frame): boolean {
    return ((this.#slots[frame * 2] ?? 0) | (this.#slots[frame * 2 + 1] ?? 0)) !== 0;
  }

  /** Slots 0 to 31 (half 0) or 32 to 63 (half 1) as a mask. */
  slotWord(frame: number, half: number): number {
    return this.#slots[frame * 2 + half] ?? 0;
  }

  hasSlot(frame: number, slot: number): boolean {
    return ((this.#slots[frame * 2 + (slot >> 5)] ?? 0) & (1 << (slot & 31))) !== 0;
  }

  addSlot(frame: number, slot: number): void {
    const i = frame * 2 + (slot >> 5);
    this.#slots[i] = (this.#slots[i] ?? 0) | (1 << (slot & 31));
  }

  dropSlot(frame: number, slot: number): void {
    const i = frame * 2 + (slot >> 5);
    this.#slots[i] = (this.#slots[i] ?? 0) & ~(1 << (slot & 31));
  }

  clear(): void {
    this.#regs.fill(0);
    this.#slots.fill(0);
  }

  /** `r1,r2`, as the log lists them. */
  regsText(frame = this.frame): string {
    const names: string[] = [];
    for (let n = 0; n <= 10; n++) if (this.hasReg(n, frame)) names.push(`r${n}`);
    return names.join(',');
  }

  /** `-8,-16`. */
  slotsText(frame = this.frame): string {
    if (!this.anySlot(frame)) return '';
    const names: string[] = [];
    for (let slot = 0; slot < 64; slot++) if (this.hasSlot(frame, slot)) names.push(`${-8 * (slot + 1)}`);
    return names.join(',');
  }
}
