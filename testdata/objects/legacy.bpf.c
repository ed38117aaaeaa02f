/* As samples/bpf of Linux 4.4: 16-byte rows in `maps`, numbered sections for a prog_array, no BTF. */
#include "common.h"

struct bpf_map_def {
  __u32 type, key_size, value_size, max_entries;
};

struct bpf_map_def SEC("maps") counts = {.type = 1, .key_size = 8, .value_size = 8, .max_entries = 100};
struct bpf_map_def SEC("maps") progs = {.type = 3, .key_size = 4, .value_size = 4, .max_entries = 8};

SEC("kprobe/seccomp_phase1")
int dispatch(void *ctx) {
  __u64 key = 1, one = 1;
  bpf_map_update_elem(&counts, &key, &one, 0);
  bpf_tail_call(ctx, &progs, 3);
  return 0;
}

SEC("kprobe/3")
int slot_three(void *ctx) {
  __u64 key = 2;
  return bpf_map_lookup_elem(&counts, &key) != 0;
}

SEC("kprobe/0x7")
int no_slot(void *ctx) { return 0; }

SEC("kretprobe/sys_write")
int returned(void *ctx) { return 1; }

char _license[] SEC("license") = "GPL";
__u32 _version SEC("version") = 0x40400;
