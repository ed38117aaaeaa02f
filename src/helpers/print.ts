/** Helpers that print into the trace buffers and into iterator files; the format rules are format.ts's. */
import { arg } from './row.ts';
import type { HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const PRINT_HELPERS = [
  {
    id: 6,
    name: 'trace_printk',
    since: '4.1',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('const char *', 'fmt', 'mem'), arg('__u32', 'fmt_size', 'size')],
    variadic: true,
    doc: 'Prints up to three values into the trace pipe by a format.',
  },
  {
    id: 126,
    name: 'seq_printf',
    since: '5.8',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('struct seq_file *', 'm', 'btf_id', { btf: 'seq_file' }),
      arg('const char *', 'fmt', 'mem'),
      arg('__u32', 'fmt_size', 'size'),
      arg('const void *', 'data', 'mem_or_null'),
      arg('__u32', 'data_len', 'size_or_zero'),
    ],
    doc: "Prints values into an iterator's file by a format.",
  },
  {
    id: 127,
    name: 'seq_write',
    since: '5.8',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('struct seq_file *', 'm', 'btf_id', { btf: 'seq_file' }),
      arg('const void *', 'data', 'mem'),
      arg('__u32', 'len', 'size_or_zero'),
    ],
    doc: "Writes bytes into an iterator's file.",
  },
  {
    id: 150,
    name: 'seq_printf_btf',
    since: '5.10',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('struct seq_file *', 'm', 'btf_id', { btf: 'seq_file' }),
      arg('struct btf_ptr *', 'ptr', 'mem'),
      arg('__u32', 'ptr_size', 'size_or_zero'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: "Prints a kernel object into an iterator's file by its BTF type.",
  },
  {
    id: 177,
    name: 'trace_vprintk',
    since: '5.16',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('const char *', 'fmt', 'mem'),
      arg('__u32', 'fmt_size', 'size'),
      arg('const void *', 'data', 'mem_or_null'),
      arg('__u32', 'data_len', 'size_or_zero'),
    ],
    doc: 'Prints up to twelve values, given as an array, into the trace pipe by a format.',
  },
] as const satisfies readonly HelperProto[];
