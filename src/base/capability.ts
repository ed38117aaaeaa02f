/** Capabilities that bpf(2) asks for, and who has them. */

/** Those that matter to BPF (capabilities(7)). */
export type Capability = 'CAP_BPF' | 'CAP_PERFMON' | 'CAP_NET_ADMIN' | 'CAP_SYS_ADMIN';

/** All of them. */
export const CAPABILITIES: readonly Capability[] = ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'];

/** Whether a holder of `has` may what `wanted` allows: CAP_SYS_ADMIN includes the others (kernel/bpf/token.c bpf_token_capable, v6.18). */
export function isCapable(has: readonly Capability[], wanted: Capability): boolean {
  return has.includes(wanted) || has.includes('CAP_SYS_ADMIN');
}
