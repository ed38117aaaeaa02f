/** Logs that do not fit: what is kept of them, how long they would have been, and the errno, on the engine and on the live kernel. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { encodeText, errnoName, SyscallError, VerifierError } from '../src/base/index.ts';
import { createEngine } from '../src/tools/node-engine.ts';
import { describeProgram } from './support/btf-functions.ts';
import { kernel } from './support/kernel.ts';
import { normalLog } from './support/log.ts';

const { bpf, reason } = kernel;

/** A path is cut off the log of level 1 where a branch turns out well. */
const PROGRAMS = {
  accepted: 'r0 = 0\nexit',
  branches: `r6 = *(u64 *)(r1 + 8)\nr0 = 0\n${'if r6 == 1 goto +1\nr0 += 1\n'.repeat(6)}exit`,
  refused: 'r6 = *(u64 *)(r1 + 8)\nif r6 == 0 goto +1\nr0 = 1\nexit',
  'refused late': `r6 = *(u64 *)(r1 + 8)\nr0 = 0\n${'if r6 == 1 goto +1\nr0 += 1\n'.repeat(6)}if r6 == 9 goto +1\nexit\nr0 = *(u64 *)(r6 + 0)\nexit`,
} as const;
const LEVELS = [0, 1, 2, 8, 9, 10];
const SIZES = [0, 1, 2, 60, 128, 200, 400, 1000, 4000, 100_000];

interface Answer {
  readonly errno: string | undefined;
  readonly log: string;
  readonly size: number | undefined;
}

function answer(load: () => { readonly log: string; readonly logTrueSize?: number }): Answer {
  try {
    const { log, logTrueSize } = load();
    return { errno: undefined, log: normalLog(log), size: logTrueSize };
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    const verifier = error instanceof VerifierError ? error : undefined;
    return { errno: errnoName(error.errno), log: normalLog(verifier?.log ?? ''), size: verifier?.logTrueSize ?? 0 };
  }
}

if (bpf === undefined) {
  describe('log sizes', () => it.skip(`skipped: ${reason}`));
} else {
  describe.each(Object.entries(PROGRAMS))('%s', (_, text) => {
    const insns = assemble(text);
    const rows = LEVELS.flatMap((level) => SIZES.map((size) => [level, size] as const));
    it.each(rows)('level %i, %i bytes', (logLevel, logSize) => {
      using engine = createEngine();
      const attr = { type: 5, insns, license: 'GPL', logLevel, logSize };
      const theirs = answer(() => {
        const loaded = bpf.progLoad(attr);
        bpf.close(loaded.fd);
        return loaded;
      });
      const ours = answer(() => engine.progLoad(attr));
      expect(ours).toEqual(theirs);
    });
  });

  const SOURCES = {
    'two bytes': 'int größe = 0; // für alle',
    'three and four bytes': 'return 0; // 終わり 🐝',
    'longer than a message may be': `x = ${'é'.repeat(700)};`,
    'much longer, of single bytes': `x = ${'e'.repeat(3000)};`,
  };
  describe.each(Object.entries(SOURCES))('source lines: %s', (_, source) => {
    const { btf, records } = describeProgram([{ insn: 0, proto: 'int f(struct __sk_buff *)' }]);
    const [types, line] = withString(btf, source);
    const lineInfo = new Uint8Array(new Uint32Array([0, line, line, (7 << 10) | 1]).buffer);
    it.each([1, 2, 9].flatMap((level) => [0, 60, 75, 82, 90, 400, 100_000].map((size) => [level, size] as const)))(
      'level %i, %i bytes',
      (logLevel, logSize) => {
        using engine = createEngine();
        const attr = { type: 5, insns: assemble('r0 = 0\nexit'), license: 'GPL', logLevel, logSize, funcInfo: records, lineInfo };
        const theirs = answer(() => {
          const btfFd = bpf.btfLoad(types);
          try {
            const loaded = bpf.progLoad({ ...attr, btfFd });
            bpf.close(loaded.fd);
            return loaded;
          } finally {
            bpf.close(btfFd);
          }
        });
        const ours = answer(() => engine.progLoad({ ...attr, btfFd: engine.btfLoad(types) }));
        expect(ours).toEqual(theirs);
      },
    );
  });
}

/** BTF with one more string. @returns it and the string's offset */
function withString(btf: Uint8Array, text: string): [Uint8Array, number] {
  const view = new DataView(btf.buffer, btf.byteOffset);
  const size = view.getUint32(20, true);
  const string = encodeText(`${text}\0`);
  const out = new Uint8Array(btf.length + string.length);
  out.set(btf);
  out.set(string, btf.length);
  new DataView(out.buffer).setUint32(20, size + string.length, true);
  return [out, size];
}
