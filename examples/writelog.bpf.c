/* Streams a record of every write call by perf_event_output, and counts write sizes in a histogram for each process. */
/* --dump-maps draws the histograms. A tag on the map says what its records are: its own values are file descriptors. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define SLOTS 32

struct write {
  __u64 ts_ns;
  __u64 bytes;
  __u32 pid;
  __u32 fd;
  char comm[16];
};

struct process {
  __u32 pid;
  __u32 uid;
  char comm[16];
};

struct hist {
  __u64 slots[SLOTS];
};

/* Makes the compiler keep the type, which nothing but the program uses. */
const struct write *unused_write __attribute__((unused));

struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u32));
} writes SEC(".maps") __record(struct write);

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct process);
  __type(value, struct hist);
} sizes SEC(".maps");

/* Too large for the stack. */
static const struct hist zero;

SEC("kprobe/sys_write")
int log_write(struct pt_regs *ctx) {
  struct write write = {.ts_ns = bpf_ktime_get_ns(), .bytes = PT_REGS_PARM3(ctx), .fd = PT_REGS_PARM1(ctx)};
  struct process process = {.uid = bpf_get_current_uid_gid()};
  __u64 rest = write.bytes;
  struct hist *hist;
  __u32 slot = 0;

  write.pid = process.pid = bpf_get_current_pid_tgid() >> 32;
  bpf_get_current_comm(write.comm, sizeof(write.comm));
  __builtin_memcpy(process.comm, write.comm, sizeof(process.comm));
  bpf_perf_event_output(ctx, &writes, BPF_F_CURRENT_CPU, &write, sizeof(write));

  hist = bpf_map_lookup_elem(&sizes, &process);
  if (!hist) {
    bpf_map_update_elem(&sizes, &process, &zero, BPF_NOEXIST);
    hist = bpf_map_lookup_elem(&sizes, &process);
    if (!hist)
      return 0;
  }
  for (int i = 0; i < SLOTS - 1; i++) {
    rest >>= 1;
    if (rest == 0)
      break;
    slot++;
  }
  __sync_fetch_and_add(&hist->slots[slot & (SLOTS - 1)], 1);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
