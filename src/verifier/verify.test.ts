/** verify() by itself: verdicts, diagnostics, facts and bounded work, without a kernel to ask. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { type MapFacts, type Verdict, verify } from './index.ts';

const hash: MapFacts = { type: 1, keySize: 8, valueSize: 16, maxEntries: 8, flags: 0, name: 'hash' };
const LOOKUP = '*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -8\nr1 = map[fd:7]\ncall 1\n';

function ask(text: string, type = 1): Verdict {
  return verify({ type, insns: assemble(text), gplCompatible: true }, { map: () => hash });
}

describe('diagnostics', () => {
  it('an unchecked lookup says what is known, where it comes from and what helps', () => {
    const { verdict, errno, diagnostics } = ask(`${LOOKUP}r0 = *(u64 *)(r0 + 0)\nexit`);
    expect({ verdict, errno }).toEqual({ verdict: 'rejected', errno: 'EACCES' });
    expect(diagnostics).toMatchObject([{ code: 'null-pointer', location: { insn: 6 } }]);
    const [found] = diagnostics;
    expect(found?.notes).toContain('r0 is map_value_or_null(id=1,map=hash,ks=8,vs=16), which may be NULL');
    expect(found?.related?.map((r) => r.message)).toContain('r0 comes from call bpf_map_lookup_elem#1');
    expect(found?.help).toContain('against NULL');
  });

  it.each([
    ['exit', 'uninitialised-register'],
    ['r0 = 0\nif r0 == 0 goto -1\nexit', 'endless-loop'],
    [`${LOOKUP}if r0 == 0 goto +1\nr0 = *(u64 *)(r0 + 16)\nexit`, 'map-value-bounds'],
    ['r2 = r10\nr2 *= 8\nr0 = 0\nexit', 'pointer-arithmetic'],
    ['r0 = *(u32 *)(r1 + 76)\nexit', 'context-access'],
    ['*(u64 *)(r10 + 0) = 0\nr0 = 0\nexit', 'stack-bounds'],
  ])('%s: %s', (text, code) => {
    expect(ask(text).diagnostics.map((d) => d.code)).toEqual([code]);
  });
});

describe('facts', () => {
  it('say what each access goes to', () => {
    const { facts } = ask(`r6 = *(u32 *)(r1 + 0)\n${LOOKUP}if r0 == 0 goto +1\nr0 = *(u64 *)(r0 + 0)\nr0 = 0\nexit`);
    expect(facts.kinds).toEqual([
      'ctx',
      'stack',
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      'map_value',
      undefined,
      undefined,
    ]);
  });
});

describe('stricter than the kernel', () => {
  const array: MapFacts = { type: 2, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0, name: 'array' };

  it.each([
    ['a load', 'r0 = *(u64 *)(r10 - 8)'],
    ['cmpxchg', 'r0 = cmpxchg_64(r10 - 8, r0, r4)'],
    ['fetch and add', 'r4 = atomic_fetch_add((u64 *)(r10 - 8), r4)\nr0 = r4'],
    ['xchg', 'r4 = xchg_64(r10 - 8, r4)\nr0 = r4'],
  ])('what %s takes from a spilled number is as exact as the number was', (_, fetch) => {
    const text = `
      r5 = *(u32 *)(r1 + 0)
      r0 = 0
      r4 = 0
      *(u64 *)(r10 - 8) = r5
      if r5 > 7 goto +0
      ${fetch}
      r1 = map[fd:7][0]+0
      r1 += r0
      r0 = *(u8 *)(r1 + 0)
      exit`;
    const { errno, message } = verify({ type: 1, insns: assemble(text), gplCompatible: true }, { map: () => array });
    expect({ errno, message }).toEqual({
      errno: 'EACCES',
      message: expect.stringMatching(/R1 .*outside of the allowed memory range|unbounded/),
    });
  });
});

describe('any bytes', () => {
  it('have a verdict', () => {
    const opcodes = [0x07, 0x0f, 0x57, 0xb7, 0xbf, 0x15, 0x25, 0x1d, 0x79, 0x7b, 0x61, 0x63, 0x85, 0x95, 0x18, 0x00, 0xdb, 0x05];
    const slot = fc.tuple(
      fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...opcodes) }, fc.nat(255)),
      fc.nat(0xba),
      fc.integer({ min: -4, max: 8 }),
      fc.integer({ min: -16, max: 16 }),
    );
    fc.assert(
      fc.property(fc.array(slot, { minLength: 1, maxLength: 24 }), fc.nat(33), (slots, type) => {
        const insns = new Uint8Array(slots.length * 8);
        const view = new DataView(insns.buffer);
        for (const [i, [code, regs, off, imm]] of slots.entries()) {
          view.setUint8(i * 8, code);
          view.setUint8(i * 8 + 1, regs);
          view.setInt16(i * 8 + 2, off, true);
          view.setInt32(i * 8 + 4, imm, true);
        }
        const { verdict, errno } = verify({ type, insns, gplCompatible: true }, { map: () => hash });
        expect(verdict === 'accepted').toBe(errno === undefined);
      }),
      { numRuns: 3000 },
    );
  });
});
