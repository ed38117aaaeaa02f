/* CO-RE relocations against a real kernel's types: every kind, flavours, arrays, bit fields, anonymous members, typedefs, sizes that change. */
#include "common.h"

#define CORE __attribute__((preserve_access_index))
#define BYTE_OFF 0
#define BYTE_SIZE 1
#define EXISTS 2
#define SIGNED 3
#define LSHIFT 4
#define RSHIFT 5
#define field(x, kind) __builtin_preserve_field_info(x, kind)
#define type_exists(t) __builtin_preserve_type_info(*(typeof(t) *)0, 0)
#define type_size(t) __builtin_preserve_type_info(*(typeof(t) *)0, 1)
#define type_matches(t) __builtin_preserve_type_info(*(typeof(t) *)0, 2)
#define type_target(t) __builtin_btf_type_id(*(typeof(t) *)0, 1)
#define enum_exists(t, v) __builtin_preserve_enum_value(*(typeof(t) *)v, 0)
#define enum_value(t, v) __builtin_preserve_enum_value(*(typeof(t) *)v, 1)

typedef struct {
  int counter;
} CORE atomic_t;
typedef int pid_t;
typedef __u64 no_such_typedef_t;
typedef _Bool bool_t;

struct list_head {
  struct list_head *next, *prev;
} CORE;
struct cred;
struct nowhere_at_all {
  long size;
} CORE;
struct task_struct {
  pid_t pid;
  int tgid;
  char comm[16];
  struct task_struct *real_parent;
  struct list_head tasks;
  const struct cred *cred;
  unsigned sched_migrated : 1;
  unsigned in_execve : 1;
  unsigned no_such_bits : 3;
  unsigned long long flags;
  int nowhere;
} CORE;
struct task_struct___other {
  long state;
  unsigned int __state;
  long long pid;
  short tgid;
  char *flags;
  unsigned char policy;
  int comm;
} CORE;
struct kuid {
  unsigned val;
};
struct cred___flavour {
  atomic_t usage;
  struct kuid uid;
} CORE;
struct iphdr {
  __u8 ihl : 4, version : 4;
  __u8 tos;
  __u32 saddr;
} CORE;
struct tcphdr {
  __u16 res1 : 4, doff : 4, fin : 1, syn : 1;
} CORE;
struct sk_buff {
  struct sk_buff *next;
  char cb[48];
  __u16 protocol;
  unsigned long hash;
  __u8 pkt_type : 3;
  __u8 cloned : 1;
  __u8 ip_summed : 2;
} CORE;
struct filename {
  const char *name;
  const char iname[];
} CORE;
struct pt_regs {
  unsigned long di, ip, sp;
} CORE;
struct dma_chan {
  void *device;
} CORE;
struct getdents_callback {
  int prev_reclen;
} CORE;
struct sockaddr_in6 {
  __u16 sin6_port;
} CORE;
union sigval_alias {
  int a;
};
union bpf_attr {
  __u32 map_type;
  __u32 prog_type;
  __u64 insns;
} CORE;
struct fwd_only;
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_MAX = 4 };
enum pid_type___flavour { PIDTYPE_SID___x = 7, PIDTYPE_NEVER = 9 };
enum zone_type { ZONE_DMA_NEVER, ZONE_NORMAL };
enum perf_callchain_context { PERF_CONTEXT_HV = -32, PERF_CONTEXT_KERNEL = -128, PERF_CONTEXT_MAX = -4095 };
enum no_such_enum { NO_SUCH_VALUE = 5 };
enum bpf_map_type { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_RINGBUF = 27 };
enum ib_uverbs_device_cap_flags { IB_UVERBS_DEVICE_RC_IP_CSUM = 1 };

SEC("raw_tp/fields") int fields(struct task_struct **ctx) {
  struct task_struct *t = ctx[0];
  return t->pid + t->comm[3] + (t->real_parent != 0) + (t->tasks.next != 0) + t->real_parent->tgid;
}
SEC("raw_tp/sizes") int sizes(struct task_struct **ctx) {
  struct task_struct *t = ctx[0];
  return field(t->comm, BYTE_SIZE) + field(t->comm[2], BYTE_SIZE) + field(t->pid, BYTE_SIZE) + field(t->tasks, BYTE_SIZE) +
         field(t->cred, BYTE_SIZE) + field(t->comm[2], BYTE_OFF) + field(t->tasks.prev, BYTE_OFF);
}
SEC("raw_tp/exist") int exist(struct task_struct **ctx) {
  struct task_struct *t = ctx[0];
  struct task_struct___other *o = (void *)t;
  return field(t->pid, EXISTS) + 2 * field(t->nowhere, EXISTS) + 4 * field(o->state, EXISTS) + 8 * field(o->__state, EXISTS) +
         16 * field(o->comm, EXISTS) + 32 * field(t->comm[15], EXISTS) + 64 * field(t->no_such_bits, EXISTS);
}
SEC("raw_tp/guarded") int guarded(struct task_struct **ctx) {
  struct task_struct *t = ctx[0];
  if (field(t->nowhere, EXISTS)) return t->nowhere;
  return field(t->pid, SIGNED) + 2 * field(t->flags, SIGNED) + 4 * field(t->in_execve, SIGNED);
}
SEC("raw_tp/bits") int bits(struct task_struct **ctx) {
  struct task_struct *t = ctx[0];
  return field(t->in_execve, BYTE_OFF) + field(t->in_execve, BYTE_SIZE) + field(t->in_execve, LSHIFT) + field(t->in_execve, RSHIFT) +
         field(t->pid, LSHIFT) + field(t->pid, RSHIFT);
}
SEC("raw_tp/more_bits") int more_bits(struct sk_buff **ctx) {
  struct sk_buff *s = ctx[0];
  struct iphdr *ip = (void *)ctx[1];
  struct tcphdr *tcp = (void *)ctx[2];
  return field(s->ip_summed, BYTE_OFF) + field(s->ip_summed, LSHIFT) + field(s->ip_summed, RSHIFT) + field(s->cloned, LSHIFT) +
         field(ip->version, LSHIFT) + field(ip->version, BYTE_OFF) + field(ip->ihl, RSHIFT) + field(tcp->syn, LSHIFT) +
         field(tcp->syn, BYTE_OFF) + field(tcp->syn, BYTE_SIZE) + field(tcp->doff, RSHIFT);
}
SEC("raw_tp/missing_bits") int missing_bits(struct task_struct **ctx) { return field(ctx[0]->no_such_bits, LSHIFT); }
SEC("raw_tp/anonymous") int anonymous(struct sk_buff **ctx) {
  struct sk_buff *s = ctx[0];
  return (s->next != 0) + s->cb[47] + s->protocol;
}
SEC("raw_tp/resize") int resize(struct task_struct **ctx) {
  struct task_struct *t = ctx[0];
  struct task_struct___other *o = (void *)t;
  struct sk_buff *s = (void *)ctx[1];
  return t->flags + o->policy + s->hash;
}
SEC("raw_tp/resize_signed") int resize_signed(struct task_struct___other **ctx) { return ctx[0]->pid; }
SEC("raw_tp/resize_signed16") int resize_signed16(struct task_struct___other **ctx) { return ctx[0]->tgid; }
SEC("raw_tp/other_kind") int other_kind(struct task_struct___other **ctx) { return (long)ctx[0]->flags + ctx[0]->comm; }
SEC("raw_tp/store") int store(struct task_struct **ctx) {
  struct task_struct *t = ctx[0];
  t->pid = 7;
  t->flags = (unsigned long)ctx;
  t->nowhere = 3;
  return 0;
}
SEC("raw_tp/typedefs") int typedefs(void **ctx) {
  atomic_t *a = ctx[0];
  struct cred___flavour *c = ctx[1];
  return a->counter + c->uid.val + field(c->usage, EXISTS) + type_size(atomic_t) + type_exists(pid_t) + 2 * type_exists(no_such_typedef_t);
}
SEC("raw_tp/flexible") int flexible(struct filename **ctx) { return ctx[0]->iname[300] + ctx[0]->name[1]; }
SEC("raw_tp/whole") int whole(struct pt_regs *ctx) { return ctx->di + ctx[3].ip + ctx[1].sp; }
SEC("raw_tp/two_of_a_name") int two_of_a_name(struct dma_chan **ctx) {
  struct getdents_callback *g = (void *)ctx[1];
  return (ctx[0]->device != 0) + g->prev_reclen;
}
SEC("raw_tp/types") int types(void *ctx) {
  return type_exists(struct task_struct) + 2 * type_exists(struct nowhere_at_all) + 4 * type_exists(struct task_struct___other) +
         8 * type_exists(union bpf_attr) + 16 * type_exists(enum pid_type) + 32 * type_exists(union sigval_alias);
}
SEC("raw_tp/type_sizes") int type_sizes(void *ctx) {
  return type_size(struct task_struct) + type_size(struct nowhere_at_all) + type_size(union bpf_attr) + type_size(enum pid_type);
}
SEC("raw_tp/type_ids") int type_ids(void *ctx) {
  return type_target(struct task_struct) + type_target(struct sk_buff) + type_target(no_such_typedef_t);
}
SEC("raw_tp/enums") int enums(void *ctx) {
  return enum_exists(enum pid_type, PIDTYPE_MAX) + 2 * enum_exists(enum no_such_enum, NO_SUCH_VALUE) +
         4 * enum_exists(enum pid_type___flavour, PIDTYPE_SID___x) + 8 * enum_exists(enum pid_type___flavour, PIDTYPE_NEVER);
}
SEC("raw_tp/enum_values") __u64 enum_values(void *ctx) {
  return enum_value(enum pid_type, PIDTYPE_MAX) + enum_value(enum pid_type___flavour, PIDTYPE_SID___x) +
         enum_value(enum perf_callchain_context, PERF_CONTEXT_KERNEL) + enum_value(enum perf_callchain_context, PERF_CONTEXT_MAX) +
         enum_value(enum bpf_map_type, BPF_MAP_TYPE_RINGBUF) + enum_value(enum ib_uverbs_device_cap_flags, IB_UVERBS_DEVICE_RC_IP_CSUM) +
         enum_value(enum zone_type, ZONE_NORMAL);
}
SEC("raw_tp/enum_missing") __u64 enum_missing(void *ctx) { return enum_value(enum pid_type___flavour, PIDTYPE_NEVER); }

/* type_matches: the same name and what is declared here. */
struct sigaltstack {
  void *ss_sp;
  int ss_flags;
} CORE;
struct sigaltstack___wrong {
  void *ss_sp;
  long ss_flags;
} CORE;
struct list_head___same {
  struct list_head *prev;
} CORE;
struct callback_head {
  struct callback_head *next;
  void (*func)(struct callback_head *head);
} CORE;
struct callback_head___more {
  struct callback_head *next;
  int (*func)(struct callback_head *head);
} CORE;
enum pid_type___less { PIDTYPE_TGID___y };
enum pid_type___more { PIDTYPE_OTHER };
typedef void (*rcu_callback_t)(struct callback_head *head);
typedef int (*rcu_callback_t___two)(struct callback_head *head, int n);
struct timespec64 {
  long long tv_sec;
  long tv_nsec;
} CORE;

SEC("raw_tp/matches") int matches(void *ctx) {
  return type_matches(struct sigaltstack) + 2 * type_matches(struct sigaltstack___wrong) + 4 * type_matches(struct list_head___same) +
         8 * type_matches(struct callback_head) + 16 * type_matches(struct callback_head___more) + 32 * type_matches(enum pid_type___less) +
         64 * type_matches(enum pid_type___more) + 128 * type_matches(rcu_callback_t) + 256 * type_matches(rcu_callback_t___two) +
         512 * type_matches(struct timespec64) + 1024 * type_matches(struct task_struct) + 2048 * type_matches(struct nowhere_at_all) +
         4096 * type_matches(union bpf_attr) + 8192 * type_matches(pid_t);
}
SEC("raw_tp/prototypes") int prototypes(void *ctx) {
  return type_exists(rcu_callback_t) + 2 * type_exists(rcu_callback_t___two) + 4 * type_exists(bool_t) + 8 * type_size(struct list_head);
}

static __noinline int helper(struct task_struct *t) { return t->tgid + field(t->nowhere, EXISTS); }
SEC("raw_tp/subprogram") int subprogram(struct task_struct **ctx) { return helper(ctx[0]) + helper(ctx[1]); }

char _license[] SEC("license") = "GPL";
