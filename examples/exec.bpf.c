/* Prints every program that is executed. */
/* The kernel's do_execve is handed a struct filename, whose first member points at the path. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("kprobe/do_execve")
int trace_exec(struct pt_regs *ctx) {
  char fmt[] = "executed %s";
  char path[128] = {};
  const char *name = NULL;
  struct filename *filename = (struct filename *)PT_REGS_PARM1(ctx);

  bpf_probe_read(&name, sizeof(name), &filename->name);
  bpf_probe_read(path, sizeof(path), name);
  bpf_trace_printk(fmt, sizeof(fmt), path);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
