/** Helpers on dynptrs: memory whose bounds are kept with the pointer. */
import { ERRNO } from '../base/index.ts';
import { toPointer } from '../mem/index.ts';
import { arg } from './row.ts';
import type { HelperCall, HelperImpls, HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const DYNPTR_HELPERS = [
  {
    id: 197,
    name: 'dynptr_from_mem',
    since: '5.19',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('void *', 'data', 'mem_uninit'),
      arg('__u32', 'size', 'size_or_zero'),
      arg('__u64', 'flags', 'anything'),
      arg('struct bpf_dynptr *', 'ptr', 'dynptr_uninit'),
    ],
    doc: 'Makes a dynptr of a piece of a map value.',
  },
  {
    id: 201,
    name: 'dynptr_read',
    since: '5.19',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('void *', 'dst', 'mem_uninit'),
      arg('__u32', 'len', 'size_or_zero'),
      arg('const struct bpf_dynptr *', 'src', 'dynptr'),
      arg('__u32', 'offset', 'anything'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: 'Copies bytes out of a dynptr.',
  },
  {
    id: 202,
    name: 'dynptr_write',
    since: '5.19',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('const struct bpf_dynptr *', 'dst', 'dynptr'),
      arg('__u32', 'offset', 'anything'),
      arg('void *', 'src', 'mem'),
      arg('__u32', 'len', 'size_or_zero'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: 'Copies bytes into a dynptr.',
  },
  {
    id: 203,
    name: 'dynptr_data',
    since: '5.19',
    gplOnly: false,
    ret: 'dynptr_mem_or_null',
    cret: 'void *',
    args: [
      arg('const struct bpf_dynptr *', 'ptr', 'dynptr'),
      arg('__u32', 'offset', 'anything'),
      arg('__u32', 'len', 'const_alloc_size_or_zero'),
    ],
    doc: 'Gives a direct pointer to a piece of a dynptr.',
  },
] as const satisfies readonly HelperProto[];

/**
 * struct bpf_dynptr_kern, which fills the program's 16 bytes (include/linux/bpf.h v6.18). Programs cannot read it: the verifier keeps them out.
 * A null dynptr is all zeros.
 */
const DYNPTR = { DATA: 0, SIZE: 8, OFFSET: 12 } as const;
/** Of the word at SIZE: bytes, and whether the memory may not be written (kernel/bpf/helpers.c DYNPTR_SIZE_MASK, DYNPTR_RDONLY_BIT). */
const SIZE_MASK = 0xff_ffff;
const RDONLY = 0x8000_0000;

/** Offset of the data that the dynptr at `at` was made of; 0 for a null dynptr. */
export function dynptrData({ mem }: HelperCall, at: number): number {
  return mem.dv.getUint32(at + DYNPTR.DATA, true);
}

/** Makes the dynptr at `at` null. */
export function clearDynptr({ mem }: HelperCall, at: number): void {
  mem.u8.fill(0, at, at + 16);
}

/**
 * Makes a dynptr of `size` bytes at the offset that `data` gives, or a null one and an errno: -E2BIG for more than 2^24 - 1 bytes.
 * @param data gives the offset, or 0 (-EINVAL: there is no memory)
 */
export function makeDynptr(call: HelperCall, at: number, size: number, flags: bigint, data: () => number): number {
  clearDynptr(call, at);
  if (size > SIZE_MASK) return -ERRNO.E2BIG;
  if (flags !== 0n) return -ERRNO.EINVAL;
  const from = data();
  if (from === 0) return -ERRNO.EINVAL;
  const { dv } = call.mem;
  dv.setBigUint64(at + DYNPTR.DATA, toPointer(from), true);
  dv.setUint32(at + DYNPTR.SIZE, size, true);
  return 0;
}

/** Offset of `length` bytes from `offset` on in the dynptr at `at`: -EINVAL for a null dynptr, -E2BIG for bytes that it does not have. */
function reach(call: HelperCall, at: number, offset: number, length: number): number {
  const { dv } = call.mem;
  const data = dynptrData(call, at);
  if (data === 0) return -ERRNO.EINVAL;
  const size = dv.getUint32(at + DYNPTR.SIZE, true) & SIZE_MASK;
  return length > size || offset > size - length ? -ERRNO.E2BIG : data + dv.getUint32(at + DYNPTR.OFFSET, true) + offset;
}

function isReadOnly({ mem }: HelperCall, at: number): boolean {
  return mem.dv.getUint32(at + DYNPTR.SIZE, true) >= RDONLY;
}

/** Dynptrs of map values and ring buffer records; the checks come in the order of kernel/bpf/helpers.c (v6.18). */
export const DYNPTR_IMPLS = {
  dynptr_from_mem: (call) => makeDynptr(call, call.off(4), call.off(2), call.u64(3), () => call.off(1)),
  dynptr_read(call) {
    if (call.u64(5) !== 0n) return -ERRNO.EINVAL;
    const from = reach(call, call.off(3), call.off(4), call.off(2));
    if (from < 0) return from;
    call.mem.u8.copyWithin(call.off(1), from, from + call.off(2));
    return 0;
  },
  dynptr_write(call) {
    const to = isReadOnly(call, call.off(1)) ? -ERRNO.EINVAL : reach(call, call.off(1), call.off(2), call.off(4));
    if (to < 0) return to;
    if (call.u64(5) !== 0n) return -ERRNO.EINVAL;
    call.mem.u8.copyWithin(to, call.off(3), call.off(3) + call.off(4));
    return 0;
  },
  dynptr_data(call) {
    const at = isReadOnly(call, call.off(1)) ? 0 : reach(call, call.off(1), call.off(2), call.off(3));
    return Math.max(0, at);
  },
} satisfies HelperImpls<(typeof DYNPTR_HELPERS)[number]['name']>;
