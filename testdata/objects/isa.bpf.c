/* Code whose instructions differ between the versions of the instruction set. */
#include "common.h"

int table[8];

SEC("socket")
int use(struct { int a; short b; } *ctx) {
  long a = ctx->a;
  int b = ctx->b;
#if __BPF_CPU_VERSION__ >= 4
  if ((unsigned)b < 5) a = a / 3 % 7;
#else
  if ((unsigned)b < 5) a = (unsigned long)a / 3 % 7;
#endif
  __sync_fetch_and_add(&table[b & 7], 1);
  table[1] = __builtin_bswap32(table[0]);
  table[2] = 5;
  return a > b ? a : b;
}

char _license[] SEC("license") = "GPL";
