/** Accesses to the context, by the layouts of the program table (check_ctx_access and the types' is_valid_access, v6.18). */

import { type CtxField, fieldAllows } from '../../programs/index.ts';
import { bitsText } from '../log/bits-text.ts';
import { typeText } from '../log/type-text.ts';
import { denied } from '../rejection.ts';
import { FLAG, KIND, type Reg } from '../state/reg.ts';
import { tnumIsConst } from '../value/index.ts';
import type { Verification } from '../verification.ts';
import type { Direction } from './region.ts';

const OR_NULL = FLAG.MAYBE_NULL;

/** Fields that hold pointers: of these kinds, or to these structures of the kernel. */
const POINTER_FIELDS: Readonly<Record<string, Readonly<Record<string, number | string>>>> = {
  'struct __sk_buff': {
    data: KIND.PACKET,
    data_end: KIND.PACKET_END,
    data_meta: KIND.PACKET_META,
    sk: KIND.SOCK_COMMON | OR_NULL,
    flow_keys: KIND.FLOW_KEYS,
  },
  'struct xdp_md': { data: KIND.PACKET, data_end: KIND.PACKET_END, data_meta: KIND.PACKET_META },
  'struct sk_msg_md': { data: KIND.PACKET, data_end: KIND.PACKET_END, sk: KIND.SOCKET },
  'struct sk_reuseport_md': {
    data: KIND.PACKET,
    data_end: KIND.PACKET_END,
    sk: KIND.SOCKET,
    migrating_sk: KIND.SOCK_COMMON | OR_NULL,
  },
  'struct bpf_nf_ctx': { state: 'nf_hook_state', skb: 'sk_buff' },
  'struct bpf_sk_lookup': { sk: KIND.SOCKET | OR_NULL },
  'struct bpf_sock_addr': { sk: KIND.SOCKET },
  'struct bpf_sockopt': { sk: KIND.SOCKET, optval: KIND.PACKET, optval_end: KIND.PACKET_END },
  'struct bpf_sock_ops': { sk: KIND.SOCKET | OR_NULL, skb_data: KIND.PACKET, skb_data_end: KIND.PACKET_END },
};

const TRACEPOINT = 5;
const SCALAR: ContextValue = { type: KIND.SCALAR };

const RAW_TRACEPOINT_WRITABLE = 24;
const CGROUP_SKB = 8;
/** BPF_SK_LOOKUP's cookie shares the place of `sk`. */
const SK_LOOKUP = 30;

/** A pointer that may only be used as it was given: no offset added. */
export function checkUnmodified(reg: Reg, n: number, fixedOff: 'allowed' | 'none'): void {
  const name = typeText(reg.type);
  if (reg.off < 0) throw denied(`negative offset ${name} ptr R${n} off=${reg.off} disallowed`, n);
  if (fixedOff === 'none' && reg.off !== 0) throw denied(`dereference of modified ${name} ptr R${n} off=${reg.off} disallowed`, n);
  if (!tnumIsConst(reg) || (reg.vL | reg.vH) !== 0) throw denied(`variable ${name} access var_off=${bitsText(reg)} disallowed`, n);
}

/** What a load from the context gives. */
export interface ContextValue {
  readonly type: number;
  /** Kernel structure that a BTF pointer points to. */
  readonly struct?: string;
}

/** An access of `size` bytes at `off` of the context. */
export function checkContext(v: Verification, off: number, size: number, direction: Direction): ContextValue {
  const value = accessed(v, off, size, direction);
  if (value === undefined) throw denied(`invalid bpf_context access off=${off} size=${size}`, 1);
  return value;
}

function accessed(v: Verification, off: number, size: number, direction: Direction): ContextValue | undefined {
  const { row } = v;
  const { ctx } = row;
  if (ctx.kind === 'flat') {
    // The kernel compares a tracepoint's offset with an unsigned number, so that those below 0 pass.
    const below = off < ctx.start && !(row.id === TRACEPOINT && off < 0);
    if (below || off + size > ctx.start + ctx.size || off % size !== 0) return undefined;
    if (direction === 'write' && !ctx.write) return undefined;
    if (row.id === RAW_TRACEPOINT_WRITABLE && off === 0) return size === 8 ? { type: KIND.TP_BUFFER } : undefined;
    return SCALAR;
  }
  if (ctx.kind !== 'fields') return undefined;
  const attach = v.program.expectedAttachType ?? 0;
  for (const field of ctx.fields) {
    if (!fieldAllows(field, { off, size, direction, attach })) continue;
    if (row.id === SK_LOOKUP && field.name === 'cookie') continue;
    if (row.id === CGROUP_SKB && !v.capable && needsCapBpf(field, direction)) continue;
    const pointer = POINTER_FIELDS[row.ctxType]?.[field.name];
    // A pointer is loaded whole, whatever the size of its field in the structure that user space sees.
    if (pointer === undefined || size !== field.size) return SCALAR;
    return typeof pointer === 'string' ? { type: KIND.BTF_ID | FLAG.TRUSTED, struct: pointer } : { type: pointer };
  }
  return undefined;
}

/** Fields of a cgroup_skb program's context that only loaders with CAP_BPF may use (net/core/filter.c cg_skb_is_valid_access). */
function needsCapBpf({ name }: CtxField, direction: Direction): boolean {
  return name === 'data' || name === 'data_end' || (name === 'tstamp' && direction === 'write');
}
