/** Compiled objects: llvm-objdump's text of every instruction is ours, and assembling it gives the object's bytes. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { assemble, disassemble, disassembleLines } from '../src/asm/index.ts';
import { fromHex, toHex } from '../src/base/index.ts';

const OBJDUMP = 'llvm-objdump-19';
const HAVE = ((): boolean => {
  try {
    execFileSync(OBJDUMP, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** Byte of the ELF header that tells the byte order. */
const EI_DATA = 5;
const LITTLE_ENDIAN = 1;

const OBJECTS = ['../examples', '../testdata/objects'].flatMap((folder) => {
  const path = fileURLToPath(new URL(folder, import.meta.url));
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.bpf.o'))
    .map((name) => join(path, name))
    .filter((file) => readFileSync(file)[EI_DATA] === LITTLE_ENDIAN);
});

/** Slot index, raw bytes, text and what objdump adds behind a tab-separated instruction. */
const LINE = /^\s*\d+:\s((?:[0-9a-f]{2} )+)\s*(.*?)(?: <[^<>]*>)?$/;

describe.skipIf(!HAVE)(`objects (skipped without ${OBJDUMP})`, () => {
  it.each(OBJECTS.map((path) => [path.replace(/^.*\/(?=[^/]+\/[^/]+$)/, ''), path] as const))('%s', (_, path) => {
    const out = execFileSync(OBJDUMP, ['-d', '--no-print-imm-hex', '--mcpu=v4', path], { encoding: 'utf8', maxBuffer: 1 << 26 });
    const lines = out.split('\n').flatMap((line) => {
      const found = LINE.exec(line.replaceAll('\t', ' '));
      return found === null ? [] : [{ hex: (found[1] ?? '').trim(), text: found[2] ?? '' }];
    });
    for (const { hex, text } of lines) {
      const [line] = disassembleLines(fromHex(hex));
      // Big constants are hexadecimal here, and the second word of the source register shows in calls and map references.
      const normal = (line?.text ?? '').replace(
        /^(r\d+) = 0x([0-9a-f]+) ll$/,
        (_all, reg: string, n: string) => `${reg} = ${BigInt(`0x${n}`)} ll`,
      );
      if (!/^call |map\[|subprog|pseudo/.test(normal))
        expect(normal).toBe(text.replace(/(= -?\d+) ll$/, (_all, n: string) => `= ${BigInt.asUintN(64, BigInt(n.slice(2)))} ll`));
    }
    const bytes = fromHex(lines.map(({ hex }) => hex).join(' '));
    expect(toHex(assemble(disassemble(bytes)))).toBe(toHex(bytes));
  });
});
