/**
 * The Host interface: bpf(2), typed. Commands mirror the kernel's one to one; failures throw SyscallError (or a subclass) with
 * the kernel's errno. Commands are synchronous; only waiting returns promises. Implemented by Engine and by LinuxKernel.
 */
import type { SyscallError } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import type { MapCreateAttr } from '../maps/types.ts';

/** A file descriptor of this host. Engine fds are the engine's own numbers. */
export type Fd = number;

export interface ProgLoadAttr {
  /** enum bpf_prog_type. */
  readonly type: number;
  /** Bytecode, 8 bytes a slot; maps as BPF_PSEUDO_MAP_FD / MAP_VALUE with this host's fds. */
  readonly insns: Uint8Array;
  readonly license: string;
  readonly name?: string;
  readonly expectedAttachType?: number;
  /** prog_flags (BPF_F_*). */
  readonly flags?: number;
  readonly kernVersion?: number;
  /** Verifier log level bits: 1, 2, 4, 8. */
  readonly logLevel?: number;
  /** Bytes for the verifier's log, its NUL included; 0: none, only its size is wanted. A longer log is an error, ENOSPC. Default: as many as it takes. */
  readonly logSize?: number;
  readonly btfFd?: Fd;
  readonly funcInfo?: Uint8Array;
  readonly lineInfo?: Uint8Array;
  /** CO-RE records (struct bpf_core_relo): the host relocates the program against its own types. Only looked at beside func_info or line_info. */
  readonly coreRelos?: Uint8Array;
  /** Bytes of each record, where they are not 8 and 16; what is more must be zero. */
  readonly funcInfoSize?: number;
  readonly lineInfoSize?: number;
  readonly coreReloSize?: number;
  readonly attachBtfId?: number;
  /** The program whose function is replaced or observed, or a module's BTF (attach_btf_obj_fd, the same field). */
  readonly attachProgFd?: Fd;
}

export interface ProgLoadResult {
  readonly fd: Fd;
  /** Verifier log, empty at level 0. */
  readonly log: string;
  /** Bytes that the whole log needs, its NUL included (log_true_size). */
  readonly logTrueSize?: number;
}

export interface TestRunAttr {
  readonly dataIn?: Uint8Array;
  /** Room for the data after the run, bytes. */
  readonly dataOutSize?: number;
  readonly ctxIn?: Uint8Array;
  readonly ctxOutSize?: number;
  /** Runs; 0 and 1 mean once. */
  readonly repeat?: number;
  readonly cpu?: number;
  readonly flags?: number;
}

export interface TestRunResult {
  /** Unsigned 32 bits, as the kernel returns. */
  readonly retval: number;
  /** Mean nanoseconds of one run. */
  readonly duration: number;
  readonly dataOut: Uint8Array;
  readonly ctxOut: Uint8Array;
}

/** Where a program is attached, after libbpf's section names. */
export type AttachTarget =
  | { readonly kind: 'kprobe'; readonly func: string; readonly offset?: number; readonly ret: boolean }
  /** `ksyscall/write`: the system call by its plain name. */
  | { readonly kind: 'ksyscall'; readonly name: string; readonly ret: boolean }
  | { readonly kind: 'tracepoint'; readonly category: string; readonly name: string }
  | { readonly kind: 'raw_tracepoint'; readonly name: string }
  | { readonly kind: 'uprobe'; readonly path: string; readonly func?: string; readonly offset?: number; readonly ret: boolean }
  | { readonly kind: 'perf_event'; readonly fd: Fd }
  /** Anything else, by its section name: fire() runs it, no source produces it. */
  | { readonly kind: 'other'; readonly section: string };

export interface LinkCreateAttr {
  readonly progFd: Fd;
  readonly target: AttachTarget;
  /** bpf_get_attach_cookie's value, u64. */
  readonly cookie?: bigint;
}

export interface MapInfo {
  readonly type: number;
  readonly id: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly name: string;
  readonly btfId?: number;
  readonly btfKeyTypeId?: number;
  readonly btfValueTypeId?: number;
}

export interface ProgInfo {
  readonly type: number;
  readonly id: number;
  /** 8 bytes, hex: SHA-256 of the instructions with map fds zeroed, first 8 bytes. */
  readonly tag: string;
  readonly name: string;
  readonly mapIds: readonly number[];
  readonly gplCompatible: boolean;
  /** Slots of bytecode. */
  readonly insnCount: number;
  readonly runCount: number;
  /** Total nanoseconds in the program. */
  readonly runTime: bigint;
}

export interface LinkInfo {
  readonly id: number;
  readonly progId: number;
  readonly target: AttachTarget;
}

export interface PerfEventAttr {
  /** PERF_TYPE_*: 0 hardware, 1 software, 2 tracepoint, 4 raw. */
  readonly type: number;
  readonly config: bigint;
  readonly sampleType?: bigint;
  readonly samplePeriod?: bigint;
  readonly inherit?: boolean;
  readonly disabled?: boolean;
  readonly watermark?: boolean;
  /** wakeup_events, or wakeup_watermark bytes. */
  readonly wakeup?: number;
  /** -1: any process; else a tid. */
  readonly pid: number;
  /** -1: any CPU. */
  readonly cpu: number;
}

/** A mapped ring: memory shared with the producer. `base` is the offset of its metadata page in `buffer`. */
export interface RingView {
  readonly buffer: ArrayBufferLike;
  readonly base: number;
  /** Bytes of the data area, a power of two. */
  readonly dataSize: number;
  /** Samples lost after the last record that told of losses: no record will tell of these unless another sample finds room. Absent where it is not known. */
  readonly unreported?: () => bigint;
}

/** One line of trace_pipe, undecoded: what the trace buffer holds. */
export interface TraceRecord {
  /** comm, bytes of at most 15, as the trace buffer knew it. */
  readonly comm: Uint8Array;
  readonly pid: number;
  readonly tgid: number;
  readonly cpu: number;
  /** Five characters of irq/preempt state as the modern kernel prints, e.g. `d..1.`. */
  readonly flags: string;
  /** Nanoseconds, CLOCK_MONOTONIC-like trace clock. */
  readonly timestamp: bigint;
  /** Message bytes as printed by the program, no newline added. */
  readonly message: Uint8Array;
}

/** Lost entries of one CPU's buffer, reported before its first surviving record. */
export interface TraceLost {
  readonly cpu: number;
  readonly lost: number;
}

/** Consuming reader of the trace buffers, records of several CPUs merged by timestamp. */
export interface TraceSource {
  /** Everything available now, oldest first; empty when there is nothing. */
  read(): (TraceRecord | TraceLost)[];
  /** No record will come any more: closed by its reader or by the host. */
  readonly closed: boolean;
  /** Resolves when read() may have something, or when closed. */
  wait(signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** Where a batch of elements begins, and how much it may hold. */
export interface MapBatchAttr {
  /** Elements at most. */
  readonly count: number;
  /** `next` of the batch before; undefined for the first. */
  readonly from?: Uint8Array | undefined;
  /** BPF_F_LOCK or 0n. */
  readonly elemFlags?: bigint;
  readonly flags?: bigint;
}

/** Elements that a batch read. */
export interface MapBatch {
  readonly count: number;
  /** Key after key, and their values as mapLookupElem gives them. */
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
  /** Where the next batch begins; opaque. */
  readonly next: Uint8Array | undefined;
  /** There is nothing after these (the kernel answers ENOENT). */
  readonly end: boolean;
}

/** What a batch of updates or deletions did: all, or those before the element that failed. */
export interface MapBatchDone {
  readonly count: number;
  readonly error: SyscallError | undefined;
}

export interface MapMmapAttr {
  /** Bytes. */
  readonly length: number;
  /** A multiple of 4096. */
  readonly offset?: number;
  readonly writable?: boolean;
}

/** A map's memory as user space maps it, from `base` in `buffer`. It stays the map's until unmapped. */
export interface MapView {
  readonly buffer: ArrayBufferLike;
  readonly base: number;
  readonly length: number;
  unmap(): void;
}

/** A ring buffer as its consumer maps it. All are offsets in `buffer`. */
export interface RingbufView {
  readonly buffer: ArrayBufferLike;
  /** u64 position up to which the consumer has read: the consumer writes it. */
  readonly consumer: number;
  /** u64 position up to which records are reserved. */
  readonly producer: number;
  /** The data area, twice in a row. */
  readonly data: number;
  /** Bytes of the data area once, a power of two. */
  readonly dataSize: number;
  /** u32 that counts wake-ups, and on which Atomics.wait is notified. Read it before looking at the ring. */
  readonly wakeups: number;
  unmap(): void;
}

/** bpf(2) and perf_event_open(2), typed. */
export interface Host {
  /** `verifier`: it loads programs to verify them, and runs none. */
  readonly name: 'engine' | 'kernel' | 'verifier';
  /** Possible CPUs: per-CPU values have this many slots. */
  readonly possibleCpus: number;

  /** The types of the kernel that programs run in, which CO-RE relocates against; undefined where they are not known. The same object each time. */
  kernelBtf?(): Btf | undefined;
  /** Address of a symbol of that kernel (/proc/kallsyms), which typeless `__ksym` externs are resolved to; absent where none are known. */
  kernelSymbol?(name: string): bigint | undefined;

  mapCreate(attr: MapCreateAttr): Fd;
  /** undefined when the key is absent (ENOENT). Per-CPU kinds: round_up(value_size, 8) * possibleCpus bytes. `key` undefined for keyless maps. */
  /** `value`: what a bloom filter is asked for; it is the answer if it may have been added. */
  mapLookupElem(fd: Fd, key: Uint8Array | undefined, flags?: bigint, value?: Uint8Array): Uint8Array | undefined;
  mapUpdateElem(fd: Fd, key: Uint8Array | undefined, value: Uint8Array, flags?: bigint): void;
  /** false when the key was absent. */
  mapDeleteElem(fd: Fd, key: Uint8Array | undefined): boolean;
  /** undefined after the last key; `key` undefined for the first. */
  mapGetNextKey(fd: Fd, key: Uint8Array | undefined): Uint8Array | undefined;
  mapLookupAndDeleteElem(fd: Fd, key: Uint8Array | undefined, flags?: bigint): Uint8Array | undefined;
  /** Throws for what fails before an element does; ENOSPC when the next bucket of a hash table has more than `count` elements. */
  mapLookupBatch(fd: Fd, attr: MapBatchAttr): MapBatch;
  mapLookupAndDeleteBatch(fd: Fd, attr: MapBatchAttr): MapBatch;
  /** Keys and values one after the other, as mapUpdateElem takes them. */
  mapUpdateBatch(fd: Fd, keys: Uint8Array, values: Uint8Array, elemFlags?: bigint): MapBatchDone;
  mapDeleteBatch(fd: Fd, keys: Uint8Array, elemFlags?: bigint): MapBatchDone;
  mapFreeze(fd: Fd): void;
  /** mmap(2), MAP_SHARED: arrays made with BPF_F_MMAPABLE, ring buffers. */
  mapMmap(fd: Fd, attr: MapMmapAttr): MapView;
  /** The two mappings of a ring buffer's consumer. */
  ringbufMmap(fd: Fd): RingbufView;
  mapInfo(fd: Fd): MapInfo;
  /** The least id above `id`; undefined after the last. */
  mapGetNextId(id: number): number | undefined;
  mapGetFdById(id: number): Fd;

  btfLoad(bytes: Uint8Array): Fd;
  progLoad(attr: ProgLoadAttr): ProgLoadResult;
  progTestRun(fd: Fd, attr?: TestRunAttr): TestRunResult;
  progInfo(fd: Fd): ProgInfo;

  linkCreate(attr: LinkCreateAttr): Fd;
  linkInfo(fd: Fd): LinkInfo;

  perfEventOpen(attr: PerfEventAttr): Fd;
  /** PERF_EVENT_IOC_ENABLE / DISABLE. */
  perfEventEnable(fd: Fd, enabled: 'enable' | 'disable'): void;
  /** Maps a perf ring of `pages` data pages (a power of two). */
  perfEventMmap(fd: Fd, pages: number): RingView;

  /** A consuming reader of the trace pipe. Only one may be open (EBUSY). */
  tracePipe(): TraceSource;

  objPin(fd: Fd, path: string): void;
  objGet(path: string): Fd;
  /** Releases one reference; EBADF when not open. */
  close(fd: Fd): void;
}
