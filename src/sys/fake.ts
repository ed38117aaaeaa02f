/** A Sys without a kernel: waits come from a script, ptrace requests are recorded. For tests of what stands on Sys, on any platform. */
import { ERRNO } from '../base/index.ts';
import { X86_64 } from './arch.ts';
import { PTRACE } from './constants.ts';
import type { Block, Sys } from './sys.ts';

export interface FakeRequest {
  readonly request: number;
  readonly tid: number;
  readonly data: number;
}

export interface FakeScript {
  /** Answers of waitpid, [tid, status] in order; afterwards `idle` is called, and waitpid gives 0 or ECHILD. */
  readonly waits: (readonly [number, number])[];
  /** Answers of PTRACE_GETEVENTMSG by tid, in order. */
  readonly messages?: ReadonlyMap<number, number[]>;
  readonly idle?: () => void;
  readonly cpus?: number;
}

export interface FakeSys extends Sys {
  readonly requests: FakeRequest[];
  readonly kills: (readonly [number, number])[];
  /** Times that waitpid was called without and with WNOHANG. */
  readonly waited: { blocking: number; looking: number };
}

export function fakeSys(script: FakeScript): FakeSys {
  const requests: FakeRequest[] = [];
  const kills: (readonly [number, number])[] = [];
  const waited = { blocking: 0, looking: 0 };
  const blocks = new Map<number, Block>();
  let nextAddress = 0x10_0000;
  let nextPid = 1000;
  let nextFd = 100;
  const block = (size: number): Block => {
    const u8 = new Uint8Array(Math.max(size, 64));
    const made = { u8, dv: new DataView(u8.buffer), address: nextAddress };
    nextAddress += u8.length + 0x1_0000;
    blocks.set(made.address, made);
    return made;
  };
  const write32 = (address: number, value: number): void => {
    for (const b of blocks.values()) {
      if (address >= b.address && address + 4 <= b.address + b.u8.length) b.dv.setInt32(address - b.address, value, true);
    }
  };
  return {
    requests,
    kills,
    waited,
    arch: X86_64,
    block,
    address: (bytes) => block(bytes.length).address,
    environ: () => 0,
    ptrace: (request, tid, _addr, data) => {
      requests.push({ request, tid, data: Number(data) });
      if (request === PTRACE.GETEVENTMSG) write32(Number(data), script.messages?.get(tid)?.shift() ?? 0);
      return 0;
    },
    waitpid: (pid, status, flags) => {
      if (pid > 0) {
        write32(status, 0x80_057f);
        return pid;
      }
      if ((flags & 1) !== 0) waited.looking++;
      else waited.blocking++;
      const next = script.waits.shift();
      if (next === undefined) {
        script.idle?.();
        return (flags & 1) !== 0 ? 0 : -ERRNO.ECHILD;
      }
      write32(status, next[1]);
      return next[0];
    },
    kill: (pid, signal) => {
      kills.push([pid, signal]);
      return 0;
    },
    spawn: () => nextPid++,
    pipe2: (fds) => {
      write32(fds, nextFd++);
      write32(fds + 4, nextFd++);
      return 0;
    },
    read: () => -ERRNO.EAGAIN,
    pread: () => -ERRNO.EBADF,
    write: (_fd, _buffer, size) => size,
    close: () => 0,
    fcntl: () => 0,
    memfdCreate: () => -ERRNO.ENOSYS,
    readMemory: () => -ERRNO.EFAULT,
    writeMemory: () => -ERRNO.EFAULT,
    geteuid: () => 0,
    clock: () => 0n,
    affinityCount: () => script.cpus ?? 2,
    setSoftLimit: () => 0,
    resetSignal: () => 0,
    addSignalFlags: () => 0,
    syscall: () => -ERRNO.ENOSYS,
  };
}
