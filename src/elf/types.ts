/** What an object file says, as data: CollectionSpec and its parts. Fds, program types and attaching are the loader's business. */
import type { Diagnostic, FormatError } from '../base/index.ts';
import type { Btf, CoreRelo, FuncInfo, LineInfo } from '../btf/index.ts';

/** Where a map came from: a definition of the user's, or a data section. */
export type MapOrigin = 'legacy' | 'btf' | 'rodata' | 'data' | 'bss' | 'kconfig';

/** A slot that is filled after loading: an inner map of a map-in-map, or a program of a prog_array. */
export interface InitialValue {
  readonly index: number;
  readonly kind: 'map' | 'program';
  readonly name: string;
}

/** A map as the object defines it. Numbers are unsigned 32-bit unless stated. */
export interface MapSpec {
  /** Symbol name; data sections by libbpf's rule (`execbpf.rodata`). The loader cuts it to 15 bytes for the kernel. */
  readonly name: string;
  readonly origin: MapOrigin;
  /** Section that defines it. */
  readonly section: string;
  /** enum bpf_map_type. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  /** 0: to be chosen by the loader (perf_event_array: number of CPUs). */
  readonly maxEntries: number;
  readonly flags: number;
  readonly numaNode: number;
  /** u64. */
  readonly mapExtra: bigint;
  readonly pinning: 'none' | 'by_name';
  /** BTF type ids, 0 = none. */
  readonly keyTypeId: number;
  readonly valueTypeId: number;
  /** Template of the inner maps of a map-in-map. */
  readonly inner?: MapSpec;
  readonly values: readonly InitialValue[];
  /** Bytes of a data section (valueSize of them); absent for user maps. */
  readonly contents?: Uint8Array;
}

/** A global variable inside a data section's map. */
export interface GlobalSpec {
  readonly name: string;
  /** Name of the MapSpec that holds it. */
  readonly map: string;
  readonly origin: 'rodata' | 'data' | 'bss' | 'kconfig';
  /** Bytes, in the map's value. */
  readonly offset: number;
  readonly size: number;
  /** BTF id of its type (not of the var); 0 without BTF. */
  readonly typeId: number;
  /** static variables are no part of the interface. */
  readonly linkage: 'static' | 'global';
}

/** An `extern` of the program: `__kconfig` value or kernel symbol. */
export interface ExternSpec {
  readonly name: string;
  readonly kind: 'kconfig' | 'ksym' | 'kfunc';
  /** Absence is allowed: value 0. */
  readonly weak: boolean;
  /** BTF id of the type; 0 for typeless ksyms. */
  readonly typeId: number;
  /** kconfig: place in the .kconfig map's value. */
  readonly offset: number;
  readonly size: number;
}

/**
 * Something a linked program refers to. `insn` is the slot of the ld_imm64 (or call, for kfunc).
 * `map`, `map_value` and `kconfig` still have to be filled with fds; `func` is already resolved in the bytecode.
 */
export interface Reference {
  readonly insn: number;
  readonly kind: 'map' | 'map_value' | 'kconfig' | 'ksym' | 'kfunc' | 'func';
  /** Name of the map, extern or function. */
  readonly name: string;
  /** Bytes into the map's value (map_value, kconfig); else 0. */
  readonly offset: number;
}

/** A function's place in a linked program. */
export interface FunctionSpec {
  readonly name: string;
  /** First slot and number of slots in the linked program. */
  readonly insn: number;
  readonly count: number;
  /** Section and slot in it that it came from. */
  readonly section: string;
  readonly sectionInsn: number;
}

/** A program: its own bytecode, then its subprograms in the order of first use. */
export interface ProgramSpec {
  /** Symbol name of its function. */
  readonly name: string;
  /** Section name without the leading `?`. */
  readonly section: string;
  /** false for `?` sections: loaded only on request. */
  readonly autoload: boolean;
  /** 8 bytes a slot. Map references have src_reg 1 or 2 and fd 0 until the loader fills them. */
  readonly insns: Uint8Array;
  readonly references: readonly Reference[];
  /** [0] is the program itself. */
  readonly functions: readonly FunctionSpec[];
  /** Ascending instruction order; empty without BTF.ext. */
  readonly funcInfo: readonly FuncInfo[];
  readonly lines: readonly LineInfo[];
  readonly coreRelos: readonly CoreRelo[];
  /** Why it cannot be linked, as libbpf finds when it loads the program; then it has no instructions. Other programs of the object are whole. */
  readonly fault?: FormatError;
}

/** A table of operations that programs implement: a variable of `.struct_ops` or `.struct_ops.link`. */
export interface StructOpsSpec {
  readonly name: string;
  /** Section name without the leading `?`. */
  readonly section: string;
  /** false for `?` sections. */
  readonly autocreate: boolean;
  /** BTF id of its struct. */
  readonly typeId: number;
  /** The initial bytes, function pointers being 0. */
  readonly contents: Uint8Array;
  /** Programs by the byte offset of the member that points to them. */
  readonly programs: ReadonlyMap<number, string>;
}

/** Everything in an object file. */
export interface CollectionSpec {
  /** File name up to its first dot: prefix of data maps' names. */
  readonly name: string;
  readonly license: string;
  /** The u32 of the `version` section. */
  readonly version: number | undefined;
  readonly maps: readonly MapSpec[];
  readonly structOps: readonly StructOpsSpec[];
  readonly programs: readonly ProgramSpec[];
  readonly globals: readonly GlobalSpec[];
  readonly externs: readonly ExternSpec[];
  readonly btf: Btf | undefined;
  /** Things passed over: relocations of data sections, unknown sections. */
  readonly warnings: readonly Diagnostic[];
}
