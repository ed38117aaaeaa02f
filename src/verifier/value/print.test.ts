/** Printed scalars, as the 6.18 log shows them. */
import { describe, expect, it } from 'vitest';
import {
  ALU,
  aluScalar,
  dropContradiction,
  Scalar,
  scalarConst,
  scalarText,
  setSigned,
  setUnsigned,
  syncBounds,
  truncate,
} from './index.ts';

function made(change: (r: Scalar) => void): Scalar {
  const r = new Scalar();
  change(r);
  return r;
}

describe('printing', () => {
  it.each([
    [scalarConst(42), '42'],
    [scalarConst(-1), '-1'],
    [scalarConst(32767), '32767'],
    [scalarConst(32768), '0x8000'],
    [scalarConst(-32769), '0xffffffffffff7fff'],
    [scalarConst(1n << 63n), '0x8000000000000000'],
    [new Scalar(), 'scalar()'],
    [made((r) => aluScalar(r, scalarConst(255), ALU.AND, false)), 'scalar(smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff))'],
    [made((r) => truncate(r, 4)), 'scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))'],
    [
      made((r) => {
        setSigned(r, -3, 2);
        syncBounds(r);
      }),
      'scalar(smin=smin32=-3,smax=smax32=2)',
    ],
    [
      made((r) => {
        setUnsigned(r, 1, 0xffff_ffff_ffff_fffen);
        syncBounds(r);
      }),
      'scalar(umin=1,umax=0xfffffffffffffffe)',
    ],
  ])('%#: %s', (r, text) => {
    expect(scalarText(r)).toBe(text);
  });

  it('marks', () => {
    expect(scalarText(scalarConst(7), { precise: true, id: 3 })).toBe('P7');
    expect(scalarText(new Scalar(), { id: 3 })).toBe('scalar(id=3)');
    expect(scalarText(new Scalar(), { id: 3, delta: 5, precise: true })).toBe('Pscalar(id=3+5)');
    expect(scalarText(new Scalar(), { id: 3, delta: -5 })).toBe('scalar(id=3-5)');
  });

  it('contradictions', () => {
    const r = made((it) => setUnsigned(it, 2, 1));
    expect(dropContradiction(r, 'alu')).toBe(
      'verifier bug: REG INVARIANTS VIOLATION (alu): range bounds violation u64=[0x2, 0x1] s64=[0x8000000000000000, 0x7fffffffffffffff] ' +
        'u32=[0x0, 0xffffffff] s32=[0x80000000, 0x7fffffff] var_off=(0x0, 0xffffffffffffffff)',
    );
    expect(scalarText(r)).toBe('scalar()');
    expect(dropContradiction(r, 'alu')).toBeUndefined();
  });
});
