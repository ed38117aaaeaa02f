/** Which fields of kernel structures programs may write (btf_struct_access of the program types and struct_ops, v6.18). */
import { denied } from '../rejection.ts';
import type { Reg } from '../state/reg.ts';
import type { Verification } from '../verification.ts';
import { isComposite, resolveSize } from './walk.ts';

const PROGRAM = { SCHED_CLS: 3, SCHED_ACT: 4, XDP: 6, STRUCT_OPS: 27 } as const;

/** Fields by path: members of the structures that tcp_sock begins with count too (bpf_tcp_ca_btf_struct_access, net/ipv4/bpf_tcp_ca.c). */
const TCP_SOCK_FIELDS = [
  'inet_conn.icsk_inet.sk.sk_pacing_rate',
  'inet_conn.icsk_inet.sk.sk_pacing_status',
  'inet_conn.icsk_ca_priv',
  'inet_conn.icsk_ack.pending',
  'snd_cwnd',
  'snd_cwnd_cnt',
  'snd_cwnd_stamp',
  'snd_ssthresh',
  'ecn_flags',
  'app_limited',
];

/**
 * A store to a kernel structure by programs of types that have rules for it.
 * @returns whether there are such rules; where they forbid the store it does not return
 */
export function checkStructWrite(v: Verification, reg: Reg, off: number, size: number): boolean {
  const { type } = v.program;
  const name = reg.btf?.type(reg.target).name ?? '';
  switch (type) {
    case PROGRAM.SCHED_CLS:
    case PROGRAM.SCHED_ACT:
    case PROGRAM.XDP:
      writeConntrack(reg, name, off, size);
      return true;
    case PROGRAM.STRUCT_OPS:
      if (v.target?.structOps === 'tcp_congestion_ops') writeTcpSock(reg, name, off, size);
      else if (v.target?.structOps === 'bpf_dummy_ops') writeDummyState(reg, name, off, size);
      else return false;
      return true;
    default:
      return false;
  }
}

/** Bytes [from, to) of the field at a path; undefined where the structure has no such field. */
function fieldAt(reg: Reg, path: string): readonly [from: number, to: number] | undefined {
  const { btf } = reg;
  if (btf === undefined) return undefined;
  let id = reg.target;
  let from = 0;
  for (const part of path.split('.')) {
    const type = btf.resolve(id);
    const member = isComposite(type) ? type.members.find((m) => m.name === part) : undefined;
    if (member === undefined) return undefined;
    from += member.bitOffset >>> 3;
    id = member.type;
  }
  const size = resolveSize(btf, id)?.size;
  return size === undefined ? undefined : [from, from + size];
}

function writeTcpSock(reg: Reg, name: string, off: number, size: number): void {
  if (name !== 'tcp_sock') throw denied('only read is supported');
  for (const path of TCP_SOCK_FIELDS) {
    const field = fieldAt(reg, path);
    // Private state of the algorithm may be written anywhere, other fields from their start.
    const begins = path.endsWith('icsk_ca_priv') ? field !== undefined && off >= field[0] && off < field[1] : field?.[0] === off;
    if (field === undefined || !begins) continue;
    if (off + size <= field[1]) return;
    throw denied(`write access at off ${off} with size ${size} beyond the member of tcp_sock ended at ${field[1]}`);
  }
  throw denied(`no write support to tcp_sock at off ${off}`);
}

function writeDummyState(reg: Reg, name: string, off: number, size: number): void {
  if (name !== 'bpf_dummy_ops_state') throw denied('only access to bpf_dummy_ops_state is supported');
  const type = reg.btf?.type(reg.target);
  if (type !== undefined && isComposite(type) && off + size <= type.size) return;
  throw denied(`write access at off ${off} with size ${size}`);
}

/** Connection tracking lets a connection's mark be written; a kernel without it refuses in silence (nf_conntrack_btf_struct_access). */
function writeConntrack(reg: Reg, name: string, off: number, size: number): void {
  if (reg.btf?.find('nf_conn___init', 'struct') === undefined) throw denied('');
  if (name !== 'nf_conn' && name !== 'nf_conn___init') throw denied('only read is supported');
  const mark = fieldAt(reg, 'mark');
  if (mark === undefined || off !== mark[0]) throw denied(`no write support to nf_conn at off ${off}`);
  if (off + size > mark[1]) throw denied(`write access at off ${off} with size ${size} beyond the member of nf_conn ended at ${mark[1]}`);
}
