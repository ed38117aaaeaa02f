/** Hooks of control groups. Rows of the program table: contexts as the kernel's own checks answered (v6.18), helper sets beyond the base set. */
import { BPF_CGROUP_DEV_CTX, BPF_SOCK, BPF_SOCK_ADDR, BPF_SOCKOPT, BPF_SYSCTL, SK_BUFF } from './contexts.ts';
import { fields, helperSet } from './row.ts';
import { ATTACH_TYPE as A } from './sections.ts';
import { SOCK_RULES } from './sockets.ts';
import type { ProgramTypeRow } from './types.ts';

/** Fields of a socket that is made or released, not of one that is being bound. */
const WHOLE_LIFE = { attach: [A.CGROUP_INET_SOCK_CREATE, A.CGROUP_INET_SOCK_RELEASE] };
/** Hooks on addresses of one family. */
const INET4 = [
  A.CGROUP_INET4_BIND,
  A.CGROUP_INET4_CONNECT,
  A.CGROUP_INET4_GETPEERNAME,
  A.CGROUP_INET4_GETSOCKNAME,
  A.CGROUP_UDP4_SENDMSG,
  A.CGROUP_UDP4_RECVMSG,
];
const INET6 = [
  A.CGROUP_INET6_BIND,
  A.CGROUP_INET6_CONNECT,
  A.CGROUP_INET6_GETPEERNAME,
  A.CGROUP_INET6_GETSOCKNAME,
  A.CGROUP_UDP6_SENDMSG,
  A.CGROUP_UDP6_RECVMSG,
];

/** Rows of enum bpf_prog_type: cgroup_skb, cgroup_sock, cgroup_device, cgroup_sock_addr, cgroup_sysctl, cgroup_sockopt. */
export const CGROUP_PROGRAMS = [
  {
    id: 8,
    name: 'cgroup_skb',
    since: '4.10',
    doc: 'Filters the packets of a control group.',
    ctx: fields(SK_BUFF, {
      any: 'cb',
      narrow:
        'len pkt_type queue_mapping protocol vlan_present vlan_tci vlan_proto ingress_ifindex ifindex tc_index hash napi_id family remote_port local_port gso_segs gso_size',
      read: 'data data_end remote_ip4 local_ip4 remote_ip6 local_ip6 sk hwtstamp',
      readWrite: 'tstamp',
      narrowWrite: 'mark priority',
    }),
    ctxType: 'struct __sk_buff',
    helpers: helperSet('25-26,46-47,68,79,81,83-86,95-99,107-108,122,128-129,136-140,160,178,196'),
    testRun: true,
    engine: false,
  },
  {
    id: 9,
    name: 'cgroup_sock',
    since: '4.10',
    doc: 'Watches and restricts the sockets that a control group makes.',
    ctx: fields(
      BPF_SOCK,
      {
        narrow: 'family type protocol dst_port dst_ip4 dst_ip6 state rx_queue_mapping src_ip4 src_ip6 src_port',
        readWrite: 'bound_dev_if mark priority',
      },
      {
        ...SOCK_RULES,
        bound_dev_if: WHOLE_LIFE,
        mark: WHOLE_LIFE,
        priority: WHOLE_LIFE,
        src_ip4: { attach: [A.CGROUP_INET4_POST_BIND] },
        src_ip6: { attach: [A.CGROUP_INET6_POST_BIND] },
        src_port: { attach: [A.CGROUP_INET4_POST_BIND, A.CGROUP_INET6_POST_BIND], ...SOCK_RULES.src_port },
      },
    ),
    ctxType: 'struct bpf_sock',
    helpers: helperSet('25,46,81,107,122,160,186-187'),
    testRun: false,
    engine: false,
  },
  {
    id: 15,
    name: 'cgroup_device',
    since: '4.15',
    doc: 'Allows or denies a control group the use of a device.',
    ctx: fields(BPF_CGROUP_DEV_CTX, { narrow: 'access_type', read: 'major minor' }),
    ctxType: 'struct bpf_cgroup_dev_ctx',
    helpers: helperSet('25,81,186-187'),
    testRun: false,
    engine: false,
  },
  {
    id: 18,
    name: 'cgroup_sock_addr',
    since: '4.17',
    doc: 'Changes the addresses that a control group binds and connects to.',
    ctx: fields(
      BPF_SOCK_ADDR,
      {
        read: 'user_family family type protocol sk',
        narrowWrite: 'user_ip4 user_port user_ip6 msg_src_ip4 msg_src_ip6',
      },
      {
        user_ip4: { attach: INET4 },
        user_ip6: { attach: INET6, wide: true },
        msg_src_ip4: { attach: [A.CGROUP_UDP4_SENDMSG] },
        msg_src_ip6: { attach: [A.CGROUP_UDP6_SENDMSG], wide: true },
      },
    ),
    ctxType: 'struct bpf_sock_addr',
    helpers: helperSet('25,46,49,57,64,81,84-86,99,107-108,122,136-140,160,178,186-187,196'),
    testRun: false,
    engine: false,
  },
  {
    id: 23,
    name: 'cgroup_sysctl',
    since: '5.2',
    doc: 'Allows or denies a control group the access to a sysctl.',
    ctx: fields(BPF_SYSCTL, { narrow: 'write', narrowWrite: 'file_pos' }),
    ctxType: 'struct bpf_sysctl',
    helpers: helperSet('25,81,101-104,160,186-187'),
    testRun: false,
    engine: false,
  },
  {
    id: 25,
    name: 'cgroup_sockopt',
    since: '5.3',
    doc: 'Watches and changes the socket options of a control group.',
    ctx: fields(
      BPF_SOCKOPT,
      { read: 'sk optval optval_end', readWrite: 'level optname optlen retval' },
      { level: { writers: [A.CGROUP_SETSOCKOPT] }, optname: { writers: [A.CGROUP_SETSOCKOPT] }, retval: { attach: [A.CGROUP_GETSOCKOPT] } },
    ),
    ctxType: 'struct bpf_sockopt',
    helpers: helperSet('25,49,57,81,96,107-108,122,186-187'),
    testRun: false,
    engine: false,
  },
] as const satisfies readonly ProgramTypeRow[];
