/** Who may make maps of a type (kernel/bpf/syscall.c map_create, v6.18). */
import { CAPABILITIES, type Capability, isCapable } from '../base/index.ts';

/** hash, array, prog and perf arrays, cgroup array and storage, maps of maps, ring buffers. */
const UNPRIVILEGED = [1, 2, 3, 4, 5, 6, 8, 12, 13, 19, 21, 27, 31];
/** devmap, sockmap, xskmap, sockhash, devmap_hash. */
const NETWORK = [14, 15, 17, 18, 25];

/** LPM trie, stack traces, maps of CPUs and sockets, storage of cgroups, ring buffers, bloom filter, arena: no map_alloc_check. */
const CHECKED_LATE = [7, 11, 15, 16, 17, 18, 19, 21, 27, 30, 31, 33];

/** Whether sizes and flags are looked at only when the map is allocated, after it was asked who makes it. */
export function checkedLate(type: number): boolean {
  return CHECKED_LATE.includes(type);
}

/** Capability that a map's maker needs, or undefined. */
export function mapCapability(type: number): Capability | undefined {
  if (UNPRIVILEGED.includes(type)) return undefined;
  return NETWORK.includes(type) ? 'CAP_NET_ADMIN' : 'CAP_BPF';
}

/** Which capability a maker lacks, or undefined. */
export function missingForMap(
  type: number,
  { capabilities = CAPABILITIES, unprivilegedDisabled = false }: { capabilities?: readonly Capability[]; unprivilegedDisabled?: boolean },
): Capability | undefined {
  if (unprivilegedDisabled && !isCapable(capabilities, 'CAP_BPF')) return 'CAP_BPF';
  const wanted = mapCapability(type);
  return wanted === undefined || isCapable(capabilities, wanted) ? undefined : wanted;
}
