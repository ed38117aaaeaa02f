/** Helpers on dynptrs: memory whose bounds are kept with the pointer. */
import { arg } from './row.ts';
import type { HelperProto } from './types.ts';

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
