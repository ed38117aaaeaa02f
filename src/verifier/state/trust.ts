/** Which kernel pointers may be handed to functions that want valid objects (is_trusted_reg, is_rcu_reg, v6.18). */
import { FLAG, KIND, kindOf, type Reg } from './reg.ts';

/** BPF_REG_TRUSTED_MODIFIERS. */
const TRUSTING = FLAG.ALLOC | FLAG.TRUSTED | FLAG.NON_OWN_REF;
const KIND_BITS = 0xff;

/** Kernel structures that registers of these kinds point to (reg2btf_ids). */
const STRUCT_OF: Readonly<Record<number, string>> = {
  [KIND.SOCKET]: 'sock',
  [KIND.SOCK_COMMON]: 'sock_common',
  [KIND.TCP_SOCK]: 'tcp_sock',
  [KIND.MAP_PTR]: 'bpf_map',
};

/** Name of the kernel structure that a pointer of a kind without BTF stands for. */
export function structOfKind(type: number): string | undefined {
  return STRUCT_OF[kindOf(type)];
}

/** Flags that make a pointer untrustworthy (bpf_type_has_unsafe_modifiers). */
export function isUnsafe(type: number): boolean {
  return (type & ~KIND_BITS & ~TRUSTING) !== 0;
}

/** The flags of a type that make it trusted. */
export function trustingFlags(type: number): number {
  return type & TRUSTING;
}

/** The object is there as long as the program holds the pointer. */
export function isTrusted(reg: Reg): boolean {
  if (reg.refId !== 0) return true;
  if (isUnsafe(reg.type)) return false;
  return structOfKind(reg.type) !== undefined || trustingFlags(reg.type) !== 0;
}

/** The object is there as long as the read-side critical section lasts. */
export function isRcu(reg: Reg): boolean {
  return (reg.type & FLAG.RCU) !== 0;
}
