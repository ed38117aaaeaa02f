/* SPDX-License-Identifier: MIT */
/*
 * The kernel types that bpfwright's engine models, laid out as Linux 6.18 does: contexts, tracepoint records, and the objects that kernel
 * pointers in arguments lead to. A vmlinux.h made from the running kernel's BTF may be used instead. Nothing here is CO-RE relocatable: the
 * offsets are part of the kernel's interface, and the engine keeps them.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __s8 s8;
typedef __u8 u8;
typedef __s16 s16;
typedef __u16 u16;
typedef __s32 s32;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __le16;
typedef __u32 __le32;
typedef __u64 __le64;
typedef __u16 __sum16;
typedef __u32 __wsum;
typedef unsigned long uintptr_t;
typedef unsigned long size_t;
typedef long ssize_t;
typedef int pid_t;
typedef unsigned int uid_t;
typedef unsigned int gid_t;
typedef unsigned short umode_t;
typedef long long loff_t;
typedef _Bool bool;
#ifndef true
#define true 1
#define false 0
#endif

#define TASK_COMM_LEN 16
#define PATH_MAX 4096

#include "generated/vmlinux_tables.h"

/* Flags of bpf_map_update_elem. */
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_EXIST = 2, BPF_F_LOCK = 4 };

/* Flags of map creation. */
enum {
  BPF_F_NO_PREALLOC = 1,
  BPF_F_NO_COMMON_LRU = 2,
  BPF_F_NUMA_NODE = 4,
  BPF_F_RDONLY = 8,
  BPF_F_WRONLY = 16,
  BPF_F_STACK_BUILD_ID = 32,
  BPF_F_ZERO_SEED = 64,
  BPF_F_RDONLY_PROG = 128,
  BPF_F_WRONLY_PROG = 256,
  BPF_F_CLONE = 512,
  BPF_F_MMAPABLE = 1024,
  BPF_F_PRESERVE_ELEMS = 2048,
  BPF_F_INNER_MAP = 4096,
};

/* Flags of perf_event_output, perf_event_read and perf_event_read_value. */
#define BPF_F_INDEX_MASK 0xffffffffULL
#define BPF_F_CURRENT_CPU BPF_F_INDEX_MASK

#if defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
  __u64 regs[31];
  __u64 sp;
  __u64 pc;
  __u64 pstate;
};
struct pt_regs {
  union {
    struct user_pt_regs user_regs;
    struct {
      u64 regs[31];
      u64 sp;
      u64 pc;
      u64 pstate;
    };
  };
  u64 orig_x0;
  s32 syscallno;
  u32 pmr;
};
#else
struct pt_regs {
  unsigned long r15;
  unsigned long r14;
  unsigned long r13;
  unsigned long r12;
  unsigned long bp;
  unsigned long bx;
  unsigned long r11;
  unsigned long r10;
  unsigned long r9;
  unsigned long r8;
  unsigned long ax;
  unsigned long cx;
  unsigned long dx;
  unsigned long si;
  unsigned long di;
  unsigned long orig_ax;
  unsigned long ip;
  union {
    u16 cs;
    u64 csx;
  };
  unsigned long flags;
  unsigned long sp;
  union {
    u16 ss;
    u64 ssx;
  };
};
#endif

/* What do_execve, do_sys_openat2 and others are handed for a path: `name` is the kernel's copy of the text, `uptr` the caller's pointer. */
struct filename {
  const char *name;
  const char *uptr;
};

/* What do_sys_openat2 is handed: the caller's wishes, checked. */
struct open_how {
  u64 flags;
  u64 mode;
  u64 resolve;
};

/* What kernel_clone is handed (Linux 6.18). */
struct kernel_clone_args {
  u64 flags;
  int *pidfd;
  int *child_tid;
  int *parent_tid;
  const char *name;
  int exit_signal;
  unsigned int : 32;
  unsigned long stack;
  unsigned long stack_size;
  unsigned long tls;
  int *set_tid;
  size_t set_tid_size;
  int cgroup;
  unsigned int : 32;
  u64 : 64;
  u64 : 64;
  u64 : 64;
  u64 : 64;
  u64 : 64;
};

/* First bytes of every tracepoint record. */
struct trace_entry {
  unsigned short type;
  unsigned char flags;
  unsigned char preempt_count;
  int pid;
};

/* syscalls/sys_enter_*: arguments from byte 16, eight bytes each. */
struct syscall_trace_enter {
  struct trace_entry ent;
  int nr;
  unsigned long args[];
};

/* syscalls/sys_exit_*. */
struct syscall_trace_exit {
  struct trace_entry ent;
  int nr;
  long ret;
};

/* raw_syscalls/sys_enter; it fits syscalls/sys_enter_* too. */
struct trace_event_raw_sys_enter {
  struct trace_entry ent;
  long id;
  unsigned long args[6];
  char __data[];
};

/* raw_syscalls/sys_exit; it fits syscalls/sys_exit_* too. */
struct trace_event_raw_sys_exit {
  struct trace_entry ent;
  long id;
  long ret;
  char __data[];
};

/* sched/sched_process_exec. A __data_loc field holds the length of the text in its high 16 bits and its offset in the record in the low 16. */
struct trace_event_raw_sched_process_exec {
  struct trace_entry ent;
  u32 __data_loc_filename;
  pid_t pid;
  pid_t old_pid;
  char __data[];
};

/* sched/sched_process_fork. */
struct trace_event_raw_sched_process_fork {
  struct trace_entry ent;
  u32 __data_loc_parent_comm;
  pid_t parent_pid;
  u32 __data_loc_child_comm;
  pid_t child_pid;
  char __data[];
};

/* sched/sched_process_exit. */
struct trace_event_raw_sched_process_exit {
  struct trace_entry ent;
  char comm[TASK_COMM_LEN];
  pid_t pid;
  int prio;
  bool group_dead;
  char __data[];
};

struct bpf_sock;
struct bpf_flow_keys;

/* Context of the packet programs (socket, classifier, action). */
struct __sk_buff {
  __u32 len;
  __u32 pkt_type;
  __u32 mark;
  __u32 queue_mapping;
  __u32 protocol;
  __u32 vlan_present;
  __u32 vlan_tci;
  __u32 vlan_proto;
  __u32 priority;
  __u32 ingress_ifindex;
  __u32 ifindex;
  __u32 tc_index;
  __u32 cb[5];
  __u32 hash;
  __u32 tc_classid;
  __u32 data;
  __u32 data_end;
  __u32 napi_id;
  __u32 family;
  __u32 remote_ip4;
  __u32 local_ip4;
  __u32 remote_ip6[4];
  __u32 local_ip6[4];
  __u32 remote_port;
  __u32 local_port;
  __u32 data_meta;
  union {
    struct bpf_flow_keys *flow_keys;
    __u64 : 64;
  } __attribute__((aligned(8)));
  __u64 tstamp;
  __u32 wire_len;
  __u32 gso_segs;
  union {
    struct bpf_sock *sk;
    __u64 : 64;
  } __attribute__((aligned(8)));
  __u32 gso_size;
  __u8 tstamp_type;
  __u32 : 24;
  __u64 hwtstamp;
};

/* Context of XDP programs. */
struct xdp_md {
  __u32 data;
  __u32 data_end;
  __u32 data_meta;
  __u32 ingress_ifindex;
  __u32 rx_queue_index;
  __u32 egress_ifindex;
};

/* Results of classifier and XDP programs. */
enum { TC_ACT_UNSPEC = -1, TC_ACT_OK = 0, TC_ACT_SHOT = 2, TC_ACT_REDIRECT = 7 };
enum xdp_action { XDP_ABORTED = 0, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };

/* Context of perf_event programs. */
struct bpf_perf_event_data {
  struct pt_regs regs;
  __u64 sample_period;
  __u64 addr;
};

/* Context of raw_tracepoint programs. */
struct bpf_raw_tracepoint_args {
  __u64 args[0];
};

/* Result of perf_event_read_value. */
struct bpf_perf_event_value {
  __u64 counter;
  __u64 enabled;
  __u64 running;
};

#endif
