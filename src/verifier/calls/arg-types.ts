/** Kinds of registers that each kind of argument takes, in the order in which the kernel lists them (compatible_reg_types, v6.18). */
import type { ArgKind } from '../../helpers/types.ts';
import { FLAG, KIND } from '../state/reg.ts';

const BTF_TRUSTED = KIND.BTF_ID | FLAG.TRUSTED;
const MEMORY = [
  KIND.STACK,
  KIND.PACKET,
  KIND.PACKET_META,
  KIND.MAP_KEY,
  KIND.MAP_VALUE,
  KIND.MEM,
  KIND.MEM | FLAG.RINGBUF,
  KIND.BUF,
  BTF_TRUSTED,
];
const FIXED = [KIND.STACK, KIND.PACKET, KIND.PACKET_META, KIND.MAP_KEY, KIND.MAP_VALUE, KIND.MEM, KIND.MEM | FLAG.RINGBUF, KIND.BUF];
const SCALARS = [KIND.SCALAR];
const CONTEXT = [KIND.CTX];
const MAP_VALUE = [KIND.MAP_VALUE];
const BTF = [KIND.BTF_ID, BTF_TRUSTED, KIND.BTF_ID | FLAG.RCU];
const SOCKETS = [KIND.SOCK_COMMON, KIND.SOCKET, KIND.TCP_SOCK, KIND.XDP_SOCK];
const SOCK_COMMON = [...SOCKETS, KIND.BTF_ID, BTF_TRUSTED];

/** Types by argument kind; undefined: any initialised register. */
export const ARG_TYPES: Readonly<Record<ArgKind, readonly number[] | undefined>> = {
  anything: undefined,
  ctx: CONTEXT,
  ctx_or_null: CONTEXT,
  map: [KIND.MAP_PTR],
  map_key: MEMORY,
  map_value: MEMORY,
  map_value_or_null: MEMORY,
  map_value_uninit: MEMORY,
  mem: MEMORY,
  mem_or_null: MEMORY,
  mem_uninit: MEMORY,
  mem_uninit_or_null: MEMORY,
  mem_write: MEMORY,
  size: SCALARS,
  size_or_zero: SCALARS,
  const_alloc_size_or_zero: SCALARS,
  const_str: MAP_VALUE,
  fixed_mem: MEMORY,
  fixed_mem_uninit: MEMORY,
  long_ptr: FIXED,
  int_ptr: FIXED,
  func: [KIND.FUNC],
  stack_or_null: [KIND.STACK],
  spin_lock: [KIND.MAP_VALUE, KIND.BTF_ID | FLAG.ALLOC],
  timer: MAP_VALUE,
  kptr: [KIND.MAP_VALUE, KIND.BTF_ID | FLAG.ALLOC],
  dynptr: [KIND.STACK, KIND.DYNPTR],
  dynptr_uninit: [KIND.STACK, KIND.DYNPTR],
  ringbuf_mem: [KIND.MEM | FLAG.RINGBUF],
  btf_id: BTF,
  btf_id_or_null: BTF,
  sock_common: SOCK_COMMON,
  bpf_sock: SOCKETS,
  socket_or_null: [KIND.SOCKET],
  percpu_btf_id: [KIND.BTF_ID | FLAG.PERCPU, KIND.BTF_ID | FLAG.PERCPU | FLAG.RCU, BTF_TRUSTED | FLAG.PERCPU],
};

/** Kinds that also take NULL. */
export const NULLABLE: ReadonlySet<ArgKind> = new Set<ArgKind>([
  'ctx_or_null',
  'map_value_or_null',
  'mem_or_null',
  'mem_uninit_or_null',
  'stack_or_null',
  'btf_id_or_null',
  'socket_or_null',
]);

/** Kinds whose memory the helper only reads. */
export const READ_ONLY: ReadonlySet<ArgKind> = new Set<ArgKind>(['mem', 'mem_or_null', 'fixed_mem']);

/** Kinds whose memory the helper writes. */
export const WRITTEN: ReadonlySet<ArgKind> = new Set<ArgKind>([
  'mem_uninit',
  'mem_uninit_or_null',
  'mem_write',
  'map_value_uninit',
  'fixed_mem_uninit',
]);

/** Written, and need not be initialised before. */
export const UNINIT: ReadonlySet<ArgKind> = new Set<ArgKind>(['mem_uninit', 'mem_uninit_or_null', 'map_value_uninit', 'fixed_mem_uninit']);
