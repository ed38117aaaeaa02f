/** Helpers of programs that user space calls to load others. */
import { arg } from './row.ts';
import type { HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const SYSCALL_HELPERS = [
  {
    id: 166,
    name: 'sys_bpf',
    since: '5.14',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('__u32', 'cmd', 'anything'), arg('void *', 'attr', 'mem'), arg('__u32', 'attr_size', 'size')],
    sleepable: true,
    doc: 'Performs a bpf(2) command.',
  },
  {
    id: 167,
    name: 'btf_find_by_name_kind',
    since: '5.14',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('char *', 'name', 'mem'),
      arg('int', 'name_sz', 'size_or_zero'),
      arg('__u32', 'kind', 'anything'),
      arg('int', 'flags', 'anything'),
    ],
    sleepable: true,
    doc: 'Finds a type by name and kind in kernel BTF.',
  },
  {
    id: 168,
    name: 'sys_close',
    since: '5.14',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('__u32', 'fd', 'anything')],
    sleepable: true,
    doc: 'Closes a file descriptor.',
  },
  {
    id: 179,
    name: 'kallsyms_lookup_name',
    since: '5.16',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('const char *', 'name', 'mem'),
      arg('int', 'name_sz', 'size_or_zero'),
      arg('int', 'flags', 'anything'),
      arg('__u64 *', 'res', 'fixed_mem_uninit', { size: 8 }),
    ],
    doc: 'Gives the address of a kernel symbol.',
  },
] as const satisfies readonly HelperProto[];
