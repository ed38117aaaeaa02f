/** Special fields of a type: found, looked up and checked (kernel/bpf/btf.c btf_parse_fields, btf_check_and_fixup_fields, v6.18). */
import type { ErrnoName } from '../../base/index.ts';
import type { Btf } from '../btf.ts';
import { FieldError, FieldSearch, type FoundField } from './find.ts';
import { declaredTargets } from './targets.ts';
import {
  FIELD_SHAPES,
  type FieldKind,
  GRAPH_NODES,
  GRAPH_ROOTS,
  hasField,
  LOCKS,
  OBJECT_FIELDS,
  type SpecialField,
  type TypeRef,
} from './types.ts';

/** Largest object that a value may share with user space: a page. */
const MAX_SHARED = 4096;

/** Fields of a struct or data section in the order of their offsets; none: an empty list. @returns the errno where the kernel refuses them */
export function parseFields(
  btf: Btf,
  id: number,
  options: { readonly wanted: ReadonlySet<FieldKind>; readonly size: number; readonly kernel?: Btf | undefined },
): readonly SpecialField[] | ErrnoName {
  try {
    const fields: SpecialField[] = [];
    let end = 0;
    for (const found of new FieldSearch(btf, options.wanted).search(id)) {
      const { size } = FIELD_SHAPES[found.kind];
      if (found.offset + size > options.size) return 'EFAULT';
      if (found.offset < end) return 'EEXIST';
      end = found.offset + size;
      fields.push({ kind: found.kind, offset: found.offset, size, ...lookUp(btf, found, options.kernel) });
    }
    return missingCompanion(fields) ? 'EINVAL' : fields.sort((a, b) => a.offset - b.offset);
  } catch (error) {
    if (error instanceof FieldError) return error.errno;
    throw error;
  }
}

/** Fields that may not stand together, or not alone. */
function missingCompanion(fields: readonly SpecialField[]): boolean {
  if (hasField(fields, 'spin_lock') && hasField(fields, 'res_spin_lock')) return true;
  if (hasField(fields, ...GRAPH_ROOTS) && !hasField(fields, ...LOCKS)) return true;
  return hasField(fields, 'list_node') && hasField(fields, 'rb_node') && !hasField(fields, 'refcount');
}

function lookUp(btf: Btf, found: FoundField, kernel: Btf | undefined): { target?: TypeRef; nodeOffset?: number } {
  if (GRAPH_ROOTS.includes(found.kind)) return { target: { btf, id: found.targetId }, nodeOffset: nodeOffset(btf, found) };
  if (found.targetId === 0) return {};
  const { name } = btf.type(found.targetId);
  const id = kernel?.find(name, 'struct');
  if (kernel === undefined || id === undefined) return { target: { btf, id: found.targetId } };
  // The kernel must know how to let go of what a map holds.
  if (found.kind === 'kptr' && !declaredTargets(kernel).has(name)) throw new FieldError('ENOENT');
  return { target: { btf: kernel, id } };
}

function nodeOffset(btf: Btf, { kind, targetId, node }: FoundField): number {
  const element = btf.type(targetId);
  const named = element.kind === 'struct' ? element.members.filter((m) => m.name === node) : [];
  const [member] = named;
  if (member === undefined) throw new FieldError('ENOENT');
  const shape = FIELD_SHAPES[kind === 'list_head' ? 'list_node' : 'rb_node'];
  const type = btf.type(member.type);
  if (named.length > 1 || type.kind !== 'struct' || type.name !== shape.name) throw new FieldError('EINVAL');
  if (member.bitOffset % (8 * shape.align) !== 0) throw new FieldError('EINVAL');
  return member.bitOffset / 8;
}

/** What can be said only when all of the program's own types are known: who owns whom, and what user space shares. */
export function checkOwnership(fields: readonly SpecialField[], kernel: Btf | undefined): ErrnoName | undefined {
  for (const { kind, target } of fields) {
    if (target === undefined) continue;
    if (kind === 'uptr') {
      if (target.btf === kernel) return 'EINVAL';
      const size = target.btf.sizeOf(target.id);
      if (size === 0) return 'EINVAL';
      if (size > MAX_SHARED) return 'E2BIG';
    } else if (GRAPH_ROOTS.includes(kind)) {
      const owned = ownFields(target.btf, target.id, kernel);
      if (owned === undefined) return 'EFAULT';
      if (hasField(fields, ...GRAPH_NODES) && hasField(owned, ...GRAPH_ROOTS)) return 'ELOOP';
    }
  }
  return undefined;
}

/** Special fields of the program's own types, where they have any; or why the kernel refuses the BTF as a whole. */
interface OwnTypes {
  readonly fields: ReadonlyMap<number, readonly SpecialField[]>;
  readonly errno: ErrnoName | undefined;
}

const parsed = new WeakMap<Btf, OwnTypes>();

/** Reads the special fields of all structures that have some as a direct member (btf_parse_struct_metas). */
function ownTypes(btf: Btf, kernel: Btf | undefined): OwnTypes {
  const known = parsed.get(btf);
  if (known !== undefined) return known;
  const fields = new Map<number, readonly SpecialField[]>();
  let errno: ErrnoName | undefined;
  const special = specialTypes(btf);
  for (let id = btf.first; id < btf.count && errno === undefined && special.size > 0; id++) {
    if (btf.kind(id) !== 'struct') continue;
    const type = btf.type(id);
    if (type.kind !== 'struct' || !type.members.some((m) => special.has(m.type))) continue;
    const own = parseFields(btf, id, { wanted: OBJECT_FIELDS, size: type.size, kernel });
    if (typeof own === 'string') errno = own;
    else if (own.length === 0) errno = 'EFAULT';
    else fields.set(id, own);
  }
  const result = { fields: errno === undefined ? fields : new Map<number, readonly SpecialField[]>(), errno };
  parsed.set(btf, result);
  return result;
}

const MEMBER_NAMES = (['spin_lock', 'list_head', 'list_node', 'rb_root', 'rb_node', 'refcount'] as const).map(
  (kind) => FIELD_SHAPES[kind].name,
);

/** Types that make a structure that has them a special one: the kernel's structures by name, and tagged pointers. */
function specialTypes(btf: Btf): ReadonlySet<number> {
  const special = new Set<number>();
  for (const name of MEMBER_NAMES) {
    const id = btf.find(name, 'struct');
    if (id !== undefined) special.add(id);
  }
  const search = new FieldSearch(btf, OBJECT_FIELDS);
  for (let id = btf.first; id < btf.count; id++) {
    const kind = btf.kind(id);
    if (kind !== 'ptr' && kind !== 'volatile') continue;
    try {
      if (search.pointer(btf.type(id), 0) !== undefined) special.add(id);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
    }
  }
  return special;
}

/** Special fields of one of the program's own structures; undefined where it has none (btf_find_struct_meta). */
export function ownFields(btf: Btf, id: number, kernel: Btf | undefined): readonly SpecialField[] | undefined {
  return ownTypes(btf, kernel).fields.get(id);
}

/** Why BPF_BTF_LOAD refuses the special fields of the BTF's types; undefined where it takes them. @param kernel the kernel's BTF */
export function checkOwnFields(btf: Btf, kernel: Btf | undefined): ErrnoName | undefined {
  const { fields, errno } = ownTypes(btf, kernel);
  if (errno !== undefined) return errno;
  for (const own of fields.values()) {
    const refusal = checkOwnership(own, kernel);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}
