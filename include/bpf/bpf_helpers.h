/* SPDX-License-Identifier: MIT */
/*
 * What every eBPF program written in C needs: section and map macros and the helper functions. The names are libbpf's, so a program compiles
 * with these headers (`clang -I include`) and with libbpf's own. Include vmlinux.h or <linux/bpf.h> first: this file declares no kernel types.
 * The helper declarations come from bpfwright's helper table (generated/bpf_helper_defs.h, written by `npm run build`).
 */
#ifndef __BPF_HELPERS__
#define __BPF_HELPERS__

#include "../generated/bpf_helper_defs.h"

/* Puts a function or a variable in the ELF section that the loader looks for. */
#define SEC(name) __attribute__((section(name), used))

/* Members of a map definition in SEC(".maps"): numbers and types are carried by the types of never-read pointers, which BTF records. */
#define __uint(name, val) int (*name)[val]
#define __ulong(name, val) enum { ___bpfw_cat(___value_of_##name##_, __COUNTER__) = val } name
#define __type(name, val) typeof(val) *name
#define __array(name, val) typeof(val) *name[]

/* Behind a ring buffer or perf event array: what its records are (`bpfwright run` prints them so). The type must be one that BTF has. */
#define __record(type) __attribute__((btf_decl_tag("record:" #type)))

#define ___bpfw_cat2(a, b) a##b
#define ___bpfw_cat(a, b) ___bpfw_cat2(a, b)

/* A libc on the include path may have defined it without the keyword. */
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
/* Global for the linker, static for the verifier: analysed with its caller's state. */
#define __hidden __attribute__((visibility("hidden")))
#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))

#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
#ifndef container_of
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#endif

/* Keeps the compiler from moving memory accesses, or what it knows about one variable, across this point. */
#ifndef barrier
#define barrier() __asm__ volatile("" ::: "memory")
#endif
#ifndef barrier_var
#define barrier_var(var) __asm__ volatile("" : "+r"(var))
#endif

/* The license string: helpers marked GPL-only are refused without a GPL-compatible one. */
#define BPF_LICENSE(text) char LICENSE[] SEC("license") = text

/* `pinning` of a map. */
enum libbpf_pin_type { LIBBPF_PIN_NONE, LIBBPF_PIN_BY_NAME };

/* Value of a tristate CONFIG_* extern. */
enum libbpf_tristate { TRI_NO = 0, TRI_YES = 1, TRI_MODULE = 2 };

/* A map of the older kind, in SEC("maps"): new programs use SEC(".maps"). */
struct bpf_map_def {
  unsigned int type;
  unsigned int key_size;
  unsigned int value_size;
  unsigned int max_entries;
  unsigned int map_flags;
};

/*
 * One line into trace_pipe; at most three values after the format. The format is a constant of the object (.rodata), or lives on the stack
 * where BPF_NO_GLOBAL_DATA is defined (kernels before 5.2).
 */
#ifdef BPF_NO_GLOBAL_DATA
#define ___bpfw_fmt char
#else
#define ___bpfw_fmt static const char
#endif
#define bpf_printk(fmt, args...) \
  ({ \
    ___bpfw_fmt ___bpfw_text[] = fmt; \
    bpf_trace_printk(___bpfw_text, sizeof(___bpfw_text), ##args); \
  })

#endif
