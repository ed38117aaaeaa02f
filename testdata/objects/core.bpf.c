/* CO-RE relocations of every kind, each in a program of its own; only the local type id can be applied without a kernel's types. */
#include "common.h"

struct inner_type {
  int skipped;
  int array[4];
} __attribute__((preserve_access_index));
struct task_struct {
  int pid;
  struct inner_type in;
  union {
    int first;
    int second;
  };
  unsigned flag : 3;
} __attribute__((preserve_access_index));
enum state { RUNNING = 3, DEAD = 9 };

SEC("raw_tp/offset")
int offset(struct task_struct **ctx) { return ctx[0]->in.array[2]; }

SEC("raw_tp/exists")
int exists(struct task_struct **ctx) { return __builtin_preserve_field_info(ctx[0]->second, 2); }

SEC("raw_tp/bits")
int bits(struct task_struct **ctx) { return __builtin_preserve_field_info(ctx[0]->flag, 4); }

SEC("raw_tp/value")
int value(void *ctx) { return __builtin_preserve_enum_value(*(typeof(enum state) *)DEAD, 1); }

SEC("raw_tp/size")
int size(void *ctx) { return __builtin_preserve_type_info(*(struct task_struct *)0, 1); }

SEC("raw_tp/local")
int local(void *ctx) { return __builtin_btf_type_id(*(struct inner_type *)0, 0); }

char _license[] SEC("license") = "GPL";
