/** Writes a resolved CO-RE value into its instruction (tools/lib/bpf/relo_core.c bpf_core_patch_insn, v6.18). Works on bytes: opcode, registers, offset, imm. */
import { FormatError } from '../../base/index.ts';
import type { CoreResolution } from './resolve.ts';

const CALL = 0x85;
/** imm of the call that stands for an instruction that must not be reached (0xbad2310: "bad relo"); the verifier refuses it where it can be. */
export const CORE_POISON = 195_896_080;
const LD_IMM64 = 0x18;
const CLASS = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, ALU64: 7 } as const;
/** BPF_SRC: the operand is a register. */
const SRC_X = 0x08;
const SIZE_MASK = 0x18;
/** Opcode bits of an access by its bytes. */
const SIZE_BITS: Readonly<Record<number, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };
const OFF_MAX = 32767;

/** What happened to an instruction; `refused`: the program cannot be relocated at all. */
export type CoreAction = 'patched' | 'poisoned' | 'refused';

/**
 * Changes the instruction at slot `insn` of `insns` in place.
 * Throws FormatError when it is none that the relocation can be of, or holds another value than the compiler's.
 */
export function patchInsn(insns: Uint8Array, insn: number, resolution: CoreResolution): CoreAction {
  const at = insn * 8;
  const { relo, subject, local, value, resize } = resolution;
  const fail = (why: string): FormatError => new FormatError(`CO-RE relocation ${relo.kind} of ${subject}: ${why}`, { insn });
  if (!(Number.isInteger(insn) && insn >= 0 && at + 8 <= insns.length)) throw fail(`the program has ${insns.length / 8} instructions`);
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  const code = view.getUint8(at);
  const wide = code === LD_IMM64;
  if (value === undefined) {
    if (wide && at + 16 <= insns.length) poison(view, at + 8);
    poison(view, at);
    return 'poisoned';
  }
  const compare = (holds: bigint): void => {
    if (!local.checked || holds === local.value) return;
    throw fail(`the instruction holds ${BigInt.asIntN(64, holds)}, expected ${BigInt.asIntN(64, local.value)}`);
  };
  switch (code & 7) {
    case CLASS.ALU:
    case CLASS.ALU64:
      if ((code & SRC_X) !== 0) throw fail(`the instruction 0x${code.toString(16)} has no immediate`);
      compare(BigInt.asUintN(64, BigInt(view.getInt32(at + 4, true))));
      view.setInt32(at + 4, Number(BigInt.asIntN(32, value)), true);
      return 'patched';
    case CLASS.LDX:
    case CLASS.ST:
    case CLASS.STX:
      compare(BigInt.asUintN(64, BigInt(view.getInt16(at + 2, true))));
      if (value > OFF_MAX) throw fail(`offset ${value} does not fit an instruction, expected at most ${OFF_MAX} (ERANGE)`);
      if (resize !== undefined && !resize.safe) {
        poison(view, at);
        return 'poisoned';
      }
      view.setInt16(at + 2, Number(value), true);
      if (resize !== undefined) view.setUint8(at, resized(code, resize, fail));
      return 'patched';
    case CLASS.LD: {
      const form = wide && view.getUint8(at + 1) >>> 4 === 0 && view.getInt16(at + 2, true) === 0;
      if (!form || at + 16 > insns.length || view.getUint32(at + 8, true) !== 0) throw fail('the instruction is no plain ld_imm64');
      compare(BigInt(view.getUint32(at + 4, true)) | (BigInt(view.getUint32(at + 12, true)) << 32n));
      view.setUint32(at + 4, Number(value & 0xffff_ffffn), true);
      view.setUint32(at + 12, Number(value >> 32n), true);
      return 'patched';
    }
    default:
      throw fail(`the instruction 0x${code.toString(16)} holds no offset and no constant`);
  }
}

function resized(code: number, resize: { readonly from: number; readonly to: number }, fail: (why: string) => FormatError): number {
  if ((code & SIZE_MASK) !== SIZE_BITS[resize.from])
    throw fail(`the instruction 0x${code.toString(16)} does not access ${resize.from} bytes`);
  const bits = SIZE_BITS[resize.to];
  if (bits === undefined) throw fail(`the field has ${resize.to} bytes, expected 1, 2, 4 or 8`);
  return (code & ~SIZE_MASK) | bits;
}

function poison(view: DataView, at: number): void {
  view.setUint8(at, CALL);
  view.setUint8(at + 1, 0);
  view.setInt16(at + 2, 0, true);
  view.setInt32(at + 4, CORE_POISON, true);
}
