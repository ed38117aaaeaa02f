/**
 * A program that comes by every operation with operands that carry, borrow and wrap. Run once before anything else, it lets the JavaScript
 * engine see what the hot loop does; otherwise each operation that a program is the first to use throws the optimised loop away.
 */
import { FRAME_STRIDE } from './access.ts';
import { ATOMIC, ATOMIC_FETCH, type ProgramImage } from './image.ts';
import { F_IMM, F_WRITE, FIELD, OP, WORDS } from './ops.ts';

/** Low and high words of the two operands. */
const OPERANDS: readonly (readonly [number, number, number, number])[] = [
  [0, 0, 0, 0],
  [5, 0, 40, 0],
  [-1, 0x7fff_ffff, 1, 0],
  [-0x8000_0000, -0x8000_0000, -1, -1],
  [3, 1, 32, 0],
];

const BYTES = [8, 4, 2, 1, 4, 2, 1, 8, 8, 4, 2, 1] as const;

/** Where the program finds memory besides its own frame: in the place of the second frame, which it does not use for calls meanwhile. */
export const WARM_UP_OFFSET = -FRAME_STRIDE - 16;

/** About a thousand instructions. They need r10's frame, and 16 writable bytes at r10 + WARM_UP_OFFSET. */
export function warmUpImage(): ProgramImage {
  const words: number[] = [];
  const emit = (op: number, a: number, b: number, flags = 0, off = 0, lo = 0, hi = 0): void => {
    words.push(op | (a << (FIELD.A + 1)) | (b << (FIELD.B + 1)) | flags, off, lo, hi);
  };
  for (let op = 0; op < OP.mov64; op++) {
    const write = op >= OP.st64 || op === OP.atomic;
    const flags = ((BYTES[op] ?? 8) << FIELD.SIZE) | (write ? F_WRITE : 0);
    for (const at of [-8, WARM_UP_OFFSET]) {
      emit(op, 1, 10, flags, at, ATOMIC.add | ATOMIC_FETCH);
      if (op >= OP.st64) emit(op, 1, 10, flags | F_IMM, at, 1);
    }
  }
  for (let op: number = OP.mov64; op <= OP.may_goto; op++) {
    if (op === OP.call_helper || op === OP.exit || op === OP.call_local || op === OP.callx) continue;
    for (const [alo, ahi, blo, bhi] of OPERANDS) {
      emit(OP.mov64, 1, 0, F_IMM, 0, alo, ahi);
      emit(OP.mov64, 2, 0, F_IMM, 0, blo, bhi);
      emit(op, 1, 2, op === OP.ld_imm64 ? F_IMM : 0, words.length + WORDS);
      // A wide load skips a slot.
      if (op === OP.ld_imm64) emit(OP.mov64, 1, 2);
    }
  }
  emit(OP.call_local, 0, 0, 0, words.length + 2 * WORDS);
  emit(OP.exit, 0, 0);
  emit(OP.exit, 0, 0);
  const slots = words.length / WORDS;
  emit(OP.invalid, 0, 0);
  return { bytes: new Uint8Array(slots * 8), code: Int32Array.from(words), slots, maps: [], progId: 0, probes: new Set() };
}
