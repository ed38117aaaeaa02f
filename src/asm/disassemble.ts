/** Bytes -> text. Any bytes have a text: what is no instruction becomes data, so that assembling gives the same bytes back. */
import { decodeAt, type Instruction, type InvalidInsn, SLOT_SIZE, slotsOf } from '../isa/index.ts';
import { type FormatOptions, formatInsn } from './format.ts';

/** One line of a disassembly. */
export interface DisasmLine {
  /** Slot of the instruction. */
  readonly index: number;
  /** Without the index; malformed slots read `.8byte 0x… // why`, or in the kernel's style what its log prints for them. */
  readonly text: string;
  readonly insn: Instruction | InvalidInsn;
}

/** The instructions of a program as lines. Never throws. */
export function disassembleLines(bytes: Uint8Array, options: FormatOptions = {}): DisasmLine[] {
  const lines: DisasmLine[] = [];
  let index = 0;
  while ((index + 1) * SLOT_SIZE <= bytes.length) {
    const insn = decodeAt(bytes, index);
    const text = insn.kind === 'invalid' ? malformed(bytes, index, insn, options) : formatInsn(insn, options);
    lines.push({ index, text, insn });
    index += slotsOf(insn);
  }
  const rest = Array.from(bytes.subarray(index * SLOT_SIZE), (b) => `0x${b.toString(16).padStart(2, '0')}`);
  if (rest.length > 0) {
    const insn = decodeAt(bytes, index);
    if (insn.kind === 'invalid') lines.push({ index, text: `.byte ${rest.join(', ')} // ${insn.message}`, insn });
  }
  return lines;
}

/**
 * A program as text, one instruction a line, every line ended by a newline. Never throws.
 * In the default style `assemble(disassemble(bytes))` gives `bytes` for any bytes.
 */
export function disassemble(bytes: Uint8Array, options: FormatOptions = {}): string {
  return disassembleLines(bytes, options)
    .map((line) => `${line.text}\n`)
    .join('');
}

function malformed(bytes: Uint8Array, index: number, insn: InvalidInsn, options: FormatOptions): string {
  if (options.style === 'kernel' && insn.printed !== undefined) return formatInsn(insn.printed, options);
  return `.8byte 0x${littleEndianHex(bytes, index)} // ${insn.message}`;
}

function littleEndianHex(bytes: Uint8Array, index: number): string {
  const slot = bytes.subarray(index * SLOT_SIZE, (index + 1) * SLOT_SIZE);
  return Array.from(slot, (b) => b.toString(16).padStart(2, '0'))
    .reverse()
    .join('');
}
