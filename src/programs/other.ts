/** Flow dissection, infrared decoding, bpf(2) programs and netfilter. Rows of the program table: contexts as the kernel's own checks answered (v6.18), helper sets beyond the base set. */
import { BPF_NF_CTX, SK_BUFF } from './contexts.ts';
import { fields, helperSet } from './row.ts';
import type { ProgramTypeRow } from './types.ts';

/** Rows of enum bpf_prog_type: flow_dissector, lirc_mode2, syscall, netfilter. */
export const OTHER_PROGRAMS = [
  {
    id: 22,
    name: 'flow_dissector',
    since: '4.20',
    doc: 'Dissects the headers of packets.',
    ctx: fields(SK_BUFF, { read: 'data data_end flow_keys' }),
    ctxType: 'struct __sk_buff',
    helpers: helperSet('26,136-140,160,178,196'),
    testRun: true,
    engine: false,
  },
  {
    id: 20,
    name: 'lirc_mode2',
    since: '4.18',
    doc: 'Decodes the pulses of a remote control.',
    ctx: { kind: 'flat', start: 0, size: 4, write: false },
    ctxType: 'unsigned int',
    helpers: helperSet('1-3,5-7,12,77-78,87-89,92,125', 'none'),
    testRun: false,
    engine: false,
  },
  {
    id: 31,
    name: 'syscall',
    since: '5.14',
    doc: 'Runs on request of user space and may call bpf(2).',
    ctx: { kind: 'flat', start: 0, size: 65536, write: true },
    ctxType: 'void',
    helpers: helperSet('4,25,27,45-46,67,107-108,111,121,136-140,147,162,166-168,173,178-179,188,196'),
    testRun: true,
    engine: false,
  },
  {
    id: 32,
    name: 'netfilter',
    since: '6.4',
    doc: 'Decides on packets at a netfilter hook.',
    ctx: fields(BPF_NF_CTX, { read: 'state skb' }),
    ctxType: 'struct bpf_nf_ctx',
    helpers: helperSet(''),
    testRun: true,
    engine: false,
  },
] as const satisfies readonly ProgramTypeRow[];
