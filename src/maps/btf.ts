/** Types of keys and values given when a map is made: do they fit the map, and which special fields does the value have (map_check_btf, v6.18). */
import { ERRNO } from '../base/index.ts';
import {
  type Btf,
  type BtfInt,
  type BtfType,
  checkOwnership,
  type FieldKind,
  MAP_FIELDS,
  parseFields,
  type SpecialField,
} from '../btf/index.ts';
import { MAP_FLAG } from './layout.ts';
import type { MapCreateAttr } from './types.ts';

/** What a map type asks of the key's type (its map_check_btf operation): `none`: the types of such maps have no use. */
type KeyRule = 'any' | 'none' | 'u32' | 'struct' | 'cgroup' | 'keyless';

const ARRAY = 2;
const BY_TYPE: ReadonlyMap<number, KeyRule> = new Map<number, KeyRule>([
  ...[2, 3, 6, 24, 28, 29, 32].map((type) => [type, 'u32'] as const),
  ...[4, 7, 8, 12, 13, 14, 15, 16, 17, 18, 25].map((type) => [type, 'none'] as const),
  [11, 'struct'],
  [19, 'cgroup'],
  [21, 'cgroup'],
  [30, 'keyless'],
  [33, 'keyless'],
]);

const LOCKABLE = [1, 2, 19, 24, 28, 29, 32];
const TIMED = [1, 2, 9];
const HOLDING = [1, 2, 5, 6, 9, 10, 24, 28, 29, 32];
/** Map types whose values may have a field. */
const CARRIERS: Readonly<Record<FieldKind, readonly number[]>> = {
  spin_lock: LOCKABLE,
  res_spin_lock: LOCKABLE,
  timer: TIMED,
  wq: TIMED,
  task_work: TIMED,
  kptr_untrusted: HOLDING,
  kptr: HOLDING,
  percpu_kptr: HOLDING,
  refcount: HOLDING,
  uptr: [29],
  list_head: TIMED,
  rb_root: TIMED,
  list_node: [],
  rb_node: [],
};

/**
 * Checks the types that `attr` names in `btf`. @param kernel the kernel's BTF, in which pointers of values are looked up
 * @returns the value's special fields, or a negative errno. Fields that make no sense are none: the map is made, and no program may use them.
 */
export function checkMapBtf(attr: MapCreateAttr, btf: Btf, kernel: Btf | undefined): readonly SpecialField[] | number {
  const { btfKeyTypeId = 0, btfValueTypeId = 0, flags = 0 } = attr;
  const rule = BY_TYPE.get(attr.type) ?? 'any';
  const key = btfKeyTypeId === 0 ? undefined : sized(btf, btfKeyTypeId, attr.keySize);
  if (btfKeyTypeId === 0 ? rule === 'any' : key === undefined) return -ERRNO.EINVAL;
  const value = sized(btf, btfValueTypeId, attr.valueSize);
  if (value === undefined) return -ERRNO.EINVAL;
  const parsed = parseFields(btf, value.id, { wanted: MAP_FIELDS, size: attr.valueSize, kernel });
  const fields = typeof parsed === 'string' ? [] : parsed;
  if (fields.length > 0 && (flags & (MAP_FLAG.RDONLY_PROG | MAP_FLAG.WRONLY_PROG)) !== 0) return -ERRNO.EACCES;
  if (fields.some((field) => !CARRIERS[field.kind].includes(attr.type))) return -ERRNO.EOPNOTSUPP;
  const refusal = checkOwnership(fields, kernel);
  if (refusal !== undefined) return -ERRNO[refusal];
  const errno = checkKey(rule, attr, btf, key, value);
  return errno === 0 ? fields : errno;
}

/** The type without names and qualifiers, if its values have `size` bytes. */
function sized(btf: Btf, id: number, size: number): BtfType | undefined {
  if (id <= 0 || id >= btf.count) return undefined;
  let type = btf.resolve(id);
  if (type.kind === 'var') type = btf.resolve(type.type);
  if (['void', 'func', 'func_proto', 'fwd', 'decl_tag'].includes(type.kind)) return undefined;
  return btf.sizeOf(type.id) === size ? type : undefined;
}

function checkKey(rule: KeyRule, attr: MapCreateAttr, btf: Btf, key: BtfType | undefined, value: BtfType): number {
  const ok = (condition: boolean): number => (condition ? 0 : -ERRNO.EINVAL);
  switch (rule) {
    case 'any':
      return 0;
    case 'none':
      return -ERRNO.ENOTSUPP;
    case 'keyless':
      return ok(key === undefined);
    case 'struct':
      return ok(key?.kind === 'struct');
    case 'u32':
      // Data sections are arrays of one value, and have no key.
      if (key === undefined) return ok(attr.type === ARRAY && attr.maxEntries === 1 && value.kind === 'datasec');
      return ok(isInt(key, 32));
    case 'cgroup':
      if (attr.keySize === 8) return ok(key !== undefined && isInt(key, 64));
      return ok(key !== undefined && isCgroupKey(btf, key));
  }
}

function isInt(type: BtfType, bits: number): type is BtfInt {
  return type.kind === 'int' && type.bits === bits && type.bitOffset === 0;
}

/** struct bpf_cgroup_storage_key: a cgroup's number and an attach type. */
function isCgroupKey(btf: Btf, type: BtfType): boolean {
  if (type.kind !== 'struct' || type.members.length !== 2) return false;
  return type.members.every(
    (member, i) => member.bitOffset === i * 64 && member.bitSize === 0 && isInt(btf.resolve(member.type), i === 0 ? 64 : 32),
  );
}
