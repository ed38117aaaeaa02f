/* One variable of every BTF kind, for the reader and for printing. */
#include "common.h"

#define TAG(name) __attribute__((btf_decl_tag(name)))
#define TYPE_TAG(name) __attribute__((btf_type_tag(name)))

enum small { ZERO, ONE, MINUS = -1 };
enum huge { LOW = 1, HIGH = 0xfedcba9876543210ull };

struct forward;
typedef struct {
  __u32 x;
} anonymous_t;

struct node {
  struct node *next;
  struct forward *opaque;
  int (*call)(int, const char *, ...);
  int TYPE_TAG("rcu") * tagged;
};

struct everything {
  char letter;
  bool flag;
  __u8 byte;
  __s16 half;
  __u32 word;
  __u64 dword;
  __s64 negative;
  enum small e;
  enum huge h;
  char text[8];
  __u8 raw[3];
  int grid[2][3];
  unsigned a : 3, b : 5;
  int c : 7;
  __u64 wide : 33;
  union {
    __u32 as_int;
    __u8 as_bytes[4];
  };
  struct {
    int deep;
    anonymous_t typed;
  } named;
  const volatile struct node node TAG("here");
  float f;
  double d;
  __int128 i128;
  int tail[];
};

struct everything every;
float single;
double twice;
const volatile int *const restrict_like;
struct node *volatile nodes[4];

TAG("function") __noinline int tagged(const struct everything *e TAG("argument")) { return e ? e->a : 0; }

SEC("socket")
int use(void *ctx) { return tagged(&every) + every.c + (restrict_like != 0) + (nodes[1] != 0) + *(int *)&single + *(int *)&twice; }

char _license[] SEC("license") = "GPL";
