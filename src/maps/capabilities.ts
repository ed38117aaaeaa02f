/** Who may make maps of a type (kernel/bpf/syscall.c map_create, v6.18). */
import { CAPABILITIES, type Capability, isCapable } from '../base/index.ts';

/** hash, array, prog and perf arrays, cgroup array and storage, maps of maps, ring buffers. */
const UNPRIVILEGED = [1, 2, 3, 4, 5, 6, 8, 12, 13, 19, 21, 27, 31];
/** devmap, sockmap, xskmap, sockhash, devmap_hash. */
const NETWORK = [14, 15, 17, 18, 25];

/** Capability that a map's maker needs, or undefined; asked for after the attributes were found right. */
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
