/** What verify() is given: the program, and the world it is to run in. Nothing here reads files or talks to a host. */
import type { Btf, FuncInfo, LineInfo, SpecialField } from '../btf/index.ts';
import type { HelperProto } from '../helpers/types.ts';
import type { Loader } from '../programs/index.ts';
import type { MapReference } from './layout.ts';
import type { Refusal } from './refusal.ts';
import type { Trail } from './trail.ts';

/** What the verifier knows of a map. The same map is always the same object. */
export interface MapFacts {
  /** enum bpf_map_type. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_*. */
  readonly flags: number;
  readonly name: string;
  /** No user space can change it any more (BPF_MAP_FREEZE). */
  readonly frozen?: boolean;
  /** The bytes of an array's only value; of frozen read-only maps programs know them as constants. */
  readonly contents?: () => Uint8Array | undefined;
  /** Template of the inner maps of a map-in-map. */
  readonly inner?: MapFacts;
  /** Locks, timers and pointers in the value, found in its BTF. */
  readonly special?: readonly SpecialField[];
  /** The map came with BTF of key and value. */
  readonly hasBtf?: boolean;
}

/** Where a program is attached by BTF: a function, tracepoint typedef, hook or struct_ops type (attach_btf_id). */
export interface AttachBtf {
  /** The kernel's, a module's, or that of the program which is replaced. */
  readonly btf: Btf;
  readonly typeId: number;
}

/** The program that a BPF_PROG_TYPE_EXT replaces a function of, or that a tracing program observes (attach_prog_fd). */
export interface AttachProgram {
  /** enum bpf_prog_type. */
  readonly type: number;
  readonly expectedAttachType?: number;
  /** Absent: the program was loaded without func_info. */
  readonly btf?: Btf;
  readonly functions?: readonly FuncInfo[];
  readonly sleepable?: boolean;
  /** Packet pointers do not survive a call of it. */
  readonly changesPacket?: boolean;
  /** A tracing program that is attached to a tracing program. */
  readonly attachedToTracing?: boolean;
}

/** The program to be verified. */
export interface VerifierProgram {
  /** enum bpf_prog_type. */
  readonly type: number;
  /** Bytecode, 8 bytes a slot. */
  readonly insns: Uint8Array;
  readonly gplCompatible: boolean;
  readonly expectedAttachType?: number;
  /** prog_flags (BPF_F_*): STRICT_ALIGNMENT 1, ANY_ALIGNMENT 2, TEST_RND_HI32 4, TEST_STATE_FREQ 8, SLEEPABLE 16. */
  readonly flags?: number;
  readonly attach?: AttachBtf;
  readonly attachProgram?: AttachProgram;
  /** BTF of the program's functions; with it `functions`. */
  readonly btf?: Btf;
  readonly functions?: readonly FuncInfo[];
  readonly lines?: readonly LineInfo[];
  /** Records that could not be read, after those that could. */
  readonly faults?: { readonly functions?: Refusal; readonly lines?: Refusal; readonly core?: Refusal };
}

/** The world of a verification. */
export interface VerifierEnvironment extends Loader {
  /** Resolves a map reference; a refusal comes where the kernel's does. */
  readonly map: (ref: MapReference) => MapFacts | Refusal;
  /** Bits 1 (log), 2 (every instruction), 4 (statistics), 8 (a log that is too long keeps its beginning, not its end). */
  readonly logLevel?: number;
  /** Bytes that the log may have, a NUL included. Default: any number. */
  readonly logSize?: number;
  /** Number of possible CPUs, default 1. */
  readonly cpus?: number;
  /** The kernel's types. Absent: as on a kernel without BTF, what needs them is refused. */
  readonly kernelBtf?: Btf | undefined;
  /** Types of the module at an index of fd_array, which kfunc calls with an offset name. */
  readonly moduleBtf?: (index: number) => Btf | undefined;
  /** Address of a kernel symbol; undefined where there is none. Absent: every symbol is taken to exist. */
  readonly symbol?: (name: string) => bigint | undefined;
  /** Gathers the states of the verification. */
  readonly trail?: Trail;
  /** Ids of helpers that the kernel was built without, or that it keeps from everybody (lockdown). */
  readonly withoutHelpers?: ReadonlySet<number> | undefined;
  /** A helper's row, where it differs from the table's. */
  readonly helper?: (id: number) => HelperProto | undefined;
}

/** Whether what the environment gave is a refusal. */
export function isRefusal(of: MapFacts | Refusal): of is Refusal {
  return 'errno' in of;
}
