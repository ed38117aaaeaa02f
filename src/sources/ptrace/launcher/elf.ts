/** The smallest static ELF executable that a kernel runs: one read-and-execute segment with code and constants, and a stack that is not executable. */

const BASE = 0x40_0000;
const HEADER = 64;
const PROGRAM_HEADER = 56;
/** Address at which the code that `executable` is given must be assembled; its first byte is the entry point. */
export const CODE_ADDRESS = BASE + HEADER + 2 * PROGRAM_HEADER;

/** ELF64 little-endian ET_EXEC image for `machine` (e_machine). */
export function executable(code: Uint8Array, machine: number): Uint8Array {
  const size = CODE_ADDRESS - BASE + code.length;
  const image = new Uint8Array(size);
  const view = new DataView(image.buffer);
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // \x7fELF, 64-bit, little-endian, version 1
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(CODE_ADDRESS), true);
  view.setBigUint64(32, BigInt(HEADER), true); // e_phoff
  view.setUint16(52, HEADER, true);
  view.setUint16(54, PROGRAM_HEADER, true);
  view.setUint16(56, 2, true); // e_phnum
  segment(view, HEADER, { type: 1, flags: 5, address: BASE, size }); // PT_LOAD, R + X
  segment(view, HEADER + PROGRAM_HEADER, { type: 0x6474_e551, flags: 6, address: 0, size: 0 }); // PT_GNU_STACK, R + W
  image.set(code, CODE_ADDRESS - BASE);
  return image;
}

function segment(view: DataView, at: number, s: { type: number; flags: number; address: number; size: number }): void {
  view.setUint32(at, s.type, true);
  view.setUint32(at + 4, s.flags, true);
  view.setBigUint64(at + 16, BigInt(s.address), true); // p_vaddr
  view.setBigUint64(at + 24, BigInt(s.address), true); // p_paddr
  view.setBigUint64(at + 32, BigInt(s.size), true); // p_filesz
  view.setBigUint64(at + 40, BigInt(s.size), true); // p_memsz
  view.setBigUint64(at + 48, 0x1000n, true); // p_align
}
