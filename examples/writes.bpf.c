/* Counts write calls and bytes per process (--dump-maps shows them). */
/* `--set min_bytes=100` ignores smaller writes. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

const volatile __u64 min_bytes = 0;

struct writes {
  __u64 calls;
  __u64 bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, __u32);
  __type(value, struct writes);
} writes_by_pid SEC(".maps");

SEC("kprobe/sys_write")
int count_writes(struct pt_regs *ctx) {
  __u32 pid = bpf_get_current_pid_tgid() >> 32;
  __u64 bytes = PT_REGS_PARM3(ctx);
  struct writes *seen;

  if (bytes < min_bytes)
    return 0;
  seen = bpf_map_lookup_elem(&writes_by_pid, &pid);
  if (seen) {
    __sync_fetch_and_add(&seen->calls, 1);
    __sync_fetch_and_add(&seen->bytes, bytes);
  } else {
    struct writes first = {.calls = 1, .bytes = bytes};
    bpf_map_update_elem(&writes_by_pid, &pid, &first, BPF_ANY);
  }
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
