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
