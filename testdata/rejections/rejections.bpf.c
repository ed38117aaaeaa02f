/* Programs that people write and the verifier refuses: one for each of the common rules. What is said of them stands beside this. */
#include "../objects/common.h"

static void *(*const bpf_ringbuf_reserve)(void *ring, __u64 size, __u64 flags) = (void *)131;
static void (*const bpf_ringbuf_submit)(void *record, __u64 flags) = (void *)132;
static long (*const bpf_probe_read_kernel)(void *dst, __u32 size, const void *from) = (void *)113;
static __u32 (*const bpf_get_prandom_u32)(void) = (void *)7;
static long (*const bpf_perf_event_output)(void *ctx, void *map, __u64 flags, void *data, __u64 size) = (void *)25;

struct event {
  __u32 pid;
  char comm[16];
};

struct {
  __uint(type, 1);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, struct event);
} events SEC(".maps");

struct {
  __uint(type, 2);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64[8]);
} table SEC(".maps");

struct {
  __uint(type, 27);
  __uint(max_entries, 4096);
} ring SEC(".maps");

struct xdp_md {
  __u32 data;
  __u32 data_end;
};

struct pt_regs {
  unsigned long words[21];
};

SEC("kprobe/null")
int unchecked_lookup(struct pt_regs *ctx) {
  __u32 key = 1;
  struct event *e = bpf_map_lookup_elem(&events, &key);
  e->pid = 7;
  return 0;
}

/* The pointer goes through a function and the stack before it is used. */
static __noinline struct event *find(__u32 key) {
  struct event *found = bpf_map_lookup_elem(&events, &key);
  asm volatile("" : "+r"(found));
  return found;
}

SEC("kprobe/null_by_call")
int unchecked_call(struct pt_regs *ctx) {
  struct event *volatile kept = find(ctx->words[14]);
  struct event *e = kept;
  e->pid = 7;
  return 0;
}

SEC("kprobe/index")
int unbounded_index(struct pt_regs *ctx) {
  __u32 key = 0;
  __u64 *values = bpf_map_lookup_elem(&table, &key);
  if (!values) return 0;
  __u64 i = ctx->words[14];
  return values[i];
}

SEC("kprobe/bounds")
int index_too_far(struct pt_regs *ctx) {
  __u32 key = 0;
  __u64 *values = bpf_map_lookup_elem(&table, &key);
  if (!values) return 0;
  __u64 i = ctx->words[14];
  if (i > 8) return 0;
  return values[i];
}

SEC("kprobe/negative")
int negative_size(struct pt_regs *ctx) {
  char buf[64] = {};
  int size = ctx->words[14];
  if (size > 64) return 0;
  bpf_probe_read_kernel(buf, size, (void *)ctx->words[13]);
  return buf[0];
}

SEC("kprobe/size")
int unbounded_size(struct pt_regs *ctx) {
  char buf[64] = {};
  __u64 size = ctx->words[14];
  bpf_probe_read_kernel(buf, size, (void *)ctx->words[13]);
  return buf[0];
}

SEC("kprobe/leak")
int reserved_and_forgotten(struct pt_regs *ctx) {
  struct event *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
  if (!e) return 0;
  e->pid = 1;
  if (ctx->words[14] == 3) return 0;
  bpf_ringbuf_submit(e, 0);
  return 0;
}

SEC("kprobe/twice")
int submitted_twice(struct pt_regs *ctx) {
  struct event *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
  if (!e) return 0;
  bpf_ringbuf_submit(e, 0);
  bpf_ringbuf_submit(e, 0);
  return 0;
}

SEC("kprobe/deref")
int follows_an_argument(struct pt_regs *ctx) {
  int *number = (int *)ctx->words[14];
  return *number;
}

SEC("kprobe/context")
int beyond_the_context(struct pt_regs *ctx) {
  return ctx->words[21];
}

SEC("kprobe/loop")
int endless(struct pt_regs *ctx) {
  __u64 left = 8;
  for (;;) {
    asm volatile("" : "+r"(left));
    if (left == 0) break;
  }
  return 0;
}

SEC("kprobe/stack")
int above_the_stack(struct pt_regs *ctx) {
  char buf[16];
  __u64 i = ctx->words[14] & 31;
  buf[0] = 0;
  asm volatile("" : "+r"(i));
  *(volatile char *)(buf + i) = 1;
  return 0;
}

SEC("xdp")
int no_packet_check(struct xdp_md *ctx) {
  char *data = (char *)(long)ctx->data;
  return data[12] == 8;
}

SEC("xdp")
int wrong_packet_check(struct xdp_md *ctx) {
  char *data = (char *)(long)ctx->data, *end = (char *)(long)ctx->data_end;
  if (data + 12 > end) return 1;
  return data[12] == 8;
}

SEC("socket")
int helper_of_another_type(void *ctx) {
  char buf[8] = {};
  bpf_perf_event_output(ctx, &table, 0, buf, sizeof(buf));
  return bpf_probe_read_kernel(buf, sizeof(buf), 0);
}

SEC("cgroup_skb/ingress")
int returns_too_much(void *ctx) {
  return 2;
}

static __noinline int deep(__u64 x) {
  volatile char buf[400];
  buf[x & 7] = x;
  return buf[0];
}

SEC("socket")
int large_frames(void *ctx) {
  volatile char buf[200];
  buf[bpf_get_prandom_u32() & 7] = 1;
  return deep(buf[0]) + buf[0];
}

char LICENSE[] SEC("license") = "GPL";
