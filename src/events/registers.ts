/** struct pt_regs per architecture: where each register lies and which ones carry arguments. Facts only. */
import type { SyscallAbi } from './types.ts';

/** Where a machine's registers lie in its struct pt_regs; bytes. */
export interface RegisterLayout {
  /** sizeof(struct pt_regs). */
  readonly size: number;
  /** Register name -> offset; each is 8 bytes. */
  readonly offsets: Readonly<Record<string, number>>;
  /** Offsets of the C calling convention's argument registers, first to last. */
  readonly params: readonly number[];
  readonly result: number;
  readonly ip: number;
  readonly sp: number;
  /** Set at a function's entry besides ip and sp: offset and value as a kernel function sees them. */
  readonly entry: readonly { readonly offset: number; readonly value: bigint }[];
  /** Bytes by which a probe at a function's entry sees ip advanced (x86: past the int3). */
  readonly ipAdvance: bigint;
  /** The return address is at [sp] at entry; else it is in this register. */
  readonly returnRegister?: number;
}

/** Offsets of x86-64's registers in struct pt_regs (arch/x86/include/asm/ptrace.h, v6.18); 8 bytes each. */
export const PT_REGS = {
  r15: 0,
  r14: 8,
  r13: 16,
  r12: 24,
  rbp: 32,
  rbx: 40,
  r11: 48,
  r10: 56,
  r9: 64,
  r8: 72,
  rax: 80,
  rcx: 88,
  rdx: 96,
  rsi: 104,
  rdi: 112,
  orig_rax: 120,
  rip: 128,
  cs: 136,
  eflags: 144,
  rsp: 152,
  ss: 160,
} as const;
/** Name of a register in PT_REGS. */
export type RegName = keyof typeof PT_REGS;

/** x86-64's struct pt_regs (arch/x86/include/asm/ptrace.h, v6.18). */
export const X86_64_REGISTERS: RegisterLayout = {
  size: 168,
  offsets: PT_REGS,
  params: [112, 104, 96, 88, 72, 64],
  result: 80,
  ip: 128,
  sp: 152,
  entry: [
    { offset: 120, value: 0xffff_ffff_ffff_ffffn },
    { offset: 136, value: 0x10n },
    { offset: 144, value: 0x246n },
    { offset: 160, value: 0x18n },
  ],
  ipAdvance: 1n,
};

/**
 * Offsets of system-call arguments 0..5 in the caller's saved pt_regs, and their width: 4 means that the kernel's entry code takes
 * the low 32 bits, zero-extended (arch/x86/include/asm/syscall_wrapper.h, v6.18).
 */
export const SYSCALL_ARGUMENTS: Readonly<Partial<Record<SyscallAbi, { readonly offsets: readonly number[]; readonly width: 4 | 8 }>>> = {
  x86_64: { offsets: [112, 104, 96, 56, 72, 64], width: 8 },
  x32: { offsets: [112, 104, 96, 56, 72, 64], width: 8 },
  i386: { offsets: [40, 88, 96, 104, 112, 32], width: 4 },
};
