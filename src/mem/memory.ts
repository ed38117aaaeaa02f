/**
 * The engine's address space: one shared WebAssembly.Memory, its views, and the mapping between offsets and the
 * kernel-like pointers that programs see. Who owns which bytes is the allocator's and layout.ts's business.
 */
import { BpfError } from '../base/index.ts';

/** Pointers that programs see are KERNEL_BASE + offset, so the low 32 bits are the offset (x86-64 direct map address). */
export const KERNEL_BASE = 0xffff_8880_0000_0000n;
/** High 32 bits of every engine pointer, as a signed 32-bit number. */
export const KERNEL_BASE_HI = 0xffff_8880 | 0;
/** First address that is not user space on x86-64 (TASK_SIZE_MAX, 47 bits). */
export const TASK_SIZE = 0x7fff_ffff_f000n;

const PAGE = 65536;

/** A shared WebAssembly.Memory as the engine uses it; spelled out because neither Node's types nor every user's lib have that name. */
export interface SharedMemory {
  readonly buffer: ArrayBufferLike;
  /** Adds pages of 64 KiB. @returns the number of pages before */
  grow(pages: number): number;
}

/**
 * Views over the shared memory. Offsets are unsigned numbers below 2^32; accessors are little-endian and do not check regions.
 * `dv` and `u8` are refreshed by `refresh()` when another thread has grown the memory: call it when an offset is beyond `u8.length`.
 */
export class Mem {
  readonly memory: SharedMemory;
  u8: Uint8Array;
  dv: DataView;
  i32: Int32Array;
  i64: BigInt64Array;

  constructor(memory: SharedMemory) {
    this.memory = memory;
    const buffer = memory.buffer;
    this.u8 = new Uint8Array(buffer);
    this.dv = new DataView(buffer);
    this.i32 = new Int32Array(buffer);
    this.i64 = new BigInt64Array(buffer);
  }

  /** A fresh shared memory of `initial` bytes that can grow to `maximum` bytes (both rounded up to 64 KiB pages). */
  static create(options: { initial?: number; maximum?: number } = {}): Mem {
    const initial = Math.ceil((options.initial ?? 1 << 20) / PAGE);
    const maximum = Math.ceil((options.maximum ?? 2 ** 32) / PAGE);
    return new Mem(new WebAssembly.Memory({ initial, maximum, shared: true }));
  }

  refresh(): void {
    const buffer = this.memory.buffer;
    if (buffer.byteLength === this.u8.byteLength) return;
    this.u8 = new Uint8Array(buffer);
    this.dv = new DataView(buffer);
    this.i32 = new Int32Array(buffer);
    this.i64 = new BigInt64Array(buffer);
  }

  /** Makes [0, end) exist; BpfError when the maximum is reached. */
  ensure(end: number): void {
    if (end <= this.u8.length) return;
    this.refresh();
    const missing = end - this.u8.length;
    if (missing > 0) {
      try {
        this.memory.grow(Math.ceil(missing / PAGE));
      } catch (cause) {
        throw new BpfError(`the engine's memory cannot grow to ${end} bytes`, { cause, hint: 'use smaller maps' });
      }
      this.refresh();
    }
  }

  /** Bytes copied out of the shared memory. */
  copyOut(offset: number, size: number): Uint8Array {
    return this.u8.slice(offset, offset + size);
  }

  copyIn(offset: number, bytes: Uint8Array): void {
    this.u8.set(bytes, offset);
  }
}

/** The pointer that a program sees for a memory offset. */
export function toPointer(offset: number): bigint {
  return KERNEL_BASE + BigInt(offset);
}

/** The memory offset of a pointer, or undefined when it is not an engine pointer. */
export function toOffset(pointer: bigint): number | undefined {
  const offset = BigInt.asUintN(64, pointer) - KERNEL_BASE;
  return offset >= 0n && offset < 0x1_0000_0000n ? Number(offset) : undefined;
}
