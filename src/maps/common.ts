/** What map types share: flags of elements, and creation checks of the array and hash families. */
import { ERRNO } from '../base/index.ts';
import { MAP_FLAG } from './layout.ts';
import type { MapCreateAttr } from './types.ts';

/** Flags that limit access, for user space and for programs. */
export const ACCESS_FLAGS = MAP_FLAG.RDONLY | MAP_FLAG.WRONLY | MAP_FLAG.RDONLY_PROG | MAP_FLAG.WRONLY_PROG;

/** Flags that hash kinds accept; each kind refuses some of them in its turn. */
export const HASH_FLAGS = MAP_FLAG.NO_PREALLOC | MAP_FLAG.NO_COMMON_LRU | MAP_FLAG.NUMA_NODE | MAP_FLAG.ZERO_SEED | ACCESS_FLAGS;

/** Element flags (uapi bpf.h). */
export const ELEM_FLAG = { ANY: 0n, NOEXIST: 1n, EXIST: 2n, LOCK: 4n } as const;

/** Largest per-CPU value, rounded to 8 bytes (mm/percpu.c PCPU_MIN_UNIT_SIZE). */
const PERCPU_VALUE_MAX = 32768;
/** Largest kmalloc (4 MiB) less the kernel's element header, which bounds key and value of hashes. */
const HASH_ELEM_MAX = (4 << 20) - 48;
const INT_MAX = 0x7fff_ffff;

/** The next multiple of 8. */
export function roundUp8(n: number): number {
  return Math.ceil(n / 8) * 8;
}

/** Whether only one of the two access flags for programs is set (kernel/bpf/syscall.c). */
export function progAccessOk(flags: number): boolean {
  const both = MAP_FLAG.RDONLY_PROG | MAP_FLAG.WRONLY_PROG;
  return (flags & both) !== both;
}

/** NUMA_NO_NODE as an unsigned number. */
const NO_NODE = 0xffff_ffff;

/** NUMA node that the attributes name; undefined for any. */
export function numaNode(attr: MapCreateAttr): number | undefined {
  if (((attr.flags ?? 0) & MAP_FLAG.NUMA_NODE) === 0) return undefined;
  const node = (attr.numaNode ?? 0) >>> 0;
  return node === NO_NODE ? undefined : node;
}

/** Creation checks of array kinds, in order (kernel/bpf/arraymap.c array_map_alloc_check, v6.18). */
export function checkArray(attr: MapCreateAttr, allowed: number, kind: { perCpu?: boolean } = {}): number {
  const flags = attr.flags ?? 0;
  if (attr.maxEntries === 0 || attr.keySize !== 4 || attr.valueSize === 0) return -ERRNO.EINVAL;
  if ((flags & ~allowed) !== 0 || !progAccessOk(flags)) return -ERRNO.EINVAL;
  if (kind.perCpu && numaNode(attr) !== undefined) return -ERRNO.EINVAL;
  if (attr.valueSize > INT_MAX) return -ERRNO.E2BIG;
  if (kind.perCpu && roundUp8(attr.valueSize) > PERCPU_VALUE_MAX) return -ERRNO.E2BIG;
  return 0;
}

/** Creation checks of arrays of file descriptors (kernel/bpf/arraymap.c fd_array_map_alloc_check, v6.18). */
export function checkFdArray(attr: MapCreateAttr, allowed: number): number {
  if (attr.valueSize !== 4) return -ERRNO.EINVAL;
  if (((attr.flags ?? 0) & (MAP_FLAG.RDONLY_PROG | MAP_FLAG.WRONLY_PROG)) !== 0) return -ERRNO.EINVAL;
  return checkArray(attr, allowed);
}

/** Creation checks of hash kinds, in order (kernel/bpf/hashtab.c htab_map_alloc_check and htab_map_alloc, v6.18). */
export function checkHash(attr: MapCreateAttr, kind: { perCpu: boolean; lru: boolean; ofMaps?: boolean }): number {
  const flags = attr.flags ?? 0;
  if ((flags & ~HASH_FLAGS) !== 0 || !progAccessOk(flags)) return -ERRNO.EINVAL;
  if (!kind.lru && (flags & MAP_FLAG.NO_COMMON_LRU) !== 0) return -ERRNO.EINVAL;
  if (kind.lru && (flags & MAP_FLAG.NO_PREALLOC) !== 0) return -ERRNO.ENOTSUPP;
  if (numaNode(attr) !== undefined && (kind.perCpu || (flags & MAP_FLAG.NO_COMMON_LRU) !== 0)) return -ERRNO.EINVAL;
  if (attr.maxEntries === 0 || attr.keySize === 0 || attr.valueSize === 0) return -ERRNO.EINVAL;
  if (attr.keySize + attr.valueSize >= HASH_ELEM_MAX) return -ERRNO.E2BIG;
  if (kind.perCpu && roundUp8(attr.valueSize) > PERCPU_VALUE_MAX) return -ERRNO.E2BIG;
  // 16-byte buckets, a power of two of them, in less than 2^32 bytes.
  // Maps of maps look at their template before they count.
  if (attr.maxEntries > 2 ** 27 && kind.ofMaps !== true) return -ERRNO.E2BIG;
  return 0;
}

/** Flags of queues and stacks. */
export const QUEUE_FLAGS = MAP_FLAG.NUMA_NODE | ACCESS_FLAGS;
/** Largest kmalloc. */
const QUEUE_VALUE_MAX = 4 << 20;

/** Creation checks of queues and stacks, in order (kernel/bpf/queue_stack_maps.c queue_stack_map_alloc_check, v6.18). */
export function checkQueue(attr: MapCreateAttr): number {
  const flags = attr.flags ?? 0;
  if (attr.maxEntries === 0 || attr.keySize !== 0 || attr.valueSize === 0) return -ERRNO.EINVAL;
  if ((flags & ~QUEUE_FLAGS) !== 0 || !progAccessOk(flags)) return -ERRNO.EINVAL;
  return attr.valueSize > QUEUE_VALUE_MAX ? -ERRNO.E2BIG : 0;
}
