/** Growing bytes and the instructions written into them. Sections are module.ts's business. */
import { OversizedError } from '../limits.ts';
import {
  ATOMIC_PREFIX,
  MISC_PREFIX,
  VOID,
  WASM,
  WASM_ATOMIC,
  WASM_MISC,
  type WasmAtomicOp,
  type WasmMiscOp,
  type WasmOp,
} from './opcodes.ts';

/** Labels of one br_table (WebAssembly JavaScript Interface, implementation limits). */
const MAX_LABELS = 65_520;

/** A growing array of bytes with WebAssembly's number formats. */
export class Bytes {
  #bytes = new Uint8Array(256);
  length = 0;

  byte(value: number): void {
    if (this.length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.length++] = value;
  }

  raw(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Unsigned LEB128 of an integer below 2^32. */
  u32(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Signed LEB128 of a signed 32-bit integer; i64.const takes it too. */
  s32(value: number): void {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  /** Signed LEB128 of a 64-bit integer. */
  s64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    while (rest < -64n || rest > 63n) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest & 0x7fn));
  }

  /** A name: length and UTF-8 bytes. */
  name(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u32(bytes.length);
    this.raw(bytes);
  }

  /** The bytes so far; valid until the next write. */
  get view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  #grow(by: number): void {
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + by));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}

/** A function's instructions. Keeps the depth of open blocks, so that labels can be named by the depth at which they were opened. */
export class Code extends Bytes {
  /** Open blocks, loops and ifs. */
  depth = 0;

  /** An instruction without immediates. */
  op(op: WasmOp): void {
    this.byte(WASM[op]);
  }

  /** An instruction with one index: local, global, function. */
  op1(op: WasmOp, index: number): void {
    this.byte(WASM[op]);
    this.u32(index);
  }

  i32(value: number): void {
    this.byte(WASM['i32.const']);
    this.s32(value);
  }

  i64(value: number): void {
    this.byte(WASM['i64.const']);
    this.s32(value);
  }

  i64Big(value: bigint): void {
    this.byte(WASM['i64.const']);
    this.s64(value);
  }

  f64Zero(): void {
    this.byte(WASM['f64.const']);
    for (let i = 0; i < 8; i++) this.byte(0);
  }

  /** A load or store with an alignment hint of one byte (nothing is known). */
  mem(op: WasmOp, offset: number): void {
    this.byte(WASM[op]);
    this.byte(0);
    this.u32(offset);
  }

  /** @param align log2 of the natural alignment */
  atomic(op: WasmAtomicOp, align: number, offset: number): void {
    this.byte(ATOMIC_PREFIX);
    this.byte(WASM_ATOMIC[op]);
    this.byte(align);
    this.u32(offset);
  }

  /** Works on memory 0 or table 0. */
  misc(op: WasmMiscOp): void {
    this.byte(MISC_PREFIX);
    this.byte(WASM_MISC[op]);
    this.byte(0);
    if (op === 'memory.copy') this.byte(0);
  }

  /** Opens a block without results. @returns its label for br() */
  open(op: 'block' | 'loop' | 'if'): number {
    this.byte(WASM[op]);
    this.byte(VOID);
    return ++this.depth;
  }

  else(): void {
    this.byte(WASM.else);
  }

  close(): void {
    this.byte(WASM.end);
    this.depth--;
  }

  br(label: number): void {
    this.byte(WASM.br);
    this.u32(this.depth - label);
  }

  brIf(label: number): void {
    this.byte(WASM.br_if);
    this.u32(this.depth - label);
  }

  /** The last label is the default. */
  brTable(labels: readonly number[]): void {
    if (labels.length > MAX_LABELS) {
      throw new OversizedError(`a jump has ${labels.length} targets, expected at most ${MAX_LABELS}`, {
        hint: 'loops with that many entries are not written by compilers',
      });
    }
    this.byte(WASM.br_table);
    this.u32(labels.length - 1);
    for (const label of labels) this.u32(this.depth - label);
  }
}
