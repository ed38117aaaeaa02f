/* Streams a record of every file that is opened through a ring buffer: who, which, with what result, how long it took. */
/* bpfwright run prints the records as columns: the map's value type says what they are. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct event {
  __u64 ts_ns;
  __u64 took_ns;
  __u32 pid;
  __s32 ret;
  char comm[16];
  char path[128];
};

struct opening {
  __u64 path;
  __u64 since;
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 256 * 1024);
  __type(value, struct event);
} events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, struct opening);
} opening_of_thread SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int open_enter(struct syscall_trace_enter *ctx) {
  __u32 thread = bpf_get_current_pid_tgid();
  struct opening opening = {.path = ctx->args[1], .since = bpf_ktime_get_ns()};

  bpf_map_update_elem(&opening_of_thread, &thread, &opening, BPF_ANY);
  return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int open_exit(struct syscall_trace_exit *ctx) {
  __u64 task = bpf_get_current_pid_tgid();
  __u32 thread = task;
  struct opening *opening = bpf_map_lookup_elem(&opening_of_thread, &thread);
  struct event *event;

  if (!opening)
    return 0;
  event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (event) {
    event->ts_ns = bpf_ktime_get_ns();
    event->took_ns = event->ts_ns - opening->since;
    event->pid = task >> 32;
    event->ret = ctx->ret;
    bpf_get_current_comm(event->comm, sizeof(event->comm));
    /* Reserved memory holds what was there before: text ends at its NUL, the bytes behind it are old. */
    if (bpf_probe_read_user_str(event->path, sizeof(event->path), (void *)opening->path) < 0)
      event->path[0] = 0;
    bpf_ringbuf_submit(event, 0);
  }
  bpf_map_delete_elem(&opening_of_thread, &thread);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
