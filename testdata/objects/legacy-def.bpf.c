/* The longer struct bpf_map_def of later samples: flags used, the tail zero. */
#include "common.h"

struct bpf_map_def {
  __u32 type, key_size, value_size, max_entries, map_flags, inner_map_idx, numa_node;
};

struct bpf_map_def SEC("maps") first = {.type = 1, .key_size = 4, .value_size = 8, .max_entries = 10, .map_flags = 1};
struct bpf_map_def SEC("maps") second = {.type = 2, .key_size = 4, .value_size = 4, .max_entries = 3};

SEC("socket/5")
int filter(void *ctx) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&first, &zero) == bpf_map_lookup_elem(&second, &zero);
}

char _license[] SEC("license") = "GPL";
