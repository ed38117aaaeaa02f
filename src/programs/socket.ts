/** Programs on sockets, streams and messages. Rows of the program table: contexts as the kernel's own checks answered (v6.18), helper sets beyond the base set. */
import { BPF_SK_LOOKUP, BPF_SOCK_OPS, SK_BUFF, SK_MSG_MD, SK_REUSEPORT_MD } from './contexts.ts';
import { fields, helperSet } from './row.ts';
import type { ProgramTypeRow } from './types.ts';

/** Rows of enum bpf_prog_type: sock_ops, sk_skb, sk_msg, sk_reuseport, sk_lookup. */
export const SOCKET_PROGRAMS = [
  {
    id: 13,
    name: 'sock_ops',
    since: '4.13',
    doc: 'Follows the life of TCP connections and sets their parameters.',
    ctx: fields(
      BPF_SOCK_OPS,
      {
        narrow: 'skb_tcp_flags',
        read: 'op args family remote_ip4 local_ip4 remote_ip6 local_ip6 remote_port local_port is_fullsock snd_cwnd srtt_us bpf_sock_ops_cb_flags state rtt_min snd_ssthresh rcv_nxt snd_nxt snd_una mss_cache ecn_flags rate_delivered rate_interval_us packets_out retrans_out total_retrans segs_in data_segs_in segs_out data_segs_out lost_out sacked_out bytes_received bytes_acked sk skb_data skb_data_end skb_len skb_hwtstamp',
        readWrite: 'reply sk_txhash',
      },
      { skb_tcp_flags: { atStart: true } },
    ),
    ctxType: 'struct bpf_sock_ops',
    helpers: helperSet('25,46,49,53,57,59,70,81,96,107-108,122,136-140,142-144,160,178,196'),
    testRun: false,
    engine: false,
  },
  {
    id: 14,
    name: 'sk_skb',
    since: '4.14',
    doc: 'Cuts a stream into messages and redirects them between sockets.',
    ctx: fields(SK_BUFF, {
      anyRead: 'cb',
      narrow:
        'len pkt_type queue_mapping protocol vlan_present vlan_tci vlan_proto ingress_ifindex ifindex hash napi_id family remote_port local_port gso_segs gso_size',
      read: 'data data_end remote_ip4 local_ip4 remote_ip6 local_ip6 sk',
      narrowWrite: 'priority tc_index',
    }),
    ctxType: 'struct __sk_buff',
    helpers: helperSet('9,25-26,38-39,43,46-47,50,52,72,84-86,99,136-140,160,178,196'),
    testRun: false,
    engine: false,
  },
  {
    id: 16,
    name: 'sk_msg',
    since: '4.17',
    doc: 'Decides on messages that a socket sends.',
    ctx: fields(SK_MSG_MD, { read: 'data data_end family remote_ip4 local_ip4 remote_ip6 local_ip6 remote_port local_port size sk' }),
    ctxType: 'struct sk_msg_md',
    helpers: helperSet('25,60-63,71,90-91,107-108,122,136-140,160,178,196'),
    testRun: false,
    engine: false,
  },
  {
    id: 21,
    name: 'sk_reuseport',
    since: '4.19',
    doc: 'Chooses the socket of a reuseport group.',
    ctx: fields(
      SK_REUSEPORT_MD,
      { narrow: 'len eth_protocol ip_protocol bind_inany', read: 'data data_end hash sk migrating_sk' },
      { eth_protocol: { least: 2 } },
    ),
    ctxType: 'struct sk_reuseport_md',
    helpers: helperSet('26,46,68,82,160'),
    testRun: false,
    engine: false,
  },
  {
    id: 30,
    name: 'sk_lookup',
    since: '5.9',
    doc: 'Chooses the listening socket of a connection.',
    ctx: fields(
      BPF_SK_LOOKUP,
      {
        narrow: 'family protocol remote_ip4 remote_ip6 remote_port local_ip4 local_ip6 local_port ingress_ifindex',
        read: 'sk cookie',
      },
      { remote_port: { span: 4 } },
    ),
    ctxType: 'struct bpf_sk_lookup',
    helpers: helperSet('25,86,124,136-140,160,178,196'),
    testRun: true,
    engine: false,
  },
] as const satisfies readonly ProgramTypeRow[];
