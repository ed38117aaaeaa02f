/**
 * The system calls that the tracer makes, as an interface: libc.ts implements it by FFI, fake.ts scripts it for tests.
 * Failures are negative errno numbers, never exceptions, because most of them are expected (a tracee may vanish at any time).
 */
import type { Arch } from './arch.ts';

/** Memory at a fixed address that system calls read and write. */
export interface Block {
  readonly u8: Uint8Array;
  readonly dv: DataView;
  /** Address of byte 0; below 2^47, so a number holds it. */
  readonly address: number;
}

/** posix_spawn(3) with the attributes this project needs: all signals at default, none blocked. */
export interface SpawnAttr {
  readonly path: string;
  /** Addresses of NULL-terminated arrays of C strings. */
  readonly argv: number;
  readonly envp: number;
  /** [parent's fd, child's fd] in order; equal numbers clear close-on-exec. */
  readonly dup: readonly (readonly [number, number])[];
  /** Child's fds to close after that. */
  readonly close: readonly number[];
}

export interface Sys {
  readonly arch: Arch;
  /** A zeroed block of its own, for the caller to keep. */
  block(size: number): Block;
  /** Address of a typed array's first byte; it must not be moved or resized while in use. */
  address(bytes: Uint8Array): number;
  /** Address of the process's environment (char **), exact bytes included. */
  environ(): number;

  ptrace(request: number, tid: number, addr: number | bigint, data: number | bigint): number;
  /** `status`: address of an int. */
  waitpid(pid: number, status: number, flags: number): number;
  kill(pid: number, signal: number): number;
  /** The child's pid or a negative errno (of its exec, too). */
  spawn(attr: SpawnAttr): number;

  /** Writes two ints at `fds`. */
  pipe2(fds: number, flags: number): number;
  read(fd: number, buffer: number, size: number): number;
  pread(fd: number, buffer: number, size: number, offset: number): number;
  write(fd: number, buffer: number, size: number): number;
  close(fd: number): number;
  fcntl(fd: number, command: number, value: number): number;
  memfdCreate(name: string, flags: number): number;

  /** Bytes copied from `remote` of a task to local address `local`: may be short; negative errno when the first byte is unreadable. */
  readMemory(tid: number, remote: bigint, local: number, size: number): number;
  writeMemory(tid: number, remote: bigint, local: number, size: number): number;

  geteuid(): number;
  /** Nanoseconds of CLOCK_*. */
  clock(id: number): bigint;
  /** CPUs that the calling thread may run on. */
  affinityCount(): number;
  /** Sets the soft limit, keeping the hard one. */
  setSoftLimit(pid: number, resource: number, soft: bigint): number;
  /** Sets a signal's disposition of this process: SIG_DFL, with flags (SA_*). */
  resetSignal(signal: number): number;
  /** Adds flags to the disposition that is installed now. */
  addSignalFlags(signal: number, flags: number): number;
  /** syscall(2) for what has no wrapper. */
  syscall(nr: number, a?: number | bigint, b?: number | bigint, c?: number | bigint, d?: number | bigint, e?: number | bigint): number;
}
