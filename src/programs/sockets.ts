/** Kernel sockets as programs see them: struct bpf_sock, its common part, struct bpf_tcp_sock, struct bpf_xdp_sock (net/core/filter.c, v6.18). */
import { BPF_SOCK, BPF_TCP_SOCK, BPF_XDP_SOCK } from './contexts.ts';
import { type FieldRules, fields } from './row.ts';
import type { CtxField } from './types.ts';

const START = { atStart: true };

/** Members of struct bpf_sock of which parts may be read: of numbers from their first byte on, of addresses anywhere. */
export const SOCK_RULES = {
  family: START,
  type: START,
  protocol: START,
  state: START,
  src_port: START,
  rx_queue_mapping: START,
  dst_port: { also: 4 },
} satisfies FieldRules;

const COMMON = 'family src_ip4 src_ip6 src_port dst_port dst_ip4 dst_ip6 state rx_queue_mapping';

/** A full socket. */
export const SOCKET_FIELDS: readonly CtxField[] = fields(
  BPF_SOCK,
  { read: 'bound_dev_if mark priority', narrow: `${COMMON} type protocol` },
  SOCK_RULES,
).fields;

/** A request, a timewait or a full socket: not every one has type, protocol, mark and priority. */
export const SOCK_COMMON_FIELDS: readonly CtxField[] = fields(BPF_SOCK, { read: 'bound_dev_if', narrow: COMMON }, SOCK_RULES).fields;

const TCP = BPF_TCP_SOCK.members.map(([name]) => name).join(' ');

export const TCP_SOCK_FIELDS: readonly CtxField[] = fields(BPF_TCP_SOCK, { read: TCP }).fields;

export const XDP_SOCK_FIELDS: readonly CtxField[] = fields(BPF_XDP_SOCK, { read: 'queue_id' }).fields;
