/**
 * BPF_BTF_LOAD: BTF of objects and of every kind, each with words changed at random, gets the errno that the live kernel gives it.
 * BTF_MUTATIONS sets how many of each (default 400), BTF_SEED where they begin. Needs bpf(2), else one skip.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SyscallError } from '../src/base/index.ts';
import { Btf, type BtfType, checkBtfLoad, encodeBtf } from '../src/btf/index.ts';
import { parseElf } from '../src/elf/index.ts';
import { kernel } from './support/kernel.ts';
import { vmlinux } from './support/verifier.ts';

const { bpf, reason } = kernel;
const MUTATIONS = Number(process.env.BTF_MUTATIONS ?? 400);
const SEED = Number(process.env.BTF_SEED ?? 1);
const OBJECTS = new URL('../testdata/objects/', import.meta.url);
/** Larger BTF would make most changes invisible. */
const LARGEST = 8000;

/** One type of every kind, and what they need. */
function everyKind(): Uint8Array {
  const types: BtfType[] = [];
  const add = (type: (id: number) => BtfType): number => {
    types.push(type(types.length + 1));
    return types.length;
  };
  const int = add((id) => ({ kind: 'int', id, name: 'int', size: 4, bits: 32, bitOffset: 0, signed: true, char: false, bool: false }));
  const char = add((id) => ({ kind: 'int', id, name: 'char', size: 1, bits: 8, bitOffset: 0, signed: true, char: false, bool: false }));
  const u64 = add((id) => ({ kind: 'int', id, name: 'u64', size: 8, bits: 64, bitOffset: 0, signed: false, char: false, bool: false }));
  const pointer = add((id) => ({ kind: 'ptr', id, name: '', type: int }));
  const constant = add((id) => ({ kind: 'const', id, name: '', type: char }));
  const array = add((id) => ({ kind: 'array', id, name: '', type: constant, indexType: int, count: 4 }));
  const typedef = add((id) => ({ kind: 'typedef', id, name: 'size_t', type: u64 }));
  const volatile = add((id) => ({ kind: 'volatile', id, name: '', type: typedef }));
  const float = add((id) => ({ kind: 'float', id, name: 'double', size: 8 }));
  const enumeration = add((id) => ({ kind: 'enum', id, name: 'e', size: 4, signed: false, values: [{ name: 'A', value: 1n }] }));
  const wide = add((id) => ({ kind: 'enum64', id, name: 'w', size: 8, signed: false, values: [{ name: 'B', value: 1n << 40n }] }));
  const tag = add((id) => ({ kind: 'type_tag', id, name: 'rcu', type: int }));
  const tagged = add((id) => ({ kind: 'ptr', id, name: '', type: tag }));
  const forward = add((id) => ({ kind: 'fwd', id, name: 'later', of: 'struct' }));
  const toForward = add((id) => ({ kind: 'ptr', id, name: '', type: forward }));
  const own = types.length + 1;
  const self = own + 1;
  add((id) => ({
    kind: 'struct',
    id,
    name: 's',
    size: 72,
    members: [
      { name: 'a', type: int, bitOffset: 0, bitSize: 0 },
      { name: 'b', type: array, bitOffset: 32, bitSize: 0 },
      { name: 'c', type: self, bitOffset: 64, bitSize: 0 },
      { name: 'd', type: float, bitOffset: 128, bitSize: 0 },
      { name: 'e', type: enumeration, bitOffset: 192, bitSize: 0 },
      { name: 'w', type: wide, bitOffset: 256, bitSize: 0 },
      { name: 'v', type: volatile, bitOffset: 320, bitSize: 0 },
      { name: 't', type: tagged, bitOffset: 384, bitSize: 0 },
      { name: 'f', type: toForward, bitOffset: 448, bitSize: 0 },
      { name: '', type: own + 2, bitOffset: 512, bitSize: 0 },
    ],
  }));
  add((id) => ({ kind: 'ptr', id, name: '', type: own }));
  add((id) => ({ kind: 'union', id, name: 'u', size: 8, members: [{ name: 'x', type: u64, bitOffset: 0, bitSize: 0 }] }));
  add((id) => ({
    kind: 'struct',
    id,
    name: 'bits',
    size: 8,
    members: [
      { name: 'lo', type: int, bitOffset: 0, bitSize: 3 },
      { name: 'hi', type: int, bitOffset: 3, bitSize: 7 },
      { name: 'e', type: enumeration, bitOffset: 32, bitSize: 4 },
    ],
  }));
  const proto = add((id) => ({
    kind: 'func_proto',
    id,
    name: '',
    returnType: int,
    params: [
      { name: 'p', type: pointer },
      { name: 'q', type: own },
    ],
  }));
  add((id) => ({
    kind: 'func_proto',
    id,
    name: '',
    returnType: 0,
    params: [
      { name: 'p', type: typedef },
      { name: '', type: 0 },
    ],
  }));
  const func = add((id) => ({ kind: 'func', id, name: 'f', type: proto, linkage: 'global' }));
  const variable = add((id) => ({ kind: 'var', id, name: 'g', type: volatile, linkage: 'global' }));
  add((id) => ({ kind: 'datasec', id, name: '.data', size: 16, vars: [{ type: variable, offset: 0, size: 8 }] }));
  add((id) => ({ kind: 'decl_tag', id, name: 'arg:ctx', type: func, component: 0 }));
  add((id) => ({ kind: 'decl_tag', id, name: 'note', type: own, component: -1 }));
  add((id) => ({ kind: 'decl_tag', id, name: 'note', type: variable, component: -1 }));
  add((id) => ({ kind: 'restrict', id, name: '', type: pointer }));
  return encodeBtf(types);
}

/** mulberry32. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One to three words changed: to a small number, by a little, in a bit, in a byte, or to anything. */
function mutate(bytes: Uint8Array, next: () => number): Uint8Array {
  const out = bytes.slice();
  const view = new DataView(out.buffer);
  const below = (n: number): number => Math.floor(next() * n);
  const typesEnd = 24 + view.getUint32(12, true);
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const where = next();
    const at =
      where < 0.05
        ? below(6) * 4
        : where < 0.97
          ? 24 + below((typesEnd - 24) / 4) * 4
          : Math.min(out.length - 4, typesEnd + below(out.length - typesEnd));
    const old = view.getUint32(at, true);
    const how = below(6);
    const value =
      how === 0
        ? below(40)
        : how === 1
          ? old + below(9) - 4
          : how === 2
            ? old ^ (1 << below(32))
            : how === 3
              ? (old & ~0xff) | below(256)
              : how === 4
                ? (old & 0xffff) | (below(32) << 24)
                : below(2 ** 32);
    view.setUint32(at, value >>> 0, true);
  }
  return out;
}

const ours = (bytes: Uint8Array): string | undefined => checkBtfLoad(bytes, vmlinux())?.errno;

if (bpf === undefined) {
  describe('BTF_LOAD', () => it.skip(`skipped: ${reason}`));
} else {
  const theirs = (bytes: Uint8Array): string | undefined => {
    try {
      bpf.close(bpf.btfLoad(bytes));
      return undefined;
    } catch (error) {
      if (error instanceof SyscallError) return error.code;
      throw error;
    }
  };
  const bases = readdirSync(OBJECTS)
    .filter((file) => file.endsWith('.bpf.o') && file !== 'big-endian.bpf.o')
    .map((file): [string, Uint8Array | undefined] => [file, parseElf(readFileSync(new URL(file, OBJECTS)), file).btf?.bytes])
    .filter((row): row is [string, Uint8Array] => row[1] !== undefined && row[1].length <= LARGEST);
  it.each([['every kind', everyKind()] as const, ...bases])('%s', (_, base) => {
    expect({ errno: ours(base) }).toEqual({ errno: theirs(base) });
    const next = random(SEED);
    const different: object[] = [];
    for (let n = 0; n < MUTATIONS; n++) {
      const bytes = mutate(base, next);
      const [mine, kernels] = [ours(bytes), theirs(bytes)];
      if (mine !== kernels) different.push({ n, mine, kernels, because: checkBtfLoad(bytes, vmlinux()) });
    }
    expect(different).toEqual([]);
  });
  it('what is accepted can be read', () => {
    const next = random(SEED + 1);
    const base = everyKind();
    for (let n = 0; n < MUTATIONS; n++) {
      const bytes = mutate(base, next);
      if (ours(bytes) === undefined) expect(Btf.open(bytes).count).toBeGreaterThan(1);
    }
  });
}
