/** Helpers as compiled programs import them: WebAssembly arguments into registers, the implementation called, its result given back. */
import type { HelperCall, HelperImpl } from '../../helpers/index.ts';
import type { HelperEntry } from '../../interp/index.ts';
import { type HelperSignature, helperSignature } from '../../jit/index.ts';

/** What imports share: registers as helpers see them, and where 64-bit results go. */
export interface HelperFrame {
  readonly call: HelperCall;
  readonly regs: Int32Array;
  /** Stores the result of a `cell`. */
  store(result: number | bigint): void;
}

type Import = (...args: readonly number[]) => number;

/** bpf_loop's result is a count, or an errno zero-extended from 32 bits. */
const LOOP = 181;

/** How a helper is imported. */
export function signatureOf({ proto }: HelperEntry, checked: boolean): HelperSignature {
  const signature = helperSignature(proto, { checked });
  return proto.id === LOOP ? { ...signature, result: 'u32' } : signature;
}

/** The import of a helper. @param check called before the implementation; throws what is wrong with the arguments */
export function importHelper(entry: HelperEntry, signature: HelperSignature, frame: HelperFrame, check?: () => void): Import {
  const { regs, call, store } = frame;
  const { impl } = entry;
  // Where each parameter goes: the low half of a register, and its high half where that is passed.
  const at = signature.params.flatMap((param, i): number[] => (param === 'split' ? [i * 2 + 2, i * 2 + 3] : [i * 2 + 2]));
  const cell = signature.result === 'cell';
  const end = (made: HelperImpl): number => {
    check?.();
    const result = made(call);
    if (cell) store(result);
    return typeof result === 'number' ? result | 0 : Number(BigInt.asIntN(32, result));
  };
  const [p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0] = at;
  switch (at.length) {
    case 0:
      return () => end(impl);
    case 1:
      return (a = 0) => {
        regs[p0] = a;
        return end(impl);
      };
    case 2:
      return (a = 0, b = 0) => {
        regs[p0] = a;
        regs[p1] = b;
        return end(impl);
      };
    case 3:
      return (a = 0, b = 0, c = 0) => {
        regs[p0] = a;
        regs[p1] = b;
        regs[p2] = c;
        return end(impl);
      };
    case 4:
      return (a = 0, b = 0, c = 0, d = 0) => {
        regs[p0] = a;
        regs[p1] = b;
        regs[p2] = c;
        regs[p3] = d;
        return end(impl);
      };
    case 5:
      return (a = 0, b = 0, c = 0, d = 0, e = 0) => {
        regs[p0] = a;
        regs[p1] = b;
        regs[p2] = c;
        regs[p3] = d;
        regs[p4] = e;
        return end(impl);
      };
    default:
      return (...args) => {
        for (let i = 0; i < at.length; i++) regs[at[i] ?? 0] = args[i] ?? 0;
        return end(impl);
      };
  }
}
