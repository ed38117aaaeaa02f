/** Merging by time. */
import { expect, it } from 'vitest';
import { mergeByTime } from './merge.ts';

type Event = readonly [name: string, time?: bigint];
const names = (...lists: Event[][]): string =>
  mergeByTime(lists, ([, time]) => time)
    .map(([name]) => name)
    .join('');

it.each([
  ['', names()],
  [
    'ab',
    names(
      [],
      [
        ['a', 1n],
        ['b', 0n],
      ],
    ),
  ],
  [
    'abcd',
    names(
      [
        ['a', 1n],
        ['d', 9n],
      ],
      [
        ['b', 2n],
        ['c', 3n],
      ],
    ),
  ],
  ['ab', names([['a', 1n]], [['b', 1n]])],
  [
    'xay',
    names(
      [
        ['a', 1n],
        ['y', 3n],
      ],
      [['x']],
    ),
  ],
  [
    'acxb',
    names(
      [
        ['a', 1n],
        ['b', 5n],
      ],
      [['c', 2n], ['x']],
    ),
  ],
  // A list whose own times go back keeps its order.
  [
    'abc',
    names(
      [
        ['b', 5n],
        ['c', 1n],
      ],
      [['a', 2n]],
    ),
  ],
])('%s', (expected, got) => expect(got).toBe(expected));
