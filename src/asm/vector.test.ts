/** The .data format and its assembler syntax: what each mnemonic gives, and errors by row with their line. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../base/index.ts';
import { INSN_TABLE } from '../isa/index.ts';
import { assembleMnemonics, disassemble, parseVector } from './index.ts';

/** mnemonic syntax, LLVM's syntax */
const ROWS = [
  ['add %r1, -5', 'r1 += -5'],
  ['add32 %r1, %r2', 'w1 += w2'],
  ['sdiv32 %r1, 3', 'w1 s/= 3'],
  ['smod %r1, %r2', 'r1 s%= r2'],
  ['mov %r0, 0xffffffff', 'r0 = -1'],
  ['mov32 %r0, %r10', 'w0 = w10'],
  ['movsx1664 %r1, %r2', 'r1 = (s16)r2'],
  ['movsx832 %r1, %r2', 'w1 = (s8)w2'],
  ['neg32 %r3', 'w3 = -w3'],
  ['be16 %r3', 'r3 = be16 r3'],
  ['swap32 %r3', 'r3 = bswap32 r3'],
  ['bswap64 %r3', 'r3 = bswap64 r3'],
  ['jeq %r1, 4, +2', 'if r1 == 4 goto +2'],
  ['jsle32 %r1, %r2, -3', 'if w1 s<= w2 goto -3'],
  ['ja +1', 'goto +1'],
  ['ja32 +70000', 'gotol +70000'],
  ['may_goto +4', 'may_goto +4'],
  ['call 5', 'call 5'],
  ['call helper 5', 'call 5'],
  ['call local +3', 'call pc+3'],
  ['call runtime 7', 'call kfunc 7'],
  ['call %r2', 'callx r2'],
  ['exit', 'exit'],
  ['lddw %r1, 0x1122334455667788', 'r1 = 0x1122334455667788 ll'],
  ['lddw %r1, -1', 'r1 = 0xffffffffffffffff ll'],
  ['lddw %r1, 5, 1', 'r1 = map[fd:5]'],
  ['ldxb %r1, [%r2]', 'w1 = *(u8 *)(r2 + 0)'],
  ['ldxsw %r1, [%r2+0x10]', 'r1 = *(s32 *)(r2 + 16)'],
  ['ldxdw %r1, [%r10 - 8]', 'r1 = *(u64 *)(r10 - 8)'],
  ['stw [%r1+4], 7', '*(u32 *)(r1 + 4) = 7'],
  ['stxh [%r1-2], %r3', '*(u16 *)(r1 - 2) = w3'],
  ['lock add [%r1], %r2', 'lock *(u64 *)(r1 + 0) += r2'],
  ['lock fetch xor32 [%r1+4], %r2', 'w2 = atomic_fetch_xor((u32 *)(r1 + 4), w2)'],
  ['lock xchg [%r1], %r2', 'r2 = xchg_64(r1 + 0, r2)'],
  ['lock cmpxchg32 [%r1], %r2', 'w0 = cmpxchg32_32(r1 + 0, w0, w2)'],
  ['ldacqw %r1, [%r2+4]', 'w1 = load_acquire((u32 *)(r2 + 4))'],
  ['strelb [%r1], %r2', 'store_release((u8 *)(r1 + 0), w2)'],
  ['ldabsh 12', 'r0 = *(u16 *)skb[12]'],
  ['ldindw %r3, 2', 'r0 = *(u32 *)skb[r3 + 2]'],
  ['addr_space_cast %r1, %r2, 0x10000', 'r1 = addr_space_cast(r2, 1, 0)'],
] as const;

describe('mnemonics', () => {
  it.each(ROWS)('%s', (mnemonic, llvm) => {
    expect(disassemble(assembleMnemonics(mnemonic))).toBe(`${llvm}\n`);
  });

  it('resolve labels, and `exit` to the first exit', () => {
    const text = 'jeq %r1, 0, exit\nlddw %r0, 1\n  again: jne %r0, 1, exit # a comment\nja again\nexit\nmov %r0, 1\nexit';
    expect(disassemble(assembleMnemonics(text)).trimEnd().split('\n')).toEqual([
      'if r1 == 0 goto +4',
      'r0 = 0x1 ll',
      'if r0 != 1 goto +1',
      'goto -2',
      'exit',
      'r0 = 1',
      'exit',
    ]);
    expect(disassemble(assembleMnemonics('ja exit\nexit\nexit:\nexit'))).toBe('goto +1\nexit\nexit\n');
  });

  it('refuse a label beyond 16 bits, which ja32 reaches', () => {
    const far = `${'mov %r0, 0\n'.repeat(40000)}end:\nexit`;
    expect(() => assembleMnemonics(`ja end\n${far}`)).toThrow("line 1:4: label 'end' is 40000 slots away, expected -32768 to 32767");
    expect(disassemble(assembleMnemonics(`ja32 end\n${far}`).subarray(0, 8))).toBe('gotol +40000\n');
  });

  it('throw nothing but FormatError on any text', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(...ROWS.map((row) => row[0]), ...INSN_TABLE.map((row) => row.name), '\n', ' ', ',', '[', '%r1'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        for (const parse of [assembleMnemonics, (text: string) => parseVector(text, 'x.data')]) {
          try {
            parse(pieces.join(''));
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('.data files', () => {
  it('give program, memory and result', () => {
    const text =
      '# licence\n-- asm\nmov %r0, 1\nexit\n-- mem\n01 02\n  ff # three\n-- result\n0xFFFFFFFFFFFFFFFF\n-- no register offset\ncall instruction\n';
    expect(parseVector(text, 'a.data')).toEqual({
      name: 'a.data',
      program: assembleMnemonics('mov %r0, 1\nexit'),
      memory: Uint8Array.of(1, 2, 255),
      result: 0xffffffffffffffffn,
    });
  });

  it('give raw words, decimal results, errors, and read lines of Windows', () => {
    const text = '-- c\r\nint main;\r\n-- raw\r\n0x95\r\n-- error\r\nbad instruction\r\n';
    expect(parseVector(text, 'b.data')).toEqual({
      name: 'b.data',
      program: Uint8Array.of(0x95, 0, 0, 0, 0, 0, 0, 0),
      raw: Uint8Array.of(0x95, 0, 0, 0, 0, 0, 0, 0),
      memory: new Uint8Array(),
      error: 'bad instruction',
    });
    expect(parseVector('-- asm\nexit\n-- result\n-2\n', 'c.data').result).toBe(0xfffffffffffffffen);
    expect(parseVector('-- asm\nexit\n-- result\n42\n', 'c.data').result).toBe(42n);
  });

  it.each([
    ['', "x.data: no program, expected a section '-- asm' or '-- raw'"],
    ['-- asm\nexit\n', "x.data: no expectation, expected a section '-- result' or '-- error'"],
    ['mov %r0, 1\n', "x.data, line 1: 'mov %r0, 1' before the first section, expected a comment"],
    ['-- assembly\n', "x.data, line 1: section 'assembly', expected one of asm, raw, mem, result, error, c, no register offset"],
    ['-- asm\n-- asm\n', "x.data, line 2: section 'asm' occurs twice"],
    ['-- asm\nexit\n\nmov %r0\n-- result\n1', "x.data, line 4:8: expected ',', found the end of the line"],
    ['-- asm\nfrob %r0\n-- result\n1', "x.data, line 2:1: expected a mnemonic such as mov, ldxw or jeq, found 'frob %r0'"],
    [
      '-- asm\nlock sub [%r1], %r2\n-- result\n1',
      "x.data, line 2:6: expected an atomic operation such as add, fetch add32 or xchg, found 'sub [%r1], %r2'",
    ],
    ['-- asm\nmov %r11, 0\n-- result\n1', "x.data, line 2:5: expected a register %r0 to %r10, found '%r11, 0'"],
    ['-- asm\nja nowhere\n-- result\n1', "x.data, line 2:4: label 'nowhere' is not defined"],
    ['-- asm\na:\na:\n-- result\n1', "x.data, line 3:1: label 'a' is defined twice"],
    ['-- asm\njeq %r0, 0, +70000\n-- result\n1', "x.data, line 2:13: expected a signed 16-bit offset, found '+70000'"],
    ['-- asm\nexit\n-- mem\n1\n-- result\n1', "x.data, line 4: '1' in memory, expected two hex digits"],
    ['-- asm\nexit\n-- result\n\n', 'x.data, line 4: 0 words in the result, expected one number'],
    ['-- asm\nexit\n-- result\n1 2\n', 'x.data, line 4: 2 words in the result, expected one number'],
    ['-- asm\nexit\n-- result\n0x1ffffffffffffffff\n', 'x.data, line 4: 0x1ffffffffffffffff has more than 64 bits'],
    ['-- raw\nexit\n-- result\n1', "x.data, line 2: 'exit', expected a number"],
  ])('%j is refused', (text, message) => {
    expect(() => parseVector(text, 'x.data')).toThrow(expect.objectContaining({ name: 'FormatError', message }));
  });
});
