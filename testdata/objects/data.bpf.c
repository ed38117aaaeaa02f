/* Global variables of every section and type. */
#include "common.h"

enum color { RED = 1, GREEN = 2, BLUE = 30 };
struct point {
  int x, y;
};

const volatile __u32 target_pid = 0;
const volatile __s8 small = -5;
const volatile __u64 big = 0x1122334455667788;
const volatile bool verbose = 1;
const volatile enum color paint = GREEN;
const volatile char comm[16] = "make";
const volatile int list[4] = {1, 2, 3};
const volatile __s64 negative = -1;
static const volatile int hidden_limit = 7;
const struct point origin = {3, 4};

int counter = 5;
struct point where = {10, -20};
static int private = 11;
__u64 zeroed;
__u8 block[100];

int other SEC(".data.mine") = 77;
const int fixed SEC(".rodata.mine") = 88;
long custom_bss SEC(".bss.mine");

SEC("raw_tp/sys_enter")
int use(void *ctx) {
  if (target_pid && bpf_get_current_pid_tgid() >> 32 != target_pid) return 0;
  counter += small + list[2] + hidden_limit + comm[1];
  private += paint + verbose + negative;
  zeroed += big + block[5]++;
  where.y += origin.y + other + fixed;
  custom_bss++;
  bpf_trace_printk("value %d", 9, private);
  return counter;
}

char _license[] SEC("license") = "Dual MIT/GPL";
__u32 _version SEC("version") = 0x041200;
