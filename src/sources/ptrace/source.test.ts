/** What the main thread says of a wait status, and of refusals before any thread is asked. */
import { expect, test } from 'vitest';
import { NotSupportedError, SyscallError } from '../../base/index.ts';
import { CommandError, describeExit, exitStatus } from './index.ts';
import { explainSeize, fromWire, toWire } from './refusals.ts';

test.each([
  [0x0000, { code: 0, signal: undefined, core: false }, 'exit code 0'],
  [0x0300, { code: 3, signal: undefined, core: false }, 'exit code 3'],
  [0x000f, { code: 143, signal: 15, core: false }, 'SIGTERM'],
  [0x008b, { code: 139, signal: 11, core: true }, 'SIGSEGV (core dumped)'],
])('wait status %i', (status, expected, text) => {
  expect(exitStatus(status)).toEqual(expected);
  expect(describeExit(exitStatus(status))).toBe(text);
});

test.each([
  new CommandError('make', 2),
  new SyscallError('ptrace', 'EPERM', 'no', { hint: 'yes' }),
  new NotSupportedError('never', { hint: 'elsewhere' }),
  explainSeize(2 ** 22 + 1, 3, 'other'),
])('an error crosses threads: %s', (error) => {
  const back = fromWire(toWire(error));
  expect(back).toBeInstanceOf(error.constructor);
  expect({ message: back.message, hint: back.hint }).toEqual({ message: error.message, hint: error.hint });
});
