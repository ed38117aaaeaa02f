/** Maps with types of key and value: what the kernel makes and what it refuses, checkMapBtf answers the same. */
import { describe, expect, it } from 'vitest';
import { errnoName, SyscallError } from '../src/base/index.ts';
import { type Btf, checkOwnFields, openBtf } from '../src/btf/index.ts';
import { checkMapBtf } from '../src/maps/index.ts';
import { kernel } from './support/kernel.ts';
import { TypeBuilder } from './support/types.ts';
import { vmlinux } from './support/verifier.ts';

const { bpf, reason } = kernel;

/** Values, one a row: members in C. Those with a `*` are also tried with every map type. */
const VALUES: Readonly<Record<string, string>> = {
  'plain *': 'u32 a; u32 b',
  'lock *': 'bpf_spin_lock l; u32 a',
  'res lock *': 'bpf_res_spin_lock l; u32 a',
  'timer *': 'bpf_timer t',
  'wq *': 'bpf_wq w',
  'task work *': 'bpf_task_work w',
  'kptr *': 'kptr task_struct *p',
  'untrusted kptr *': 'kptr_untrusted task_struct *p',
  'percpu kptr *': 'percpu_kptr task_struct *p',
  'uptr *': 'uptr small *p',
  'refcount *': 'bpf_refcount r; u32 a',
  'list *': 'bpf_spin_lock l; bpf_list_head h contains(element:n)',
  'tree *': 'bpf_spin_lock l; bpf_rb_root h contains(leaf:n)',
  'lock and timer': 'bpf_spin_lock l; bpf_timer t',
  'two locks': 'bpf_spin_lock l; bpf_spin_lock m',
  'both locks': 'bpf_spin_lock l; bpf_res_spin_lock m',
  'array of locks': 'bpf_spin_lock l[2]',
  'array of one lock': 'bpf_spin_lock l[1]; u32 a',
  'array of timers': 'bpf_timer l[2]',
  'lock off its place': 'u8 a; bpf_spin_lock l @1; u8 b[3]',
  'nested lock': 'locked l; u32 a',
  'array of nested locks': 'locked l[2]',
  kptrs: 'kptr task_struct *p[3]; u64 a',
  'eleven kptrs': 'kptr task_struct *p[11]',
  'twelve kptrs': 'kptr task_struct *p[12]',
  'nested kptrs': 'holder h[5]',
  'too many nested kptrs': 'holder h[6]',
  'kptr to no releasable type': 'kptr file *p',
  'untrusted kptr to any type': 'kptr_untrusted file *p',
  'kptr to own type': 'kptr mine *p',
  'percpu kptr to own type': 'percpu_kptr mine *p',
  'pointer without a tag': 'void *p',
  'volatile pointer': 'volatile task_struct *p',
  'unknown tag': 'user task_struct *p',
  'kptr to a number': 'kptr u32 *p',
  'kptr to a union': 'kptr choice *p',
  'uptr to a kernel type': 'uptr task_struct *p',
  'uptr to a large type': 'uptr page2 *p',
  'uptr to an empty type': 'uptr nothing *p',
  'list without lock': 'bpf_list_head h contains(element:n)',
  'list with resilient lock': 'bpf_res_spin_lock l; bpf_list_head h contains(element:n)',
  'list without tag': 'bpf_spin_lock l; bpf_list_head h',
  'list of unknown': 'bpf_spin_lock l; bpf_list_head h contains(nobody:n)',
  'list of wrong node': 'bpf_spin_lock l; bpf_list_head h contains(leaf:n)',
  'list of missing node': 'bpf_spin_lock l; bpf_list_head h contains(element:x)',
  'list without node': 'bpf_spin_lock l; bpf_list_head h contains(element)',
  'list with empty node': 'bpf_spin_lock l; bpf_list_head h contains(element:)',
  lists: 'bpf_spin_lock l; bpf_list_head h[3] contains(element:n)',
  'list of what owns': 'bpf_spin_lock l; bpf_list_head h contains(owner:n)',
  'list node in a value': 'bpf_list_node n',
  'tree node in a value': 'bpf_rb_node n',
  'lock by typedef': 'typedef bpf_spin_lock l; u32 a',
};

/** Own types as a whole, one a row: BTF that the kernel loads or refuses. */
const OWN_TYPES: Readonly<Record<string, string>> = {
  'a list of itself': 'struct a { bpf_list_node n; bpf_spin_lock l; bpf_list_head h contains(a:n); };',
  'a list of what has a list of nothing more':
    'struct b { bpf_list_node n; }; struct a { bpf_spin_lock l; bpf_list_head h contains(b:n); };',
  'an owner of an owner':
    'struct c { bpf_list_node n; }; struct b { bpf_list_node n; bpf_spin_lock l; bpf_list_head h contains(c:n); }; struct a { bpf_spin_lock l; bpf_list_head h contains(b:n); };',
  'an owned owner of an owner':
    'struct c { bpf_list_node n; }; struct b { bpf_list_node n; bpf_spin_lock l; bpf_list_head h contains(c:n); }; struct a { bpf_list_node n; bpf_spin_lock l; bpf_list_head h contains(b:n); };',
  'two that own each other':
    'struct a { bpf_list_node n; bpf_spin_lock l; bpf_list_head h contains(b:n); }; struct b { bpf_list_node n; bpf_spin_lock l; bpf_list_head h contains(a:n); };',
  'a tree of itself': 'struct a { bpf_rb_node n; bpf_spin_lock l; bpf_rb_root h contains(a:n); };',
  'a tree of lists':
    'struct c { bpf_list_node n; }; struct b { bpf_rb_node n; bpf_spin_lock l; bpf_list_head h contains(c:n); }; struct a { bpf_spin_lock l; bpf_rb_root h contains(b:n); };',
  'two kinds of nodes': 'struct a { bpf_list_node l; bpf_rb_node r; };',
  'two kinds of nodes, counted': 'struct a { bpf_list_node l; bpf_rb_node r; bpf_refcount c; };',
  'two list nodes': 'struct a { bpf_list_node l; bpf_list_node m; };',
  'a list without lock': 'struct b { bpf_list_node n; }; struct a { bpf_list_head h contains(b:n); };',
  'a list without tag': 'struct a { bpf_spin_lock l; bpf_list_head h; };',
  'a list of nobody': 'struct a { bpf_spin_lock l; bpf_list_head h contains(nobody:n); };',
  'a list of no node': 'struct b { bpf_list_node n; }; struct a { bpf_spin_lock l; bpf_list_head h contains(b:m); };',
  'a list of tree nodes': 'struct b { bpf_rb_node n; }; struct a { bpf_spin_lock l; bpf_list_head h contains(b:n); };',
  'a list of a union': 'union b { u64 a; bpf_list_node n; }; struct a { bpf_spin_lock l; bpf_list_head h contains(b:n); };',
  'a list of what is no node': 'struct b { u64 n; bpf_list_node m; }; struct a { bpf_spin_lock l; bpf_list_head h contains(b:n); };',
  'a lock': 'struct a { bpf_spin_lock l; };',
  'two locks': 'struct a { bpf_spin_lock l; bpf_spin_lock m; };',
  'both kinds of locks': 'struct a { bpf_spin_lock l; bpf_res_spin_lock m; };',
  'only a resilient lock': 'struct a { bpf_res_spin_lock l; };',
  'a misplaced lock': 'struct a { u8 b; bpf_spin_lock l @1; u8 c[3] @5; };',
  'a misplaced lock and a count': 'struct a { u8 b; bpf_spin_lock l @1; u8 c[3] @5; bpf_refcount r @8; };',
  'a misplaced list node': 'struct a { u32 b; bpf_list_node n @4; u32 c @28; };',
  'a timer and a lock': 'struct a { bpf_spin_lock l; bpf_timer t; };',
  'a work queue': 'struct a { bpf_wq w; };',
  'an array of nodes': 'struct a { bpf_list_node n[2]; };',
  'an array of nodes and a lock': 'struct a { bpf_spin_lock l; bpf_list_node n[2]; };',
  'a nested node': 'struct b { bpf_list_node n; }; struct a { b b; u64 c; };',
  'a nested node and a lock': 'struct b { bpf_list_node n; }; struct a { bpf_spin_lock l; b b; };',
  'a nested lock and a lock in an array': 'struct b { u32 n; }; struct a { bpf_spin_lock l; b b[4]; };',
  'a kptr': 'struct b { u64 a; }; struct a { kptr b *p; };',
  'a kptr to a kernel type': 'struct a { kptr task_struct *p; };',
  'a kptr to no releasable type': 'struct a { kptr file *p; };',
  'a kptr to itself': 'struct a { u64 b; kptr a *p; };',
  'a kptr to a list node type': 'struct b { bpf_list_node n; }; struct a { kptr b *p; };',
  'an untrusted kptr': 'struct a { kptr_untrusted file *p; };',
  'an uptr': 'struct b { u64 a; }; struct a { uptr b *p; };',
  'an unknown tag': 'struct b { u64 a; }; struct a { user b *p; };',
  'an unknown tag and a lock': 'struct b { u64 a; }; struct a { bpf_spin_lock l; user b *p; };',
  'a count': 'struct a { bpf_refcount r; };',
  'an array of counts': 'struct a { bpf_refcount r[2]; };',
  'a union of special fields': 'union a { bpf_spin_lock l; bpf_refcount r; };',
  'a structure with a union of special fields': 'union b { bpf_spin_lock l; u32 r; }; struct a { b u; bpf_refcount c; };',
  'many nodes':
    'struct a { bpf_list_node a0; bpf_list_node a1; bpf_list_node a2; bpf_list_node a3; bpf_list_node a4; bpf_list_node a5; bpf_list_node a6; bpf_list_node a7; bpf_list_node a8; bpf_list_node a9; bpf_list_node a10; };',
  'too many nodes':
    'struct a { bpf_list_node a0; bpf_list_node a1; bpf_list_node a2; bpf_list_node a3; bpf_list_node a4; bpf_list_node a5; bpf_list_node a6; bpf_list_node a7; bpf_list_node a8; bpf_list_node a9; bpf_list_node a10; bpf_list_node a11; };',
};

const TYPES = `
  struct mine { u64 a; }; struct small { u64 a; }; struct page2 { u64 a[1024]; }; struct nothing { };
  struct locked { bpf_spin_lock l; }; struct holder { kptr task_struct *p; kptr cgroup *q; };
  union choice { u64 a; u32 b; };
  struct element { u64 a; bpf_list_node n; }; struct leaf { u64 a; bpf_rb_node n; };
  struct owner { bpf_list_node n; bpf_spin_lock l; bpf_list_head h contains(element:n); };
  struct prefix { u32 length; u32 address; }; struct cgroup_key { u64 cgroup; u32 attach; };
  section .data { u32 a @0; u32 b @4; }
`;

/** What a type of map wants besides. */
const SHAPES: Readonly<Record<number, { keySize?: number; valueSize?: number; maxEntries?: number; flags?: number }>> = {
  3: { valueSize: 4 },
  4: { valueSize: 4 },
  8: { valueSize: 4 },
  11: { keySize: 8, flags: 1 },
  12: { valueSize: 4 },
  13: { valueSize: 4 },
  14: { valueSize: 4 },
  15: { valueSize: 4 },
  16: { valueSize: 4 },
  17: { valueSize: 4 },
  18: { valueSize: 4 },
  19: { keySize: 16, maxEntries: 0 },
  21: { keySize: 16, maxEntries: 0 },
  20: { valueSize: 8 },
  22: { keySize: 0 },
  23: { keySize: 0 },
  24: { maxEntries: 0, flags: 1 },
  25: { valueSize: 4 },
  27: { keySize: 0, valueSize: 0, maxEntries: 4096 },
  28: { maxEntries: 0, flags: 1 },
  29: { maxEntries: 0, flags: 1 },
  30: { keySize: 0 },
  31: { keySize: 0, valueSize: 0, maxEntries: 4096 },
  32: { maxEntries: 0, flags: 1 },
};
const MAPS_OF_MAPS = [12, 13];
const KEYS: Readonly<Record<number, string>> = { 0: '', 4: 'u32', 8: 'prefix', 16: 'cgroup_key' };

if (bpf === undefined) {
  describe('maps with types', () => it.skip(`skipped: ${reason}`));
} else {
  const errno = (act: () => number): number | string => {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      return errnoName(error.errno);
    }
  };

  /** BTF with one of the values, its errno here, and its fd or errno in the kernel. */
  const load = (members: string): { types: TypeBuilder; btf: Btf; refusal: string | undefined; fd: number | string } => {
    const types = new TypeBuilder().declare(`${TYPES} struct value { ${members}; };`);
    for (const name of ['u16', 'u64']) types.id(name);
    const bytes = types.bytes();
    const btf = openBtf(bytes);
    return { types, btf, refusal: checkOwnFields(btf, vmlinux()), fd: errno(() => bpf.btfLoad(bytes)) };
  };

  type Loaded = ReturnType<typeof load>;
  type Change = Readonly<Record<string, number | string>>;

  /** Asks both: `made`, or the errno's name. */
  const ask = ({ types, btf, fd }: Loaded, type: number, change: Change = {}): { theirs: string; ours: string } => {
    const shape = SHAPES[type] ?? {};
    const valueType = types.laid(String(change.value ?? 'value'));
    const keySize = Number(change.keySize ?? shape.keySize ?? 4);
    const key = String(change.key ?? KEYS[keySize] ?? '');
    const attr = {
      type,
      keySize,
      valueSize: Number(change.valueSize ?? shape.valueSize ?? valueType.size),
      maxEntries: Number(change.maxEntries ?? shape.maxEntries ?? 1),
      flags: Number(change.flags ?? shape.flags ?? 0),
      btfFd: Number(fd),
      btfKeyTypeId: key === '' ? 0 : types.id(key),
      btfValueTypeId: valueType.id,
    };
    const inner = MAPS_OF_MAPS.includes(type) ? bpf.mapCreate({ type: 2, keySize: 4, valueSize: 8, maxEntries: 1 }) : 0;
    const theirs = errno(() => bpf.mapCreate({ ...attr, innerMapFd: inner }));
    if (typeof theirs === 'number') bpf.close(theirs);
    if (inner !== 0) bpf.close(inner);
    const result = checkMapBtf(attr, btf, vmlinux());
    return { theirs: typeof theirs === 'number' ? 'made' : theirs, ours: typeof result === 'number' ? errnoName(-result) : 'made' };
  };

  describe('checkMapBtf and the live kernel', () => {
    it.each(Object.entries(OWN_TYPES))('own types: %s', (_, text) => {
      const bytes = new TypeBuilder().declare(text).bytes();
      const fd = errno(() => bpf.btfLoad(bytes));
      if (typeof fd === 'number') bpf.close(fd);
      expect(checkOwnFields(openBtf(bytes), vmlinux())).toBe(typeof fd === 'number' ? undefined : fd);
    });

    it.each(Object.entries(VALUES))('value: %s', (name, members) => {
      const loaded = load(members);
      const { fd, refusal } = loaded;
      expect({ load: refusal }).toEqual({ load: typeof fd === 'number' ? undefined : fd });
      if (typeof fd === 'string') return;
      const mapTypes = name.endsWith('*') ? Array.from({ length: 32 }, (_, i) => i + 1).filter((t) => t !== 26) : [1, 2, 29];
      for (const type of mapTypes) {
        const { theirs, ours } = ask(loaded, type);
        expect({ type, errno: ours }).toEqual({ type, errno: theirs });
      }
      bpf.close(fd);
    });

    it.each([
      ['value of another size', 2, 'plain', { valueSize: 16 }],
      ['key of another size', 1, 'plain', { keySize: 8, key: 'u32' }],
      ['no key', 1, 'plain', { key: '' }],
      ['array with a struct as key', 2, 'plain', { key: 'element' }],
      ['array with a short key', 2, 'plain', { key: 'u16' }],
      ['data section', 2, '.data', { key: '' }],
      ['data section with two elements', 2, '.data', { key: '', maxEntries: 2 }],
      ['data section of a hash', 1, '.data', {}],
      ['data section of a per-CPU array', 6, '.data', { key: '' }],
      ['prefix key of a number', 11, 'plain', { key: 'u64' }],
      ['cgroup key of a number', 19, 'plain', { keySize: 8, key: 'u64' }],
      ['cgroup key of two numbers', 19, 'plain', { keySize: 8, key: 'prefix' }],
      ['bloom filter with a key', 30, 'plain', { key: 'u32' }],
      ['lock in a read-only map', 2, 'lock', { flags: 0x80 }],
      ['lock in a write-only map', 2, 'lock', { flags: 0x100 }],
      ['plain read-only map', 2, 'plain', { flags: 0x80 }],
      ['local storage with a struct as key', 29, 'plain', { key: 'locked' }],
    ] as const)('%s', (_, type, value, change) => {
      const loaded = load(value === 'lock' ? 'bpf_spin_lock l; u32 a' : 'u32 a; u32 b');
      const { theirs, ours } = ask(loaded, type, value === '.data' ? { ...change, value } : change);
      expect(ours).toBe(theirs);
      bpf.close(Number(loaded.fd));
    });
  });
}
