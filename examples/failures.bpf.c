/* Counts opens that failed by their error (--dump-maps shows them). */
/* A kretprobe sees the result of the function that the kprobe of the same name sees the arguments of. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define MAX_ERRNO 4095

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256);
  __type(key, __s32);
  __type(value, __u64);
} opens_failed_by_errno SEC(".maps");

SEC("kretprobe/do_sys_openat2")
int BPF_KRETPROBE(open_returns, long result) {
  __s32 error = -result;
  __u64 one = 1;
  __u64 *count;

  if (result >= 0 || result < -MAX_ERRNO)
    return 0;
  count = bpf_map_lookup_elem(&opens_failed_by_errno, &error);
  if (count)
    __sync_fetch_and_add(count, 1);
  else
    bpf_map_update_elem(&opens_failed_by_errno, &error, &one, BPF_NOEXIST);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
