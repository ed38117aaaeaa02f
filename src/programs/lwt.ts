/** Light-weight tunnels. Rows of the program table: contexts as the kernel's own checks answered (v6.18), helper sets beyond the base set. */
import { SK_BUFF } from './contexts.ts';
import { fields, helperSet } from './row.ts';
import type { ProgramTypeRow } from './types.ts';

/** Rows of enum bpf_prog_type: lwt_in, lwt_out, lwt_xmit, lwt_seg6local. */
export const LWT_PROGRAMS = [
  {
    id: 10,
    name: 'lwt_in',
    since: '4.10',
    doc: 'Runs on packets that enter through a light-weight tunnel.',
    ctx: fields(SK_BUFF, {
      any: 'cb',
      narrow:
        'len pkt_type queue_mapping protocol vlan_present vlan_tci vlan_proto ingress_ifindex ifindex tc_index hash napi_id gso_segs gso_size',
      read: 'data data_end sk',
      narrowWrite: 'mark priority',
    }),
    ctxType: 'struct __sk_buff',
    helpers: helperSet('24-26,28,33-34,39,73,136-140,160,178,196'),
    testRun: true,
    engine: false,
  },
  {
    id: 11,
    name: 'lwt_out',
    since: '4.10',
    doc: 'Runs on packets that leave through a light-weight tunnel.',
    ctx: fields(SK_BUFF, {
      any: 'cb',
      narrow:
        'len pkt_type queue_mapping protocol vlan_present vlan_tci vlan_proto ingress_ifindex ifindex tc_index hash napi_id gso_segs gso_size',
      read: 'data data_end sk',
      narrowWrite: 'mark priority',
    }),
    ctxType: 'struct __sk_buff',
    helpers: helperSet('24-26,28,33-34,39,136-140,160,178,196'),
    testRun: true,
    engine: false,
  },
  {
    id: 12,
    name: 'lwt_xmit',
    since: '4.10',
    doc: 'Changes packets that a light-weight tunnel sends.',
    ctx: fields(SK_BUFF, {
      any: 'cb',
      narrow:
        'len pkt_type queue_mapping protocol vlan_present vlan_tci vlan_proto ingress_ifindex ifindex tc_index hash napi_id gso_segs gso_size',
      read: 'data data_end sk',
      narrowWrite: 'mark priority',
    }),
    ctxType: 'struct __sk_buff',
    helpers: helperSet('9-11,13,20-21,23-26,28-30,33-34,38-41,43,73,135-140,160,178,196'),
    testRun: true,
    engine: false,
  },
  {
    id: 19,
    name: 'lwt_seg6local',
    since: '4.18',
    doc: 'Acts on packets of IPv6 segment routing.',
    ctx: fields(SK_BUFF, {
      any: 'cb',
      narrow:
        'len pkt_type queue_mapping protocol vlan_present vlan_tci vlan_proto ingress_ifindex ifindex tc_index hash napi_id gso_segs gso_size',
      read: 'data data_end sk',
      narrowWrite: 'mark priority',
    }),
    ctxType: 'struct __sk_buff',
    helpers: helperSet('24-26,28,33-34,39,74-76,136-140,160,178,196'),
    testRun: true,
    engine: false,
  },
] as const satisfies readonly ProgramTypeRow[];
