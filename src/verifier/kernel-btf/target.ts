/** What a program is attached to, as its checks need it: the prototype whose arguments its context holds, and what is known of them. */
import type { Btf, BtfFuncProto } from '../../btf/index.ts';

/** What is known of an argument beyond its type (struct bpf_ctx_arg_aux). */
export interface CtxArg {
  /** Offset in the context. */
  readonly offset: number;
  /** KIND with FLAGs of what a load gives. */
  readonly type: number;
  /** BTF_ID pointers: the structure. */
  readonly btf?: Btf;
  readonly target?: number;
  /** The program owns a reference (`__ref`). */
  readonly refcounted?: boolean;
}

/** The place of attachment (attach_func_proto and friends of struct bpf_prog_aux). */
export interface AttachTarget {
  /** The function's or member's name in messages. */
  readonly name: string;
  /** BTF of the prototype. */
  readonly btf: Btf;
  /** Undefined where it cannot be relied on: five numbers. */
  readonly proto: BtfFuncProto | undefined;
  /** Leading parameters that programs do not see: the data pointer of tracepoint typedefs. */
  readonly skipped: number;
  readonly args: readonly CtxArg[];
  /** Pointers that the context holds are trusted (prog_args_trusted). */
  readonly trusted: boolean;
  /** Range of the value that the hook's program returns, and that its context's last argument has; undefined: any. */
  readonly returns?: readonly [min: number, max: number] | undefined;
  /** Name of the operations table. */
  readonly structOps?: string;
}
