/** Encode and decode: every row there and back, malformed bytecode by row, random bytes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instructions } from '../../tests/support/insns.ts';
import { fromHex } from '../base/index.ts';
import { decode, decodeAt, encode, FORM_FIELDS, INSN_TABLE, opNameOf, rowByName, rowsOfCode, slotAt } from './index.ts';

describe('table', () => {
  it('has unique names', () => {
    expect(new Set(INSN_TABLE.map((row) => row.name)).size).toBe(INSN_TABLE.length);
    for (const row of INSN_TABLE) expect(rowByName(row.name)).toBe(row);
  });

  it('tells rows of one opcode apart by one field', () => {
    for (let code = 0; code < 256; code++) {
      const keys = rowsOfCode(code).map((row) => `${row.src} ${row.off} ${row.imm}`);
      expect(new Set(keys).size).toBe(keys.length);
    }
  });

  it('puts every row in the class its opcode states', () => {
    for (const row of INSN_TABLE) {
      const cls = row.code & 7;
      if ('width' in row) expect(row.width, row.name).toBe(cls === 4 || cls === 6 ? 32 : 64);
      if ('size' in row) expect(row.size, row.name).toBe([4, 2, 1, 8][(row.code >> 3) & 3]);
    }
  });
});

describe('encode and decode', () => {
  it.each(INSN_TABLE.map((row) => [row.name, row] as const))('%s', (name, row) => {
    const used = FORM_FIELDS[row.form];
    const bytes = new Uint8Array(row.form === 'ld_imm64' ? 16 : 8);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, row.code);
    view.setUint8(1, ((used.src ? 3 : (row.src ?? 0)) << 4) | (used.dst ? 7 : 0));
    view.setInt16(2, used.off ? -2 : (row.off ?? 0), true);
    view.setInt32(4, used.imm ? -3 : (row.imm ?? 0), true);
    const [placed, ...rest] = decode(bytes);
    expect(rest).toEqual([]);
    expect(placed?.index).toBe(0);
    if (placed === undefined) return;
    expect(opNameOf(placed.insn)).toBe(name);
    expect(encode([placed.insn])).toEqual(bytes);
  });

  it('is the identity on any program', () => {
    fc.assert(
      fc.property(fc.array(instructions, { maxLength: 20 }), (insns) => {
        expect(decode(encode(insns)).map((p) => p.insn)).toEqual(insns);
      }),
    );
  });

  it('never crashes on random bytes, and gives them back when they decode', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.constantFrom(...INSN_TABLE), (bytes, row) => {
        bytes[0] = row.code;
        const insn = decodeAt(bytes, 0);
        if (insn.kind === 'invalid') expect(() => decode(bytes)).toThrow(/^insn 0: |expected a multiple of 8/);
        else expect(bytes.subarray(0, insn.kind === 'ld_imm64' ? 16 : 8)).toEqual(encode([insn]));
      }),
      { numRuns: 2000 },
    );
  });

  it('counts slots in index', () => {
    const bytes = fromHex('1801000001000000 0000000002000000 9500000000000000');
    expect(decode(bytes)).toEqual([
      { index: 0, insn: { kind: 'ld_imm64', dst: 1, pseudo: 0, imm: 0x2_0000_0001n } },
      { index: 2, insn: { kind: 'exit' } },
    ]);
    expect(slotAt(bytes, 3)).toBeUndefined();
    expect(slotAt(bytes, -1)).toBeUndefined();
  });
});

const EXIT = '9500000000000000';

/** bytecode (after one exit), reason, message */
const MALFORMED = [
  ['95000000000000', undefined, 'insn 1: program of 15 bytes, expected a multiple of 8'],
  ['ff00000000000000', 'opcode', 'insn 1: opcode 0xff is unknown, expected an instruction of ISA v1-v4'],
  ['0000000000000000', 'opcode', 'insn 1: opcode 0x00 is unknown, expected an instruction of ISA v1-v4'],
  ['070b000001000000', 'register', 'insn 1: dst register is r11, expected r0 to r10'],
  ['0ff0000000000000', 'register', 'insn 1: src register is r15, expected r0 to r10'],
  ['0700010001000000', 'reserved', 'insn 1: off of add64_imm is 1, expected 0 in a reserved field'],
  ['0710000001000000', 'reserved', 'insn 1: src of add64_imm is 1, expected 0 in a reserved field'],
  ['0f10000001000000', 'reserved', 'insn 1: imm of add64_reg is 1, expected 0 in a reserved field'],
  ['9501000000000000', 'reserved', 'insn 1: dst of exit is 1, expected 0 in a reserved field'],
  ['3f10020000000000', 'variant', 'insn 1: off of opcode 0x3f is 2, expected one of 0, 1'],
  ['d400000011000000', 'variant', 'insn 1: imm of opcode 0xd4 is 17, expected one of 16, 32, 64'],
  ['8530000011000000', 'variant', 'insn 1: src of opcode 0x85 is 3, expected one of 0, 1, 2'],
  ['1800000000000000', 'truncated', 'insn 1: ld_imm64 takes two slots, but the program ends after the first'],
  ['18700000000000000000000000000000', 'pseudo', 'insn 1: src of ld_imm64 is 7, expected 0 to 6'],
  [
    '18000000000000009500000000000000',
    'second_slot',
    'insn 1: second slot of ld_imm64 has opcode 0x95, dst 0, src 0, off 0, expected zeros',
  ],
] as const;

describe('malformed bytecode', () => {
  it.each(MALFORMED)('%s: %s', (hex, reason, message) => {
    const bytes = fromHex(EXIT + hex);
    expect(() => decode(bytes)).toThrow(expect.objectContaining({ name: 'FormatError', message, location: { insn: 1 } }));
    if (reason !== undefined) expect(decodeAt(bytes, 1)).toMatchObject({ kind: 'invalid', reason });
  });

  it('tells what the fields name all the same', () => {
    expect(decodeAt(fromHex('070b010001000000'), 0)).toMatchObject({
      printed: { kind: 'alu', op: 'add', width: 64, dst: 11, src: { imm: 1 } },
    });
    expect(decodeAt(fromHex('ff00000000000000'), 0)).not.toHaveProperty('printed');
  });

  it('reports a slot that is not there', () => {
    expect(decodeAt(fromHex(EXIT), 1)).toMatchObject({ kind: 'invalid', reason: 'truncated', code: 0 });
  });
});

describe('encode refuses', () => {
  it.each([
    [{ kind: 'alu', op: 'movsx32', width: 32, dst: 0, src: { reg: 0 } }, 'insn 1: no instruction alu_reg movsx32 32 exists'],
    [{ kind: 'alu', op: 'add', width: 64, dst: 11, src: { reg: 0 } }, 'insn 1: dst register is 11, expected 0 to 10'],
    [
      { kind: 'alu', op: 'add', width: 64, dst: 1, src: { imm: 2 ** 31 } },
      'insn 1: imm is 2147483648, expected an integer from -2147483648',
    ],
    [{ kind: 'ja', wide: false, off: 40000 }, 'insn 1: off is 40000, expected an integer from -32768 to 32767'],
    [{ kind: 'ld_imm64', dst: 1, pseudo: 7, imm: 0n }, 'insn 1: pseudo is 7, expected an integer from 0 to 6'],
    [{ kind: 'ld_imm64', dst: 1, pseudo: 0, imm: -1n }, 'insn 1: imm of ld_imm64 is -1, expected 0 to 2^64-1'],
  ] as const)('%o', (insn, message) => {
    expect(() => encode([{ kind: 'exit' }, insn])).toThrow(message);
  });
});
