/** Smoke: bare bytecode runs, faults are typed. */
import { describe, expect, it } from 'vitest';
import { fromHex } from '../base/index.ts';
import { runBytecode } from './index.ts';

const ROWS: [string, string, bigint][] = [
  ['mov r0, -1; exit', 'b7000000ffffffff 9500000000000000', 0xffff_ffff_ffff_ffffn],
  ['mov32 r0, -1; exit', 'b4000000ffffffff 9500000000000000', 0xffff_ffffn],
  ['r0 = *(u32 *)(r1 + 4); exit', '6110040000000000 9500000000000000', 0x08070605n],
  ['r0 = r2; exit', 'bf20000000000000 9500000000000000', 8n],
  ['*(u64 *)(r10 - 8) = 5; r0 = *(u64 *)(r10 - 8); exit', '7a0af8ff05000000 79a0f8ff00000000 9500000000000000', 5n],
];

describe('runBytecode', () => {
  it.each(ROWS)('%s', (_, hex, r0) => {
    const result = runBytecode(fromHex(hex), { memory: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
    expect(result.fault).toBeUndefined();
    expect(result.r0).toBe(r0);
  });

  it('reports a fault with instruction, address and registers', () => {
    const { fault } = runBytecode(fromHex('b702000001000000 7910080000000000 9500000000000000'), { memory: new Uint8Array(8) });
    expect(fault?.kind).toBe('access');
    expect(fault?.insn).toBe(1);
    expect(fault?.reason).toMatch(/^R1 invalid mem access: 8 bytes at 0xffff888[0-9a-f]+ are not readable$/);
    expect(fault?.regs[2]).toBe(1n);
  });
});
