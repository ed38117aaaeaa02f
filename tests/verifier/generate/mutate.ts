/** Small changes to bytecode: what a compiler would never write, and checks that went missing. */
import type { Random } from './random.ts';

const SLOT = 8;
const OFFSETS = [0, 1, -1, 2, -2, 4, 8, -4, -8, -512, -513, 0x7fff, -0x8000];
const IMMEDIATES = [0, 1, -1, 2, 4, 7, 8, 31, 32, 63, 64, 255, 512, 0x7fffffff, -0x80000000];
/** `goto +0`. */
const NOTHING = Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0);

/** A copy of the program with one to three changes. */
export function mutate(program: Uint8Array, r: Random): Uint8Array {
  let bytes: Uint8Array = program.slice();
  for (let i = 1 + r.below(3); i > 0; i--) bytes = change(bytes, r);
  return bytes;
}

function change(bytes: Uint8Array, r: Random): Uint8Array {
  const slots = bytes.length / SLOT;
  const at = r.below(slots) * SLOT;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const regs = bytes[at + 1] ?? 0;
  switch (r.below(12)) {
    case 0:
      bytes[at + r.below(SLOT)] = r.below(256);
      break;
    case 1:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << r.below(8));
      break;
    case 2:
      view.setInt16(at + 2, r.pick(OFFSETS), true);
      break;
    case 3:
      view.setInt16(at + 2, view.getInt16(at + 2, true) + r.pick([1, -1, 4, -4, 8, -8]), true);
      break;
    case 4:
      view.setInt32(at + 4, r.pick(IMMEDIATES), true);
      break;
    case 5:
      view.setInt32(at + 4, view.getInt32(at + 4, true) + r.pick([1, -1, 8, -8]), true);
      break;
    case 6:
      bytes[at + 1] = (regs & 0xf0) | r.below(11);
      break;
    case 7:
      bytes[at + 1] = (regs & 15) | (r.below(11) << 4);
      break;
    case 8:
    case 9:
      bytes.set(NOTHING, at);
      break;
    case 10: {
      // The jump's sense is turned around, or its width.
      const code = bytes[at] ?? 0;
      bytes[at] = (code & 7) === 5 || (code & 7) === 6 ? r.pick([code ^ 0x40, code ^ 3, code ^ 0x80]) : code ^ r.pick([3, 8, 0x10]);
      break;
    }
    default: {
      const other = r.below(slots) * SLOT;
      const copy = bytes.slice(other, other + SLOT);
      bytes.copyWithin(other, at, at + SLOT);
      bytes.set(copy, at);
    }
  }
  return bytes;
}
