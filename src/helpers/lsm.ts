/** Helpers of security and file hooks. */
import { arg } from './row.ts';
import type { HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const LSM_HELPERS = [
  {
    id: 147,
    name: 'd_path',
    since: '5.10',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('struct path *', 'path', 'btf_id', { btf: 'path' }), arg('char *', 'buf', 'mem_write'), arg('__u32', 'sz', 'size_or_zero')],
    doc: 'Gives the full path of a file.',
  },
  {
    id: 159,
    name: 'bprm_opts_set',
    since: '5.11',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('struct linux_binprm *', 'bprm', 'btf_id', { btf: 'linux_binprm' }), arg('__u64', 'flags', 'anything')],
    doc: 'Sets options of the program that is being executed.',
  },
  {
    id: 161,
    name: 'ima_inode_hash',
    since: '5.11',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('struct inode *', 'inode', 'btf_id', { btf: 'inode' }), arg('void *', 'dst', 'mem_uninit'), arg('__u32', 'size', 'size')],
    sleepable: true,
    doc: 'Gives the integrity measurement of an inode.',
  },
  {
    id: 193,
    name: 'ima_file_hash',
    since: '5.18',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('struct file *', 'file', 'btf_id', { btf: 'file' }), arg('void *', 'dst', 'mem_uninit'), arg('__u32', 'size', 'size')],
    sleepable: true,
    doc: 'Computes the integrity measurement of a file.',
  },
] as const satisfies readonly HelperProto[];
