/** What a helper row states (prototype) and what an engine's implementation of it is handed. The rows are one file per family beside this. */
import type { MapEnv, MapKernel } from '../maps/types.ts';
import type { Mem } from '../mem/memory.ts';

/**
 * Argument kinds, after kernel/bpf/verifier.c's ARG_* (v6.18), spelled as semantics uses them.
 * A `mem*` argument is always followed by its `size*` argument unless it states `size`.
 */
export type ArgKind =
  | 'anything'
  | 'ctx'
  | 'ctx_or_null'
  | 'map'
  | 'map_key'
  | 'map_value'
  | 'map_value_or_null'
  /** map_value that the helper fills (peek, pop). */
  | 'map_value_uninit'
  | 'mem'
  | 'mem_or_null'
  /** Memory the helper writes: need not be initialised. */
  | 'mem_uninit'
  | 'mem_uninit_or_null'
  | 'mem_write'
  /** Size of the preceding memory, > 0 / >= 0. */
  | 'size'
  | 'size_or_zero'
  /** A constant known at load (ringbuf_reserve). */
  | 'const_alloc_size_or_zero'
  | 'const_str'
  | 'fixed_mem'
  | 'fixed_mem_uninit'
  | 'long_ptr'
  | 'int_ptr'
  | 'func'
  | 'stack_or_null'
  | 'spin_lock'
  | 'timer'
  | 'kptr'
  | 'dynptr'
  | 'dynptr_uninit'
  | 'ringbuf_mem'
  | 'btf_id'
  | 'btf_id_or_null'
  /** Any socket, pointers to the kernel's own structures included. */
  | 'sock_common'
  /** A socket as programs see it (struct bpf_sock). */
  | 'bpf_sock'
  | 'socket_or_null'
  | 'percpu_btf_id';

export interface HelperArg {
  readonly name: string;
  readonly kind: ArgKind;
  /** C type as bpf_helpers writes it: `const void *`, `__u32`, `struct bpf_sock *`. */
  readonly ctype: string;
  /** Bytes of fixed_mem kinds; struct name of btf_id kinds. */
  readonly size?: number;
  readonly btf?: string;
  /** The helper releases the reference. */
  readonly release?: boolean;
}

/** Return kinds (RET_*). Pointer kinds are returned by implementations as memory offsets, 0 for NULL. */
export type RetKind =
  | 'integer'
  | 'void'
  | 'map_value'
  | 'map_value_or_null'
  | 'mem_or_null'
  | 'ringbuf_mem_or_null'
  | 'dynptr_mem_or_null'
  | 'btf_id'
  | 'btf_id_or_null'
  | 'btf_id_trusted'
  | 'mem_or_btf_id'
  | 'mem_or_btf_id_or_null'
  | 'sock_or_null'
  | 'sock_common_or_null'
  | 'tcp_sock_or_null';

/** A row of the helper table: what the helper is. */
export interface HelperProto {
  /** enum bpf_func_id. */
  readonly id: number;
  /** Without the `bpf_` prefix. */
  readonly name: string;
  /** First kernel version, `4.1`. */
  readonly since: string;
  readonly gplOnly: boolean;
  readonly ret: RetKind;
  /** C return type: `long`, `void *`, `__u64`. */
  readonly cret: string;
  /** Struct name where ret is a btf_id kind. */
  readonly retBtf?: string;
  readonly args: readonly HelperArg[];
  /** Variadic in the C macro only (trace_printk). */
  readonly variadic?: boolean;
  /** May sleep: sleepable programs only. */
  readonly sleepable?: boolean;
  /** One sentence, ours. */
  readonly doc: string;
}

/** The task a program runs for. Lazy: reading costs only what is asked. Facts come from the source of the event (hostile: already bounded). */
export interface CurrentTask {
  /** Thread id: the kernel's pid. */
  readonly tid: number;
  /** Thread-group id: user space's pid. */
  readonly tgid: number;
  uid(): number;
  gid(): number;
  /** comm, at most 15 bytes without NUL. */
  comm(): Uint8Array;
  /**
   * Reads `size` bytes of the task's user memory into engine memory at offset `dst`.
   * @returns bytes read (may be short when a page is missing), or a negative errno
   */
  readUser(address: bigint, dst: number, size: number): number;
  /** Boot-time nanoseconds at which the task started; 0n when unknown. */
  startTime(): bigint;
  /** The pid namespace that the task's process is in, and its numbers there. Absent: there is none. */
  pidNamespace?(): PidNamespace | undefined;
  /** Sends a signal (1..64) to the task or its process. @returns 0 or a negative errno. Absent: nobody is there to get it */
  sendSignal?(signal: number, target: 'process' | 'thread'): number;
  /** Writes `size` bytes at engine memory offset `src` to the task's user memory. @returns bytes written, or a negative errno. Absent: none can be written */
  writeUser?(address: bigint, src: number, size: number): number;
}

/** A pid namespace as its file shows it (/proc/PID/ns/pid), and a thread's numbers in it. */
export interface PidNamespace {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly tid: number;
  readonly tgid: number;
}

/** Clock readings in nanoseconds. */
export interface Clock {
  monotonic(): bigint;
  /** The same as a number, for programs: cheaper, and exact for the first 104 days. Absent: made from monotonic(). */
  monotonicNumber?(): number;
  boottime(): bigint;
  /** International Atomic Time since 1970. Absent: the wall clock. */
  tai?(): bigint;
}

/**
 * Perf events as helpers reach them. An event is the memory offset of its descriptor in the engine's memory, so that any thread can use it.
 * The helpers check flags, index and emptiness themselves (semantics of bpf_perf_event_output and _read, kernel/trace/bpf_trace.c v6.18).
 */
export interface PerfAccess {
  /** The event in slot `index` (already below max_entries) of a perf event array, or 0 when the slot is empty. */
  event(map: number, index: number): number;
  /** Whether the event is PERF_TYPE_SOFTWARE / PERF_COUNT_SW_BPF_OUTPUT. */
  isBpfOutput(event: number): boolean;
  /** CPU on which the event is enabled now, or -1. */
  onCpu(event: number): number;
  /** Appends a sample whose raw data are `size` bytes at offset `data`. @returns 0, or -ENOSPC when the ring is full, paused or not mapped */
  output(event: number, data: number, size: number): number;
  /** Counter, enabled and running nanoseconds; or a negative errno (-EINVAL: the event belongs to another CPU or task). */
  read(event: number): { readonly counter: bigint; readonly enabled: bigint; readonly running: bigint } | number;
}

/** Bytes of HelperCall.scratch. The last of them hold the keys of arrays that callbacks are called for: u32 how many, then 8 bytes each. */
export const SCRATCH_SIZE = 1024 + 72;
/** Where those keys begin, and how many there may be: as many as there can be frames. */
export const KEYS_AT = 1024;
export const KEYS_MAX = 8;

/**
 * What an implementation gets. r1..r5 are in `regs` as (low, high) signed 32-bit pairs: r1's low word is regs[2].
 * Memory arguments were checked against the prototype before the call (by the interpreter, or by the verifier for compiled programs),
 * so `off(n)` may be used without further checks for mem, key, value and map arguments.
 */
export interface HelperCall {
  readonly mem: Mem;
  /** r0..r10 as low/high pairs, length 22; little-endian, same bytes as regs64. */
  readonly regs: Int32Array;
  readonly regs64: BigInt64Array;
  /** Low 32 bits of argument n (1..5), unsigned: the memory offset of a pointer argument. */
  off(n: number): number;
  /** Argument n as unsigned 64 bits. */
  u64(n: number): bigint;
  /** Number of the CPU that runs the program. */
  readonly cpu: number;
  readonly task: CurrentTask;
  readonly clock: Clock;
  /** Program facts: id, type number. */
  readonly progId: number;
  readonly progType: number;
  /** The number given at attach (bpf_get_attach_cookie), 0n when none was. */
  readonly cookie: bigint;
  /** bpf_get_func_ip's answer, 0n when the program is not at a function's entry. */
  readonly funcIp: bigint;
  /** Environment of map operations on this CPU. */
  readonly env: MapEnv;
  /** Kernel of the map whose descriptor is at offset `map`. */
  mapKernel(map: number): MapKernel;
  readonly perf: PerfAccess;
  /** Offset of SCRATCH_SIZE bytes of engine memory that the helper may use while it runs. */
  readonly scratch: number;
  /** Fault-safe read of `size` bytes at any address (engine or user) into memory at dst. 0 or negative errno; bytes at dst may be partly written. */
  readAny(dst: number, size: number, address: bigint, space: 'any' | 'user' | 'kernel'): number;
  /** Fault-safe NUL-terminated read; returns length with NUL (<= size) or negative errno. */
  readStr(dst: number, size: number, address: bigint, space: 'any' | 'user' | 'kernel'): number;
  /** Appends a record to this CPU's trace buffer; `message` has no newline added. */
  tracePrintk(message: Uint8Array): void;
  /** Runs a callback subprogram (FUNC argument's value) with r1..r5; returns r0. */
  callback(func: bigint, args: readonly bigint[]): bigint;
}

/** Result: a signed integer (number within 2^53, or bigint), or a memory offset for pointer return kinds; void helpers return 0. */
export type HelperImpl = (call: HelperCall) => number | bigint;

/** Implementations by helper name; what is absent is refused at load. */
export type HelperImpls<Name extends string> = { readonly [N in Name]?: HelperImpl };
