/** Helpers that print into the trace buffers and into iterator files; the format rules are format.ts's. */
import { ERRNO } from '../base/index.ts';
import { formatBpf, PRINTK_BUFFER } from './format.ts';
import { arg } from './row.ts';
import type { HelperCall, HelperImpls, HelperProto } from './types.ts';

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

/** Most values that trace_vprintk and snprintf take (include/linux/bpf.h v6.18). */
const VPRINTK_ARGS = 12;

function print(call: HelperCall, fmtSize: number, args: readonly bigint[]): number {
  const start = call.off(1);
  const fmt = call.mem.u8.subarray(start, start + fmtSize);
  const end = fmt.indexOf(0);
  if (end < 0) return -ERRNO.EINVAL;
  const text = formatBpf(call, fmt.subarray(0, end), args, PRINTK_BUFFER);
  if (typeof text === 'number') return text;
  // A %c of 0 ends the message early: the trace event carries a C string.
  const nul = text.bytes.indexOf(0);
  call.tracePrintk(nul < 0 ? text.bytes : text.bytes.subarray(0, nul));
  return text.length;
}

/** Reads the u64 array of the *printf helpers, or a negative errno for a size they refuse. */
export function readArgs(call: HelperCall, data: bigint, offset: number, size: number): readonly bigint[] | number {
  if (size % 8 !== 0 || size > VPRINTK_ARGS * 8 || (size !== 0 && data === 0n)) return -ERRNO.EINVAL;
  return Array.from({ length: size / 8 }, (_, i) => call.mem.dv.getBigUint64(offset + i * 8, true));
}

/** Printing into the trace buffers: length of the whole text before any cut, or a negative errno. */
export const PRINT_IMPLS = {
  trace_printk: (call) => print(call, call.off(2), [call.u64(3), call.u64(4), call.u64(5)]),
  trace_vprintk(call) {
    const args = readArgs(call, call.u64(3), call.off(3), call.off(4));
    return typeof args === 'number' ? args : print(call, call.off(2), args);
  },
} satisfies HelperImpls<(typeof PRINT_HELPERS)[number]['name']>;
