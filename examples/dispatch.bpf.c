/* Hands each system call to a program of its own by a tail call. */
/* The table is filled by the loader; calls without a program fall through. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* System-call numbers of x86-64. */
#define NR_write 1
#define NR_clone 56
#define NR_exit_group 231
#define NR_MAX 512

int on_write(struct trace_event_raw_sys_enter *ctx);
int on_clone(struct trace_event_raw_sys_enter *ctx);
int on_exit_group(struct trace_event_raw_sys_enter *ctx);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, NR_MAX);
  __uint(key_size, sizeof(__u32));
  __array(values, int(void *));
} by_syscall SEC(".maps") = {
  .values =
    {
      [NR_write] = (void *)&on_write,
      [NR_clone] = (void *)&on_clone,
      [NR_exit_group] = (void *)&on_exit_group,
    },
};

SEC("tracepoint/raw_syscalls/sys_enter")
int dispatch(struct trace_event_raw_sys_enter *ctx) {
  bpf_tail_call(ctx, &by_syscall, ctx->id);
  return 0;
}

/* No target after `tracepoint`: loaded for the table, attached to nothing. */
SEC("tracepoint")
int on_write(struct trace_event_raw_sys_enter *ctx) {
  bpf_printk("write of %lu bytes to %lu", ctx->args[2], ctx->args[0]);
  return 0;
}

SEC("tracepoint")
int on_clone(struct trace_event_raw_sys_enter *ctx) {
  bpf_printk("clone with flags %lx", ctx->args[0]);
  return 0;
}

SEC("tracepoint")
int on_exit_group(struct trace_event_raw_sys_enter *ctx) {
  bpf_printk("exit with %lu", ctx->args[0]);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
