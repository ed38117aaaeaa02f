/* What only a kernel has: its functions, variables and symbols, typed attach targets, tables of operations, arenas, exceptions. */
#include "common.h"

#define __arena __attribute__((address_space(1)))
#define __core __attribute__((preserve_access_index))

struct task_struct {
  int pid;
} __core;
struct rq {
  int cpu;
} __core;
struct sock;
struct tcp_sock {
  __u32 snd_cwnd;
  __u32 snd_ssthresh;
} __core;
struct tcp_congestion_ops {
  __u32 (*ssthresh)(struct sock *sk);
  void (*init)(struct sock *sk);
  __u32 (*undo_cwnd)(struct sock *sk);
  void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
  void (*no_such_member)(void);
  char name[16];
};
struct no_such_ops {
  int (*run)(void);
};
struct bpf_iter__task {
  union {
    struct bpf_iter_meta *meta __attribute__((aligned(8)));
  };
  union {
    struct task_struct *task __attribute__((aligned(8)));
  };
};

struct {
  __uint(type, 33); /* arena */
  __uint(map_flags, 0x400);
  __uint(max_entries, 2);
} arena SEC(".maps");

int __arena in_arena = 5;

extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
extern void bpf_throw(__u64 cookie) __ksym;
extern void no_such_function(int) __ksym __weak;
extern const struct rq runqueues __ksym;
extern const void bpf_map_fops __ksym;
extern const void no_such_symbol __ksym __weak;
static void *(*const bpf_per_cpu_ptr)(const void *symbol, __u32 cpu) = (void *)153;

SEC("tp_btf/task_newtask")
int acquires(__u64 *ctx) {
  struct task_struct *task = bpf_task_acquire((void *)ctx[0]);
  if (!task) return 0;
  int pid = task->pid;
  bpf_task_release(task);
  return pid;
}

SEC("tp_btf/task_newtask")
int leaks(__u64 *ctx) {
  return bpf_task_acquire((void *)ctx[0]) != 0;
}

SEC("tp_btf/task_newtask")
int variables(__u64 *ctx) {
  const struct rq *rq = bpf_per_cpu_ptr(&runqueues, 0);
  if (no_such_function) no_such_function(1);
  return (rq ? rq->cpu : 0) + ((long)&bpf_map_fops != 0) + ((long)&no_such_symbol != 0);
}

SEC("tp_btf/task_newtask")
int calls_nothing(__u64 *ctx) {
  no_such_function(1);
  return 0;
}

SEC("tp_btf/no_such_event")
int no_event(__u64 *ctx) {
  return 0;
}

SEC("tp_btf")
int no_target(__u64 *ctx) {
  return 0;
}

SEC("freplace/f")
int replaces(void *ctx) {
  return 0;
}

SEC("iter/task")
int iterates(struct bpf_iter__task *ctx) {
  return ctx->task ? ctx->task->pid == 1 : 0;
}

SEC("nonsense/x")
int no_type(void *ctx) {
  return 0;
}

SEC("tracepoint/malformed")
int no_category(void *ctx) {
  return 0;
}

SEC("struct_ops")
void init(__u64 *ctx) {
  ((struct tcp_sock *)ctx[0])->snd_cwnd = 10;
}

SEC("struct_ops/ssthresh")
__u32 ssthresh(__u64 *ctx) {
  return ((struct tcp_sock *)ctx[0])->snd_ssthresh;
}

SEC("struct_ops")
__u32 too_many_arguments(__u64 *ctx) {
  return ctx[3];
}

SEC("struct_ops")
int orphan(__u64 *ctx) {
  return 0;
}

SEC(".struct_ops")
struct tcp_congestion_ops congestion = {
    .init = (void *)init,
    .ssthresh = (void *)ssthresh,
    .undo_cwnd = (void *)too_many_arguments,
    .name = "test",
};

SEC("?.struct_ops.link")
struct no_such_ops optional = {.run = (void *)0};

SEC("tc")
int uses_arena(void *ctx) {
  (void)*(volatile long *)&arena;
  return 0;
}

SEC("syscall")
int counts(void *ctx) {
  return __sync_fetch_and_add(&in_arena, 3);
}

__noinline int caught(__u64 cookie) {
  return cookie;
}

__attribute__((btf_decl_tag("exception_callback:caught"))) SEC("tc")
int throws(__u32 *ctx) {
  if (*ctx > 5) bpf_throw(3);
  return 0;
}

char _license[] SEC("license") = "GPL";
