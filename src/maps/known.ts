/** Map types that are known by number and name but that the engine cannot create. A type that gains a kernel moves to a file of its own. */
import type { MapTypeRow } from './types.ts';

const NET = 'the engine carries no network packets between devices and CPUs';
const SOCK = 'the engine has no sockets';
const CG = 'the engine has no control groups';

/** include/uapi/linux/bpf.h enum bpf_map_type (v6.18). */
export const knownOnly: readonly MapTypeRow[] = [
  { id: 0, name: 'unspec', since: '3.18', lacking: 'it is no map', doc: 'Not a map.' },
  { id: 14, name: 'devmap', since: '4.14', lacking: NET, doc: 'Network devices that XDP programs redirect to.' },
  { id: 15, name: 'sockmap', since: '4.14', lacking: SOCK, doc: 'Sockets by index, for redirection between them.' },
  { id: 16, name: 'cpumap', since: '4.15', lacking: NET, doc: 'CPUs that XDP programs redirect to.' },
  { id: 17, name: 'xskmap', since: '4.18', lacking: SOCK, doc: 'AF_XDP sockets.' },
  { id: 18, name: 'sockhash', since: '4.18', lacking: SOCK, doc: 'Sockets by key, for redirection between them.' },
  { id: 19, name: 'cgroup_storage', since: '4.19', lacking: CG, doc: 'Values by cgroup and attach type; superseded by cgrp_storage.' },
  { id: 20, name: 'reuseport_sockarray', since: '4.19', lacking: SOCK, doc: 'Sockets that share a port.' },
  { id: 21, name: 'percpu_cgroup_storage', since: '4.20', lacking: CG, doc: 'Per-CPU values by cgroup and attach type.' },
  { id: 24, name: 'sk_storage', since: '5.2', lacking: SOCK, doc: 'Values that live with a socket.' },
  { id: 25, name: 'devmap_hash', since: '5.4', lacking: NET, doc: 'Network devices by key.' },
  {
    id: 26,
    name: 'struct_ops',
    since: '5.6',
    lacking: 'the engine has no kernel functions to replace',
    doc: 'Kernel function tables implemented by programs.',
  },
  { id: 28, name: 'inode_storage', since: '5.10', lacking: 'the engine has no inodes', doc: 'Values that live with an inode.' },
  { id: 29, name: 'task_storage', since: '5.11', lacking: 'the engine keeps no values with tasks', doc: 'Values that live with a task.' },
  {
    id: 31,
    name: 'user_ringbuf',
    since: '6.1',
    lacking: 'the engine has no ring buffer that user space writes',
    doc: 'Records from user space to programs.',
  },
  { id: 32, name: 'cgrp_storage', since: '6.2', lacking: CG, doc: 'Values that live with a cgroup.' },
  {
    id: 33,
    name: 'arena',
    since: '6.9',
    lacking: 'the engine has no memory at the addresses of user space',
    doc: 'Memory shared by programs and user space under the same addresses.',
  },
];
