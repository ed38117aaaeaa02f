/** Logs that do not fit: what is kept of them, how long they would have been, and the errno, on the engine and on the live kernel. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../src/asm/index.ts';
import { errnoName, SyscallError, VerifierError } from '../src/base/index.ts';
import { createEngine } from '../src/tools/node-engine.ts';
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
}
