/** Byte strings that are no programs, nearly programs, and programs with a few bytes changed: whatever they are, verify() has a verdict. */
import { assemble } from '../../src/asm/index.ts';
import { HELPER_BY_NAME } from '../../src/helpers/index.ts';
import { INSN_TABLE } from '../../src/isa/index.ts';
import { PROGRAM_TYPES } from '../../src/programs/index.ts';
import { type MapFacts, verify } from '../../src/verifier/index.ts';
import { generate } from './generate/index.ts';
import { mutate } from './generate/mutate.ts';
import { Random } from './generate/random.ts';

const MAX_SLOTS = 64;
const MAPS: readonly MapFacts[] = [1, 2, 3, 5, 6, 12, 22, 27].map((type) => {
  const map = { type, keySize: 4, valueSize: 16, maxEntries: 4, flags: 0, name: '' };
  return type === 12 ? { ...map, inner: { ...map, type: 2 } } : map;
});

/** Programs of the generator, with numbers for their maps. */
export function seedPrograms(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, n) =>
    assemble(
      generate(0, n).text.replace(/\$([a-z]+)/g, (_, name: string) => String(name.length)),
      { helperId: (name) => HELPER_BY_NAME.get(name.replace(/^bpf_/, ''))?.id },
    ),
  );
}

/** Input number `n` of a seed. `seeds`: programs to start from. */
export function input(seed: number, n: number, seeds: readonly Uint8Array[]): Uint8Array {
  const r = new Random(Math.imul(seed, 7_919) + n);
  const kind = r.below(4);
  if (kind === 0) return r.bytes(r.below(8 * MAX_SLOTS));
  if (kind === 1 || seeds.length === 0) return instructions(r);
  let bytes = r.pick(seeds);
  for (let i = r.below(3); i >= 0; i--) bytes = mutate(bytes, r);
  return kind === 2 ? bytes : bytes.subarray(0, r.below(bytes.length + 1));
}

/** Opcodes that exist with operands that may make sense. */
function instructions(r: Random): Uint8Array {
  const slots = 1 + r.below(MAX_SLOTS);
  const bytes = new Uint8Array(slots * 8);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < slots; i++) {
    bytes[i * 8] = r.pick(INSN_TABLE).code;
    bytes[i * 8 + 1] = r.below(11) | (r.chance(0.7) ? r.below(11) << 4 : 0);
    if (r.chance(0.5)) view.setInt16(i * 8 + 2, r.chance(0.8) ? r.below(16) - 8 : r.below(65536) - 32768, true);
    if (r.chance(0.6)) view.setInt32(i * 8 + 4, r.chance(0.8) ? r.below(256) - 16 : Math.floor(r.next() * 2 ** 32), true);
  }
  bytes[(slots - 1) * 8] = 0x95;
  bytes.fill(0, (slots - 1) * 8 + 1);
  return bytes;
}

/** A verdict on an input, for a program type and a privilege that go with its number. @throws what verify() may not */
export function judge(insns: Uint8Array, n: number): 'accepted' | 'rejected' {
  const type = PROGRAM_TYPES[n % PROGRAM_TYPES.length]?.id ?? 1;
  const { verdict } = verify(
    { type, insns, gplCompatible: true, flags: n % 7 === 0 ? 8 : 0 },
    { map: (ref) => MAPS[Math.abs(ref.fd) % MAPS.length] ?? { errno: 'EBADF', message: 'no map' }, logLevel: n % 5 === 0 ? 2 : n % 3 },
  );
  return verdict;
}
