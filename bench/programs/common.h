/* Benchmark programs: one body, three targets (BPF, native, wasm32).
 * Pointers in the context are 32-bit, as in struct xdp_md: the kernel rewrites
 * them, user-space hosts map the packet below 4 GiB, and wasm32 has no others. */
#pragma once
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#ifdef WIDE_CTX
/* What the kernel's rewriting amounts to: whole pointers. */
struct xdp_md {
	u64 data, data_end;
};
#else
struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};
#endif

#define NOINLINE __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))
#define DATA(ctx) ((u8 *)(unsigned long)(ctx)->data)
#define DATA_END(ctx) ((u8 *)(unsigned long)(ctx)->data_end)

enum { MT_HASH = 1, MT_ARRAY = 2, MT_PROG_ARRAY = 3, MT_PERCPU_HASH = 5 };

#ifdef __bpf__
#define SEC(n) __attribute__((section(n), used))
#define PROG(name) SEC("xdp") int name(struct xdp_md *ctx)
#define MAP(name, t, kt, vt, n)                     \
	struct {                                    \
		int (*type)[t];                     \
		int (*max_entries)[n];              \
		kt *key;                            \
		vt *value;                          \
	} name SEC(".maps")
static void *(*const bpf_map_lookup_elem)(void *, const void *) = (void *)1;
static long (*const bpf_map_update_elem)(void *, const void *, const void *, u64) = (void *)2;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static u32 (*const bpf_get_smp_processor_id)(void) = (void *)8;
static long (*const bpf_tail_call)(void *, void *, u32) = (void *)12;
static u64 (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static u64 (*const bpf_get_current_uid_gid)(void) = (void *)15;
static long (*const bpf_get_current_comm)(void *, u32) = (void *)16;
char _license[] SEC("license") = "GPL";
#else
#include "maps.h"
#define PROG(name) int name(struct xdp_md *ctx)
#define MAP(name, t, kt, vt, n) struct rmap name = { .type = t, .ks = sizeof(kt), .vs = sizeof(vt), .max = n }
u64 bpf_ktime_get_ns(void);
u32 bpf_get_smp_processor_id(void);
u64 bpf_get_current_pid_tgid(void);
u64 bpf_get_current_uid_gid(void);
long bpf_get_current_comm(void *, u32);
#define bpf_map_lookup_elem(m, k) rmap_lookup(m, k)
#define bpf_map_update_elem(m, k, v, f) rmap_update(m, k, v, f)
#endif
