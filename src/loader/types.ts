/** The options of loadCollection: what may be configured between reading an object and loading it. */
import type { Btf } from '../btf/index.ts';
import type { CollectionSpec } from '../elf/index.ts';

/** A value for a global: text as encodeValue takes it, a number, or the bytes themselves. */
export type VariableValue = string | number | bigint | boolean | Uint8Array;

/** What may be changed about a map before it is created. */
export interface MapOptions {
  readonly maxEntries?: number;
  readonly flags?: number;
  readonly valueSize?: number;
  /** Use this open map instead of creating one; the collection does not close it. */
  readonly fd?: number;
}

/** What may be changed about a program before it is loaded. */
export interface ProgramOptions {
  /** Load it or not, whatever its section says. */
  readonly autoload?: boolean;
  /** enum bpf_prog_type, for sections that the table lacks. */
  readonly type?: number;
  readonly expectedAttachType?: number;
  /** prog_flags, instead of those of the section. */
  readonly flags?: number;
}

/** Options of loadCollection. */
export interface LoadOptions {
  /** File name of the object when bytes are given: shown in errors, prefix of data maps' names. */
  readonly name?: string;
  /** Initial values of global variables, by name. */
  readonly variables?: Readonly<Record<string, VariableValue>>;
  /** By map name; data sections also by section name (`.rodata`). */
  readonly maps?: Readonly<Record<string, MapOptions>>;
  readonly programs?: Readonly<Record<string, ProgramOptions>>;
  /**
   * Values of `__kconfig` externs as .config has them (`y`, `n`, `m`, `250`, `"text"`), and of LINUX_KERNEL_VERSION
   * (default 6.18.0), LINUX_HAS_BPF_COOKIE and LINUX_HAS_SYSCALL_WRAPPER (default true).
   */
  readonly kconfig?: Readonly<Record<string, string | number | bigint | boolean>>;
  /** Types that CO-RE relocates against instead of the host's own: those of another kernel, or a minimal selection. */
  readonly targetBtf?: Btf | Uint8Array;
  /** Verifier log level bits. */
  readonly logLevel?: number;
  /** Directory of maps pinned by name. Default `/sys/fs/bpf`. */
  readonly pinPath?: string;
}

/** What loadCollection takes: a parsed object, or its bytes. */
export type CollectionInput = CollectionSpec | Uint8Array;
