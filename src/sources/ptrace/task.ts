/**
 * A traced thread's identity and memory, read from /proc and by process_vm_readv only when asked and remembered while it cannot change.
 * Ids are those of the initial (or this process's) namespaces, as bpf_get_current_* gives them. Who creates and forgets tasks is the tracer's business.
 */
import { closeSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { ERRNO } from '../../base/index.ts';
import type { PidNamespace } from '../../helpers/types.ts';
import type { Mem } from '../../mem/index.ts';
import { type Block, PTRACE, type Sys } from '../../sys/index.ts';
import type { TracedTask } from './types.ts';

const COMM_MAX = 15;
const EMPTY = new Uint8Array(0);
/** Bytes of a /proc/TID/stat line that are read; real lines have about 350. */
const STAT_SIZE = 1024;
/** Nanoseconds of one tick of /proc/TID/stat: USER_HZ is 100 on every architecture known here. */
const TICK = 10_000_000n;
/** struct ptrace_rseq_configuration: rseq_abi_pointer u64, rseq_abi_size u32, signature u32, flags u32 (uapi linux/ptrace.h). */
const RSEQ_CONFIGURATION_SIZE = 24;
/** offsetof(struct rseq, cpu_id) (uapi linux/rseq.h). */
const RSEQ_CPU_ID = 4;

/** What tasks share: system calls, scratch memory, the engine's memory. One per tracing thread. */
export class TaskEnv {
  readonly sys: Sys;
  readonly mem: Mem;
  readonly possibleCpus: number;
  readonly scratch: Block;
  #memBytes: Uint8Array;
  #memAddress: number;

  constructor(sys: Sys, mem: Mem, possibleCpus: number) {
    this.sys = sys;
    this.mem = mem;
    this.possibleCpus = possibleCpus;
    this.scratch = sys.block(STAT_SIZE + 64);
    this.#memBytes = mem.u8;
    this.#memAddress = sys.address(mem.u8);
  }

  /** Machine address of the engine's memory offset 0. */
  memAddress(): number {
    if (this.#memBytes !== this.mem.u8) {
      this.#memBytes = this.mem.u8;
      this.#memAddress = this.sys.address(this.mem.u8);
    }
    return this.#memAddress;
  }
}

interface Creds {
  readonly uid: number;
  readonly gid: number;
}

/** A thread under ptrace. */
export class ProcTask implements TracedTask {
  readonly tid: number;
  readonly tgid: number;
  readonly #env: TaskEnv;
  #comm = EMPTY;
  #commKnown = false;
  #commFd = -1;
  #creds: Creds | undefined;
  #rseq: number | undefined;
  #startTime: bigint | undefined;

  constructor(env: TaskEnv, tid: number, tgid: number) {
    this.#env = env;
    this.tid = tid;
    this.tgid = tgid;
  }

  uid(): number {
    return this.#readCreds().uid;
  }

  gid(): number {
    return this.#readCreds().gid;
  }

  comm(): Uint8Array {
    if (this.#commKnown) return this.#comm;
    const { sys, scratch } = this.#env;
    if (this.#commFd < 0) this.#commFd = openProc(`/proc/${this.tid}/comm`);
    const size = this.#commFd < 0 ? 0 : sys.pread(this.#commFd, scratch.address, COMM_MAX + 1, 0);
    // The file ends in a newline; a name may hold newlines of its own.
    if (size > 0) this.#comm = scratch.u8.slice(0, Math.min(size - 1, COMM_MAX));
    this.#commKnown = true;
    return this.#comm;
  }

  /**
   * From the thread's registered rseq area, which the kernel keeps up to date before a stop; but it is the tracee's memory, so a
   * number that is no possible CPU is not believed, and /proc answers instead.
   */
  cpu(): number {
    const { sys, scratch, possibleCpus } = this.#env;
    const rseq = this.#rseq ?? this.#findRseq();
    if (rseq !== 0 && sys.readMemory(this.tid, BigInt(rseq + RSEQ_CPU_ID), scratch.address, 4) === 4) {
      const cpu = scratch.dv.getUint32(0, true);
      if (cpu < possibleCpus) return cpu;
    }
    const cpu = Number(this.#stat(39) ?? 0n);
    return cpu < possibleCpus ? cpu : 0;
  }

  readUser(address: bigint, dst: number, size: number): number {
    if (size === 0) return 0;
    if (address < 0n || address >= 0x8000_0000_0000_0000n) return -ERRNO.EFAULT;
    return this.#env.sys.readMemory(this.tid, address, this.#env.memAddress() + dst, size);
  }

  writeUser(address: bigint, src: number, size: number): number {
    if (size === 0) return 0;
    if (address < 0n || address >= 0x8000_0000_0000_0000n) return -ERRNO.EFAULT;
    return this.#env.sys.writeMemory(this.tid, address, this.#env.memAddress() + src, size);
  }

  /** The signal waits until the thread is let go, and is then delivered as any other. */
  sendSignal(signal: number, target: 'process' | 'thread'): number {
    const { sys } = this.#env;
    return target === 'process' ? sys.kill(this.tgid, signal) : sys.syscall(sys.arch.nr.tgkill, this.tgid, this.tid, signal);
  }

  pidNamespace(): PidNamespace | undefined {
    try {
      const { dev, ino } = statSync(`/proc/${this.tid}/ns/pid`, { bigint: true });
      const status = readFileSync(`/proc/${this.tid}/status`, 'latin1');
      // The numbers in all the namespaces around it, the innermost last.
      const innermost = (key: string): number => Number(new RegExp(`^${key}:.*\\t(\\d+)$`, 'm').exec(status)?.[1] ?? 0);
      return { dev, ino, tid: innermost('NSpid'), tgid: innermost('NStgid') };
    } catch {
      return undefined;
    }
  }

  startTime(): bigint {
    this.#startTime ??= (this.#stat(22) ?? 0n) * TICK;
    return this.#startTime;
  }

  prio(): number {
    return Number(this.#stat(18) ?? 20n) + 100;
  }

  threads(): number[] {
    try {
      return readdirSync(`/proc/${this.tgid}/task`).map(Number);
    } catch {
      return [this.tid];
    }
  }

  invalidate(what: 'exec' | 'comm' | 'creds'): void {
    if (what !== 'creds') this.#commKnown = false;
    if (what !== 'comm') this.#creds = undefined;
    if (what === 'exec') this.#rseq = undefined;
  }

  /** Releases the file descriptor it may hold. The task may still be asked afterwards. */
  close(): void {
    if (this.#commFd >= 0) closeSync(this.#commFd);
    this.#commFd = -1;
  }

  /** Real ids: the first of the four that /proc/TID/status lists. A task that is gone keeps what was known, else root's absence: 65534. */
  #readCreds(): Creds {
    if (this.#creds !== undefined) return this.#creds;
    let status = '';
    try {
      status = readFileSync(`/proc/${this.tid}/status`, 'latin1');
    } catch {
      // The task died between its stop and now.
    }
    const id = (key: string): number => Number(new RegExp(`^${key}:\\t(\\d+)`, 'm').exec(status)?.[1] ?? 65534);
    this.#creds = { uid: id('Uid'), gid: id('Gid') };
    return this.#creds;
  }

  #findRseq(): number {
    const { sys, scratch } = this.#env;
    const size = sys.ptrace(PTRACE.GET_RSEQ_CONFIGURATION, this.tid, RSEQ_CONFIGURATION_SIZE, scratch.address);
    const address = size < 0 ? 0n : scratch.dv.getBigUint64(0, true);
    const rseq = address < 0x8000_0000_0000n ? Number(address) : 0;
    // glibc registers the area early, but not before the first system calls: ask again until it has.
    if (rseq !== 0) this.#rseq = rseq;
    return rseq;
  }

  /** Field `n` (from 1, as proc(5) counts) of /proc/TID/stat, n > 3. */
  #stat(n: number): bigint | undefined {
    const { sys, scratch } = this.#env;
    const fd = openProc(`/proc/${this.tid}/stat`);
    if (fd < 0) return undefined;
    const size = sys.pread(fd, scratch.address, STAT_SIZE, 0);
    closeSync(fd);
    if (size <= 0) return undefined;
    const text = Buffer.from(scratch.u8.subarray(0, size)).toString('latin1');
    // The name may hold spaces and parentheses: what follows its last ')' is field 3.
    const field = text.slice(text.lastIndexOf(')') + 2).split(' ')[n - 3];
    return field !== undefined && /^-?\d+$/.test(field.trim()) ? BigInt(field) : undefined;
  }
}

function openProc(path: string): number {
  try {
    return openSync(path, 'r');
  } catch {
    return -1;
  }
}
