/** The libc bindings against the running system. */
import { expect, test } from 'vitest';
import { NotSupportedError } from '../base/index.ts';
import { platformArch, signalName } from './index.ts';

test.each([
  ['darwin', 'arm64', false, /needs Linux, this is darwin/],
  ['win32', 'x64', false, /needs Linux/],
  ['linux', 'x64', false, /needs glibc/],
  ['linux', 'arm64', true, /not supported on arm64, expected x64/],
])('%s %s is refused by name, with a remedy', (platform, node, glibc, message) => {
  const refused = platformArch(platform, node, glibc);
  expect(refused).toBeInstanceOf(NotSupportedError);
  expect((refused as NotSupportedError).message).toMatch(message);
  expect((refused as NotSupportedError).hint).toBeTruthy();
});

test('Linux x86-64 with glibc is supported', () => {
  expect(platformArch('linux', 'x64', true)).toMatchObject({ name: 'x86_64' });
});

test.each([
  [9, 'SIGKILL'],
  [34, 'SIGRTMIN+0'],
  [64, 'SIGRTMIN+30'],
  [99, 'signal 99'],
])('signal %i is %s', (n, name) => {
  expect(signalName(n)).toBe(name);
});
