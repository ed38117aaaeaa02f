/** What a program-type row states: its number, context layout, helper set and who may load it. Rows are one file per type beside this. */

/** One readable or writable field of a context. Offsets and sizes in bytes. */
export interface CtxField {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly read: boolean;
  readonly write: boolean;
  /** Narrower aligned reads are allowed. */
  readonly narrow?: boolean;
  /** Aligned accesses of 1, 2, 4 and 8 bytes anywhere inside (cb of __sk_buff); without it arrays go by elements of 4 bytes. */
  readonly anySize?: boolean;
  readonly rule?: FieldRule;
}

/** What some fields ask beyond that. */
export interface FieldRule {
  /** Attach types whose programs see the field; all without it. */
  readonly attach?: readonly number[];
  /** Attach types whose programs may write it, where fewer than may see it. */
  readonly writers?: readonly number[];
  /** Narrow reads begin where the field does. */
  readonly atStart?: boolean;
  /** Least bytes of a narrow read. */
  readonly least?: number;
  /** A read at the field's start may have this many bytes instead. */
  readonly also?: number;
  /** Bytes that count as the field's, padding after it included. */
  readonly span?: number;
  /** Two elements at once, 8 aligned bytes. */
  readonly wide?: boolean;
}

/** How programs of the type may access their context. */
export type CtxLayout =
  /** Aligned reads of 1/2/4/8 anywhere in [start, start + size). `write`: also stores. */
  | { readonly kind: 'flat'; readonly start: number; readonly size: number; readonly write: boolean }
  | { readonly kind: 'fields'; readonly size: number; readonly fields: readonly CtxField[] }
  /** Arguments typed by BTF. */
  | { readonly kind: 'btf_args' }
  | { readonly kind: 'none' };

/** A row of the program table. */
export interface ProgramTypeRow {
  /** enum bpf_prog_type. */
  readonly id: number;
  /** Lower case, without BPF_PROG_TYPE_: `kprobe`. */
  readonly name: string;
  readonly since: string;
  readonly doc: string;
  readonly ctx: CtxLayout;
  /** C type of the context, `struct pt_regs`. */
  readonly ctxType: string;
  /** Ids of the helpers that programs of the type may call (6.18, all capabilities). */
  readonly helpers: ReadonlySet<number>;
  /** PROG_TEST_RUN exists in the kernel. */
  readonly testRun: boolean;
  /** The engine runs programs of this type. */
  readonly engine: boolean;
}

/** A row of libbpf's section table (tools/lib/bpf/libbpf.c section_defs, v6.18). */
export interface SectionRow {
  /** `kprobe`, `tracepoint`, `tcx/ingress`. */
  readonly prefix: string;
  /** none: exact name; optional: `/target` may follow; required: must follow. */
  readonly target: 'none' | 'optional' | 'required';
  readonly progType: number;
  /** enum bpf_attach_type, or undefined. */
  readonly attachType?: number;
  readonly sleepable?: boolean;
  /** Programs are loaded with BPF_F_XDP_HAS_FRAGS. */
  readonly frags?: boolean;
  /** How it is attached by the loader. */
  readonly attach: string;
}
