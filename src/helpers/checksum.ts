/** bpf_csum_diff (net/core/filter.c, v6.18): the difference of two buffers' Internet checksums, folded to 16 bits. */
import type { HelperImpls } from './types.ts';

const U32 = 2 ** 32;

/** Carries come round: 32 bits. */
function fold(sum: number): number {
  let rest = sum;
  while (rest >= U32) rest = (rest % U32) + Math.floor(rest / U32);
  return rest;
}

/** Ones' complement sum of little-endian words. At most 2^29 bytes: exact in a double. */
function partial(dv: DataView, at: number, size: number, seed: number): number {
  let sum = seed;
  let i = 0;
  for (; i + 4 <= size; i += 4) sum += dv.getUint32(at + i, true);
  for (let shift = 1; i < size; i++, shift *= 256) sum += dv.getUint8(at + i) * shift;
  return fold(sum);
}

/** Needs no packet, though it was made for them. */
export const CHECKSUM_IMPLS = {
  csum_diff(call) {
    const { dv } = call.mem;
    const [from, fromSize, to, toSize, seed] = [call.off(1), call.off(2), call.off(3), call.off(4), call.off(5)];
    let sum = seed;
    if (toSize !== 0) {
      sum = partial(dv, to, toSize, seed);
      if (fromSize !== 0) sum = fold(sum + (~partial(dv, from, fromSize, 0) >>> 0));
    } else if (fromSize !== 0) {
      sum = ~partial(dv, from, fromSize, ~seed >>> 0) >>> 0;
    }
    const folded = (sum & 0xffff) + (sum >>> 16);
    return (folded & 0xffff) + (folded >>> 16);
  },
} satisfies HelperImpls<'csum_diff'>;
