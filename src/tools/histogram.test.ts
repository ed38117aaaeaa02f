/** Histograms are drawn as bcc draws them. */
import { describe, expect, it } from 'vitest';
import { drawHistogram } from './histogram.ts';

describe('drawHistogram', () => {
  it('slots are powers of two, the longest bar has 40 stars', () => {
    expect([...drawHistogram([1n, 0n, 4n, 8n, 0n], 'usecs')]).toEqual([
      '                   usecs : count    distribution',
      `         0 -> 1          : 1        |${'*'.repeat(5).padEnd(40)}|`,
      `         2 -> 3          : 0        |${' '.repeat(40)}|`,
      `         4 -> 7          : 4        |${'*'.repeat(20).padEnd(40)}|`,
      `         8 -> 15         : 8        |${'*'.repeat(40)}|`,
    ]);
  });

  it('slots of large numbers, and counts of 64 bits', () => {
    const slots = Array.from({ length: 64 }, (_, n) => (n === 63 ? (1n << 64n) - 1n : 0n));
    const lines = [...drawHistogram(slots, 'ns')];
    expect(lines.length).toBe(65);
    expect(lines.at(-1)).toBe(` 9223372036854775808 -> 18446744073709551615 : 18446744073709551615 |${'*'.repeat(40)}|`);
  });

  it('nothing counted: nothing drawn', () => {
    expect([...drawHistogram([0n, 0n], 'ns')]).toEqual([]);
  });
});
