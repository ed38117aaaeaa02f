/* Externs: configuration values of every type, kernel symbols and functions, strong and weak. */
#include "common.h"

enum libbpf_tristate { TRI_NO = 0, TRI_YES = 1, TRI_MODULE = 2 };

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool LINUX_HAS_SYSCALL_WRAPPER __kconfig;
extern bool CONFIG_BOOL __kconfig __weak;
extern enum libbpf_tristate CONFIG_TRISTATE __kconfig __weak;
extern char CONFIG_CHAR __kconfig __weak;
extern unsigned long CONFIG_HZ __kconfig __weak;
extern short CONFIG_SHORT __kconfig __weak;
extern char CONFIG_NAME[8] __kconfig __weak;

extern const void jiffies_like __ksym __weak;
extern int typed_symbol __ksym __weak;
extern void missing_kfunc(int) __ksym __weak;

SEC("raw_tp/sys_exit")
int use(void *ctx) {
  if (missing_kfunc) missing_kfunc(1);
  if (&jiffies_like) return 1;
  if (&typed_symbol) return 2;
  return LINUX_KERNEL_VERSION + LINUX_HAS_SYSCALL_WRAPPER + CONFIG_BOOL + CONFIG_TRISTATE + CONFIG_CHAR + CONFIG_HZ + CONFIG_SHORT +
         CONFIG_NAME[0] + CONFIG_NAME[1];
}

char _license[] SEC("license") = "GPL";
