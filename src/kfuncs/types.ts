/** What a row of the kfunc table states. BTF has the names and prototypes; flags and hooks it lacks, and they are here. */

/** KF_* flags (include/linux/btf.h, v6.18), lower case; `arena_*` say which value is an arena pointer. */
export type KfuncFlag =
  | 'acquire'
  | 'release'
  | 'ret_null'
  | 'trusted_args'
  | 'sleepable'
  | 'destructive'
  | 'rcu'
  | 'rcu_protected'
  | 'iter_new'
  | 'iter_next'
  | 'iter_destroy'
  | 'fastcall'
  | 'arena_ret'
  | 'arena_arg2';

/** Groups of program types that kfuncs are registered for (kernel/bpf/btf.c BTF_KFUNC_HOOK_*, v6.18); `fmodret` marks functions that fmod_ret programs may attach to and none may call. */
export type KfuncHook =
  | 'common'
  | 'xdp'
  | 'tc'
  | 'struct_ops'
  | 'tracing'
  | 'syscall'
  | 'cgroup'
  | 'sched_act'
  | 'sk_skb'
  | 'socket_filter'
  | 'lwt'
  | 'netfilter'
  | 'kprobe'
  | 'fmodret';

/** What a set asks of the program beyond its type: a security hook, an iterator, a session probe, a device that it is bound to. */
export type KfuncCondition = 'lsm' | 'iter' | 'session' | 'device_bound';

/** A function of the kernel that programs may call by BTF id. */
export interface KfuncRow {
  readonly name: string;
  /** First kernel version under this name. */
  readonly since: string;
  readonly flags: readonly KfuncFlag[];
  readonly hooks: readonly KfuncHook[];
  readonly only?: KfuncCondition;
}
