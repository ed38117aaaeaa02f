/** Assembler and disassembler: rows of text, round trips, errors by row, comparison with LLVM's own tools where they are installed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instructions } from '../../tests/support/insns.ts';
import { FormatError, fromHex, toHex } from '../base/index.ts';
import { decode, encode, INSN_TABLE, opNameOf } from '../isa/index.ts';
import { assemble, disassemble, disassembleLines, formatInsn } from './index.ts';

/** bytes, LLVM's text, the kernel's text where it differs */
const ROWS: readonly (readonly [hex: string, llvm: string, kernel?: string])[] = [
  ['07 00 00 00 fb ff ff ff', 'r0 += -5'],
  ['1c 30 00 00 00 00 00 00', 'w0 -= w3'],
  ['24 00 00 00 07 00 00 00', 'w0 *= 7'],
  ['37 00 00 00 07 00 00 00', 'r0 /= 7'],
  ['3f 10 01 00 00 00 00 00', 'r0 s/= r1'],
  ['94 00 01 00 05 00 00 00', 'w0 s%= 5'],
  ['9f 10 00 00 00 00 00 00', 'r0 %= r1'],
  ['47 01 00 00 08 00 00 00', 'r1 |= 8'],
  ['5c 21 00 00 00 00 00 00', 'w1 &= w2'],
  ['af 21 00 00 00 00 00 00', 'r1 ^= r2'],
  ['6c 20 00 00 00 00 00 00', 'w0 <<= w2'],
  ['7f 20 00 00 00 00 00 00', 'r0 >>= r2'],
  ['c7 00 00 00 03 00 00 00', 'r0 s>>= 3'],
  ['b7 00 00 00 ff ff ff ff', 'r0 = -1'],
  ['b4 00 00 00 ff ff ff ff', 'w0 = -1'],
  ['bf 10 00 00 00 00 00 00', 'r0 = r1'],
  ['bc 10 00 00 00 00 00 00', 'w0 = w1'],
  ['bf 10 08 00 00 00 00 00', 'r0 = (s8)r1'],
  ['bf 10 20 00 00 00 00 00', 'r0 = (s32)r1'],
  ['bc 10 10 00 00 00 00 00', 'w0 = (s16)w1'],
  ['bf 21 01 00 00 00 01 00', 'r1 = addr_space_cast(r2, 1, 0)'],
  ['87 00 00 00 00 00 00 00', 'r0 = -r0'],
  ['84 03 00 00 00 00 00 00', 'w3 = -w3'],
  ['d7 01 00 00 10 00 00 00', 'r1 = bswap16 r1'],
  ['dc 01 00 00 20 00 00 00', 'r1 = be32 r1'],
  ['d4 01 00 00 40 00 00 00', 'r1 = le64 r1'],
  ['05 00 03 00 00 00 00 00', 'goto +3', 'goto pc+3'],
  ['06 00 00 00 f9 ff ff ff', 'gotol -7', 'gotol pc-7'],
  ['e5 00 02 00 00 00 00 00', 'may_goto +2', 'may_goto pc+2'],
  ['6d 21 03 00 00 00 00 00', 'if r1 s> r2 goto +3', 'if r1 s> r2 goto pc+3'],
  ['15 01 ff ff ff ff ff ff', 'if r1 == -1 goto -1', 'if r1 == 0xffffffff goto pc-1'],
  ['46 01 00 00 07 00 00 00', 'if w1 & 7 goto +0', 'if w1 & 0x7 goto pc+0'],
  ['5e 21 01 00 00 00 00 00', 'if w1 != w2 goto +1', 'if w1 != w2 goto pc+1'],
  ['b5 01 01 00 09 00 00 00', 'if r1 <= 9 goto +1', 'if r1 <= 0x9 goto pc+1'],
  ['d6 01 01 00 09 00 00 00', 'if w1 s<= 9 goto +1', 'if w1 s<= 0x9 goto pc+1'],
  ['85 00 00 00 06 00 00 00', 'call 6', 'call unknown#6'],
  ['85 10 00 00 fe ff ff ff', 'call pc-2'],
  ['85 20 00 00 4d 00 00 00', 'call kfunc 77', 'call kernel-function#77'],
  ['8d 02 00 00 00 00 00 00', 'callx r2'],
  ['95 00 00 00 00 00 00 00', 'exit'],
  ['18 01 00 00 88 77 66 55 00 00 00 00 44 33 22 11', 'r1 = 0x1122334455667788 ll', 'r1 = 0x1122334455667788'],
  ['18 11 00 00 05 00 00 00 00 00 00 00 00 00 00 00', 'r1 = map[fd:5]', 'r1 = 0x5'],
  ['18 21 00 00 05 00 00 00 00 00 00 00 08 00 00 00', 'r1 = map[fd:5][0]+8', 'r1 = 0x800000005'],
  ['18 41 00 00 fd ff ff ff 00 00 00 00 00 00 00 00', 'r1 = subprog[-3]', 'r1 = 0xfffffffd'],
  ['18 51 00 00 01 00 00 00 00 00 00 00 00 00 00 00', 'r1 = map[idx:1]', 'r1 = 0x1'],
  ['18 61 00 00 01 00 00 00 00 00 00 00 10 00 00 00', 'r1 = map[idx:1][0]+16', 'r1 = 0x1000000001'],
  ['18 31 00 00 0a 00 00 00 00 00 00 00 00 00 00 00', 'r1 = 0xa ll pseudo 3', 'r1 = 0xa'],
  ['30 00 00 00 0e 00 00 00', 'r0 = *(u8 *)skb[14]'],
  ['48 70 00 00 00 00 00 00', 'r0 = *(u16 *)skb[r7]', 'r0 = *(u16 *)skb[r7 + 0]'],
  ['40 70 00 00 0e 00 00 00', 'r0 = *(u32 *)skb[r7 + 14]'],
  ['79 10 08 00 00 00 00 00', 'r0 = *(u64 *)(r1 + 8)', 'r0 = *(u64 *)(r1 +8)'],
  ['69 a0 fe ff 00 00 00 00', 'w0 = *(u16 *)(r10 - 2)', 'r0 = *(u16 *)(r10 -2)'],
  ['91 10 f8 ff 00 00 00 00', 'r0 = *(s8 *)(r1 - 8)', 'r0 = *(s8 *)(r1 -8)'],
  ['63 1a fc ff 00 00 00 00', '*(u32 *)(r10 - 4) = w1', '*(u32 *)(r10 -4) = r1'],
  ['7b 1a f8 ff 00 00 00 00', '*(u64 *)(r10 - 8) = r1', '*(u64 *)(r10 -8) = r1'],
  ['72 0a fc ff ff ff ff ff', '*(u8 *)(r10 - 4) = -1', '*(u8 *)(r10 -4) = -1'],
  ['db 21 00 00 00 00 00 00', 'lock *(u64 *)(r1 + 0) += r2', 'lock *(u64 *)(r1 +0) += r2'],
  ['c3 21 04 00 40 00 00 00', 'lock *(u32 *)(r1 + 4) |= w2', 'lock *(u32 *)(r1 +4) |= r2'],
  ['db 01 00 00 01 00 00 00', 'r0 = atomic_fetch_add((u64 *)(r1 + 0), r0)', 'r0 = atomic64_fetch_add((u64 *)(r1 +0), r0)'],
  ['c3 01 00 00 a1 00 00 00', 'w0 = atomic_fetch_xor((u32 *)(r1 + 0), w0)', 'r0 = atomic_fetch_xor((u32 *)(r1 +0), r0)'],
  ['db 01 00 00 e1 00 00 00', 'r0 = xchg_64(r1 + 0, r0)', 'r0 = atomic64_xchg((u64 *)(r1 +0), r0)'],
  ['c3 01 00 00 e1 00 00 00', 'w0 = xchg32_32(r1 + 0, w0)', 'r0 = atomic_xchg((u32 *)(r1 +0), r0)'],
  ['db 21 08 00 f1 00 00 00', 'r0 = cmpxchg_64(r1 + 8, r0, r2)', 'r0 = atomic64_cmpxchg((u64 *)(r1 +8), r0, r2)'],
  ['c3 21 08 00 f1 00 00 00', 'w0 = cmpxchg32_32(r1 + 8, w0, w2)', 'r0 = atomic_cmpxchg((u32 *)(r1 +8), r0, r2)'],
  ['d3 12 00 00 00 01 00 00', 'w2 = load_acquire((u8 *)(r1 + 0))', 'r2 = load_acquire((u8 *)(r1 +0))'],
  ['db 12 f8 ff 00 01 00 00', 'r2 = load_acquire((u64 *)(r1 - 8))', 'r2 = load_acquire((u64 *)(r1 -8))'],
  ['cb 21 02 00 10 01 00 00', 'store_release((u16 *)(r1 + 2), w2)', 'store_release((u16 *)(r1 +2), r2)'],
];

describe('text of an instruction', () => {
  it.each(ROWS.map(([hex, llvm, kernel = llvm]) => [hex, llvm, kernel] as const))('%s: %s', (hex, llvm, kernel) => {
    const bytes = fromHex(hex);
    expect(disassemble(bytes)).toBe(`${llvm}\n`);
    expect(disassemble(bytes, { style: 'kernel' })).toBe(`${kernel}\n`);
    expect(toHex(assemble(llvm))).toBe(hex);
  });

  it('reads the kernel text back, except 64-bit constants and unnamed calls', () => {
    for (const [hex, , kernel] of ROWS) {
      if (kernel === undefined || hex.startsWith('18')) continue;
      expect(toHex(assemble(kernel)), kernel).toBe(hex);
    }
  });

  it('has a row for every form of the table', () => {
    const seen = new Set<string | undefined>(
      ROWS.flatMap(([hex]) => decode(fromHex(hex)).map(({ insn }) => INSN_TABLE.find((row) => row.name === opNameOf(insn))?.form)),
    );
    for (const row of INSN_TABLE) expect(seen).toContain(row.form);
  });

  it('names helpers and kernel functions', () => {
    const helperName = (id: number) => (id === 6 ? 'bpf_trace_printk' : undefined);
    const kfuncName = () => 'bpf_rcu_read_lock';
    expect(formatInsn({ kind: 'call', target: 'helper', imm: 6, off: 0 }, { helperName })).toBe('call bpf_trace_printk#6');
    expect(formatInsn({ kind: 'call', target: 'helper', imm: 7, off: 0 }, { helperName })).toBe('call 7');
    const kfunc = { kind: 'call', target: 'kfunc', imm: 77, off: 1 } as const;
    expect(formatInsn(kfunc, { kfuncName })).toBe('call kfunc bpf_rcu_read_lock#77, 1');
    expect(formatInsn(kfunc, { kfuncName, style: 'kernel' })).toBe('call bpf_rcu_read_lock#77');
    expect(decode(assemble('call kfunc bpf_rcu_read_lock#77, 1'))[0]?.insn).toEqual(kfunc);
    expect(toHex(assemble('call bpf_trace_printk#6'))).toBe('85 00 00 00 06 00 00 00');
    expect(assemble('call bpf_trace_printk', { helperId: (name) => (name === 'bpf_trace_printk' ? 6 : undefined) })).toEqual(
      assemble('call 6'),
    );
  });
});

describe('round trips', () => {
  it('any program', () => {
    fc.assert(
      fc.property(fc.array(instructions, { maxLength: 10 }), (insns) => {
        const bytes = encode(insns);
        expect(assemble(disassemble(bytes))).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it('any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.constantFrom(...INSN_TABLE), (bytes, row) => {
        if (bytes.length > 0) bytes[0] = row.code;
        const text = disassemble(bytes);
        expect(assemble(text)).toEqual(bytes);
        disassemble(bytes, { style: 'kernel' });
      }),
      { numRuns: 1000 },
    );
  });

  it('shows what is no instruction as data', () => {
    const lines = disassembleLines(fromHex('ff00000000000001 9500000000000000 1801'));
    expect(lines.map((line) => `${line.index}: ${line.text}`)).toEqual([
      '0: .8byte 0x01000000000000ff // opcode 0xff is unknown, expected an instruction of ISA v1-v4',
      '1: exit',
      "2: .byte 0x18, 0x01 // slot 2 is beyond the program's 2 slots",
    ]);
  });
});

describe('assembler', () => {
  it('resolves labels over two-slot instructions, forward and back', () => {
    const bytes = assemble(`
      r1 = 0x1 ll             // two slots
    again: r1 += -1
      if r1 != 0 goto again   ; a comment
      # another
      call sub
      goto end
      gotol end
    sub:
      r0 = 0
    end:
      exit`);
    expect(disassemble(bytes).trimEnd().split('\n')).toEqual([
      'r1 = 0x1 ll',
      'r1 += -1',
      'if r1 != 0 goto -2',
      'call pc+2',
      'goto +2',
      'gotol +1',
      'r0 = 0',
      'exit',
    ]);
  });

  it('reads listings of the kernel and of llvm-objdump', () => {
    const text = '0: (79) r6 = *(u64 *)(r1 +8) ; R1=ctx() R6=scalar()\n       1:\tif r6 == 0x0 goto +0x1 <.text+0x18>\n2: exit\n3: exit\n';
    expect(disassemble(assemble(text))).toBe('r6 = *(u64 *)(r1 + 8)\nif r6 == 0 goto +1\nexit\nexit\n');
  });

  it.each([
    ['r0 = 0\nfoo', 2, 1, "expected an instruction, found 'foo'"],
    ['r11 = 0', 1, 1, "expected an instruction, found 'r11 = 0'"],
    ['r0', 1, 3, "expected '=' or an operator such as '+=', found the end of the line"],
    ['r0 = w1', 1, 6, 'w1 has 32 bits, expected r1'],
    ['r0 =', 1, 5, 'expected a register, a number, a memory access or an operation, found the end of the line'],
    ['r0 += 0x80000000', 1, 7, "expected a signed 32-bit number, found '0x80000000'"],
    ['r0 = 0x80000000', 1, 6, "2147483648 is not a signed 32-bit number; write 'll' after a 64-bit constant"],
    ['w0 = 1 ll', 1, 1, 'w0 has 32 bits, expected r0'],
    ['r0 = r1 r2', 1, 9, "expected the end of the line, found 'r2'"],
    ['r0 = -r1', 1, 7, 'source and destination must be the same register'],
    ['r0 = *(u32 *)(r1 + 8)', 1, 1, 'r0'],
    ['r0 = *(u128 *)(r1 + 8)', 1, 8, "expected a type: u8, u16, u32, u64, s8, s16 or s32, found 'u128 *)(r1 + 8)'"],
    ['r0 = *(u64 *)(r1 + 40000)', 1, 18, "expected a signed 16-bit offset, found '+ 40000)'"],
    ['if r0 ~ 1 goto +1', 1, 7, "expected a comparison, found '~ 1 goto +1'"],
    ['if r0 == 1 jump +1', 1, 12, "expected 'goto', found 'jump +1'"],
    ['goto nowhere', 1, 6, "label 'nowhere' is not defined"],
    ['call nobody', 1, 6, "'nobody' is neither a label of this text nor a known helper"],
    ['a: exit\na: exit', 2, 1, "label 'a' is defined twice"],
    ['lock *(u8 *)(r1 + 0) += r2', 1, 25, 'atomic operations exist on u32 and u64, not on u8'],
    ['r1 = cmpxchg_64(r2 + 0, r0, r1)', 1, 1, 'cmpxchg gives its old value to r0, expected r0 instead of r1'],
    ['r1 = atomic_fetch_add((u64 *)(r2 + 0), r3)', 1, 1, 'the old value goes to the source register r3, not to r1'],
    ['r1 = *(u8 *)skb[0]', 1, 1, 'a packet is read into r0, not into r1'],
    ['.byte 256', 1, 7, "expected a byte, found '256'"],
    ['b:\n.byte 1\nL: goto b', 3, 9, "label 'b' is not at a whole instruction's distance"],
    ['r0 = 111111111111111111111111111111111111111111', 1, 6, "expected a 64-bit number, found '111111111111111111111111'"],
  ])('%j is refused', (text, line, column, message) => {
    if (message === 'r0') return expect(toHex(assemble(text))).toBe('61 10 08 00 00 00 00 00');
    let error: unknown;
    try {
      assemble(text, { file: 'a.s' });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(FormatError);
    if (!(error instanceof FormatError)) return;
    expect(error.location).toEqual({ file: 'a.s', line, column });
    expect(error.message).toBe(`a.s, line ${line}:${column}: ${message}`);
  });

  it('throws nothing but FormatError on any text', () => {
    const piece = fc.oneof(fc.string(), fc.constantFrom(...ROWS.map((row) => row[1]), ...'rw0123456789 =*()[]+-<>#,:;/\n\t'.split('')));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          assemble(pieces.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

/** LLVM 19 is the first with all of v4 but load_acquire and store_release. */
const LLVM = tool('llvm-mc-19') && tool('llvm-objdump-19');

function tool(name: string): boolean {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!LLVM)('LLVM 19 (skipped without llvm-mc-19 and llvm-objdump-19)', () => {
  it('assembles to the same bytes and prints the same text', () => {
    const dir = mkdtempSync(join(tmpdir(), 'asm-'));
    try {
      const rows = ROWS.filter(
        ([, llvm]) => !/load_acquire|store_release|^call (pc|kfunc)|map\[|subprog|pseudo|skb\[r7 \+|gotol/.test(llvm),
      );
      writeFileSync(join(dir, 'a.s'), `${rows.map(([, llvm]) => llvm).join('\n')}\n`);
      execFileSync('llvm-mc-19', ['-triple', 'bpf', '-mcpu=v4', '-filetype=obj', join(dir, 'a.s'), '-o', join(dir, 'a.o')]);
      const args = ['-d', '--no-print-imm-hex', '--no-show-raw-insn', '--mcpu=v4', join(dir, 'a.o')];
      const out = execFileSync('llvm-objdump-19', args, { encoding: 'utf8' });
      const llvm = out.split('\n').flatMap((line) => /^\s*\d+:\s+(.*?)(?: <[^<>]*>)?$/.exec(line)?.[1] ?? []);
      execFileSync('llvm-objcopy-19', ['-O', 'binary', '-j', '.text', join(dir, 'a.o'), join(dir, 'a.bin')]);
      const bytes = new Uint8Array(readFileSync(join(dir, 'a.bin')));
      expect(toHex(bytes)).toBe(rows.map(([hex]) => hex).join(' '));
      const ours = disassembleLines(bytes).map((line) =>
        line.text.replace(/0x([0-9a-f]+) ll$/, (_, n: string) => `${BigInt(`0x${n}`)} ll`),
      );
      expect(ours).toEqual(llvm);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
