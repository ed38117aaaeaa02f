/** Socket filters. Rows of the program table: contexts as the kernel's own checks answered (v6.18), helper sets beyond the base set. */
import { SK_BUFF } from './contexts.ts';
import { fields, helperSet } from './row.ts';
import type { ProgramTypeRow } from './types.ts';

/** Rows of enum bpf_prog_type: socket_filter. */
export const SOCKET_FILTER_PROGRAMS = [
  {
    id: 1,
    name: 'socket_filter',
    since: '3.19',
    doc: 'Filters the packets that a socket receives.',
    ctx: fields(SK_BUFF, {
      any: 'cb',
      narrow:
        'len pkt_type mark queue_mapping protocol vlan_present vlan_tci vlan_proto priority ingress_ifindex ifindex tc_index hash napi_id gso_segs gso_size',
      read: 'sk',
    }),
    ctxType: 'struct __sk_buff',
    helpers: helperSet('25-26,46-47,68,122,136-140,160,178,196'),
    testRun: true,
    engine: true,
  },
] as const satisfies readonly ProgramTypeRow[];
