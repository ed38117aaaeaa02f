/** Creation of maps of every type: the table's checks answer as the live kernel does, on attributes around the limits. */
import { describe, expect, it } from 'vitest';
import { ERRNO, SyscallError } from '../src/base/index.ts';
import { createMap } from '../src/checker/maps.ts';
import { Engine } from '../src/engine/index.ts';
import { MAP_TYPES, type MapCreateAttr } from '../src/maps/index.ts';
import { kernel } from './support/kernel.ts';
import { random } from './support/random.ts';

const { bpf, reason } = kernel;
const SAMPLES = Number(process.env.MAP_SAMPLES ?? 60);
const SIZES = [0, 1, 2, 4, 5, 7, 8, 12, 16, 24, 32, 64, 260, 261, 512, 513, 1016, 1024, 32768, 32776];
const ENTRIES = [0, 1, 2, 3, 4095, 4096, 8192, 12288];
const FLAGS = [0, 1, 2, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800, 0x1000, 0x2000, 0x1_0000, 0x1_0001, 0x2_0000, 0x4_0000];
const EXTRAS = [0n, 0n, 0n, 0n, 3n, 15n, 16n, 4096n, 1n << 44n, (1n << 44n) - 4096n];
/** Sizes that types commonly have, so that most samples are not refused at once. */
const USUAL: Readonly<Record<number, Partial<MapCreateAttr>>> = {
  7: { keySize: 4, valueSize: 64, maxEntries: 4 },
  8: { keySize: 4, valueSize: 4, maxEntries: 4 },
  11: { keySize: 8, valueSize: 8, maxEntries: 4, flags: 1 },
  14: { keySize: 4, valueSize: 8, maxEntries: 4 },
  15: { keySize: 4, valueSize: 4, maxEntries: 4 },
  16: { keySize: 4, valueSize: 8, maxEntries: 4 },
  17: { keySize: 4, valueSize: 4, maxEntries: 4 },
  18: { keySize: 4, valueSize: 4, maxEntries: 4 },
  19: { keySize: 8, valueSize: 8, maxEntries: 0 },
  20: { keySize: 4, valueSize: 8, maxEntries: 4 },
  21: { keySize: 16, valueSize: 8, maxEntries: 0 },
  22: { keySize: 0, valueSize: 8, maxEntries: 4 },
  23: { keySize: 0, valueSize: 8, maxEntries: 4 },
  25: { keySize: 4, valueSize: 4, maxEntries: 4 },
  27: { keySize: 0, valueSize: 0, maxEntries: 4096 },
  30: { keySize: 0, valueSize: 8, maxEntries: 4, mapExtra: 3n },
  31: { keySize: 0, valueSize: 0, maxEntries: 4096 },
  33: { keySize: 0, valueSize: 0, maxEntries: 4, flags: 0x400 },
};

if (bpf === undefined) {
  describe('maps of every type', () => it.skip(`skipped: ${reason}`));
} else {
  // Maps of maps need a template; see the rows of map references for those.
  const types = MAP_TYPES.filter((row) => row.id !== 0 && row.id !== 12 && row.id !== 13);
  it.each(types.map((row) => [row.name, row.id] as const))('%s', (_, type) => {
    const next = random(type);
    const pick = <T>(of: readonly T[]): T => of[next(of.length)] as T;
    const usual = { type, keySize: 4, valueSize: 8, maxEntries: 4, ...USUAL[type] };
    for (let i = 0; i < SAMPLES; i++) {
      let attr: MapCreateAttr = usual;
      for (let changes = i === 0 ? 0 : 1 + next(2); changes > 0; changes--) {
        const change = next(5);
        if (change === 0) attr = { ...attr, keySize: pick(SIZES) };
        if (change === 1) attr = { ...attr, valueSize: pick(SIZES) };
        if (change === 2) attr = { ...attr, maxEntries: pick(ENTRIES) };
        if (change === 3) attr = { ...attr, flags: (attr.flags ?? 0) ^ pick(FLAGS) };
        if (change === 4) attr = { ...attr, mapExtra: pick(EXTRAS) };
      }
      const ours = errnoOf(() => createMap(attr, { cpus: 2, btf: undefined, inner: undefined, kernelBtf: () => undefined }));
      const theirs = errnoOf(() => bpf.close(bpf.mapCreate(attr)));
      expect({ attr, errno: ours }).toEqual({ attr, errno: theirs });
    }
  });
}

/** Attributes with BPF_F_TOKEN_FD and no token: key size, value size, entries. */
const TOKEN_FD = 0x1_0000;
const TOKENS = [
  [4, 8, 4],
  [4, 2 ** 30, 4],
  [4, 2 ** 32 - 1, 4],
  [4, 32769, 4],
  [512, 8, 4],
  [4, 8, 0],
  [4, 8, 2 ** 32 - 1],
  [0, 2 ** 30, 4],
] as const;

it.skipIf(bpf === undefined)('a token is looked at after the type and before the memory', () => {
  using engine = new Engine({ cpus: 2 });
  for (const type of [1, 2, 3, 5, 6, 7, 9, 10, 11, 22, 23, 27, 30]) {
    for (const [keySize, valueSize, maxEntries] of TOKENS) {
      for (const flags of [TOKEN_FD, TOKEN_FD | 1]) {
        const attr = { type, keySize, valueSize, maxEntries, flags };
        const [ours, theirs] = [engine, bpf].map((side) => errnoOf(() => side?.mapCreate(attr)));
        expect({ attr, errno: ours }).toEqual({ attr, errno: theirs });
      }
    }
  }
});

function errnoOf(make: () => unknown): number {
  try {
    make();
    return 0;
  } catch (error) {
    if (error instanceof SyscallError && error.errno !== ERRNO.EPERM) return error.errno;
    throw error;
  }
}
