/** A fast-check arbitrary over every instruction of the table, for property tests. */
import fc from 'fast-check';
import { decodeAt, FORM_FIELDS, INSN_TABLE, type Instruction, SLOT_SIZE } from '../../src/isa/index.ts';

const reg = fc.integer({ min: 0, max: 10 });
const off = fc.oneof(fc.integer({ min: -4, max: 4 }), fc.integer({ min: -0x8000, max: 0x7fff }));
const imm = fc.oneof(fc.integer({ min: -4, max: 4 }), fc.integer({ min: -0x80000000, max: 0x7fffffff }));

/** Any one instruction, each row equally likely, fields of any value that it may have. */
export const instructions: fc.Arbitrary<Instruction> = fc
  .tuple(fc.constantFrom(...INSN_TABLE), reg, reg, fc.integer({ min: 0, max: 6 }), off, imm, imm)
  .map(([row, dst, src, pseudo, offset, low, high]) => {
    const used = FORM_FIELDS[row.form];
    const bytes = new Uint8Array(2 * SLOT_SIZE);
    const view = new DataView(bytes.buffer);
    const usedSrc = row.form === 'ld_imm64' ? pseudo : src;
    view.setUint8(0, row.code);
    view.setUint8(1, ((used.src ? usedSrc : (row.src ?? 0)) << 4) | (used.dst ? dst : 0));
    view.setInt16(2, used.off ? offset : (row.off ?? 0), true);
    view.setInt32(4, used.imm ? low : (row.imm ?? 0), true);
    if (row.form === 'ld_imm64') view.setInt32(12, high, true);
    const insn = decodeAt(bytes, 0);
    if (insn.kind === 'invalid') throw new Error(insn.message);
    return insn;
  });
