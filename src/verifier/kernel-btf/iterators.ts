/** Iterators over kernel objects: their names, and what is known of their programs' arguments (struct bpf_iter_reg of each, v6.18). */
import { FLAG, KIND } from '../state/reg.ts';
import type { Verification } from '../verification.ts';
import { kernelStruct } from './lookup.ts';
import type { CtxArg } from './target.ts';

/** What functions that stand for iterators begin with. */
export const ITER_PREFIX = 'bpf_iter_';

const PTR = KIND.BTF_ID | FLAG.MAYBE_NULL;
const TRUSTED_PTR = PTR | FLAG.TRUSTED;
const BUF = KIND.BUF | FLAG.MAYBE_NULL;
const RDONLY_BUF = BUF | FLAG.RDONLY;

type Row = readonly [offset: number, type: number, struct?: string];

/** Arguments by target; those that are not listed go by their types. */
const ITERATORS: Readonly<Record<string, readonly Row[]>> = {
  task: [[8, TRUSTED_PTR, 'task_struct']],
  task_file: [
    [8, PTR, 'task_struct'],
    [24, PTR, 'file'],
  ],
  task_vma: [
    [8, PTR, 'task_struct'],
    [16, PTR, 'vm_area_struct'],
  ],
  bpf_map: [[8, TRUSTED_PTR, 'bpf_map']],
  bpf_map_elem: [
    [16, RDONLY_BUF],
    [24, BUF],
  ],
  bpf_prog: [[8, PTR, 'bpf_prog']],
  bpf_link: [[8, PTR, 'bpf_link']],
  bpf_sk_storage_map: [
    [16, PTR, 'sock'],
    [24, BUF],
  ],
  cgroup: [[8, TRUSTED_PTR, 'cgroup']],
  dmabuf: [[8, PTR, 'dma_buf']],
  ipv6_route: [[8, PTR, 'fib6_info']],
  kmem_cache: [[8, TRUSTED_PTR, 'kmem_cache']],
  ksym: [[8, PTR, 'kallsym_iter']],
  netlink: [[8, PTR, 'netlink_sock']],
  sockmap: [
    [16, RDONLY_BUF],
    [24, PTR, 'sock'],
  ],
  tcp: [[8, TRUSTED_PTR, 'sock_common']],
  udp: [[8, TRUSTED_PTR, 'udp_sock']],
  unix: [[8, PTR, 'unix_sock']],
};

/** What is known of an iterator's arguments; undefined where there is no such iterator. */
export function iteratorArgs(v: Verification, name: string): readonly CtxArg[] | undefined {
  const rows = ITERATORS[name];
  return rows?.map(([offset, type, struct]) => {
    const kernel = struct === undefined ? undefined : kernelStruct(v, struct);
    return kernel === undefined ? { offset, type } : { offset, type, btf: kernel.btf, target: kernel.id };
  });
}
