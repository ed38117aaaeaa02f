/* Counts write calls per process at their entry, and the bytes they wrote at their return. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, __u64);
} calls SEC(".maps"), bytes SEC(".maps");

static __always_inline void add(void *map, __u64 amount) {
  __u32 pid = bpf_get_current_pid_tgid() >> 32;
  __u64 *total = bpf_map_lookup_elem(map, &pid);

  if (total)
    __sync_fetch_and_add(total, amount);
  else
    bpf_map_update_elem(map, &pid, &amount, BPF_NOEXIST);
}

SEC("kprobe/sys_write")
int entry(struct pt_regs *ctx) {
  add(&calls, 1);
  return 0;
}

SEC("kretprobe/sys_write")
int exit_(struct pt_regs *ctx) {
  long result = PT_REGS_RC(ctx);

  if (result > 0)
    add(&bytes, result);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
