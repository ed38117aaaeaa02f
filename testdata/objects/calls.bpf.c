/* Subprograms: static and global, shared, nested, in .text and in a program's own section; their addresses; weak, hidden and optional ones. */
#include "common.h"

struct {
  __uint(type, 2);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, __u64);
} numbers SEC(".maps");

static __noinline int leaf(int a) {
  asm volatile("" : "+r"(a));
  return a + 1;
}

static __noinline int middle(int a) {
  asm volatile("" : "+r"(a));
  return leaf(a) * 2;
}

__noinline int shared(int a) {
  asm volatile("" : "+r"(a));
  return middle(a) + leaf(a);
}

__weak __noinline int weak_one(int a) {
  asm volatile("" : "+r"(a));
  return a ^ 7;
}

__hidden __noinline int hidden_one(int a) {
  asm volatile("" : "+r"(a));
  return a - 7;
}

static long each(void *map, const void *key, void *value, void *ctx) {
  *(int *)ctx += leaf(*(int *)key);
  return 0;
}

static long again(__u32 index, void *ctx) {
  *(int *)ctx += index;
  return 0;
}

SEC("socket")
int first(void *ctx) { return shared(1) + leaf(2); }

SEC("socket")
int second(void *ctx) { return weak_one(3) + hidden_one(4) + shared(5); }

SEC("socket")
int third(void *ctx) {
  int sum = 0;
  bpf_for_each_map_elem(&numbers, each, &sum, 0);
  bpf_loop(4, again, &sum, 0);
  return sum;
}

static __noinline __attribute__((section("tc"))) int beside(int a) {
  asm volatile("" : "+r"(a));
  return a * 3;
}

SEC("tc")
int fourth(void *ctx) { return beside(5) + leaf(6); }

SEC("?kprobe/sys_nothing")
int optional(void *ctx) { return 0; }

char _license[] SEC("license") = "GPL";
