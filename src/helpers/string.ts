/** Helpers that compare, parse and format text in memory. */
import { arg } from './row.ts';
import type { HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const STRING_HELPERS = [
  {
    id: 105,
    name: 'strtol',
    since: '5.2',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('const char *', 'buf', 'mem'),
      arg('unsigned long', 'buf_len', 'size'),
      arg('__u64', 'flags', 'anything'),
      arg('long *', 'res', 'fixed_mem_uninit', { size: 8 }),
    ],
    doc: 'Parses a signed integer at the start of a buffer.',
  },
  {
    id: 106,
    name: 'strtoul',
    since: '5.2',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('const char *', 'buf', 'mem'),
      arg('unsigned long', 'buf_len', 'size'),
      arg('__u64', 'flags', 'anything'),
      arg('unsigned long *', 'res', 'fixed_mem_uninit', { size: 8 }),
    ],
    doc: 'Parses an unsigned integer at the start of a buffer.',
  },
  {
    id: 149,
    name: 'snprintf_btf',
    since: '5.10',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('char *', 'str', 'mem_write'),
      arg('__u32', 'str_size', 'size'),
      arg('struct btf_ptr *', 'ptr', 'mem'),
      arg('__u32', 'btf_ptr_size', 'size'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: 'Formats a kernel object by its BTF type into a buffer.',
  },
  {
    id: 165,
    name: 'snprintf',
    since: '5.13',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('char *', 'str', 'mem_uninit_or_null'),
      arg('__u32', 'str_size', 'size_or_zero'),
      arg('const char *', 'fmt', 'const_str'),
      arg('__u64 *', 'data', 'mem_or_null'),
      arg('__u32', 'data_len', 'size_or_zero'),
    ],
    doc: 'Formats values into a buffer.',
  },
  {
    id: 182,
    name: 'strncmp',
    since: '5.17',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('const char *', 's1', 'mem'), arg('__u32', 's1_sz', 'size'), arg('const char *', 's2', 'const_str')],
    doc: 'Compares a buffer with a constant string.',
  },
] as const satisfies readonly HelperProto[];
