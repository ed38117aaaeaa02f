/* CO-RE programs that run on the engine: they read the fields it models and find out about those it does not. The layouts here are wrong on purpose. */
#include "common.h"

#define CORE __attribute__((preserve_access_index))
#define READ(dst, src) bpf_probe_read_kernel(&(dst), sizeof(dst), __builtin_preserve_access_index(&(src)))

static long (*const bpf_probe_read_kernel)(void *dst, __u32 size, const void *from) = (void *)113;
static long (*const bpf_probe_read_kernel_str)(void *dst, __u32 size, const void *from) = (void *)115;
static void *(*const bpf_get_current_task)(void) = (void *)35;

typedef struct {
  __u32 val;
} CORE kuid_t;
struct cred {
  void *before;
  kuid_t gid;
  kuid_t uid;
} CORE;
struct nsproxy {
  void *uts_ns;
} CORE;
struct task_struct {
  int exit_code;
  char comm[16];
  int tgid;
  int pid;
  struct task_struct *group_leader;
  struct nsproxy *nsproxy;
  const struct cred *cred;
} CORE;
struct task_struct___newer {
  int invented;
} CORE;
struct pt_regs {
  unsigned long ip, di, si;
} CORE;
struct trace_event_raw_sys_enter {
  unsigned long args[6];
  int id;
} CORE;
struct trace_event_raw_sys_enter___wide {
  long id;
} CORE;
enum bpf_func_id { BPF_FUNC_get_current_task = 1, BPF_FUNC_get_current_cgroup_id = 2 };
enum bpf_map_type { BPF_MAP_TYPE_HASH = 4, BPF_MAP_TYPE_ARENA = 5 };

struct {
  int pid, tgid, leader, uid, nsproxy, invented, task_helper, cgroup_helper, hash, arena;
  long comm_length, str_length, id, arg;
  unsigned long di, ip;
  char comm[16];
  char part[8];
  long gap;
} out;

SEC("raw_tp/sys_enter") int on_enter(__u64 *ctx) {
  struct pt_regs *regs = (void *)ctx[0];
  struct task_struct *task = bpf_get_current_task(), *leader;
  const struct cred *cred;
  READ(out.di, regs->di);
  READ(out.ip, regs->ip);
  READ(out.pid, task->pid);
  READ(out.tgid, task->tgid);
  READ(leader, task->group_leader);
  READ(out.leader, leader->pid);
  READ(cred, task->cred);
  READ(out.uid, cred->uid.val);
  out.comm_length = READ(out.comm, task->comm);
  out.str_length = bpf_probe_read_kernel_str(out.part, sizeof(out.part), __builtin_preserve_access_index(&task->comm[1]));
  out.gap = bpf_probe_read_kernel(&out.gap, 8, (void *)task + 4000);
  return 0;
}

SEC("tp/raw_syscalls/sys_enter") int on_record(struct trace_event_raw_sys_enter *ctx) {
  struct trace_event_raw_sys_enter___wide *wide = (void *)ctx;
  out.arg = ctx->args[2];
  out.id = wide->id;
  return 0;
}

SEC("raw_tp/sys_exit") int on_exit(__u64 *ctx) {
  struct task_struct *task = bpf_get_current_task();
  struct task_struct___newer *newer = (void *)task;
  out.nsproxy = 7;
  if (__builtin_preserve_field_info(task->nsproxy, 2)) {
    struct nsproxy *ns;
    void *uts;
    READ(ns, task->nsproxy);
    READ(uts, ns->uts_ns);
    out.nsproxy = uts != 0;
  }
  out.invented = __builtin_preserve_field_info(newer->invented, 2);
  out.task_helper = __builtin_preserve_enum_value(*(enum bpf_func_id *)BPF_FUNC_get_current_task, 1);
  out.cgroup_helper = __builtin_preserve_enum_value(*(enum bpf_func_id *)BPF_FUNC_get_current_cgroup_id, 0);
  out.hash = __builtin_preserve_enum_value(*(enum bpf_map_type *)BPF_MAP_TYPE_HASH, 1);
  out.arena = __builtin_preserve_enum_value(*(enum bpf_map_type *)BPF_MAP_TYPE_ARENA, 0);
  return 0;
}

/* Refused on the engine: nothing tells it apart from a kernel before it reads. */
SEC("?raw_tp/sched_process_exit") int unguarded(__u64 *ctx) {
  struct task_struct *task = (void *)ctx[0];
  struct nsproxy *ns;
  return READ(ns, task->nsproxy);
}

/* A load that would read other bytes. */
SEC("?tp/raw_syscalls/sys_enter") int wrong_size(struct trace_event_raw_sys_enter *ctx) { return ctx->id; }

char _license[] SEC("license") = "GPL";
