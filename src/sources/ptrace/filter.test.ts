/** The seccomp filter: which system calls it stops at, run by a small classic-BPF interpreter. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AUDIT_ARCH, SECCOMP, X32_BIT } from '../../sys/index.ts';
import { seccompFilter } from './filter.ts';
import type { SyscallAbi } from './types.ts';
import { ABIS, callKey, keyAbi, keyNr, UNKNOWN_KEY, WantedTable } from './wanted.ts';

/** Classic BPF as seccomp runs it, for the opcodes that filters may hold. */
function runFilter(filter: Uint8Array, data: { readonly arch: number; readonly nr: number }): number {
  const view = new DataView(filter.buffer);
  let a = 0;
  for (let pc = 0; pc * 8 < filter.length; pc++) {
    const at = pc * 8;
    const k = view.getUint32(at + 4, true);
    const code = view.getUint16(at, true);
    if (code === 0x20) a = k === 0 ? data.nr : data.arch;
    else if (code === 0x06) return k;
    else if (code === 0x05) pc += k;
    else if (code === 0x15) pc += view.getUint8(a === k ? at + 2 : at + 3);
    else if (code === 0x35) pc += view.getUint8(a >= k ? at + 2 : at + 3);
    else throw new Error(`opcode 0x${code.toString(16)}`);
  }
  throw new Error('fell off the end');
}

const AUDIT: Record<SyscallAbi, number> = {
  x86_64: AUDIT_ARCH.X86_64,
  x32: AUDIT_ARCH.X86_64,
  i386: AUDIT_ARCH.I386,
  aarch64: AUDIT_ARCH.AARCH64,
};
const call = fc.record({ abi: fc.constantFrom(...ABIS), nr: fc.integer({ min: 0, max: 600 }) });

describe('the seccomp filter', () => {
  test('stops at the wanted calls with their keys, and at nothing else', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(call, { selector: (c) => callKey(c.abi, c.nr), maxLength: 400 }),
        fc.array(call, { maxLength: 50 }),
        (wanted, others) => {
          const filter = seccompFilter(wanted);
          const keys = new Set(wanted.map((c) => callKey(c.abi, c.nr)));
          for (const c of [...wanted, ...others]) {
            const key = callKey(c.abi, c.nr);
            const got = runFilter(filter, { arch: AUDIT[c.abi], nr: c.abi === 'x32' ? (c.nr | X32_BIT) >>> 0 : c.nr });
            expect(got).toBe(keys.has(key) ? SECCOMP.RET_TRACE + key : SECCOMP.RET_ALLOW);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test('lets a foreign architecture pass', () => {
    expect(runFilter(seccompFilter([{ abi: 'x86_64', nr: 1 }]), { arch: AUDIT_ARCH.AARCH64, nr: 1 })).toBe(SECCOMP.RET_ALLOW);
  });

  test('stops at every call when all are wanted', () => {
    expect(runFilter(seccompFilter(undefined), { arch: AUDIT_ARCH.I386, nr: 4 })).toBe(SECCOMP.RET_TRACE + UNKNOWN_KEY);
  });
});

describe('call keys', () => {
  test('go there and back', () => {
    fc.assert(
      fc.property(call, ({ abi, nr }) => {
        const key = callKey(abi, nr);
        expect([keyAbi(key), keyNr(key)]).toEqual([abi, nr]);
      }),
    );
  });

  test.each([
    ['x86_64', -1],
    ['x86_64', 0x4000],
    ['aarch64', 1],
  ] as const)('%s %i has none', (abi, nr) => {
    expect(callKey(abi, nr)).toBe(UNKNOWN_KEY);
  });
});

describe('what a filter covers', () => {
  const table = (...nrs: number[]): WantedTable =>
    new WantedTable({
      syscalls: nrs.map((nr) => ({ abi: 'x86_64', nr, enter: true, exit: false })),
      allEnter: false,
      allExit: false,
      exec: false,
    });
  const every = new WantedTable({ syscalls: undefined, allEnter: true, allExit: false, exec: false });

  test.each([
    ['the same', table(1, 2), table(1, 2), true],
    ['less', table(1), table(1, 2), true],
    ['more', table(1, 3), table(1, 2), false],
    ['nothing', table(), table(), true],
    ['everything by something', every, table(1), false],
    ['something by everything', table(1), every, true],
  ])('%s', (_, wanted, installed, covered) => {
    expect(wanted.coveredBy(installed)).toBe(covered);
  });
});
