/* Every member that a .maps definition may have. */
#include "common.h"

struct key {
  __u32 pid;
  char comm[16];
};
struct value {
  __u64 count;
  __u64 bytes;
};

struct {
  __uint(type, 1);
  __uint(max_entries, 1024);
  __uint(map_flags, 1);
  __type(key, struct key);
  __type(value, struct value);
} by_task SEC(".maps");

struct {
  __uint(type, 2);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __uint(value_size, 24);
  __uint(numa_node, 0);
} sized SEC(".maps");

struct {
  __uint(type, 6);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32));
  __type(key, __u32);
  __type(value, __u64);
} per_cpu SEC(".maps");

struct {
  __uint(type, 4);
  __uint(key_size, 4);
  __uint(value_size, 4);
} events SEC(".maps");

struct {
  __uint(type, 27);
  __uint(max_entries, 5000);
} ring SEC(".maps");

struct {
  __uint(type, 9);
  __uint(max_entries, 16);
  __type(key, __u64);
  __type(value, __u32);
  __uint(pinning, 1);
} pinned SEC(".maps");

struct {
  __uint(type, 30);
  __uint(max_entries, 100);
  __type(value, __u64);
  __uint(map_extra, 3);
} bloom SEC(".maps");

enum extra { EXTRA = 0x100000000ull };
struct {
  __uint(type, 33);
  __uint(map_flags, 0x400);
  __uint(max_entries, 10);
  enum extra map_extra;
} arena SEC(".maps");

struct inner {
  __uint(type, 2);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u64);
};
struct inner inner_a SEC(".maps"), inner_b SEC(".maps");

struct {
  __uint(type, 12);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __array(values, struct inner);
} outer SEC(".maps") = {.values = {[1] = &inner_b, [3] = &inner_a}};

struct {
  __uint(type, 13);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __array(
    values, struct {
      __uint(type, 1);
      __uint(max_entries, 2);
      __type(key, int);
      __type(value, int);
    });
} outer_hash SEC(".maps");

int on_slot(void *ctx);

struct {
  __uint(type, 3);
  __uint(max_entries, 5);
  __uint(key_size, 4);
  __array(values, int(void *));
} slots SEC(".maps") = {.values = {[2] = (void *)&on_slot}};

SEC("kprobe/do_execve")
int on_exec(void *ctx) {
  struct key key = {.pid = bpf_get_current_pid_tgid() >> 32};
  struct value *value = bpf_map_lookup_elem(&by_task, &key);
  if (value) value->count++;
  bpf_tail_call(ctx, &slots, 2);
  return 0;
}

SEC("kprobe")
int on_slot(void *ctx) {
  __u32 zero = 0;
  __u64 *n = bpf_map_lookup_elem(&per_cpu, &zero);
  if (n) ++*n;
  return 0;
}

char _license[] SEC("license") = "GPL";
