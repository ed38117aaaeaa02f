/** The kernel style of the disassembler against the verifier log of the live kernel, instruction by instruction. */
import { describe, expect, it } from 'vitest';
import { assemble, disassembleLines } from '../src/asm/index.ts';
import { fromHex, VerifierError } from '../src/base/index.ts';
import { INSN_TABLE, opNameOf } from '../src/isa/index.ts';
import { kernel } from './support/kernel.ts';
import { isPacketVector, ownVectors, wrapVector } from './support/vectors.ts';

const SCHED_CLS = 3;
const ARRAY = 2;
/** BPF_LOG_LEVEL2: every instruction that the verifier walks. */
const EVERY_INSN = 2;
/** Rows that no program of ours gets past the verifier with, whose text is in asm.test.ts only. */
const UNSEEN = ['call_kfunc', 'callx'];

const HELPERS: Readonly<Record<number, string>> = { 5: 'bpf_ktime_get_ns', 6: 'bpf_trace_printk' };
const LINE = /^(\d+): \([0-9a-f]{2}\) (.*?)(?:\s+; .*)?$/;

const { bpf, reason } = kernel;

if (bpf === undefined) {
  describe('text of the kernel', () => it.skip(`skipped: ${reason}`));
} else {
  const seen = new Set<string>();

  const compare = (program: Uint8Array): void => {
    const ours = new Map(
      disassembleLines(program, { style: 'kernel', helperName: (id) => HELPERS[id] }).map((line) => [line.index, line] as const),
    );
    let log: string;
    try {
      const loaded = bpf.progLoad({ type: SCHED_CLS, insns: program, logLevel: EVERY_INSN });
      bpf.close(loaded.fd);
      log = loaded.log;
    } catch (error) {
      if (!(error instanceof VerifierError)) throw error;
      log = error.log;
    }
    const lines = log.split('\n').flatMap((line) => {
      const found = LINE.exec(line);
      return found === null ? [] : [{ index: Number(found[1]), text: found[2] }];
    });
    expect(lines.length).toBeGreaterThan(0);
    for (const { index, text } of lines) {
      const line = ours.get(index);
      if (line === undefined) throw new Error(`the kernel prints slot ${index} as '${text}', we do not`);
      if (line.insn.kind !== 'invalid') seen.add(opNameOf(line.insn));
      // Map references become addresses in the kernel.
      if (line.insn.kind === 'ld_imm64' && line.insn.pseudo !== 0) continue;
      expect(`${index}: ${line.text}`).toBe(`${index}: ${text}`);
    }
  };

  describe('text of the kernel', () => {
    it.each(ownVectors.filter((vector) => !/unknown|callx|kfunc/.test(vector.name)).map((vector) => [vector.name, vector] as const))(
      '%s',
      (_, vector) => {
        if (isPacketVector(vector)) return compare(vector.program);
        const map = bpf.mapCreate({ type: ARRAY, keySize: 4, valueSize: 8 + vector.memory.length, maxEntries: 1 });
        try {
          compare(wrapVector(vector, map));
        } finally {
          bpf.close(map);
        }
      },
    );

    it('named helpers, addresses and negative immediates', () => {
      compare(
        assemble(`
        r1 = r10
        r1 += -8
        *(u64 *)(r10 - 8) = 0x2a
        r2 = 1
        call 6
        if r0 s< -5 goto +1
        w0 = -1
        exit`),
      );
    });

    it.each([
      ['a reserved field', '0700010001000000'],
      ['a register above r10', 'bfb0000000000000'],
      ['a reserved register', '8710000000000000'],
    ])('malformed: %s', (_, hex) => {
      compare(fromHex(`b700000000000000${hex}9500000000000000`));
    });

    it('was compared for every row of the table', () => {
      expect(INSN_TABLE.map((row) => row.name).filter((name) => !seen.has(name))).toEqual(UNSEEN);
    });
  });
}
