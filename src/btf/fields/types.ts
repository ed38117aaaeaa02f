/** Special fields: members of map values and of the program's own types that belong to the kernel, as data. */
import type { Btf } from '../btf.ts';

/** Kinds of special fields (enum btf_field_type, v6.18). */
export type FieldKind =
  | 'spin_lock'
  | 'res_spin_lock'
  | 'timer'
  | 'wq'
  | 'task_work'
  | 'refcount'
  | 'kptr_untrusted'
  | 'kptr'
  | 'percpu_kptr'
  | 'uptr'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node';

/** A type in some BTF: the kernel's, or the program's own. */
export interface TypeRef {
  readonly btf: Btf;
  readonly id: number;
}

/** A special field. */
export interface SpecialField {
  readonly kind: FieldKind;
  /** Bytes from the start of the value or object, and its size. */
  readonly offset: number;
  readonly size: number;
  /** Of pointers: what they point to. Of list heads and tree roots: the type of their elements. */
  readonly target?: TypeRef;
  /** Of list heads and tree roots: where in an element its node is, in bytes. */
  readonly nodeOffset?: number;
}

/** What a kind of field is called, its structure, and its size and alignment in bytes. */
interface FieldShape {
  /** In messages (btf_field_type_name). */
  readonly name: string;
  readonly size: number;
  readonly align: number;
  /** A structure has at most one. */
  readonly unique?: boolean;
}

const POINTER = { size: 8, align: 8 };

/** By kind; those that are structures are found by this name (include/linux/bpf.h, v6.18). */
export const FIELD_SHAPES: Readonly<Record<FieldKind, FieldShape>> = {
  spin_lock: { name: 'bpf_spin_lock', size: 4, align: 4, unique: true },
  res_spin_lock: { name: 'bpf_res_spin_lock', size: 4, align: 4, unique: true },
  timer: { name: 'bpf_timer', size: 16, align: 8, unique: true },
  wq: { name: 'bpf_wq', size: 16, align: 8, unique: true },
  task_work: { name: 'bpf_task_work', size: 8, align: 8, unique: true },
  list_head: { name: 'bpf_list_head', size: 16, align: 8 },
  list_node: { name: 'bpf_list_node', size: 24, align: 8 },
  rb_root: { name: 'bpf_rb_root', size: 16, align: 8 },
  rb_node: { name: 'bpf_rb_node', size: 32, align: 8 },
  refcount: { name: 'bpf_refcount', size: 4, align: 4 },
  kptr_untrusted: { name: 'kptr', ...POINTER },
  kptr: { name: 'kptr', ...POINTER },
  percpu_kptr: { name: 'percpu_kptr', ...POINTER },
  uptr: { name: 'uptr', ...POINTER },
};

/** Pointers that values may hold. */
export const KPTRS: readonly FieldKind[] = ['kptr_untrusted', 'kptr', 'percpu_kptr'];
/** Owners of other objects, and what makes an object fit to be owned. */
export const GRAPH_ROOTS: readonly FieldKind[] = ['list_head', 'rb_root'];
export const GRAPH_NODES: readonly FieldKind[] = ['list_node', 'rb_node'];
/** Locks. */
export const LOCKS: readonly FieldKind[] = ['spin_lock', 'res_spin_lock'];

/** Fields that map values are searched for (map_check_btf), and the program's own types (btf_parse_struct_metas). */
export const MAP_FIELDS: ReadonlySet<FieldKind> = new Set<FieldKind>([
  ...LOCKS,
  'timer',
  ...KPTRS,
  'list_head',
  'rb_root',
  'refcount',
  'wq',
  'uptr',
  'task_work',
]);
export const OBJECT_FIELDS: ReadonlySet<FieldKind> = new Set<FieldKind>([...LOCKS, ...GRAPH_ROOTS, ...GRAPH_NODES, 'refcount', ...KPTRS]);

/** Whether one of the fields is of one of the kinds. */
export function hasField(fields: readonly SpecialField[] | undefined, ...kinds: readonly FieldKind[]): boolean {
  return fields?.some((f) => kinds.includes(f.kind)) === true;
}

/** The field of one of the kinds at exactly this offset (btf_record_find). */
export function fieldAt(
  fields: readonly SpecialField[] | undefined,
  offset: number,
  kinds: readonly FieldKind[],
): SpecialField | undefined {
  return fields?.find((f) => f.offset === offset && kinds.includes(f.kind));
}
