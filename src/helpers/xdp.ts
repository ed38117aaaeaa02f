/** Helpers on received frames before they become packets. */
import { arg } from './row.ts';
import type { HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const XDP_HELPERS = [
  {
    id: 44,
    name: 'xdp_adjust_head',
    since: '4.10',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('struct xdp_md *', 'xdp_md', 'ctx'), arg('int', 'delta', 'anything')],
    doc: 'Moves the start of a frame.',
  },
  {
    id: 54,
    name: 'xdp_adjust_meta',
    since: '4.15',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('struct xdp_md *', 'xdp_md', 'ctx'), arg('int', 'delta', 'anything')],
    doc: 'Moves the start of the data kept in front of a frame.',
  },
  {
    id: 65,
    name: 'xdp_adjust_tail',
    since: '4.18',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [arg('struct xdp_md *', 'xdp_md', 'ctx'), arg('int', 'delta', 'anything')],
    doc: 'Moves the end of a frame.',
  },
  {
    id: 188,
    name: 'xdp_get_buff_len',
    since: '5.18',
    gplOnly: false,
    ret: 'integer',
    cret: '__u64',
    args: [arg('struct xdp_md *', 'xdp_md', 'ctx')],
    doc: 'Gives the length of a frame, all its pieces counted.',
  },
  {
    id: 189,
    name: 'xdp_load_bytes',
    since: '5.18',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('struct xdp_md *', 'xdp_md', 'ctx'),
      arg('__u32', 'offset', 'anything'),
      arg('void *', 'buf', 'mem_uninit'),
      arg('__u32', 'len', 'size'),
    ],
    doc: 'Copies bytes out of a frame.',
  },
  {
    id: 190,
    name: 'xdp_store_bytes',
    since: '5.18',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('struct xdp_md *', 'xdp_md', 'ctx'),
      arg('__u32', 'offset', 'anything'),
      arg('void *', 'buf', 'mem'),
      arg('__u32', 'len', 'size'),
    ],
    doc: 'Writes bytes into a frame.',
  },
] as const satisfies readonly HelperProto[];
