/** Bytes -> Instruction, driven by the table. Whether the instruction makes sense where it stands (jump targets, types) is the verifier's business. */
import { FormatError } from '../base/errors.ts';
import { type Instruction, type PlacedInsn, PSEUDO } from './instruction.ts';
import { FORM_FIELDS, type NamedRow, rowsOfCode } from './table.ts';

/** Bytes of one slot. */
export const SLOT_SIZE = 8;
/** Number of registers, R0..R10. */
export const REG_COUNT = 11;

/** The fields of one 8-byte slot as they stand (uapi bpf.h struct bpf_insn). */
export interface Slot {
  readonly code: number;
  readonly dst: number;
  readonly src: number;
  /** Signed 16 bits. */
  readonly off: number;
  /** Signed 32 bits. */
  readonly imm: number;
}

/**
 * Why a slot is no instruction. `truncated`: it or its second half is beyond the end; `opcode`: unknown opcode; `variant`: the opcode
 * exists, but not with this src, off or imm; `reserved`: an unused field is not zero; `register`: above R10; `pseudo`: unknown src
 * of ld_imm64; `second_slot`: the second half of ld_imm64 has more than an imm.
 */
export type InvalidReason = 'truncated' | 'opcode' | 'variant' | 'reserved' | 'register' | 'pseudo' | 'second_slot';

/** A slot that is no instruction. */
export interface InvalidInsn {
  readonly kind: 'invalid';
  readonly reason: InvalidReason;
  /** Opcode byte; 0 when the slot does not exist. */
  readonly code: number;
  /** Lower-case sentence with value and expectation. */
  readonly message: string;
  /** The field at fault. */
  readonly field?: 'dst' | 'src' | 'off' | 'imm';
  /** For `reserved` and `register`: the instruction that the fields name all the same, as the kernel's log prints it. Not to be run. */
  readonly printed?: Instruction;
}

/** Number of slots an instruction takes. */
export function slotsOf(insn: Instruction | InvalidInsn): 1 | 2 {
  return insn.kind === 'ld_imm64' ? 2 : 1;
}

/** The fields of slot `index`, or undefined when it is not wholly inside `bytes`. */
export function slotAt(bytes: Uint8Array, index: number): Slot | undefined {
  const at = index * SLOT_SIZE;
  if (at < 0 || at + SLOT_SIZE > bytes.length) return undefined;
  const byte = (i: number): number => bytes[at + i] ?? 0;
  return {
    code: byte(0),
    dst: byte(1) & 15,
    src: byte(1) >> 4,
    off: ((byte(2) | (byte(3) << 8)) << 16) >> 16,
    imm: byte(4) | (byte(5) << 8) | (byte(6) << 16) | (byte(7) << 24),
  };
}

/**
 * All instructions of a program.
 * @throws FormatError whose location.insn is the slot of the first malformed instruction
 */
export function decode(bytes: Uint8Array): PlacedInsn[] {
  if (bytes.length % SLOT_SIZE !== 0) {
    const insn = Math.floor(bytes.length / SLOT_SIZE);
    throw new FormatError(`program of ${bytes.length} bytes, expected a multiple of ${SLOT_SIZE}`, { insn });
  }
  const out: PlacedInsn[] = [];
  for (let index = 0; index * SLOT_SIZE < bytes.length; ) {
    const insn = decodeAt(bytes, index);
    if (insn.kind === 'invalid') throw new FormatError(insn.message, { insn: index });
    out.push({ index, insn });
    index += slotsOf(insn);
  }
  return out;
}

/** The instruction at slot `index`, or what is wrong with it. Never throws. */
export function decodeAt(bytes: Uint8Array, index: number): Instruction | InvalidInsn {
  const slot = slotAt(bytes, index);
  if (slot === undefined) {
    const message = `slot ${index} is beyond the program's ${Math.floor(bytes.length / SLOT_SIZE)} slots`;
    return { kind: 'invalid', reason: 'truncated', code: 0, message };
  }
  const row = matchRow(slot);
  if ('kind' in row) return row;
  const bad = checkFields(row, slot);
  if (bad !== undefined) return { ...bad, printed: build(row, slot) };
  return row.form === 'ld_imm64' ? decodeImm64(bytes, index, slot) : build(row, slot);
}

function matchRow(slot: Slot): NamedRow | InvalidInsn {
  const rows = rowsOfCode(slot.code);
  const first = rows[0];
  if (first === undefined) return invalid(slot, 'opcode', `opcode 0x${hex2(slot.code)} is unknown, expected an instruction of ISA v1-v4`);
  const match = rows.find(
    (row) =>
      (row.src === undefined || row.src === slot.src) &&
      (row.off === undefined || row.off === slot.off) &&
      (row.imm === undefined || row.imm === slot.imm),
  );
  if (match !== undefined) return match;
  const field = first.imm !== undefined ? 'imm' : first.off !== undefined ? 'off' : 'src';
  const wanted = [...new Set(rows.map((row) => row[field]))].join(', ');
  return invalid(slot, 'variant', `${field} of opcode 0x${hex2(slot.code)} is ${slot[field]}, expected one of ${wanted}`, field);
}

const FIELDS = ['dst', 'src', 'off', 'imm'] as const;

function checkFields(row: NamedRow, slot: Slot): InvalidInsn | undefined {
  const used = FORM_FIELDS[row.form];
  for (const field of FIELDS) {
    const value = slot[field];
    const isRegister = (field === 'dst' || field === 'src') && !(field === 'src' && row.form === 'ld_imm64');
    if (used[field]) {
      if (isRegister && value >= REG_COUNT) return invalid(slot, 'register', `${field} register is r${value}, expected r0 to r10`, field);
      // The kernel leaves the offset of an exit unread.
    } else if (value !== ((field === 'dst' ? undefined : row[field]) ?? 0) && !(row.form === 'exit' && field === 'off')) {
      return invalid(slot, 'reserved', `${field} of ${row.name} is ${value}, expected 0 in a reserved field`, field);
    }
  }
  return undefined;
}

function decodeImm64(bytes: Uint8Array, index: number, slot: Slot): Instruction | InvalidInsn {
  if (slot.src > PSEUDO.MAP_IDX_VALUE) {
    return invalid(slot, 'pseudo', `src of ld_imm64 is ${slot.src}, expected 0 to ${PSEUDO.MAP_IDX_VALUE}`, 'src');
  }
  const next = slotAt(bytes, index + 1);
  if (next === undefined) return invalid(slot, 'truncated', 'ld_imm64 takes two slots, but the program ends after the first');
  if (next.code !== 0 || next.dst !== 0 || next.src !== 0 || next.off !== 0) {
    const message = `second slot of ld_imm64 has opcode 0x${hex2(next.code)}, dst ${next.dst}, src ${next.src}, off ${next.off}, expected zeros`;
    return invalid(slot, 'second_slot', message);
  }
  const imm = (BigInt(next.imm >>> 0) << 32n) | BigInt(slot.imm >>> 0);
  return { kind: 'ld_imm64', dst: slot.dst, pseudo: slot.src, imm };
}

function build(row: NamedRow, { dst, src, off, imm }: Slot): Instruction {
  switch (row.form) {
    case 'alu_imm':
      return { kind: 'alu', width: row.width, op: row.op, dst, src: { imm } };
    case 'alu_reg':
      return { kind: 'alu', width: row.width, op: row.op, dst, src: { reg: src } };
    case 'neg':
      return { kind: 'neg', width: row.width, dst };
    case 'end':
      return { kind: 'end', op: row.op, bits: row.bits, dst };
    case 'addr_space_cast':
      return { kind: 'addr_space_cast', dst, src, imm };
    case 'jmp_imm':
      return { kind: 'jmp', width: row.width, op: row.op, dst, src: { imm }, off };
    case 'jmp_reg':
      return { kind: 'jmp', width: row.width, op: row.op, dst, src: { reg: src }, off };
    case 'ja':
      return { kind: 'ja', wide: false, off };
    case 'gotol':
      return { kind: 'ja', wide: true, off: imm };
    case 'may_goto':
      return { kind: 'may_goto', off };
    case 'call':
    case 'call_kfunc':
      return { kind: 'call', target: row.target, imm, off };
    case 'callx':
      return { kind: 'callx', reg: dst };
    case 'exit':
      return { kind: 'exit' };
    case 'ld_imm64':
      return { kind: 'ld_imm64', dst, pseudo: src, imm: BigInt(imm >>> 0) };
    case 'ld_abs':
      return { kind: 'ld_abs', size: row.size, imm };
    case 'ld_ind':
      return { kind: 'ld_ind', size: row.size, src, imm };
    case 'ldx':
      return { kind: 'ldx', size: row.size, signed: row.signed, dst, src, off };
    case 'st':
      return { kind: 'st', size: row.size, dst, off, imm };
    case 'stx':
      return { kind: 'stx', size: row.size, dst, src, off };
    case 'atomic':
      return { kind: 'atomic', size: row.size, op: row.op, fetch: row.fetch, dst, src, off };
  }
}

function invalid(slot: Slot, reason: InvalidReason, message: string, field?: InvalidInsn['field']): InvalidInsn {
  const base = { kind: 'invalid', reason, code: slot.code, message } as const;
  return field === undefined ? base : { ...base, field };
}

function hex2(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
