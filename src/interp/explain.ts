/** Says why a slot cannot be executed. */
import { decodeAt } from '../isa/index.ts';
import type { ProgramImage } from './image.ts';

/** One lower-case sentence about the `invalid` slot of an image. */
export function explain(image: ProgramImage, slot: number): string {
  if (slot >= image.slots) return `control leaves the program's ${image.slots} instructions`;
  const insn = decodeAt(image.bytes, slot);
  switch (insn.kind) {
    case 'invalid':
      return insn.message;
    case 'addr_space_cast':
      return 'addr_space_cast needs an arena, but the program has none';
    case 'call':
      return `kernel function #${insn.imm} is not available`;
    default:
      return 'frame pointer is read only';
  }
}
