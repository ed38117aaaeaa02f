/** Hooks of the security modules by name: which may be attached to, sleep, and what they return (kernel/bpf/bpf_lsm.c, v6.18). */

/** What functions that stand for hooks begin with. */
export const LSM_PREFIX = 'bpf_lsm_';

const MAX_ERRNO = 4095;

function names(list: string): ReadonlySet<string> {
  return new Set(list.split(' '));
}

/** Hooks whose result the kernel could not take from a program. */
const DISABLED = names(
  'vm_enough_memory inode_need_killpriv inode_getsecurity inode_listsecurity inode_copy_up_xattr getselfattr getprocattr setprocattr ' +
    'key_getsecurity audit_rule_match ismaclabel',
);

/** Hooks that are called where pages may be faulted in. */
const SLEEPABLE = names(
  'bpf bpf_map bpf_map_create bpf_map_free bpf_prog bpf_prog_load bpf_prog_free bpf_token_create bpf_token_free bpf_token_cmd ' +
    'bpf_token_capable bprm_check_security bprm_committed_creds bprm_committing_creds bprm_creds_for_exec bprm_creds_from_file capget ' +
    'capset cred_prepare file_ioctl file_lock file_open file_post_open file_receive inet_conn_established inode_create ' +
    'inode_free_security inode_getattr inode_getxattr inode_mknod inode_need_killpriv inode_post_setxattr inode_post_removexattr ' +
    'inode_readlink inode_removexattr inode_rename inode_rmdir inode_setattr inode_setxattr inode_symlink inode_unlink ' +
    'kernel_module_request kernel_read_file kernfs_init_security key_free mmap_file netlink_send path_notify release_secctx ' +
    'sb_alloc_security sb_eat_lsm_opts sb_kern_mount sb_mount sb_remount sb_set_mnt_opts sb_show_options sb_statfs sb_umount settime ' +
    'socket_accept socket_bind socket_connect socket_create socket_getpeername socket_getpeersec_dgram socket_getsockname ' +
    'socket_getsockopt socket_listen socket_post_create socket_recvmsg socket_sendmsg socket_shutdown socket_socketpair syslog ' +
    'task_alloc task_prctl task_setscheduler task_to_inode current_getlsmprop_subj task_getlsmprop_obj userns_create',
);

/** Hooks whose arguments are half made or half gone. */
const UNTRUSTED = names('bpf_map_free bpf_prog_free file_alloc_security file_free_security sk_alloc_security sk_free_security task_free');

const BOOLEAN = names('xfrm_state_pol_flow_match audit_rule_known inode_xattr_skipcap');

/** Whether programs may not be attached although the hook exists. */
export function isDisabledHook(hook: string): boolean {
  return DISABLED.has(hook);
}

/** Whether programs at the hook may sleep. */
export function isSleepableHook(hook: string): boolean {
  return SLEEPABLE.has(hook);
}

/** Whether the hook's arguments are valid for as long as the program runs. */
export function hasTrustedArguments(hook: string): boolean {
  return !UNTRUSTED.has(hook);
}

/** What a hook that returns something returns. */
export function hookResult(hook: string): readonly [min: number, max: number] {
  return BOOLEAN.has(hook) ? [0, 1] : [-MAX_ERRNO, 0];
}
