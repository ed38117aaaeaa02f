/** Instruction -> bytes, driven by the table. Checks that every field fits; what the program means is not its business. */
import { FormatError } from '../base/errors.ts';
import { REG_COUNT, SLOT_SIZE, slotsOf } from './decode.ts';
import type { Instruction } from './instruction.ts';
import { INSN_TABLE, type NamedRow, type OpName } from './table.ts';

/**
 * The bytes of a program.
 * @throws FormatError whose location.insn is the slot of the first instruction that does not exist or does not fit
 */
export function encode(insns: readonly Instruction[]): Uint8Array {
  const slots = insns.reduce((sum, insn) => sum + slotsOf(insn), 0);
  const bytes = new Uint8Array(slots * SLOT_SIZE);
  const view = new DataView(bytes.buffer);
  let index = 0;
  for (const insn of insns) {
    encodeOne(view, index, insn);
    index += slotsOf(insn);
  }
  return bytes;
}

/** The table's row of an instruction, or undefined when there is no such instruction (movsx32 of 32 bits, say). */
export function rowOf(insn: Instruction): NamedRow | undefined {
  return BY_KEY.get(insnKey(insn));
}

/** The table's name of an instruction; throws FormatError when there is none. */
export function opNameOf(insn: Instruction): OpName {
  const row = rowOf(insn);
  if (row === undefined) throw new FormatError(`no instruction ${insnKey(insn)} exists`);
  return row.name;
}

function encodeOne(view: DataView, index: number, insn: Instruction): void {
  const row = rowOf(insn);
  if (row === undefined) throw new FormatError(`no instruction ${insnKey(insn)} exists`, { insn: index });
  const f = fieldsOf(insn);
  const dst = register(f.dst ?? 0, 'dst', index);
  const src = f.pseudo === undefined ? register(f.src ?? row.src ?? 0, 'src', index) : integer(f.pseudo, 0, 6, 'pseudo', index);
  const off = integer(f.off ?? row.off ?? 0, -0x8000, 0x7fff, 'off', index);
  const imm = integer(f.imm ?? row.imm ?? 0, -0x80000000, 0x7fffffff, 'imm', index);
  const at = index * SLOT_SIZE;
  view.setUint8(at, row.code);
  view.setUint8(at + 1, (src << 4) | dst);
  view.setInt16(at + 2, off, true);
  view.setInt32(at + 4, imm, true);
  if (insn.kind === 'ld_imm64') {
    if (insn.imm < 0n || insn.imm > 0xffffffffffffffffn) {
      throw new FormatError(`imm of ld_imm64 is ${insn.imm}, expected 0 to 2^64-1`, { insn: index });
    }
    view.setUint32(at + 4, Number(insn.imm & 0xffffffffn), true);
    view.setUint32(at + 12, Number(insn.imm >> 32n), true);
  }
}

interface Fields {
  readonly dst?: number;
  readonly src?: number;
  readonly pseudo?: number;
  readonly off?: number;
  readonly imm?: number;
}

function fieldsOf(insn: Instruction): Fields {
  switch (insn.kind) {
    case 'alu':
      return 'reg' in insn.src ? { dst: insn.dst, src: insn.src.reg } : { dst: insn.dst, imm: insn.src.imm };
    case 'jmp':
      return 'reg' in insn.src ? { dst: insn.dst, src: insn.src.reg, off: insn.off } : { dst: insn.dst, imm: insn.src.imm, off: insn.off };
    case 'neg':
    case 'end':
      return { dst: insn.dst };
    case 'addr_space_cast':
      return { dst: insn.dst, src: insn.src, imm: insn.imm };
    case 'ja':
      return insn.wide ? { imm: insn.off } : { off: insn.off };
    case 'may_goto':
      return { off: insn.off };
    case 'call':
      return insn.target === 'kfunc' ? { imm: insn.imm, off: insn.off } : { imm: insn.imm };
    case 'callx':
      return { dst: insn.reg };
    case 'exit':
      return {};
    case 'ld_imm64':
      return { dst: insn.dst, pseudo: insn.pseudo };
    case 'ld_abs':
      return { imm: insn.imm };
    case 'ld_ind':
      return { src: insn.src, imm: insn.imm };
    case 'ldx':
    case 'stx':
    case 'atomic':
      return { dst: insn.dst, src: insn.src, off: insn.off };
    case 'st':
      return { dst: insn.dst, off: insn.off, imm: insn.imm };
  }
}

/** What tells one row from another, as text: the same for an instruction and its row. */
function insnKey(insn: Instruction): string {
  switch (insn.kind) {
    case 'alu':
    case 'jmp':
      return `${insn.kind}_${'reg' in insn.src ? 'reg' : 'imm'} ${insn.op} ${insn.width}`;
    case 'neg':
      return `neg ${insn.width}`;
    case 'end':
      return `end ${insn.op} ${insn.bits}`;
    case 'ja':
      return insn.wide ? 'gotol' : 'ja';
    case 'call':
      return `call ${insn.target}`;
    case 'ld_abs':
    case 'ld_ind':
    case 'st':
    case 'stx':
      return `${insn.kind} ${insn.size}`;
    case 'ldx':
      return `ldx ${insn.size} ${insn.signed}`;
    case 'atomic':
      return `atomic ${insn.op} ${insn.size} ${insn.fetch}`;
    default:
      return insn.kind;
  }
}

function rowKey(row: NamedRow): string {
  switch (row.form) {
    case 'alu_imm':
    case 'alu_reg':
    case 'jmp_imm':
    case 'jmp_reg':
      return `${row.form} ${row.op} ${row.width}`;
    case 'neg':
      return `neg ${row.width}`;
    case 'end':
      return `end ${row.op} ${row.bits}`;
    case 'call':
    case 'call_kfunc':
      return `call ${row.target}`;
    case 'ld_abs':
    case 'ld_ind':
    case 'st':
    case 'stx':
      return `${row.form} ${row.size}`;
    case 'ldx':
      return `ldx ${row.size} ${row.signed}`;
    case 'atomic':
      return `atomic ${row.op} ${row.size} ${row.fetch}`;
    default:
      return row.form;
  }
}

const BY_KEY = new Map<string, NamedRow>(INSN_TABLE.map((row) => [rowKey(row), row]));

function register(value: number, field: string, insn: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= REG_COUNT) {
    throw new FormatError(`${field} register is ${value}, expected 0 to ${REG_COUNT - 1}`, { insn });
  }
  return value;
}

function integer(value: number, min: number, max: number, field: string, insn: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new FormatError(`${field} is ${value}, expected an integer from ${min} to ${max}`, { insn });
  }
  return value;
}
