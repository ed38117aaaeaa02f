/** Helpers on ring buffers shared by all CPUs. */

import { BpfError, ERRNO } from '../base/index.ts';
import { MAP, RING } from '../maps/layout.ts';
import { MAP_MAGIC } from '../maps/types.ts';
import { clearDynptr, dynptrData, makeDynptr } from './dynptr.ts';
import { arg } from './row.ts';
import type { HelperCall, HelperImpls, HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const RINGBUF_HELPERS = [
  {
    id: 130,
    name: 'ringbuf_output',
    since: '5.8',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('void *', 'ringbuf', 'map'),
      arg('void *', 'data', 'mem'),
      arg('__u64', 'size', 'size_or_zero'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: 'Copies a record into a ring buffer.',
  },
  {
    id: 131,
    name: 'ringbuf_reserve',
    since: '5.8',
    gplOnly: false,
    ret: 'ringbuf_mem_or_null',
    cret: 'void *',
    args: [arg('void *', 'ringbuf', 'map'), arg('__u64', 'size', 'const_alloc_size_or_zero'), arg('__u64', 'flags', 'anything')],
    doc: 'Reserves a record in a ring buffer, to be filled in place.',
  },
  {
    id: 132,
    name: 'ringbuf_submit',
    since: '5.8',
    gplOnly: false,
    ret: 'void',
    cret: 'void',
    args: [arg('void *', 'data', 'ringbuf_mem', { release: true }), arg('__u64', 'flags', 'anything')],
    doc: 'Publishes a reserved record.',
  },
  {
    id: 133,
    name: 'ringbuf_discard',
    since: '5.8',
    gplOnly: false,
    ret: 'void',
    cret: 'void',
    args: [arg('void *', 'data', 'ringbuf_mem', { release: true }), arg('__u64', 'flags', 'anything')],
    doc: 'Gives a reserved record back unread.',
  },
  {
    id: 134,
    name: 'ringbuf_query',
    since: '5.8',
    gplOnly: false,
    ret: 'integer',
    cret: '__u64',
    args: [arg('void *', 'ringbuf', 'map'), arg('__u64', 'flags', 'anything')],
    doc: "Tells a ring buffer's size, positions or amount of unread data.",
  },
  {
    id: 198,
    name: 'ringbuf_reserve_dynptr',
    since: '5.19',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('void *', 'ringbuf', 'map'),
      arg('__u32', 'size', 'anything'),
      arg('__u64', 'flags', 'anything'),
      arg('struct bpf_dynptr *', 'ptr', 'dynptr_uninit'),
    ],
    doc: 'Reserves a record whose size is known only at run time.',
  },
  {
    id: 199,
    name: 'ringbuf_submit_dynptr',
    since: '5.19',
    gplOnly: false,
    ret: 'void',
    cret: 'void',
    args: [arg('struct bpf_dynptr *', 'ptr', 'dynptr', { release: true }), arg('__u64', 'flags', 'anything')],
    doc: 'Publishes a record reserved through a dynptr.',
  },
  {
    id: 200,
    name: 'ringbuf_discard_dynptr',
    since: '5.19',
    gplOnly: false,
    ret: 'void',
    cret: 'void',
    args: [arg('struct bpf_dynptr *', 'ptr', 'dynptr', { release: true }), arg('__u64', 'flags', 'anything')],
    doc: 'Gives a record reserved through a dynptr back unread.',
  },
  {
    id: 209,
    name: 'user_ringbuf_drain',
    since: '6.1',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('void *', 'map', 'map'),
      arg('void *', 'callback_fn', 'func'),
      arg('void *', 'ctx', 'stack_or_null'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: 'Calls a callback for every record that user space put into a user ring buffer.',
  },
] as const satisfies readonly HelperProto[];

const RINGBUF = 27;
const PAGE_MASK = 4095;

/** Low 32 bits of flags, with an unknown bit set for any above. */
function flags(call: HelperCall, n: number): number {
  const all = call.u64(n);
  return all >> 32n === 0n ? Number(all) | 0 : 0x8000_0000 | 0;
}

/** The record at `sample`; BpfError when it is no reserved one, which a verified program cannot bring about. */
function record(call: HelperCall, sample = call.off(1)): number {
  const { dv, u8 } = call.mem;
  const header = sample - 8;
  const ring = (header & ~PAGE_MASK) - dv.getUint32(header + 4, true) * (PAGE_MASK + 1);
  const map = ring > 0 ? dv.getUint32(ring >>> 0, true) : 0;
  const known = map !== 0 && map + MAP.SIZE <= u8.length && dv.getUint32(map + MAP.MAGIC, true) === MAP_MAGIC;
  const ours = known && dv.getUint32(map + MAP.TYPE, true) === RINGBUF && dv.getUint32(map + RING.BLOCK, true) === ring >>> 0;
  if (!ours || dv.getUint32(header, true) < 0x8000_0000) throw new BpfError(`0x${sample.toString(16)} is not a reserved record`);
  return sample;
}

/** Ends the record of a dynptr; a null one has none. */
function end(call: HelperCall, how: 'ringbuf_submit' | 'ringbuf_discard'): number {
  const data = dynptrData(call, call.off(1));
  if (data === 0) return 0;
  call.env.runtime[how](record(call, data), flags(call, 2));
  clearDynptr(call, call.off(1));
  return 0;
}

/** Ring buffers, by the compiled kernels. */
export const RINGBUF_IMPLS = {
  ringbuf_output(call) {
    return call.env.runtime.ringbuf_output(call.off(1), call.off(2), call.u64(3) >> 32n === 0n ? call.off(3) : -1, flags(call, 4));
  },
  ringbuf_reserve(call) {
    if (call.u64(2) >> 32n !== 0n) return 0;
    return call.env.runtime.ringbuf_reserve(call.off(1), call.off(2), flags(call, 3)) >>> 0;
  },
  ringbuf_submit(call) {
    call.env.runtime.ringbuf_submit(record(call), flags(call, 2));
    return 0;
  },
  ringbuf_discard(call) {
    call.env.runtime.ringbuf_discard(record(call), flags(call, 2));
    return 0;
  },
  ringbuf_reserve_dynptr(call) {
    const size = call.off(2);
    // Flags are looked at before the size, unlike where a dynptr is made of a map value.
    if (call.u64(3) !== 0n) {
      clearDynptr(call, call.off(4));
      return -ERRNO.EINVAL;
    }
    return makeDynptr(call, call.off(4), size, 0n, () => call.env.runtime.ringbuf_reserve(call.off(1), size, 0) >>> 0);
  },
  ringbuf_submit_dynptr: (call) => end(call, 'ringbuf_submit'),
  ringbuf_discard_dynptr: (call) => end(call, 'ringbuf_discard'),
  ringbuf_query: (call) => call.env.runtime.ringbuf_query(call.off(1), flags(call, 2)),
} satisfies HelperImpls<(typeof RINGBUF_HELPERS)[number]['name']>;
