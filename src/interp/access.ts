/** Which memory a running program may touch, and the search for the region that an access falls into. Instructions are interpreter.ts's business. */
import type { Region } from '../maps/types.ts';
import type { Mem } from '../mem/memory.ts';
import type { ProgramImage } from './image.ts';
import type { Environment } from './types.ts';

/** Bytes of a stack frame (MAX_BPF_STACK, include/linux/filter.h). */
export const FRAME_SIZE = 512;
/** Bytes from one frame to the next: a gap of 64 makes an access above r10 fault instead of reaching the caller's frame. */
export const FRAME_STRIDE = FRAME_SIZE + 64;
/** Stack memory that suffices for 33 tail calls from subprograms: 64 frames. Less only lowers the depth at which a run faults. */
export const STACK_BYTES = 64 * FRAME_STRIDE;

/** Bounds of the fast check: offsets are at most 32767, and signed 32-bit comparisons hold below 2 GiB. */
export const FAST_LO = 0x8000;
export const FAST_HI = 0x7fff_ffff;

const GRANTS = 4;
const NO_REGIONS: readonly Region[] = [];
const DESCRIPTOR_SIZE = 256;

/** Live regions of one run. Offsets and sizes are bytes of the engine's memory. */
export class Access {
  readonly mem: Mem;
  readonly #env: Environment;
  image: ProgramImage;
  /** One past the first frame; frame k ends at stackTop - k * FRAME_STRIDE. */
  stackTop = 0;
  frames = 0;
  /** Index of the running frame. */
  frame = 0;
  ctx = 0;
  ctxEnd = 0;
  ctxWritable = false;
  extra: readonly Region[] = NO_REGIONS;
  /**
   * The last region that was hit, for the interpreter's fast check: [winLo, winHi) may be read, [winLo, winWriteHi) written. Always
   * within [FAST_LO, FAST_HI), else empty: there a wrapping 32-bit sum of base and offset cannot be mistaken for another address.
   */
  winLo = 0;
  winHi = 0;
  winWriteHi = 0;
  /** Memory that helpers returned in this run, so that it need not be searched for: triples like the window's. */
  readonly #grants = new Float64Array(GRANTS * 3);
  /** Grants given in this run; the last GRANTS are kept. */
  #granted = 0;

  constructor(mem: Mem, env: Environment, image: ProgramImage) {
    this.mem = mem;
    this.#env = env;
    this.image = image;
  }

  /** End of the running frame, or 0 (so that nothing is below it) where the fast check does not hold. */
  get fastStackHi(): number {
    const hi = this.stackTop - this.frame * FRAME_STRIDE;
    return hi - FRAME_SIZE >= FAST_LO && hi <= FAST_HI ? hi : 0;
  }

  useStack(base: number, size: number): void {
    this.frames = Math.floor(size / FRAME_STRIDE);
    this.stackTop = base + this.frames * FRAME_STRIDE;
  }

  /** Forgets the regions of the run before. */
  reset(image: ProgramImage): void {
    this.image = image;
    this.frame = 0;
    this.winLo = 0;
    this.winHi = 0;
    this.winWriteHi = 0;
    this.#granted = 0;
  }

  /** Makes [offset, offset + size) known as memory that the program got from a helper. */
  grant(offset: number, size: number, writable: boolean): void {
    if (!this.#window(offset, offset + size, writable)) return;
    const at = (this.#granted % GRANTS) * 3;
    this.#granted++;
    this.#grants[at] = offset;
    this.#grants[at + 1] = offset + size;
    this.#grants[at + 2] = writable ? offset + size : 0;
  }

  /** Whether the program may access `size` bytes at offset `at`. Moves the window when a region other than the stack is hit. */
  reach(at: number, size: number, write: boolean): boolean {
    if (at < 0) return false;
    const end = at + size;
    if (this.inStack(at, size)) return true;
    if (at >= this.ctx && end <= this.ctxEnd) {
      if (write && !this.ctxWritable) return false;
      return this.#window(this.ctx, this.ctxEnd, this.ctxWritable);
    }
    const granted = Math.min(this.#granted, GRANTS) * 3;
    for (let i = 0; i < granted; i += 3) {
      const lo = this.#grants[i] ?? 0;
      const hi = this.#grants[i + 1] ?? 0;
      const writeHi = this.#grants[i + 2] ?? 0;
      if (at >= lo && end <= (write ? writeHi : hi)) return this.#window(lo, hi, writeHi !== 0);
    }
    for (const region of this.extra) if (this.#hit(region, at, size, write)) return true;
    const region = this.#env.region?.(at, this.image);
    return region !== undefined && this.#hit(region, at, size, write);
  }

  /** Whether the bytes are within one live stack frame. */
  inStack(at: number, size: number): boolean {
    const below = this.stackTop - 1 - at;
    if (below < 0) return false;
    const frame = Math.floor(below / FRAME_STRIDE);
    if (frame > this.frame) return false;
    const top = this.stackTop - frame * FRAME_STRIDE;
    return at >= top - FRAME_SIZE && at + size <= top;
  }

  /** Whether a live map descriptor that the program may use stands at the offset. */
  isMap(offset: number): boolean {
    const maps = this.image.maps;
    for (let i = 0; i < maps.length; i++) if (maps[i] === offset) return this.#mapped(offset + DESCRIPTOR_SIZE);
    return this.#env.isMap?.(offset, this.image) === true && this.#mapped(offset + DESCRIPTOR_SIZE);
  }

  /** Bytes before the first NUL at `at`, or -1 when the region ends (or `limit` bytes pass) without one. */
  stringLength(at: number, limit: number): number {
    for (let length = 0; length < limit; length++) {
      if (!this.reach(at + length, 1, false)) return -1;
      if (this.mem.u8[at + length] === 0) return length;
    }
    return -1;
  }

  #hit(region: Region, at: number, size: number, write: boolean): boolean {
    const rel = at - region.base;
    if (rel < 0 || (write && !region.writable)) return false;
    const slot = region.stride === 0 ? 0 : Math.floor(rel / region.stride);
    if (slot >= region.count) return false;
    const lo = region.base + slot * region.stride;
    return at + size <= lo + region.size && this.#window(lo, lo + region.size, region.writable);
  }

  #window(lo: number, hi: number, writable: boolean): boolean {
    if (!this.#mapped(hi)) return false;
    const fast = lo >= FAST_LO && hi <= FAST_HI;
    this.winLo = fast ? lo : 0;
    this.winHi = fast ? hi : 0;
    this.winWriteHi = fast && writable ? hi : 0;
    return true;
  }

  /** Whether the views reach `end`: another thread may have grown the memory. */
  #mapped(end: number): boolean {
    if (end > this.mem.u8.length) this.mem.refresh();
    return end <= this.mem.u8.length;
  }
}
