/** Which capabilities a loader needs besides those of the program's type before its programs may call a helper. */
import type { Capability } from '../base/index.ts';
import type { HelperName } from './index.ts';

const BPF: readonly Capability[] = ['CAP_BPF'];
const PERFMON: readonly Capability[] = ['CAP_PERFMON'];
const BPF_AND_PERFMON: readonly Capability[] = ['CAP_BPF', 'CAP_PERFMON'];
const ADMIN: readonly Capability[] = ['CAP_SYS_ADMIN'];

/** Helpers that are not listed need none (kernel/bpf/helpers.c bpf_base_func_proto, net/core/filter.c bpf_sk_base_func_proto, v6.18). */
const NEEDS: Readonly<Partial<Record<HelperName, readonly Capability[]>>> = {
  get_cgroup_classid: BPF,
  current_task_under_cgroup: BPF,
  get_current_cgroup_id: BPF,
  get_current_ancestor_cgroup_id: BPF,
  spin_lock: BPF,
  spin_unlock: BPF,
  jiffies64: BPF,
  per_cpu_ptr: BPF,
  this_cpu_ptr: BPF,
  task_storage_get: BPF,
  task_storage_delete: BPF,
  cgrp_storage_get: BPF,
  cgrp_storage_delete: BPF,
  for_each_map_elem: BPF,
  loop: BPF,
  timer_init: BPF,
  timer_set_callback: BPF,
  timer_start: BPF,
  timer_cancel: BPF,
  kptr_xchg: BPF,
  dynptr_from_mem: BPF,
  dynptr_read: BPF,
  dynptr_write: BPF,
  dynptr_data: BPF,
  ringbuf_reserve_dynptr: BPF,
  ringbuf_submit_dynptr: BPF,
  ringbuf_discard_dynptr: BPF,
  user_ringbuf_drain: BPF,
  trace_printk: BPF_AND_PERFMON,
  trace_vprintk: BPF_AND_PERFMON,
  get_current_comm: BPF_AND_PERFMON,
  get_current_task: BPF_AND_PERFMON,
  get_current_task_btf: BPF_AND_PERFMON,
  task_pt_regs: BPF_AND_PERFMON,
  get_task_stack: BPF_AND_PERFMON,
  find_vma: BPF_AND_PERFMON,
  perf_event_read: BPF_AND_PERFMON,
  perf_event_read_value: BPF_AND_PERFMON,
  get_branch_snapshot: BPF_AND_PERFMON,
  send_signal: BPF_AND_PERFMON,
  send_signal_thread: BPF_AND_PERFMON,
  probe_read_user: BPF_AND_PERFMON,
  probe_read_kernel: BPF_AND_PERFMON,
  probe_read_user_str: BPF_AND_PERFMON,
  probe_read_kernel_str: BPF_AND_PERFMON,
  copy_from_user: BPF_AND_PERFMON,
  copy_from_user_task: BPF_AND_PERFMON,
  snprintf: BPF_AND_PERFMON,
  snprintf_btf: BPF_AND_PERFMON,
  skc_to_tcp6_sock: PERFMON,
  skc_to_tcp_sock: PERFMON,
  skc_to_tcp_timewait_sock: PERFMON,
  skc_to_tcp_request_sock: PERFMON,
  skc_to_udp6_sock: PERFMON,
  skc_to_unix_sock: PERFMON,
  skc_to_mptcp_sock: PERFMON,
  sys_bpf: PERFMON,
  probe_write_user: ADMIN,
};

/** Capabilities for a helper, by its name; those that the program's type needs anyway are asked for at its load. */
export function helperCapabilities(name: string): readonly Capability[] {
  return (Object.hasOwn(NEEDS, name) ? NEEDS[name as HelperName] : undefined) ?? [];
}
