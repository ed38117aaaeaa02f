/**
 * The kfuncs of Linux 6.18 as its own sources register them: by set, then by first version and flags. Which of them a kernel has is for its BTF to say.
 */
import type { KfuncCondition, KfuncFlag, KfuncHook, KfuncRow } from './types.ts';

/** Functions of one set that share version and flags: `[since, flags, names]`, the last two lists separated by spaces. */
type Names = readonly [since: string, flags: string, names: string];

/** A set of functions and the hooks that it is registered for. */
interface KfuncSet {
  readonly hooks: string;
  readonly only?: KfuncCondition;
  readonly rows: readonly Names[];
}

const SETS: readonly KfuncSet[] = [
  // kernel/bpf/helpers.c generic_btf_ids.
  {
    hooks: 'tc xdp tracing struct_ops syscall cgroup',
    rows: [
      ['6.2', 'acquire ret_null', 'bpf_obj_new_impl bpf_list_pop_front bpf_list_pop_back bpf_task_from_pid'],
      ['6.7', 'acquire ret_null', 'bpf_percpu_obj_new_impl'],
      ['6.2', 'release', 'bpf_obj_drop_impl bpf_task_release bpf_cgroup_release'],
      ['6.7', 'release', 'bpf_percpu_obj_drop_impl'],
      ['6.4', 'acquire ret_null rcu', 'bpf_refcount_acquire_impl'],
      ['6.2', '', 'bpf_list_push_front_impl bpf_list_push_back_impl'],
      ['6.16', 'ret_null', 'bpf_list_front bpf_list_back bpf_rbtree_root bpf_rbtree_left bpf_rbtree_right'],
      ['6.2', 'acquire rcu ret_null', 'bpf_task_acquire bpf_cgroup_acquire bpf_cgroup_ancestor'],
      ['6.3', 'acquire ret_null', 'bpf_rbtree_remove'],
      ['6.3', '', 'bpf_rbtree_add_impl'],
      ['6.3', 'ret_null', 'bpf_rbtree_first'],
      ['6.4', 'acquire ret_null', 'bpf_cgroup_from_id'],
      ['6.5', 'rcu', 'bpf_task_under_cgroup'],
      ['6.8', 'acquire rcu ret_null', 'bpf_task_get_cgroup1'],
      ['6.13', 'acquire ret_null', 'bpf_task_from_vpid'],
      ['6.7', '', 'bpf_throw'],
      ['6.13', 'trusted_args', 'bpf_send_signal_task'],
      ['6.1', 'acquire ret_null sleepable', 'bpf_lookup_user_key'],
      ['6.1', 'acquire ret_null', 'bpf_lookup_system_key'],
      ['6.1', 'release', 'bpf_key_put'],
    ],
  },
  // kernel/bpf/helpers.c common_btf_ids, map_iter.c, arena.c, rqspinlock.c.
  {
    hooks: 'common',
    rows: [
      ['6.2', 'fastcall', 'bpf_cast_to_kern_ctx bpf_rdonly_cast'],
      ['6.2', '', 'bpf_rcu_read_lock bpf_rcu_read_unlock'],
      ['6.4', 'ret_null', 'bpf_dynptr_slice bpf_dynptr_slice_rdwr'],
      ['6.4', 'iter_new', 'bpf_iter_num_new'],
      ['6.4', 'iter_next ret_null', 'bpf_iter_num_next'],
      ['6.4', 'iter_destroy', 'bpf_iter_num_destroy'],
      ['6.7', 'iter_new rcu', 'bpf_iter_task_vma_new'],
      ['6.7', 'iter_next ret_null', 'bpf_iter_task_vma_next bpf_iter_css_task_next bpf_iter_css_next bpf_iter_task_next'],
      ['6.7', 'iter_destroy', 'bpf_iter_task_vma_destroy bpf_iter_css_task_destroy bpf_iter_css_destroy bpf_iter_task_destroy'],
      ['6.7', 'iter_new trusted_args', 'bpf_iter_css_task_new'],
      ['6.7', 'iter_new trusted_args rcu_protected', 'bpf_iter_css_new bpf_iter_task_new'],
      ['6.11', 'iter_new', 'bpf_iter_bits_new'],
      ['6.11', 'iter_next ret_null', 'bpf_iter_bits_next'],
      ['6.11', 'iter_destroy', 'bpf_iter_bits_destroy'],
      ['6.13', 'iter_new  sleepable', 'bpf_iter_kmem_cache_new'],
      ['6.13', 'iter_next ret_null sleepable', 'bpf_iter_kmem_cache_next'],
      ['6.13', 'iter_destroy sleepable', 'bpf_iter_kmem_cache_destroy'],
      ['6.16', 'iter_new  sleepable', 'bpf_iter_dmabuf_new'],
      ['6.16', 'iter_next ret_null sleepable', 'bpf_iter_dmabuf_next'],
      ['6.16', 'iter_destroy sleepable', 'bpf_iter_dmabuf_destroy'],
      ['6.5', '', 'bpf_dynptr_adjust bpf_dynptr_is_null bpf_dynptr_is_rdonly bpf_dynptr_size bpf_dynptr_clone'],
      ['6.15', '', 'bpf_dynptr_copy bpf_res_spin_unlock bpf_res_spin_unlock_irqrestore'],
      [
        '6.17',
        '',
        'bpf_dynptr_memset __bpf_trap bpf_strcmp bpf_strchr bpf_strchrnul bpf_strnchr bpf_strrchr bpf_strlen bpf_strnlen bpf_strspn bpf_strcspn bpf_strstr bpf_strnstr',
      ],
      ['6.10', '', 'bpf_modify_return_test_tp bpf_wq_init bpf_wq_set_callback_impl bpf_wq_start bpf_preempt_disable bpf_preempt_enable'],
      ['6.12', 'sleepable', 'bpf_copy_from_user_str'],
      ['6.14', 'sleepable', 'bpf_copy_from_user_task_str'],
      ['6.13', '', 'bpf_get_kmem_cache'],
      ['6.14', '', 'bpf_local_irq_save bpf_local_irq_restore'],
      [
        '6.16',
        '',
        'bpf_probe_read_user_dynptr bpf_probe_read_kernel_dynptr bpf_probe_read_user_str_dynptr bpf_probe_read_kernel_str_dynptr',
      ],
      ['6.16', 'sleepable', 'bpf_copy_from_user_dynptr bpf_copy_from_user_str_dynptr'],
      ['6.16', 'sleepable trusted_args', 'bpf_copy_from_user_task_dynptr bpf_copy_from_user_task_str_dynptr'],
      ['6.18', '', 'bpf_strcasecmp'],
      ['6.17', 'rcu', 'bpf_cgroup_read_xattr'],
      ['6.17', 'trusted_args', 'bpf_stream_vprintk_impl'],
      ['6.18', 'trusted_args', 'bpf_task_work_schedule_signal_impl bpf_task_work_schedule_resume_impl'],
      ['6.6', 'trusted_args', 'bpf_map_sum_elem_count'],
      ['6.9', 'trusted_args sleepable arena_ret arena_arg2', 'bpf_arena_alloc_pages'],
      ['6.9', 'trusted_args sleepable arena_arg2', 'bpf_arena_free_pages'],
      ['6.17', 'trusted_args sleepable arena_arg2', 'bpf_arena_reserve_pages'],
      ['6.15', 'ret_null', 'bpf_res_spin_lock bpf_res_spin_lock_irqsave'],
    ],
  },
  // kernel/bpf/cpumask.c.
  {
    hooks: 'tracing struct_ops syscall',
    rows: [
      ['6.3', 'acquire ret_null', 'bpf_cpumask_create'],
      ['6.3', 'release', 'bpf_cpumask_release'],
      ['6.3', 'acquire trusted_args', 'bpf_cpumask_acquire'],
      [
        '6.3',
        'rcu',
        'bpf_cpumask_first bpf_cpumask_first_zero bpf_cpumask_set_cpu bpf_cpumask_clear_cpu bpf_cpumask_test_cpu bpf_cpumask_test_and_set_cpu bpf_cpumask_test_and_clear_cpu bpf_cpumask_setall bpf_cpumask_clear bpf_cpumask_and bpf_cpumask_or bpf_cpumask_xor bpf_cpumask_equal bpf_cpumask_intersects bpf_cpumask_subset bpf_cpumask_empty bpf_cpumask_full bpf_cpumask_copy',
      ],
      ['6.5', 'rcu', 'bpf_cpumask_first_and bpf_cpumask_any_distribute bpf_cpumask_any_and_distribute'],
      ['6.8', 'rcu', 'bpf_cpumask_weight'],
      ['6.15', 'rcu', 'bpf_cpumask_populate'],
    ],
  },
  // net/core/filter.c.
  {
    hooks: 'tc sched_act sk_skb socket_filter cgroup lwt netfilter tracing',
    rows: [['6.4', 'trusted_args', 'bpf_dynptr_from_skb']],
  },
  // net/core/filter.c.
  {
    hooks: 'tc sched_act',
    rows: [['6.18', 'trusted_args', 'bpf_dynptr_from_skb_meta']],
  },
  // net/core/filter.c, net/xfrm/xfrm_state_bpf.c.
  {
    hooks: 'xdp',
    rows: [
      ['6.4', '', 'bpf_dynptr_from_xdp'],
      ['6.18', '', 'bpf_xdp_pull_data'],
      ['6.8', 'ret_null acquire', 'bpf_xdp_get_xfrm_state'],
      ['6.8', 'release', 'bpf_xdp_xfrm_state_release'],
    ],
  },
  // net/core/xdp.c.
  {
    hooks: 'xdp',
    only: 'device_bound',
    rows: [
      ['6.3', 'trusted_args', 'bpf_xdp_metadata_rx_timestamp bpf_xdp_metadata_rx_hash'],
      ['6.8', 'trusted_args', 'bpf_xdp_metadata_rx_vlan_tag'],
    ],
  },
  // net/core/filter.c.
  {
    hooks: 'cgroup',
    rows: [['6.7', '', 'bpf_sock_addr_set_sun_path']],
  },
  // net/core/filter.c.
  {
    hooks: 'tc',
    rows: [['6.9', 'trusted_args', 'bpf_sk_assign_tcp_reqsk']],
  },
  // net/core/filter.c.
  {
    hooks: 'cgroup',
    rows: [['6.15', 'trusted_args', 'bpf_sock_ops_enable_tx_tstamp']],
  },
  // net/core/filter.c.
  {
    hooks: 'tracing',
    only: 'iter',
    rows: [['6.5', 'trusted_args', 'bpf_sock_destroy']],
  },
  // net/netfilter/nf_conntrack_bpf.c, nf_nat_bpf.c.
  {
    hooks: 'xdp tc',
    rows: [
      ['6.0', 'acquire ret_null', 'bpf_xdp_ct_alloc bpf_skb_ct_alloc'],
      ['5.18', 'acquire ret_null', 'bpf_xdp_ct_lookup bpf_skb_ct_lookup'],
      ['6.0', 'acquire ret_null release', 'bpf_ct_insert_entry'],
      ['5.18', 'release', 'bpf_ct_release'],
      ['6.0', 'trusted_args', 'bpf_ct_set_timeout bpf_ct_change_timeout bpf_ct_set_status bpf_ct_change_status'],
      ['6.1', 'trusted_args', 'bpf_ct_set_nat_info'],
    ],
  },
  // kernel/bpf/crypto.c.
  {
    hooks: 'syscall',
    rows: [
      ['6.10', 'acquire ret_null sleepable', 'bpf_crypto_ctx_create'],
      ['6.10', 'release', 'bpf_crypto_ctx_release'],
      ['6.10', 'acquire rcu ret_null', 'bpf_crypto_ctx_acquire'],
    ],
  },
  // kernel/bpf/crypto.c.
  {
    hooks: 'tc sched_act xdp',
    rows: [['6.10', 'rcu', 'bpf_crypto_decrypt bpf_crypto_encrypt']],
  },
  // fs/bpf_fs_kfuncs.c.
  {
    hooks: 'tracing',
    only: 'lsm',
    rows: [
      ['6.12', 'acquire trusted_args ret_null', 'bpf_get_task_exe_file'],
      ['6.12', 'release', 'bpf_put_file'],
      ['6.12', 'trusted_args', 'bpf_path_d_path'],
      ['6.12', 'sleepable trusted_args', 'bpf_get_dentry_xattr'],
      ['6.8', 'sleepable trusted_args', 'bpf_get_file_xattr'],
      ['6.14', 'sleepable trusted_args', 'bpf_set_dentry_xattr bpf_remove_dentry_xattr'],
    ],
  },
  // kernel/trace/bpf_trace.c.
  {
    hooks: 'kprobe',
    only: 'session',
    rows: [['6.10', '', 'bpf_session_is_return bpf_session_cookie']],
  },
  // kernel/cgroup/rstat.c.
  {
    hooks: 'tracing',
    rows: [
      ['6.16', '', 'css_rstat_updated'],
      ['6.16', 'sleepable', 'css_rstat_flush'],
    ],
  },
  // net/ipv4/bpf_tcp_ca.c, tcp_cubic.c, tcp_bbr.c.
  {
    hooks: 'struct_ops',
    rows: [
      [
        '5.13',
        '',
        'bbr_init bbr_main bbr_sndbuf_expand bbr_undo_cwnd bbr_cwnd_event bbr_ssthresh bbr_min_tso_segs bbr_set_state cubictcp_init cubictcp_recalc_ssthresh cubictcp_cong_avoid cubictcp_state cubictcp_cwnd_event cubictcp_acked tcp_reno_ssthresh tcp_reno_cong_avoid tcp_reno_undo_cwnd tcp_slow_start tcp_cong_avoid_ai',
      ],
    ],
  },
  // net/bpf/test_run.c.
  {
    hooks: 'tc tracing syscall',
    rows: [['5.18', 'release', 'bpf_kfunc_call_test_release bpf_kfunc_call_memb_release']],
  },
  // net/bpf/test_run.c.
  {
    hooks: 'fmodret',
    rows: [
      ['5.7', '', 'bpf_modify_return_test'],
      ['6.4', '', 'bpf_modify_return_test2'],
      ['6.1', 'sleepable', 'bpf_fentry_test1'],
    ],
  },
];

function words<T extends string>(text: string): T[] {
  return text.split(' ').filter((word) => word !== '') as T[];
}

/** All kfuncs known, by name. */
export const KFUNCS: readonly KfuncRow[] = SETS.flatMap(({ hooks, only, rows }) =>
  rows.flatMap(([since, flags, names]) =>
    words(names).map((name) => ({
      name,
      since,
      flags: words<KfuncFlag>(flags),
      hooks: words<KfuncHook>(hooks),
      ...(only === undefined ? {} : { only }),
    })),
  ),
).sort((a, b) => (a.name < b.name ? -1 : 1));

/** Row of a name. */
export const KFUNC_BY_NAME: ReadonlyMap<string, KfuncRow> = new Map(KFUNCS.map((row) => [row.name, row]));
