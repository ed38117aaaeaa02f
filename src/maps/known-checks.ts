/**
 * Creation checks of the map types that the engine lacks: verifying a program needs maps that the kernel would make, and a refusal where
 * it would not (the types' map_alloc_check and map_alloc, v6.18). A type that the engine gains has its check in its row.
 */
import { ERRNO } from '../base/index.ts';
import { ACCESS_FLAGS, checkArray } from './common.ts';
import { MAP_FLAG } from './layout.ts';
import { mapTypeRow } from './table.ts';
import type { MapCreateAttr, MapTypeRow } from './types.ts';

type Check = NonNullable<MapTypeRow['check']>;

const PAGE = 4096;
/** What user space may do with the map's fd, and on which node it lies. */
const USER_FLAGS = MAP_FLAG.NUMA_NODE | MAP_FLAG.RDONLY | MAP_FLAG.WRONLY;
const NODE_AND_ACCESS = MAP_FLAG.NUMA_NODE | ACCESS_FLAGS;
/** Largest kmalloc. */
const KMALLOC_MAX = 4 << 20;
/** Bytes of a value that lives with an object (BPF_LOCAL_STORAGE_MAX_VALUE_SIZE): 64 KiB less the element's header. */
const STORAGE_VALUE_MAX = 0xffff - 64;
const PERCPU_MAX = 32768;
const MAX_BPF_STACK = 512;
/** CONFIG_NR_CPUS of the kernel that these checks are compared with; distributions have up to 8192. */
const NR_CPUS_MAX = 256;
const SEGV_ON_FAULT = 1 << 17;
const NO_USER_CONV = 1 << 18;
const EINVAL = -ERRNO.EINVAL;
const E2BIG = -ERRNO.E2BIG;

function accessOk(flags: number): boolean {
  const both = MAP_FLAG.RDONLY_PROG | MAP_FLAG.WRONLY_PROG;
  return (flags & both) !== both;
}

/** Key, value and flags in one: 0 or EINVAL. */
function shape(attr: MapCreateAttr, allowed: number, key: (size: number) => boolean, value: (size: number) => boolean): number {
  const flags = attr.flags ?? 0;
  const ok = attr.maxEntries !== 0 && key(attr.keySize) && value(attr.valueSize) && (flags & ~allowed) === 0 && accessOk(flags);
  return ok ? 0 : EINVAL;
}

const isFour = (size: number): boolean => size === 4;
const isWord = (size: number): boolean => size === 4 || size === 8;
const isSome = (size: number): boolean => size !== 0;

const devmap: Check = (attr) => shape(attr, USER_FLAGS, isFour, isWord);

const cpumap: Check = (attr) => {
  const bad = shape(attr, MAP_FLAG.NUMA_NODE, isFour, isWord);
  return bad !== 0 ? bad : attr.maxEntries > NR_CPUS_MAX ? E2BIG : 0;
};

const sockhash: Check = (attr) => {
  const bad = shape(attr, USER_FLAGS, isSome, isWord);
  return bad !== 0 ? bad : attr.keySize > MAX_BPF_STACK ? E2BIG : 0;
};

const cgroupStorage =
  (limit: number): Check =>
  (attr) => {
    const flags = attr.flags ?? 0;
    if ((attr.keySize !== 16 && attr.keySize !== 8) || attr.valueSize === 0) return EINVAL;
    if (attr.valueSize > limit) return E2BIG;
    return (flags & ~NODE_AND_ACCESS) !== 0 || !accessOk(flags) || attr.maxEntries !== 0 ? EINVAL : 0;
  };

const reuseport: Check = (attr) => (isWord(attr.valueSize) ? checkArray(attr, NODE_AND_ACCESS) : EINVAL);

const objectStorage: Check = (attr) => {
  const flags = attr.flags ?? 0;
  const wrong = (flags & ~(MAP_FLAG.NO_PREALLOC | MAP_FLAG.CLONE)) !== 0 || (flags & MAP_FLAG.NO_PREALLOC) === 0;
  const untyped = (attr.btfKeyTypeId ?? 0) === 0 || (attr.btfValueTypeId ?? 0) === 0;
  if (wrong || untyped || attr.maxEntries !== 0 || attr.keySize !== 4 || attr.valueSize === 0) return EINVAL;
  return attr.valueSize > STORAGE_VALUE_MAX ? E2BIG : 0;
};

/** Such a map needs the kernel's type of its value, which the attributes here do not have. */
const structOps: Check = () => EINVAL;

const ring: Check = (attr) => {
  const { maxEntries: size } = attr;
  const power = size !== 0 && (size & (size - 1)) === 0 && size % PAGE === 0;
  if (((attr.flags ?? 0) & ~MAP_FLAG.NUMA_NODE) !== 0) return EINVAL;
  return attr.keySize !== 0 || attr.valueSize !== 0 || !power ? EINVAL : 0;
};

const arena: Check = (attr) => {
  const flags = attr.flags ?? 0;
  const extra = attr.mapExtra ?? 0n;
  if (attr.keySize !== 0 || attr.valueSize !== 0 || attr.maxEntries === 0) return EINVAL;
  if ((flags & MAP_FLAG.MMAPABLE) === 0 || (flags & ~(MAP_FLAG.MMAPABLE | SEGV_ON_FAULT | NO_USER_CONV)) !== 0) return EINVAL;
  if ((extra & BigInt(PAGE - 1)) !== 0n) return EINVAL;
  const size = attr.maxEntries * PAGE;
  if (size > 2 ** 32) return E2BIG;
  return extra >> 32n === (extra + BigInt(size) - 1n) >> 32n ? 0 : -ERRNO.ERANGE;
};

/** Checks by enum bpf_map_type. */
const KNOWN_CHECKS: Readonly<Record<number, Check>> = {
  14: devmap,
  15: (attr) => shape(attr, USER_FLAGS, isFour, isWord),
  16: cpumap,
  17: (attr) => shape(attr, USER_FLAGS, isFour, isFour),
  18: sockhash,
  19: cgroupStorage(KMALLOC_MAX),
  20: reuseport,
  21: cgroupStorage(PERCPU_MAX),
  24: objectStorage,
  25: devmap,
  26: structOps,
  28: objectStorage,
  29: objectStorage,
  31: ring,
  32: objectStorage,
  33: arena,
};

/** The kernel's creation checks of any type, in its order: 0 or a negative errno. */
export function checkCreation(attr: MapCreateAttr, cpus: number): number {
  const check = mapTypeRow(attr.type)?.check ?? KNOWN_CHECKS[attr.type];
  if (check === undefined) return EINVAL;
  const flags = attr.flags ?? 0;
  const plain = { ...attr, flags: flags & ~MAP_FLAG.TOKEN_FD };
  const errno = check(plain, cpus);
  if ((flags & MAP_FLAG.TOKEN_FD) === 0) return errno;
  // The token, of which there is none, is looked at between the type's checks and its allocation, which is what finds too many entries.
  return errno === 0 || (errno === E2BIG && check({ ...plain, maxEntries: 1 }, cpus) === 0) ? EINVAL : errno;
}
