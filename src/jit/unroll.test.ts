/** Unrolled loops against the interpreter: every kind of test, rounds that the copies divide and do not, loops left early, entered again, counters read afterwards. */
import { describe, expect, it } from 'vitest';
import { runJit } from '../../tests/support/jit.ts';
import { assemble } from '../asm/index.ts';
import { runBytecode } from '../interp/index.ts';
import { compileToWasm } from './index.ts';

/** The same in the interpreter, unrolled, and as it is written. */
function same(text: string): void {
  const bytes = assemble(text);
  const memory = Uint8Array.from({ length: 64 }, (_, i) => i * 37);
  const expected = runBytecode(bytes, { memory });
  expect(expected.fault).toBeUndefined();
  for (const options of [{ budget: false }, { budget: true }, { checked: true, budget: false }]) {
    const ours = runJit(bytes, { memory, ...options });
    expect({ r0: ours.r0, memory: ours.memory }, JSON.stringify(options)).toEqual({ r0: expected.r0, memory: expected.memory });
  }
}

const BODY = 'r0 *= 3\nr0 += r6\nr0 ^= 0x55';

/** A loop with r6 as its counter. */
function loop(start: number, step: number, test: string): string {
  return `r0 = 1\nr6 = ${start}\nagain:\n${BODY}\nr6 += ${step}\n${test}\nr0 += r6\nexit`;
}

describe('counted loops', () => {
  const rounds: readonly number[] = [1, 2, 3, 7, 8, 9, 15, 16, 17, 64, 100];
  it.each(rounds)('%i rounds', (n) => {
    for (const [start, step] of [
      [0, 1],
      [5, 7],
    ] as const) {
      const end = start + n * step;
      for (const w of ['r', 'w']) {
        same(loop(start, step, `if ${w}6 != ${end} goto again`));
        same(loop(start, step, `if ${w}6 == ${end} goto +1\ngoto again`));
        for (const bound of [end - 1, end, end + 1]) {
          for (const op of ['<', '<=', 's<', 's<=']) same(loop(start, step, `if ${w}6 ${op} ${bound} goto again`));
          for (const op of ['>', '>=', 's>', 's>=']) same(loop(start, step, `if ${w}6 ${op} ${bound} goto +1\ngoto again`));
        }
      }
    }
  });

  it.each([
    ['start beyond the bound', loop(9, 1, 'if r6 < 5 goto again')],
    ['counter near 2^31', loop(0x7ffffff0, 4, 'if r6 < 0x7ffffff8 goto again')],
    ['32-bit addition', 'r0 = 1\nr6 = 0\nagain:\nr0 += r6\nw6 += 3\nif r6 < 30 goto again\nexit'],
    ['a counter set in the loop', 'r0 = 0\nr6 = 0\nagain:\nr0 += 1\nif r0 != 3 goto +1\nr6 = 7\nr6 += 1\nif r6 < 20 goto again\nexit'],
    ['a counter set in the latch', 'r0 = 0\nr6 = 0\nagain:\nr0 += 1\nr6 = r0\nr6 += 1\nif r6 < 20 goto again\nexit'],
    ['a counter that two ways start', 'r6 = 0\nif r2 == 64 goto +1\nr6 = 3\nr0 = 0\nagain:\nr0 += 1\nr6 += 1\nif r6 < 20 goto again\nexit'],
    ['left in the middle', 'r0 = 0\nr6 = 0\nagain:\nr0 += r6\nif r0 > 25 goto out\nr6 += 1\nif r6 < 20 goto again\nout:\nr0 += r6\nexit'],
    [
      'left in the middle and entered again without a new start',
      'r0 = 0\nr7 = 0\nr6 = 0\nagain:\nr0 += 1\nif r0 == 3 goto out\nr6 += 1\nif r6 < 20 goto again\nout:\nr7 += 1\nif r7 < 3 goto again\nr0 += r6\nexit',
    ],
    [
      'within another loop',
      'r0 = 0\nr7 = 0\nouter:\nr6 = 0\nagain:\nr0 += r6\nr6 += 1\nif r6 < 19 goto again\nr7 += 1\nif r7 < 13 goto outer\nr0 += r7\nexit',
    ],
    [
      'branches inside',
      'r0 = 0\nr6 = 0\nagain:\nr3 = r6\nr3 &= 1\nif r3 == 0 goto even\nr0 += 5\ngoto on\neven:\nr0 *= 3\non:\nr6 += 1\nif r6 < 21 goto again\nexit',
    ],
    ['two ways back', 'r0 = 0\nr6 = 0\nagain:\nr6 += 1\nr0 += r6\nif r0 == 6 goto again\nif r6 < 21 goto again\nexit'],
    [
      'loads and stores',
      'r6 = 0\nr0 = 0\nagain:\nr3 = r1\nr3 += r6\nr4 = *(u8 *)(r3 + 0)\nr0 += r4\n*(u8 *)(r3 + 0) = r0\nr6 += 1\nif r6 != 64 goto again\nexit',
    ],
    [
      'calls inside',
      'r9 = 0\nr6 = 0\nagain:\nr1 = r6\ncall f\nr9 += r0\nr6 += 1\nif r6 < 21 goto again\nr0 = r9\nexit\nf:\nr0 = r1\nr0 *= 3\nexit',
    ],
    ['may_goto inside', 'r0 = 0\nr6 = 0\nagain:\nmay_goto +3\nr0 += 1\nr6 += 1\nif r6 < 21 goto again\nexit'],
  ])('%s', (_, text) => same(text));

  it('may_goto falls through as often as in the interpreter', () => {
    const bytes = assemble('r0 = 0\nmay_goto +2\nr0 += 1\ngoto -3\nexit');
    expect(runJit(bytes, { budget: false }).r0).toBe(runBytecode(bytes).r0);
  });

  it('a short loop is copied, within the room that there is', () => {
    const size = (rounds: number): number => compileToWasm([{ bytes: assemble(loop(0, 1, `if r6 != ${rounds} goto again`)) }]).bytes.length;
    expect(size(100)).toBeGreaterThan(1.3 * size(1));
    const many = Array.from({ length: 5000 }, (_, i) => `r6 = 0\nl${i}:\n${BODY}\nr6 += 1\nif r6 != 100 goto l${i}`).join('\n');
    expect(compileToWasm([{ bytes: assemble(`r0 = 1\n${many}\nexit`) }]).bytes.length).toBeLessThan(1 << 20);
  });
});
