/* SPDX-License-Identifier: MIT */
/*
 * Arguments and results of probed functions: PT_REGS_* read a kprobe's context, BPF_KPROBE and its relatives give a program typed arguments.
 * The architecture is the one that runs the program, so it must be said: -D__TARGET_ARCH_x86 or -D__TARGET_ARCH_arm64 (`bpfwright run x.bpf.c`
 * does). With vmlinux.h the registers carry the kernel's names, with <linux/ptrace.h> the user-space ones.
 */
#ifndef __BPF_TRACING_H__
#define __BPF_TRACING_H__

#if defined(__TARGET_ARCH_x86) || defined(__x86_64__)

#define ___bpfw_regs(x) ((const struct pt_regs *)(x))
#if defined(__VMLINUX_H__) || defined(__KERNEL__)
#define ___bpfw_reg_parm1 di
#define ___bpfw_reg_parm2 si
#define ___bpfw_reg_parm3 dx
#define ___bpfw_reg_parm4 cx
#define ___bpfw_reg_rc ax
#define ___bpfw_reg_sp sp
#define ___bpfw_reg_fp bp
#define ___bpfw_reg_ip ip
#else
#define ___bpfw_reg_parm1 rdi
#define ___bpfw_reg_parm2 rsi
#define ___bpfw_reg_parm3 rdx
#define ___bpfw_reg_parm4 rcx
#define ___bpfw_reg_rc rax
#define ___bpfw_reg_sp rsp
#define ___bpfw_reg_fp rbp
#define ___bpfw_reg_ip rip
#endif
#define ___bpfw_reg_parm5 r8
#define ___bpfw_reg_parm6 r9
/* The syscall instruction overwrites rcx: the fourth argument of a system call travels in r10. */
#define ___bpfw_reg_parm4_syscall r10
#define ___bpfw_reg_parm1_syscall ___bpfw_reg_parm1
/* The return address is on the stack: there is no register to read it from. */
#define PT_REGS_RET(x) (*(unsigned long *)(void *)___bpfw_regs(x)->___bpfw_reg_sp)

#elif defined(__TARGET_ARCH_arm64) || defined(__aarch64__)

/* The part of pt_regs that user space sees comes first, so it is the same structure for both. */
#define ___bpfw_regs(x) ((const struct user_pt_regs *)(x))
#define ___bpfw_reg_parm1 regs[0]
#define ___bpfw_reg_parm2 regs[1]
#define ___bpfw_reg_parm3 regs[2]
#define ___bpfw_reg_parm4 regs[3]
#define ___bpfw_reg_parm5 regs[4]
#define ___bpfw_reg_parm6 regs[5]
#define ___bpfw_reg_rc regs[0]
#define ___bpfw_reg_fp regs[29]
#define ___bpfw_reg_sp sp
#define ___bpfw_reg_ip pc
#define ___bpfw_reg_parm4_syscall regs[3]
#define PT_REGS_RET(x) (___bpfw_regs(x)->regs[30])

#else
#error "bpf_tracing.h: name the architecture that will run the program: clang -D__TARGET_ARCH_x86 or -D__TARGET_ARCH_arm64"
#endif

#define PT_REGS_PARM1(x) (___bpfw_regs(x)->___bpfw_reg_parm1)
#define PT_REGS_PARM2(x) (___bpfw_regs(x)->___bpfw_reg_parm2)
#define PT_REGS_PARM3(x) (___bpfw_regs(x)->___bpfw_reg_parm3)
#define PT_REGS_PARM4(x) (___bpfw_regs(x)->___bpfw_reg_parm4)
#define PT_REGS_PARM5(x) (___bpfw_regs(x)->___bpfw_reg_parm5)
#define PT_REGS_PARM6(x) (___bpfw_regs(x)->___bpfw_reg_parm6)
#define PT_REGS_RC(x) (___bpfw_regs(x)->___bpfw_reg_rc)
#define PT_REGS_SP(x) (___bpfw_regs(x)->___bpfw_reg_sp)
#define PT_REGS_FP(x) (___bpfw_regs(x)->___bpfw_reg_fp)
#define PT_REGS_IP(x) (___bpfw_regs(x)->___bpfw_reg_ip)

/* Registers of a system call as its wrapper (__x64_sys_write, __arm64_sys_write) got them: the wrapper's only argument points at them. */
#define PT_REGS_SYSCALL_REGS(ctx) ((struct pt_regs *)PT_REGS_PARM1(ctx))
#define PT_REGS_PARM1_SYSCALL(x) PT_REGS_PARM1(x)
#define PT_REGS_PARM2_SYSCALL(x) PT_REGS_PARM2(x)
#define PT_REGS_PARM3_SYSCALL(x) PT_REGS_PARM3(x)
#define PT_REGS_PARM4_SYSCALL(x) (___bpfw_regs(x)->___bpfw_reg_parm4_syscall)
#define PT_REGS_PARM5_SYSCALL(x) PT_REGS_PARM5(x)
#define PT_REGS_PARM6_SYSCALL(x) PT_REGS_PARM6(x)

/* Counts its arguments, up to twelve: ___bpfw_each(f, a, b) becomes ___bpfw_each2(f, a, b). */
#define ___bpfw_pick13(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, n, ...) n
#define ___bpfw_count(...) ___bpfw_pick13(_, ##__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define ___bpfw_join2(a, b) a##b
#define ___bpfw_join(a, b) ___bpfw_join2(a, b)

/* `, <value of argument 1>, <value of argument 2>, ...`: as many as the program declares. */
#define ___bpfw_pass0(get, ctx)
#define ___bpfw_pass1(get, ctx) , get(1, ctx)
#define ___bpfw_pass2(get, ctx) ___bpfw_pass1(get, ctx), get(2, ctx)
#define ___bpfw_pass3(get, ctx) ___bpfw_pass2(get, ctx), get(3, ctx)
#define ___bpfw_pass4(get, ctx) ___bpfw_pass3(get, ctx), get(4, ctx)
#define ___bpfw_pass5(get, ctx) ___bpfw_pass4(get, ctx), get(5, ctx)
#define ___bpfw_pass6(get, ctx) ___bpfw_pass5(get, ctx), get(6, ctx)
#define ___bpfw_pass7(get, ctx) ___bpfw_pass6(get, ctx), get(7, ctx)
#define ___bpfw_pass8(get, ctx) ___bpfw_pass7(get, ctx), get(8, ctx)
#define ___bpfw_pass9(get, ctx) ___bpfw_pass8(get, ctx), get(9, ctx)
#define ___bpfw_pass10(get, ctx) ___bpfw_pass9(get, ctx), get(10, ctx)
#define ___bpfw_pass11(get, ctx) ___bpfw_pass10(get, ctx), get(11, ctx)
#define ___bpfw_pass12(get, ctx) ___bpfw_pass11(get, ctx), get(12, ctx)
#define ___bpfw_pass(get, ctx, args...) ___bpfw_join(___bpfw_pass, ___bpfw_count(args))(get, ctx)

#define ___bpfw_get_parm(n, ctx) (void *)PT_REGS_PARM##n(ctx)
#define ___bpfw_get_rc(n, ctx) (void *)PT_REGS_RC(ctx)
#define ___bpfw_get_slot(n, ctx) (void *)(ctx)[(n) - 1]
#define ___bpfw_get_syscall(n, regs) \
  ({ \
    unsigned long ___bpfw_value = 0; \
    bpf_probe_read_kernel(&___bpfw_value, sizeof(___bpfw_value), (void *)&PT_REGS_PARM##n##_SYSCALL(regs)); \
    (void *)___bpfw_value; \
  })

/*
 * The entry point takes the raw context and hands the typed arguments to the body that follows the macro. Arguments arrive as pointers and
 * are converted by the call, as a C caller would pass them; -Wint-conversion is silenced around that one call.
 */
#define ___bpfw_program(name, ctxtype, passed, args...) \
  name(ctxtype *ctx); \
  static __attribute__((always_inline)) typeof(name(0)) ___bpfw_join(____, name)(ctxtype *ctx, ##args); \
  typeof(name(0)) name(ctxtype *ctx) { \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wint-conversion\"") return ___bpfw_join(____, name)(ctx passed); \
    _Pragma("GCC diagnostic pop") \
  } \
  static __attribute__((always_inline)) typeof(name(0)) ___bpfw_join(____, name)(ctxtype *ctx, ##args)

/* int BPF_KPROBE(name, struct filename *f, ...): the first arguments of the probed function; also SEC("uprobe/..."). `ctx` is in scope. */
#define BPF_KPROBE(name, args...) ___bpfw_program(name, struct pt_regs, ___bpfw_pass(___bpfw_get_parm, ctx, ##args), ##args)
#define BPF_UPROBE BPF_KPROBE
/* int BPF_KRETPROBE(name, long ret): the result of the probed function; also SEC("uretprobe/..."). */
#define BPF_KRETPROBE(name, args...) ___bpfw_program(name, struct pt_regs, ___bpfw_pass(___bpfw_get_rc, ctx, ##args), ##args)
#define BPF_URETPROBE BPF_KRETPROBE
/* int BPF_KSYSCALL(name, int fd, ...): the arguments of a system call, for SEC("ksyscall/...") and wrapper functions (__x64_sys_*). */
#define BPF_KSYSCALL(name, args...) \
  ___bpfw_program(name, struct pt_regs, ___bpfw_pass(___bpfw_get_syscall, PT_REGS_SYSCALL_REGS(ctx), ##args), ##args)
#define BPF_KPROBE_SYSCALL BPF_KSYSCALL
/* int BPF_PROG(name, ...): arguments of raw_tracepoint and BTF-typed programs, whose context is an array of 64-bit values. */
#define BPF_PROG(name, args...) ___bpfw_program(name, unsigned long long, ___bpfw_pass(___bpfw_get_slot, ctx, ##args), ##args)

#endif
