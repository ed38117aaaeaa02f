/** What checking the arguments of a kfunc call told (struct bpf_kfunc_call_arg_meta, v6.18), and how kfuncs with rules of their own hook in. */
import type { Btf, SpecialField } from '../../btf/index.ts';
import type { MapFacts } from '../environment.ts';
import type { Reg } from '../state/reg.ts';
import type { Frame } from '../state/state.ts';
import type { Verification } from '../verification.ts';
import type { KfuncCall } from './call.ts';

/** Facts of one call. Hooks may add to them while the arguments are checked. */
export class KfuncFacts {
  readonly call: KfuncCall;
  /** Reference of an argument. */
  refId = 0;
  /** Register whose reference is given back, 0 for none. */
  releases = 0;
  /** Value of the argument that has to be a constant (`__k`, `__szk`). */
  constant: bigint | undefined = undefined;
  /** Bytes behind the returned pointer, and whether they are only read. */
  resultSize = 0;
  resultReadOnly = false;
  map: MapFacts | undefined = undefined;
  mapUid = 0;
  /** Subprogram of a callback argument. */
  subprog = 0;
  /** The initialised dynptr argument. */
  dynptr: { readonly type: number; readonly id: number; readonly refId: number } | undefined = undefined;
  /** Where the iterator argument is: frame and main slot. */
  iterator: { readonly frame: Frame; readonly slot: number } | undefined = undefined;
  /** Type of an object of the program's own that an argument points to. */
  object: { readonly btf: Btf; readonly target: number } | undefined = undefined;
  /** The list head or tree root that an argument points to. */
  root: SpecialField | undefined = undefined;
  /** The reference counted object is owned: it cannot be gone (arg_owning_ref). */
  owned = false;

  constructor(call: KfuncCall) {
    this.call = call;
  }
}

/** Pointer arguments of kinds that only few kfuncs take, each with a check of its own. */
export type OwnArgKind =
  | 'alloc'
  | 'refcounted'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node'
  | 'workqueue'
  | 'task_work'
  | 'res_spin_lock';

/** Checks argument register `n` (argument n - 1 in messages). @throws Rejection */
export type ArgCheck = (v: Verification, n: number, reg: Reg, facts: KfuncFacts) => void;

/** What one kfunc does besides what its prototype and flags say; found by the kfunc's name. All may throw Rejection. */
export interface KfuncHook {
  /** Before the arguments are looked at. */
  readonly before?: (v: Verification) => void;
  /** After the arguments: runs a callback. */
  readonly callback?: (v: Verification, facts: KfuncFacts) => void;
  /** After references were given back, before R0-R5 are forgotten. */
  readonly effect?: (v: Verification, facts: KfuncFacts) => void;
  /** Gives R0 (forgotten by now) its state, but for NULL and reference, which follow from the flags. */
  readonly result?: (v: Verification, reg: Reg, facts: KfuncFacts) => void;
  /** After R0 has its state. */
  readonly after?: (v: Verification, reg: Reg, facts: KfuncFacts) => void;
  /** It may be called while a bpf_spin_lock is held (kfunc_spin_allowed). */
  readonly underLock?: true;
  /** It returns NULL only then (is_kfunc_ret_null); without it the flag decides. */
  readonly mayBeNull?: (facts: KfuncFacts) => boolean;
}
