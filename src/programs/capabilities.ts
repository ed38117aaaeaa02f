/** Who may load programs of a type (kernel/bpf/syscall.c bpf_prog_load, is_net_admin_prog_type, is_perfmon_prog_type, v6.18). */
import { CAPABILITIES, type Capability, isCapable } from '../base/index.ts';

/** BPF_COMPLEXITY_LIMIT_INSNS and BPF_MAXINSNS. */
const INSN_MAX = 1_000_000;
const INSN_MAX_UNPRIVILEGED = 4096;

/** Who loads programs and makes maps. */
export interface Loader {
  /** Default: all. */
  readonly capabilities?: readonly Capability[];
  /** The sysctl kernel.unprivileged_bpf_disabled is not 0: without CAP_BPF nothing is loaded or made. Default: it is 0. */
  readonly unprivilegedDisabled?: boolean;
}

/** Loaded without CAP_BPF where kernel.unprivileged_bpf_disabled is 0: socket_filter, cgroup_skb. */
const UNPRIVILEGED = [1, 8];
/** sched, xdp, cgroup but cgroup_skb, lwt, sock_ops, sk_skb, sk_msg, flow_dissector, netfilter, ext. */
const NETWORK = [3, 4, 6, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 22, 23, 25, 28, 32];
/** kprobe, tracepoint, perf_event, raw_tracepoint[_writable], tracing, struct_ops, ext, lsm. */
const TRACING = [2, 5, 7, 17, 24, 26, 27, 28, 29];

/** Capabilities for loading a program of type `type`, in the order in which they are asked for. */
export function loadCapabilities(type: number): readonly Capability[] {
  const out: Capability[] = [];
  if (!UNPRIVILEGED.includes(type)) out.push('CAP_BPF');
  if (NETWORK.includes(type)) out.push('CAP_NET_ADMIN');
  if (TRACING.includes(type)) out.push('CAP_PERFMON');
  return out;
}

/** Why a program of `type` with `count` instructions may not be loaded by this loader, whatever it does; in bpf_prog_load's order. */
export function loaderRefusal(
  type: number,
  count: number,
  { capabilities = CAPABILITIES, unprivilegedDisabled }: Loader,
): { readonly errno: 'EPERM' | 'E2BIG'; readonly message: string } | undefined {
  const capable = isCapable(capabilities, 'CAP_BPF');
  if (unprivilegedDisabled === true && !capable) {
    return { errno: 'EPERM', message: 'loading programs needs CAP_BPF where kernel.unprivileged_bpf_disabled is not 0' };
  }
  const most = capable ? INSN_MAX : INSN_MAX_UNPRIVILEGED;
  if (count < 1 || count > most) return { errno: 'E2BIG', message: `the program has ${count} instructions, expected 1 to ${most}` };
  const missing = loadCapabilities(type).find((wanted) => !isCapable(capabilities, wanted));
  return missing === undefined ? undefined : { errno: 'EPERM', message: `programs of type ${type} need ${missing}` };
}
