/**
 * THE instruction table: every eBPF instruction of ISA v1-v4 (RFC 9669 and kernel/bpf/core.c, v6.18) is one row here.
 * Encoder, decoder, assembler, disassembler and the engines' `Record<OpName, …>` derive from it; what an instruction does is theirs.
 */
import type { AccessSize, AluOp, AtomicOp, JmpOp, Width } from './instruction.ts';

/**
 * Version of the ISA that an instruction came with, counted as LLVM's `-mcpu` does: v1 base, v2 less-than jumps, v3 32-bit jumps and fetching
 * atomics, v4 the rest. (The kernel has had 32-bit arithmetic and stores of constants from the start; LLVM emits them from v3 and v4.)
 */
export type IsaVersion = 1 | 2 | 3 | 4;

/** What every row states. A stated `src`, `off` or `imm` tells rows of one opcode apart: the field must have that value. */
interface RowBase {
  /** Unique name, `add64_imm`. */
  readonly name: string;
  /** Opcode byte. */
  readonly code: number;
  readonly isa: IsaVersion;
  readonly src?: number;
  readonly off?: number;
  readonly imm?: number;
}

/** A row of the table; `form` tells which fields the instruction uses (FORM_FIELDS) and which Instruction it becomes. */
export type InsnRow = RowBase &
  (
    | { readonly form: 'alu_imm' | 'alu_reg'; readonly op: AluOp; readonly width: Width }
    | { readonly form: 'neg'; readonly width: Width }
    | { readonly form: 'end'; readonly op: 'le' | 'be' | 'bswap'; readonly bits: 16 | 32 | 64 }
    | { readonly form: 'jmp_imm' | 'jmp_reg'; readonly op: JmpOp; readonly width: Width }
    | { readonly form: 'call'; readonly target: 'helper' | 'local' }
    | { readonly form: 'call_kfunc'; readonly target: 'kfunc' }
    | { readonly form: 'ld_abs' | 'ld_ind'; readonly size: 1 | 2 | 4 }
    | { readonly form: 'ldx'; readonly size: AccessSize; readonly signed: boolean }
    | { readonly form: 'st' | 'stx'; readonly size: AccessSize }
    | { readonly form: 'atomic'; readonly op: AtomicOp; readonly size: AccessSize; readonly fetch: boolean }
    | { readonly form: 'addr_space_cast' | 'ja' | 'gotol' | 'may_goto' | 'callx' | 'exit' | 'ld_imm64' }
  );

/** Name of a form. */
export type InsnForm = InsnRow['form'];

/** The rows as literals, so that their names are a type. */
const TABLE = [
  // Arithmetic on 32 bits.
  { name: 'add32_imm', code: 0x04, form: 'alu_imm', isa: 1, op: 'add', width: 32 },
  { name: 'add32_reg', code: 0x0c, form: 'alu_reg', isa: 1, op: 'add', width: 32 },
  { name: 'sub32_imm', code: 0x14, form: 'alu_imm', isa: 1, op: 'sub', width: 32 },
  { name: 'sub32_reg', code: 0x1c, form: 'alu_reg', isa: 1, op: 'sub', width: 32 },
  { name: 'mul32_imm', code: 0x24, form: 'alu_imm', isa: 1, op: 'mul', width: 32 },
  { name: 'mul32_reg', code: 0x2c, form: 'alu_reg', isa: 1, op: 'mul', width: 32 },
  { name: 'div32_imm', code: 0x34, form: 'alu_imm', isa: 1, op: 'div', width: 32, off: 0 },
  { name: 'div32_reg', code: 0x3c, form: 'alu_reg', isa: 1, op: 'div', width: 32, off: 0 },
  { name: 'sdiv32_imm', code: 0x34, form: 'alu_imm', isa: 4, op: 'sdiv', width: 32, off: 1 },
  { name: 'sdiv32_reg', code: 0x3c, form: 'alu_reg', isa: 4, op: 'sdiv', width: 32, off: 1 },
  { name: 'or32_imm', code: 0x44, form: 'alu_imm', isa: 1, op: 'or', width: 32 },
  { name: 'or32_reg', code: 0x4c, form: 'alu_reg', isa: 1, op: 'or', width: 32 },
  { name: 'and32_imm', code: 0x54, form: 'alu_imm', isa: 1, op: 'and', width: 32 },
  { name: 'and32_reg', code: 0x5c, form: 'alu_reg', isa: 1, op: 'and', width: 32 },
  { name: 'lsh32_imm', code: 0x64, form: 'alu_imm', isa: 1, op: 'lsh', width: 32 },
  { name: 'lsh32_reg', code: 0x6c, form: 'alu_reg', isa: 1, op: 'lsh', width: 32 },
  { name: 'rsh32_imm', code: 0x74, form: 'alu_imm', isa: 1, op: 'rsh', width: 32 },
  { name: 'rsh32_reg', code: 0x7c, form: 'alu_reg', isa: 1, op: 'rsh', width: 32 },
  { name: 'mod32_imm', code: 0x94, form: 'alu_imm', isa: 1, op: 'mod', width: 32, off: 0 },
  { name: 'mod32_reg', code: 0x9c, form: 'alu_reg', isa: 1, op: 'mod', width: 32, off: 0 },
  { name: 'smod32_imm', code: 0x94, form: 'alu_imm', isa: 4, op: 'smod', width: 32, off: 1 },
  { name: 'smod32_reg', code: 0x9c, form: 'alu_reg', isa: 4, op: 'smod', width: 32, off: 1 },
  { name: 'xor32_imm', code: 0xa4, form: 'alu_imm', isa: 1, op: 'xor', width: 32 },
  { name: 'xor32_reg', code: 0xac, form: 'alu_reg', isa: 1, op: 'xor', width: 32 },
  { name: 'mov32_imm', code: 0xb4, form: 'alu_imm', isa: 1, op: 'mov', width: 32 },
  { name: 'mov32_reg', code: 0xbc, form: 'alu_reg', isa: 1, op: 'mov', width: 32, off: 0 },
  { name: 'arsh32_imm', code: 0xc4, form: 'alu_imm', isa: 1, op: 'arsh', width: 32 },
  { name: 'arsh32_reg', code: 0xcc, form: 'alu_reg', isa: 1, op: 'arsh', width: 32 },
  { name: 'movsx8_32', code: 0xbc, form: 'alu_reg', isa: 4, op: 'movsx8', width: 32, off: 8 },
  { name: 'movsx16_32', code: 0xbc, form: 'alu_reg', isa: 4, op: 'movsx16', width: 32, off: 16 },
  { name: 'neg32', code: 0x84, form: 'neg', isa: 1, width: 32 },
  // Arithmetic on 64 bits.
  { name: 'add64_imm', code: 0x07, form: 'alu_imm', isa: 1, op: 'add', width: 64 },
  { name: 'add64_reg', code: 0x0f, form: 'alu_reg', isa: 1, op: 'add', width: 64 },
  { name: 'sub64_imm', code: 0x17, form: 'alu_imm', isa: 1, op: 'sub', width: 64 },
  { name: 'sub64_reg', code: 0x1f, form: 'alu_reg', isa: 1, op: 'sub', width: 64 },
  { name: 'mul64_imm', code: 0x27, form: 'alu_imm', isa: 1, op: 'mul', width: 64 },
  { name: 'mul64_reg', code: 0x2f, form: 'alu_reg', isa: 1, op: 'mul', width: 64 },
  { name: 'div64_imm', code: 0x37, form: 'alu_imm', isa: 1, op: 'div', width: 64, off: 0 },
  { name: 'div64_reg', code: 0x3f, form: 'alu_reg', isa: 1, op: 'div', width: 64, off: 0 },
  { name: 'sdiv64_imm', code: 0x37, form: 'alu_imm', isa: 4, op: 'sdiv', width: 64, off: 1 },
  { name: 'sdiv64_reg', code: 0x3f, form: 'alu_reg', isa: 4, op: 'sdiv', width: 64, off: 1 },
  { name: 'or64_imm', code: 0x47, form: 'alu_imm', isa: 1, op: 'or', width: 64 },
  { name: 'or64_reg', code: 0x4f, form: 'alu_reg', isa: 1, op: 'or', width: 64 },
  { name: 'and64_imm', code: 0x57, form: 'alu_imm', isa: 1, op: 'and', width: 64 },
  { name: 'and64_reg', code: 0x5f, form: 'alu_reg', isa: 1, op: 'and', width: 64 },
  { name: 'lsh64_imm', code: 0x67, form: 'alu_imm', isa: 1, op: 'lsh', width: 64 },
  { name: 'lsh64_reg', code: 0x6f, form: 'alu_reg', isa: 1, op: 'lsh', width: 64 },
  { name: 'rsh64_imm', code: 0x77, form: 'alu_imm', isa: 1, op: 'rsh', width: 64 },
  { name: 'rsh64_reg', code: 0x7f, form: 'alu_reg', isa: 1, op: 'rsh', width: 64 },
  { name: 'mod64_imm', code: 0x97, form: 'alu_imm', isa: 1, op: 'mod', width: 64, off: 0 },
  { name: 'mod64_reg', code: 0x9f, form: 'alu_reg', isa: 1, op: 'mod', width: 64, off: 0 },
  { name: 'smod64_imm', code: 0x97, form: 'alu_imm', isa: 4, op: 'smod', width: 64, off: 1 },
  { name: 'smod64_reg', code: 0x9f, form: 'alu_reg', isa: 4, op: 'smod', width: 64, off: 1 },
  { name: 'xor64_imm', code: 0xa7, form: 'alu_imm', isa: 1, op: 'xor', width: 64 },
  { name: 'xor64_reg', code: 0xaf, form: 'alu_reg', isa: 1, op: 'xor', width: 64 },
  { name: 'mov64_imm', code: 0xb7, form: 'alu_imm', isa: 1, op: 'mov', width: 64 },
  { name: 'mov64_reg', code: 0xbf, form: 'alu_reg', isa: 1, op: 'mov', width: 64, off: 0 },
  { name: 'arsh64_imm', code: 0xc7, form: 'alu_imm', isa: 1, op: 'arsh', width: 64 },
  { name: 'arsh64_reg', code: 0xcf, form: 'alu_reg', isa: 1, op: 'arsh', width: 64 },
  { name: 'movsx8_64', code: 0xbf, form: 'alu_reg', isa: 4, op: 'movsx8', width: 64, off: 8 },
  { name: 'movsx16_64', code: 0xbf, form: 'alu_reg', isa: 4, op: 'movsx16', width: 64, off: 16 },
  { name: 'movsx32_64', code: 0xbf, form: 'alu_reg', isa: 4, op: 'movsx32', width: 64, off: 32 },
  { name: 'neg64', code: 0x87, form: 'neg', isa: 1, width: 64 },
  { name: 'addr_space_cast', code: 0xbf, form: 'addr_space_cast', isa: 4, off: 1 },
  // Byte order.
  { name: 'le16', code: 0xd4, form: 'end', isa: 1, op: 'le', bits: 16, imm: 16 },
  { name: 'le32', code: 0xd4, form: 'end', isa: 1, op: 'le', bits: 32, imm: 32 },
  { name: 'le64', code: 0xd4, form: 'end', isa: 1, op: 'le', bits: 64, imm: 64 },
  { name: 'be16', code: 0xdc, form: 'end', isa: 1, op: 'be', bits: 16, imm: 16 },
  { name: 'be32', code: 0xdc, form: 'end', isa: 1, op: 'be', bits: 32, imm: 32 },
  { name: 'be64', code: 0xdc, form: 'end', isa: 1, op: 'be', bits: 64, imm: 64 },
  { name: 'bswap16', code: 0xd7, form: 'end', isa: 4, op: 'bswap', bits: 16, imm: 16 },
  { name: 'bswap32', code: 0xd7, form: 'end', isa: 4, op: 'bswap', bits: 32, imm: 32 },
  { name: 'bswap64', code: 0xd7, form: 'end', isa: 4, op: 'bswap', bits: 64, imm: 64 },
  // Conditional jumps on 64 bits.
  { name: 'jeq64_imm', code: 0x15, form: 'jmp_imm', isa: 1, op: 'jeq', width: 64 },
  { name: 'jeq64_reg', code: 0x1d, form: 'jmp_reg', isa: 1, op: 'jeq', width: 64 },
  { name: 'jgt64_imm', code: 0x25, form: 'jmp_imm', isa: 1, op: 'jgt', width: 64 },
  { name: 'jgt64_reg', code: 0x2d, form: 'jmp_reg', isa: 1, op: 'jgt', width: 64 },
  { name: 'jge64_imm', code: 0x35, form: 'jmp_imm', isa: 1, op: 'jge', width: 64 },
  { name: 'jge64_reg', code: 0x3d, form: 'jmp_reg', isa: 1, op: 'jge', width: 64 },
  { name: 'jset64_imm', code: 0x45, form: 'jmp_imm', isa: 1, op: 'jset', width: 64 },
  { name: 'jset64_reg', code: 0x4d, form: 'jmp_reg', isa: 1, op: 'jset', width: 64 },
  { name: 'jne64_imm', code: 0x55, form: 'jmp_imm', isa: 1, op: 'jne', width: 64 },
  { name: 'jne64_reg', code: 0x5d, form: 'jmp_reg', isa: 1, op: 'jne', width: 64 },
  { name: 'jsgt64_imm', code: 0x65, form: 'jmp_imm', isa: 1, op: 'jsgt', width: 64 },
  { name: 'jsgt64_reg', code: 0x6d, form: 'jmp_reg', isa: 1, op: 'jsgt', width: 64 },
  { name: 'jsge64_imm', code: 0x75, form: 'jmp_imm', isa: 1, op: 'jsge', width: 64 },
  { name: 'jsge64_reg', code: 0x7d, form: 'jmp_reg', isa: 1, op: 'jsge', width: 64 },
  { name: 'jlt64_imm', code: 0xa5, form: 'jmp_imm', isa: 2, op: 'jlt', width: 64 },
  { name: 'jlt64_reg', code: 0xad, form: 'jmp_reg', isa: 2, op: 'jlt', width: 64 },
  { name: 'jle64_imm', code: 0xb5, form: 'jmp_imm', isa: 2, op: 'jle', width: 64 },
  { name: 'jle64_reg', code: 0xbd, form: 'jmp_reg', isa: 2, op: 'jle', width: 64 },
  { name: 'jslt64_imm', code: 0xc5, form: 'jmp_imm', isa: 2, op: 'jslt', width: 64 },
  { name: 'jslt64_reg', code: 0xcd, form: 'jmp_reg', isa: 2, op: 'jslt', width: 64 },
  { name: 'jsle64_imm', code: 0xd5, form: 'jmp_imm', isa: 2, op: 'jsle', width: 64 },
  { name: 'jsle64_reg', code: 0xdd, form: 'jmp_reg', isa: 2, op: 'jsle', width: 64 },
  // Conditional jumps on 32 bits.
  { name: 'jeq32_imm', code: 0x16, form: 'jmp_imm', isa: 3, op: 'jeq', width: 32 },
  { name: 'jeq32_reg', code: 0x1e, form: 'jmp_reg', isa: 3, op: 'jeq', width: 32 },
  { name: 'jgt32_imm', code: 0x26, form: 'jmp_imm', isa: 3, op: 'jgt', width: 32 },
  { name: 'jgt32_reg', code: 0x2e, form: 'jmp_reg', isa: 3, op: 'jgt', width: 32 },
  { name: 'jge32_imm', code: 0x36, form: 'jmp_imm', isa: 3, op: 'jge', width: 32 },
  { name: 'jge32_reg', code: 0x3e, form: 'jmp_reg', isa: 3, op: 'jge', width: 32 },
  { name: 'jset32_imm', code: 0x46, form: 'jmp_imm', isa: 3, op: 'jset', width: 32 },
  { name: 'jset32_reg', code: 0x4e, form: 'jmp_reg', isa: 3, op: 'jset', width: 32 },
  { name: 'jne32_imm', code: 0x56, form: 'jmp_imm', isa: 3, op: 'jne', width: 32 },
  { name: 'jne32_reg', code: 0x5e, form: 'jmp_reg', isa: 3, op: 'jne', width: 32 },
  { name: 'jsgt32_imm', code: 0x66, form: 'jmp_imm', isa: 3, op: 'jsgt', width: 32 },
  { name: 'jsgt32_reg', code: 0x6e, form: 'jmp_reg', isa: 3, op: 'jsgt', width: 32 },
  { name: 'jsge32_imm', code: 0x76, form: 'jmp_imm', isa: 3, op: 'jsge', width: 32 },
  { name: 'jsge32_reg', code: 0x7e, form: 'jmp_reg', isa: 3, op: 'jsge', width: 32 },
  { name: 'jlt32_imm', code: 0xa6, form: 'jmp_imm', isa: 3, op: 'jlt', width: 32 },
  { name: 'jlt32_reg', code: 0xae, form: 'jmp_reg', isa: 3, op: 'jlt', width: 32 },
  { name: 'jle32_imm', code: 0xb6, form: 'jmp_imm', isa: 3, op: 'jle', width: 32 },
  { name: 'jle32_reg', code: 0xbe, form: 'jmp_reg', isa: 3, op: 'jle', width: 32 },
  { name: 'jslt32_imm', code: 0xc6, form: 'jmp_imm', isa: 3, op: 'jslt', width: 32 },
  { name: 'jslt32_reg', code: 0xce, form: 'jmp_reg', isa: 3, op: 'jslt', width: 32 },
  { name: 'jsle32_imm', code: 0xd6, form: 'jmp_imm', isa: 3, op: 'jsle', width: 32 },
  { name: 'jsle32_reg', code: 0xde, form: 'jmp_reg', isa: 3, op: 'jsle', width: 32 },
  // Other control flow.
  { name: 'ja', code: 0x05, form: 'ja', isa: 1 },
  { name: 'gotol', code: 0x06, form: 'gotol', isa: 4 },
  { name: 'may_goto', code: 0xe5, form: 'may_goto', isa: 4 },
  { name: 'call_helper', code: 0x85, form: 'call', isa: 1, target: 'helper', src: 0 },
  { name: 'call_local', code: 0x85, form: 'call', isa: 1, target: 'local', src: 1 },
  { name: 'call_kfunc', code: 0x85, form: 'call_kfunc', isa: 1, target: 'kfunc', src: 2 },
  { name: 'callx', code: 0x8d, form: 'callx', isa: 1 },
  { name: 'exit', code: 0x95, form: 'exit', isa: 1 },
  // Loads.
  { name: 'ld_imm64', code: 0x18, form: 'ld_imm64', isa: 1 },
  { name: 'ld_abs8', code: 0x30, form: 'ld_abs', isa: 1, size: 1 },
  { name: 'ld_abs16', code: 0x28, form: 'ld_abs', isa: 1, size: 2 },
  { name: 'ld_abs32', code: 0x20, form: 'ld_abs', isa: 1, size: 4 },
  { name: 'ld_ind8', code: 0x50, form: 'ld_ind', isa: 1, size: 1 },
  { name: 'ld_ind16', code: 0x48, form: 'ld_ind', isa: 1, size: 2 },
  { name: 'ld_ind32', code: 0x40, form: 'ld_ind', isa: 1, size: 4 },
  { name: 'ldx8', code: 0x71, form: 'ldx', isa: 1, size: 1, signed: false },
  { name: 'ldx16', code: 0x69, form: 'ldx', isa: 1, size: 2, signed: false },
  { name: 'ldx32', code: 0x61, form: 'ldx', isa: 1, size: 4, signed: false },
  { name: 'ldx64', code: 0x79, form: 'ldx', isa: 1, size: 8, signed: false },
  { name: 'ldxs8', code: 0x91, form: 'ldx', isa: 4, size: 1, signed: true },
  { name: 'ldxs16', code: 0x89, form: 'ldx', isa: 4, size: 2, signed: true },
  { name: 'ldxs32', code: 0x81, form: 'ldx', isa: 4, size: 4, signed: true },
  // Stores.
  { name: 'st8', code: 0x72, form: 'st', isa: 1, size: 1 },
  { name: 'st16', code: 0x6a, form: 'st', isa: 1, size: 2 },
  { name: 'st32', code: 0x62, form: 'st', isa: 1, size: 4 },
  { name: 'st64', code: 0x7a, form: 'st', isa: 1, size: 8 },
  { name: 'stx8', code: 0x73, form: 'stx', isa: 1, size: 1 },
  { name: 'stx16', code: 0x6b, form: 'stx', isa: 1, size: 2 },
  { name: 'stx32', code: 0x63, form: 'stx', isa: 1, size: 4 },
  { name: 'stx64', code: 0x7b, form: 'stx', isa: 1, size: 8 },
  // Atomics on 32 bits.
  { name: 'atomic_add32', code: 0xc3, form: 'atomic', isa: 1, op: 'add', size: 4, fetch: false, imm: 0x0 },
  { name: 'atomic_fetch_add32', code: 0xc3, form: 'atomic', isa: 3, op: 'add', size: 4, fetch: true, imm: 0x1 },
  { name: 'atomic_or32', code: 0xc3, form: 'atomic', isa: 3, op: 'or', size: 4, fetch: false, imm: 0x40 },
  { name: 'atomic_fetch_or32', code: 0xc3, form: 'atomic', isa: 3, op: 'or', size: 4, fetch: true, imm: 0x41 },
  { name: 'atomic_and32', code: 0xc3, form: 'atomic', isa: 3, op: 'and', size: 4, fetch: false, imm: 0x50 },
  { name: 'atomic_fetch_and32', code: 0xc3, form: 'atomic', isa: 3, op: 'and', size: 4, fetch: true, imm: 0x51 },
  { name: 'atomic_xor32', code: 0xc3, form: 'atomic', isa: 3, op: 'xor', size: 4, fetch: false, imm: 0xa0 },
  { name: 'atomic_fetch_xor32', code: 0xc3, form: 'atomic', isa: 3, op: 'xor', size: 4, fetch: true, imm: 0xa1 },
  { name: 'atomic_xchg32', code: 0xc3, form: 'atomic', isa: 3, op: 'xchg', size: 4, fetch: true, imm: 0xe1 },
  { name: 'atomic_cmpxchg32', code: 0xc3, form: 'atomic', isa: 3, op: 'cmpxchg', size: 4, fetch: true, imm: 0xf1 },
  // Atomics on 64 bits.
  { name: 'atomic_add64', code: 0xdb, form: 'atomic', isa: 1, op: 'add', size: 8, fetch: false, imm: 0x0 },
  { name: 'atomic_fetch_add64', code: 0xdb, form: 'atomic', isa: 3, op: 'add', size: 8, fetch: true, imm: 0x1 },
  { name: 'atomic_or64', code: 0xdb, form: 'atomic', isa: 3, op: 'or', size: 8, fetch: false, imm: 0x40 },
  { name: 'atomic_fetch_or64', code: 0xdb, form: 'atomic', isa: 3, op: 'or', size: 8, fetch: true, imm: 0x41 },
  { name: 'atomic_and64', code: 0xdb, form: 'atomic', isa: 3, op: 'and', size: 8, fetch: false, imm: 0x50 },
  { name: 'atomic_fetch_and64', code: 0xdb, form: 'atomic', isa: 3, op: 'and', size: 8, fetch: true, imm: 0x51 },
  { name: 'atomic_xor64', code: 0xdb, form: 'atomic', isa: 3, op: 'xor', size: 8, fetch: false, imm: 0xa0 },
  { name: 'atomic_fetch_xor64', code: 0xdb, form: 'atomic', isa: 3, op: 'xor', size: 8, fetch: true, imm: 0xa1 },
  { name: 'atomic_xchg64', code: 0xdb, form: 'atomic', isa: 3, op: 'xchg', size: 8, fetch: true, imm: 0xe1 },
  { name: 'atomic_cmpxchg64', code: 0xdb, form: 'atomic', isa: 3, op: 'cmpxchg', size: 8, fetch: true, imm: 0xf1 },
  // Ordered loads and stores.
  { name: 'load_acquire8', code: 0xd3, form: 'atomic', isa: 4, op: 'load_acquire', size: 1, fetch: false, imm: 0x100 },
  { name: 'load_acquire16', code: 0xcb, form: 'atomic', isa: 4, op: 'load_acquire', size: 2, fetch: false, imm: 0x100 },
  { name: 'load_acquire32', code: 0xc3, form: 'atomic', isa: 4, op: 'load_acquire', size: 4, fetch: false, imm: 0x100 },
  { name: 'load_acquire64', code: 0xdb, form: 'atomic', isa: 4, op: 'load_acquire', size: 8, fetch: false, imm: 0x100 },
  { name: 'store_release8', code: 0xd3, form: 'atomic', isa: 4, op: 'store_release', size: 1, fetch: false, imm: 0x110 },
  { name: 'store_release16', code: 0xcb, form: 'atomic', isa: 4, op: 'store_release', size: 2, fetch: false, imm: 0x110 },
  { name: 'store_release32', code: 0xc3, form: 'atomic', isa: 4, op: 'store_release', size: 4, fetch: false, imm: 0x110 },
  { name: 'store_release64', code: 0xdb, form: 'atomic', isa: 4, op: 'store_release', size: 8, fetch: false, imm: 0x110 },
] as const satisfies readonly InsnRow[];

/** Every instruction's name: `Record<OpName, …>` is a compile error where a row is missing. */
export type OpName = (typeof TABLE)[number]['name'];

/** A row with its name as a literal. */
export type NamedRow = InsnRow & { readonly name: OpName };

/** All rows, grouped as people read them. */
export const INSN_TABLE: readonly NamedRow[] = TABLE;

/** Fields that an instruction of a form uses; the others are zero, or the value that its row states. */
export interface FormFields {
  readonly dst: boolean;
  readonly src: boolean;
  readonly off: boolean;
  readonly imm: boolean;
}

/** Form -> fields used (RFC 9669 §3; kernel/bpf/verifier.c "uses reserved fields", v6.18). In ld_imm64, `src` is the pseudo value, not a register. */
export const FORM_FIELDS: Readonly<Record<InsnForm, FormFields>> = {
  alu_imm: { dst: true, src: false, off: false, imm: true },
  alu_reg: { dst: true, src: true, off: false, imm: false },
  neg: { dst: true, src: false, off: false, imm: false },
  end: { dst: true, src: false, off: false, imm: false },
  addr_space_cast: { dst: true, src: true, off: false, imm: true },
  jmp_imm: { dst: true, src: false, off: true, imm: true },
  jmp_reg: { dst: true, src: true, off: true, imm: false },
  ja: { dst: false, src: false, off: true, imm: false },
  gotol: { dst: false, src: false, off: false, imm: true },
  may_goto: { dst: false, src: false, off: true, imm: false },
  call: { dst: false, src: false, off: false, imm: true },
  call_kfunc: { dst: false, src: false, off: true, imm: true },
  callx: { dst: true, src: false, off: false, imm: false },
  exit: { dst: false, src: false, off: false, imm: false },
  ld_imm64: { dst: true, src: true, off: false, imm: true },
  ld_abs: { dst: false, src: false, off: false, imm: true },
  ld_ind: { dst: false, src: true, off: false, imm: true },
  ldx: { dst: true, src: true, off: true, imm: false },
  st: { dst: true, src: false, off: true, imm: true },
  stx: { dst: true, src: true, off: true, imm: false },
  atomic: { dst: true, src: true, off: true, imm: false },
};

const NONE: readonly NamedRow[] = [];
const BY_CODE: (readonly NamedRow[])[] = Array.from({ length: 256 }, (_, code) => {
  const rows = INSN_TABLE.filter((row) => row.code === code);
  return rows.length === 0 ? NONE : rows;
});

/** Rows with this opcode byte; empty when there is no such instruction. */
export function rowsOfCode(code: number): readonly NamedRow[] {
  return BY_CODE[code] ?? NONE;
}

const BY_NAME = new Map<string, NamedRow>(INSN_TABLE.map((row) => [row.name, row]));

/** The row of a name, or undefined. */
export function rowByName(name: string): NamedRow | undefined {
  return BY_NAME.get(name);
}
