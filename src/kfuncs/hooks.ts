/** Which program types may call a kfunc (kernel/bpf/btf.c bpf_prog_type_to_kfunc_hook, v6.18). */
import { PROGRAM_TYPE_BY_ID, type ProgramTypeName } from '../programs/index.ts';
import type { KfuncHook, KfuncRow } from './types.ts';

const HOOK_OF: Readonly<Partial<Record<ProgramTypeName, KfuncHook>>> = {
  xdp: 'xdp',
  sched_cls: 'tc',
  struct_ops: 'struct_ops',
  tracing: 'tracing',
  tracepoint: 'tracing',
  raw_tracepoint: 'tracing',
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

/** Whether programs of type `progType` (enum bpf_prog_type) may call the kfunc at all; some sets have further conditions of their own. */
export function kfuncAllowed(row: KfuncRow, progType: number): boolean {
  if (row.hooks.includes('common')) return true;
  const type = PROGRAM_TYPE_BY_ID.get(progType);
  const hook = type && HOOK_OF[type.name];
  return hook !== undefined && row.hooks.includes(hook);
}
