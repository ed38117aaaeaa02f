/** The live kernel as the loader's host: as much as loading an object needs, maps and types really created there. */
import { readFileSync } from 'node:fs';
import { NotSupportedError, SyscallError } from '../../src/base/index.ts';
import type { Fd, Host, MapInfo, ProgLoadAttr } from '../../src/host/index.ts';
import type { RawBpf } from '../../src/sys/bpf.ts';
import type { KernelWorld } from '../../src/tools/kernel-world.ts';

const ARENA = 33;
/** Where arenas are mapped: user memory that nothing else uses. */
const ARENA_BASE = 1n << 44n;

/** A host that loads into this kernel. Close it to release everything. */
export interface KernelHost extends Host {
  closeAll(): void;
}

export function kernelHost(bpf: RawBpf, world: KernelWorld): KernelHost {
  const infos = new Map<Fd, MapInfo>();
  const open = new Set<Fd>();
  const kept = (fd: Fd): Fd => {
    open.add(fd);
    return fd;
  };
  const host: Partial<KernelHost> = {
    name: 'kernel',
    possibleCpus: Number(/(\d+)\s*$/.exec(readFileSync('/sys/devices/system/cpu/possible', 'utf8'))?.[1] ?? 0) + 1,
    kernelBtf: world.btf,
    kernelSymbol: world.symbol,
    mapCreate(attr) {
      const arena = attr.type === ARENA && (attr.mapExtra ?? 0n) === 0n;
      const fd = kept(bpf.mapCreate(arena ? { ...attr, mapExtra: ARENA_BASE } : attr));
      const { type, keySize, valueSize, maxEntries, flags = 0, name = '' } = attr;
      infos.set(fd, { type, keySize, valueSize, maxEntries, flags, id: fd, name });
      return fd;
    },
    mapInfo(fd) {
      const info = infos.get(fd);
      if (info === undefined) throw new NotSupportedError(`fd ${fd} is no map of this host`);
      return info;
    },
    mapUpdateElem: (fd, key, value) => bpf.mapUpdate(fd, key ?? new Uint8Array(0), value),
    mapFreeze: (fd) => bpf.mapFreeze(fd),
    btfLoad: (bytes) => kept(bpf.btfLoad(bytes)),
    progLoad({ attachProgFd, ...attr }: ProgLoadAttr) {
      const { fd, log } = bpf.progLoad({ logLevel: 1, ...attr, ...(attachProgFd === undefined ? {} : { attachFd: attachProgFd }) });
      return { fd: kept(fd), log };
    },
    objGet: () => {
      throw new SyscallError('BPF_OBJ_GET', 'ENOENT', 'nothing is pinned');
    },
    objPin: () => undefined,
    close(fd) {
      if (open.delete(fd)) bpf.close(fd);
    },
    closeAll() {
      for (const fd of open) bpf.close(fd);
      open.clear();
    },
  };
  return host as KernelHost;
}
