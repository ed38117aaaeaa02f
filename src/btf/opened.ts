/** BTF opened once: types of maps and programs are the same where their BTF is the same object. */
import { Btf } from './btf.ts';

const opened = new WeakMap<Uint8Array, Btf>();

/** The BTF of these bytes, which may not change; the same object for the same array. Read lazily, as Btf.open(). @throws FormatError */
export function openBtf(bytes: Uint8Array): Btf {
  const known = opened.get(bytes);
  if (known !== undefined) return known;
  const btf = Btf.open(bytes);
  opened.set(bytes, btf);
  return btf;
}
