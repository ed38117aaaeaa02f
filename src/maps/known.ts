/** Map types that are known by number and name but that the engine cannot create. A type that gains a kernel moves to a file of its own. */
import type { MapTypeRow } from './types.ts';

/** include/uapi/linux/bpf.h enum bpf_map_type (v6.18). */
export const knownOnly: readonly MapTypeRow[] = [
  { id: 0, name: 'unspec', since: '3.18', doc: 'Not a map.' },
  { id: 14, name: 'devmap', since: '4.14', doc: 'Network devices that XDP programs redirect to.' },
  { id: 15, name: 'sockmap', since: '4.14', doc: 'Sockets by index, for redirection between them.' },
  { id: 16, name: 'cpumap', since: '4.15', doc: 'CPUs that XDP programs redirect to.' },
  { id: 17, name: 'xskmap', since: '4.18', doc: 'AF_XDP sockets.' },
  { id: 18, name: 'sockhash', since: '4.18', doc: 'Sockets by key, for redirection between them.' },
  { id: 19, name: 'cgroup_storage', since: '4.19', doc: 'Values by cgroup and attach type; superseded by cgrp_storage.' },
  { id: 20, name: 'reuseport_sockarray', since: '4.19', doc: 'Sockets that share a port.' },
  { id: 21, name: 'percpu_cgroup_storage', since: '4.20', doc: 'Per-CPU values by cgroup and attach type.' },
  { id: 24, name: 'sk_storage', since: '5.2', doc: 'Values that live with a socket.' },
  { id: 25, name: 'devmap_hash', since: '5.4', doc: 'Network devices by key.' },
  { id: 26, name: 'struct_ops', since: '5.6', doc: 'Kernel function tables implemented by programs.' },
  { id: 28, name: 'inode_storage', since: '5.10', doc: 'Values that live with an inode.' },
  { id: 29, name: 'task_storage', since: '5.11', doc: 'Values that live with a task.' },
  { id: 31, name: 'user_ringbuf', since: '6.1', doc: 'Records from user space to programs.' },
  { id: 32, name: 'cgrp_storage', since: '6.2', doc: 'Values that live with a cgroup.' },
  { id: 33, name: 'arena', since: '6.9', doc: 'Memory shared by programs and user space under the same addresses.' },
];
