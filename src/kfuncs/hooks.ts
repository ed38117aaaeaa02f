/** Which program types may call a kfunc (kernel/bpf/btf.c bpf_prog_type_to_kfunc_hook, v6.18). */
import { ATTACH_TYPE, PROGRAM_TYPE_BY_ID, type ProgramTypeName } from '../programs/index.ts';
import type { KfuncHook, KfuncRow } from './types.ts';

const HOOK_OF: Readonly<Partial<Record<ProgramTypeName, KfuncHook>>> = {
  xdp: 'xdp',
  sched_cls: 'tc',
  struct_ops: 'struct_ops',
  tracing: 'tracing',
  tracepoint: 'tracing',
  perf_event: 'tracing',
  lsm: 'tracing',
  syscall: 'syscall',
  cgroup_skb: 'cgroup',
  cgroup_sock: 'cgroup',
  cgroup_device: 'cgroup',
  cgroup_sock_addr: 'cgroup',
  cgroup_sockopt: 'cgroup',
  cgroup_sysctl: 'cgroup',
  sock_ops: 'cgroup',
  sched_act: 'sched_act',
  sk_skb: 'sk_skb',
  socket_filter: 'socket_filter',
  lwt_out: 'lwt',
  lwt_in: 'lwt',
  lwt_xmit: 'lwt',
  lwt_seg6local: 'lwt',
  netfilter: 'netfilter',
  kprobe: 'kprobe',
};

/** What decides beside the program's type. */
export interface KfuncCaller {
  /** enum bpf_prog_type. */
  readonly type: number;
  /** enum bpf_attach_type. */
  readonly expectedAttachType?: number;
  /** Loaded for one network device (BPF_F_XDP_DEV_BOUND_ONLY). */
  readonly deviceBound?: boolean;
}

/** Whether a program may call the kfunc at all. */
export function kfuncAllowed(row: KfuncRow, caller: KfuncCaller): boolean {
  const name = PROGRAM_TYPE_BY_ID.get(caller.type)?.name;
  const hook = name && HOOK_OF[name];
  if (!row.hooks.includes('common') && (hook === undefined || !row.hooks.includes(hook))) return false;
  const attach = caller.expectedAttachType;
  switch (row.only) {
    case 'lsm':
      return name === 'lsm';
    case 'iter':
      return name === 'tracing' && attach === ATTACH_TYPE.TRACE_ITER;
    case 'session':
      return attach === ATTACH_TYPE.TRACE_KPROBE_SESSION || attach === ATTACH_TYPE.TRACE_UPROBE_SESSION;
    case 'device_bound':
      return caller.deviceBound === true;
    default:
      return true;
  }
}
