/** The real Sys: glibc through koffi, loaded only when asked for. Platforms where that cannot work are refused by name. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { BpfError, NotSupportedError } from '../base/index.ts';
import { ARCHES, type Arch } from './arch.ts';
import { SPAWN } from './constants.ts';
import type { Block, SpawnAttr, Sys } from './sys.ts';

type Word = number | bigint;
/** The part of koffi used here. */
interface Koffi {
  load(name: string | null): {
    func(name: string, result: string, args: string[]): (...args: unknown[]) => unknown;
    symbol(name: string, type: string): unknown;
  };
  decode(pointer: unknown, type: string): number | bigint;
  address(value: unknown): bigint;
  errno(): number;
}

const SIGSET_BYTES = 128;
/** glibc's opaque posix_spawn structures, rounded up generously (80 and 336 bytes on x86-64). */
const SPAWN_ACTIONS_BYTES = 256;
const SPAWN_ATTR_BYTES = 512;

/** Why system calls cannot be made here, or the architecture's row when they can. */
export function platformArch(platform: string, node: string, glibc: boolean): Arch | NotSupportedError {
  if (platform !== 'linux') {
    return new NotSupportedError(`tracing processes needs Linux, this is ${platform}`, {
      hint: 'programs still load, run with `prog run` and by engine.fire(); trace real processes on Linux x86-64',
    });
  }
  if (!glibc) {
    return new NotSupportedError('tracing processes needs glibc, this Node is built for another C library (musl)', {
      hint: 'use a glibc image such as node:slim instead of node:alpine',
    });
  }
  const arch = ARCHES.find((row) => row.node === node);
  if (arch === undefined) {
    return new NotSupportedError(`tracing processes is not supported on ${node}, expected ${ARCHES.map((a) => a.node).join(' or ')}`, {
      hint: 'programs still load, run with `prog run` and by engine.fire()',
    });
  }
  return arch;
}

/** The process report would say it, too, but takes as long as the rest of start-up. */
function hasGlibc(): boolean {
  try {
    return !readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-');
  } catch {
    return true;
  }
}

function loadKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi;
  } catch (cause) {
    throw new NotSupportedError('the native part of the koffi package cannot be loaded', {
      cause,
      hint: 'reinstall with optional dependencies: npm install --include=optional koffi',
    });
  }
}

let loaded: Sys | undefined;

/** System calls of this thread's process. NotSupportedError with cause and remedy where there can be none. */
export function loadSys(): Sys {
  if (loaded !== undefined) return loaded;
  const arch = platformArch(process.platform, process.arch, process.platform === 'linux' && hasGlibc());
  if (arch instanceof NotSupportedError) throw arch;
  loaded = bind(loadKoffi(), arch);
  return loaded;
}

function bind(koffi: Koffi, arch: Arch): Sys {
  const libc = (() => {
    try {
      return koffi.load('libc.so.6');
    } catch (cause) {
      throw new NotSupportedError('libc.so.6 cannot be loaded', { cause, hint: 'tracing processes needs glibc' });
    }
  })();
  const fn = (name: string, result: string, ...args: string[]): ((...values: Word[]) => number) =>
    libc.func(name, result, args) as (...values: Word[]) => number;
  const W = 'int64';
  const c = {
    ptrace: fn('ptrace', 'long', 'int', 'int', W, W),
    waitpid: fn('waitpid', 'int', 'int', W, 'int'),
    kill: fn('kill', 'int', 'int', 'int'),
    pipe2: fn('pipe2', 'int', W, 'int'),
    read: fn('read', 'long', 'int', W, 'long'),
    pread: fn('pread64', 'long', 'int', W, 'long', W),
    write: fn('write', 'long', 'int', W, 'long'),
    close: fn('close', 'int', 'int'),
    fcntl: fn('fcntl', 'int', 'int', 'int', 'long'),
    memfdCreate: fn('memfd_create', 'int', W, 'uint'),
    readv: fn('process_vm_readv', 'long', 'int', W, 'ulong', W, 'ulong', 'ulong'),
    writev: fn('process_vm_writev', 'long', 'int', W, 'ulong', W, 'ulong', 'ulong'),
    geteuid: fn('geteuid', 'uint'),
    clockGettime: fn('clock_gettime', 'int', 'int', W),
    getaffinity: fn('sched_getaffinity', 'int', 'int', 'size_t', W),
    prlimit: fn('prlimit64', 'int', 'int', 'int', W, W),
    sigaction: fn('sigaction', 'int', 'int', W, W),
    syscall: fn('syscall', 'long', 'long', W, W, W, W, W, W),
    spawn: fn('posix_spawn', 'int', W, W, W, W, W, W),
    actionsInit: fn('posix_spawn_file_actions_init', 'int', W),
    actionsDup: fn('posix_spawn_file_actions_adddup2', 'int', W, 'int', 'int'),
    actionsClose: fn('posix_spawn_file_actions_addclose', 'int', W, 'int'),
    actionsDestroy: fn('posix_spawn_file_actions_destroy', 'int', W),
    attrInit: fn('posix_spawnattr_init', 'int', W),
    attrFlags: fn('posix_spawnattr_setflags', 'int', W, 'short'),
    attrDefault: fn('posix_spawnattr_setsigdefault', 'int', W, W),
    attrMask: fn('posix_spawnattr_setsigmask', 'int', W, W),
    attrDestroy: fn('posix_spawnattr_destroy', 'int', W),
  };
  /** -errno for -1. koffi keeps the errno of its last call. */
  const result = (value: number): number => (value === -1 ? -koffi.errno() : value);
  const block = (size: number): Block => {
    // A buffer of its own: V8 keeps small typed arrays inside movable objects.
    const buffer = new ArrayBuffer(Math.max(size, 4096));
    const u8 = new Uint8Array(buffer);
    return { u8, dv: new DataView(buffer), address: Number(koffi.address(u8)) };
  };
  const work = block(4096);
  /** Blocks of spawn(), and one for a short string: kept, because a block that nothing refers to may be collected during the call. */
  const actions = block(SPAWN_ACTIONS_BYTES);
  const attributes = block(SPAWN_ATTR_BYTES);
  const noSignals = block(SIGSET_BYTES);
  const allSignals = block(SIGSET_BYTES);
  const shortText = block(4096);
  const encoder = new TextEncoder();
  const cstring = (value: string): number => {
    const { read, written } = encoder.encodeInto(value, shortText.u8.subarray(0, shortText.u8.length - 1));
    if (read < value.length) throw new BpfError(`'${value.slice(0, 40)}…' is longer than a path may be`);
    shortText.u8[written] = 0;
    return shortText.address;
  };
  /** Offsets in `work`: two iovecs, a timespec, one of larger things. */
  const IOV = 0;
  const TIME = 64;
  const BIG = 128;

  const spawn = (attr: SpawnAttr): number => {
    allSignals.u8.fill(0xff, 0, SIGSET_BYTES);
    c.actionsInit(actions.address);
    c.attrInit(attributes.address);
    try {
      for (const [from, to] of attr.dup) c.actionsDup(actions.address, from, to);
      for (const fd of attr.close) c.actionsClose(actions.address, fd);
      // Node ignores SIGPIPE and blocks nothing it should pass on: the command starts as a shell would start it.
      c.attrDefault(attributes.address, allSignals.address);
      c.attrMask(attributes.address, noSignals.address);
      c.attrFlags(attributes.address, SPAWN.SETSIGDEF | SPAWN.SETSIGMASK);
      const error = c.spawn(work.address + BIG, cstring(attr.path), actions.address, attributes.address, attr.argv, attr.envp);
      return error === 0 ? work.dv.getInt32(BIG, true) : -error;
    } finally {
      c.actionsDestroy(actions.address);
      c.attrDestroy(attributes.address);
    }
  };

  const iovec = (local: number, remote: bigint, size: number): void => {
    work.dv.setBigUint64(IOV, BigInt(local), true);
    work.dv.setBigUint64(IOV + 8, BigInt(size), true);
    work.dv.setBigUint64(IOV + 16, remote, true);
    work.dv.setBigUint64(IOV + 24, BigInt(size), true);
  };
  const localIov = work.address + IOV;
  const remoteIov = work.address + IOV + 16;
  const timeAddress = work.address + TIME;

  return {
    arch,
    block,
    address: (bytes) => Number(koffi.address(bytes)),
    // The executable's own copy of the variable is the one in use, not the C library's.
    environ: () => Number(koffi.decode(koffi.load(null).symbol('environ', 'void *'), 'uint64')),
    ptrace: (request, tid, addr, data) => result(c.ptrace(request, tid, addr, data)),
    waitpid: (pid, status, flags) => result(c.waitpid(pid, status, flags)),
    kill: (pid, signal) => result(c.kill(pid, signal)),
    spawn,
    pipe2: (fds, flags) => result(c.pipe2(fds, flags)),
    read: (fd, buffer, size) => result(c.read(fd, buffer, size)),
    pread: (fd, buffer, size, offset) => result(c.pread(fd, buffer, size, offset)),
    write: (fd, buffer, size) => result(c.write(fd, buffer, size)),
    close: (fd) => result(c.close(fd)),
    fcntl: (fd, command, value) => result(c.fcntl(fd, command, value)),
    memfdCreate: (name, flags) => result(c.memfdCreate(cstring(name), flags)),
    readMemory: (tid, remote, local, size) => {
      iovec(local, remote, size);
      return result(c.readv(tid, localIov, 1, remoteIov, 1, 0));
    },
    writeMemory: (tid, remote, local, size) => {
      iovec(local, remote, size);
      return result(c.writev(tid, localIov, 1, remoteIov, 1, 0));
    },
    geteuid: () => c.geteuid(),
    clock: (id) => {
      c.clockGettime(id, timeAddress);
      return work.dv.getBigInt64(TIME, true) * 1_000_000_000n + work.dv.getBigInt64(TIME + 8, true);
    },
    affinityCount: () => {
      work.u8.fill(0, BIG, BIG + 1024);
      if (c.getaffinity(0, 1024, work.address + BIG) < 0) return 1;
      let count = 0;
      for (const byte of work.u8.subarray(BIG, BIG + 1024)) for (let bits = byte; bits !== 0; bits &= bits - 1) count++;
      return count;
    },
    setSoftLimit: (pid, resource, soft) => {
      const got = c.prlimit(pid, resource, 0, work.address + BIG);
      if (got < 0) return result(got);
      if (soft < work.dv.getBigUint64(BIG + 8, true)) work.dv.setBigUint64(BIG, soft, true);
      return result(c.prlimit(pid, resource, work.address + BIG, 0));
    },
    resetSignal: (signal) => {
      // struct sigaction: handler, mask (128 bytes), flags, restorer; all zero is SIG_DFL.
      work.u8.fill(0, BIG, BIG + 256);
      return result(c.sigaction(signal, work.address + BIG, 0));
    },
    addSignalFlags: (signal, flags) => {
      const got = c.sigaction(signal, 0, work.address + BIG);
      if (got < 0) return result(got);
      const at = BIG + 8 + SIGSET_BYTES;
      work.dv.setInt32(at, work.dv.getInt32(at, true) | flags, true);
      return result(c.sigaction(signal, work.address + BIG, 0));
    },
    syscall: (nr, a = 0, b = 0, d = 0, e = 0, f = 0) => result(c.syscall(nr, a, b, d, e, f, 0)),
  };
}
