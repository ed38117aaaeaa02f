/* Prints every file that is opened and what the kernel answered. */
/* Two tracepoints of one call: the entry knows the path, the exit knows the result; a map keyed by thread joins them. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define PATH_BYTES 128

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, __u64);
} path_of_thread SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int open_enter(struct syscall_trace_enter *ctx) {
  __u32 thread = bpf_get_current_pid_tgid();
  __u64 path = ctx->args[1];

  bpf_map_update_elem(&path_of_thread, &thread, &path, BPF_ANY);
  return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int open_exit(struct syscall_trace_exit *ctx) {
  __u32 thread = bpf_get_current_pid_tgid();
  __u64 *address = bpf_map_lookup_elem(&path_of_thread, &thread);
  char path[PATH_BYTES] = {};

  if (!address)
    return 0;
  /* Read at the exit: the kernel has faulted the page in by then. */
  bpf_probe_read_user_str(path, sizeof(path), (void *)*address);
  bpf_map_delete_elem(&path_of_thread, &thread);
  bpf_printk("open %s = %ld", path, ctx->ret);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
