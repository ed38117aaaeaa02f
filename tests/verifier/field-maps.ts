/** Maps with special fields for the rows of this folder: `$name` in a program's text. */
import { ProgramTypes } from '../support/types.ts';
import type { TypedMap } from '../support/verifier.ts';

export const SHARED = new ProgramTypes(`
  struct own { u64 key; u64 data; };
  struct element { u64 key; bpf_list_node node; u64 data; };
  struct leaf { u64 key; bpf_rb_node node; u64 data; };
  struct shared_node { u64 key; bpf_refcount ref; bpf_list_node l; bpf_rb_node r; };
  struct shared_element { u64 key; bpf_list_node node; bpf_refcount ref; };
  struct other { u64 key; bpf_list_node node; };
  struct twonodes { u64 key; bpf_list_node first; bpf_list_node second; };
  struct keeper { u64 key; kptr own *mine; };
  struct lockobj { u64 a; bpf_spin_lock lock; bpf_list_head head contains(element:node); };
  struct only_count { u64 a; bpf_refcount ref; };
  struct deep3 { u64 a; }; struct deep2 { deep3 a; }; struct deep1 { deep2 a; }; struct deep0 { deep1 a; }; struct deep { deep0 a; };
  struct with_pointer { u64 a; own *p; };
  struct large { u64 a[65]; };
  struct fits { u64 a[64]; };
  struct empty { };
  union either { u64 a; u32 b; };
  struct locked { u64 a; bpf_spin_lock lock; u32 b; };
  struct reslocked { u64 a; bpf_res_spin_lock lock; u32 b; };
  struct timed { u64 a; bpf_timer timer; u64 b; };
  struct queued { u64 a; bpf_wq wq; u64 b; };
  struct worked { u64 a; bpf_task_work tw; u64 b; };
  struct held { u64 a; kptr task_struct *task; kptr_untrusted task_struct *seen; percpu_kptr own *each; kptr own *mine; u64 b; };
  struct nodes { kptr element *kept; kptr shared_node *counted; kptr keeper *keeper; };
  struct cgrp { u64 a; kptr cgroup *cg; };
  struct shared { uptr own *mine; u64 a; };
  struct counted { u64 a; bpf_refcount r; };
  struct listed { bpf_spin_lock lock; u32 a; bpf_list_head head contains(element:node); };
  struct treed { bpf_spin_lock lock; u32 a; bpf_rb_root root contains(leaf:node); };
  struct both { bpf_spin_lock lock; u32 a; bpf_list_head head contains(shared_node:l); bpf_rb_root root contains(shared_node:r); };
  struct second { bpf_spin_lock lock; u32 a; bpf_list_head head contains(twonodes:second); bpf_list_head others contains(other:node); };
  struct reslisted { bpf_res_spin_lock lock; u32 a; bpf_list_head head contains(element:node); };
  struct all { bpf_spin_lock lock; u32 a; bpf_timer timer; bpf_wq wq; kptr task_struct *task; };
  struct plain { u64 a; u64 b; };
  section .bss { u64 before @0; bpf_spin_lock glock @8; u64 after @16; bpf_list_head ghead contains(element:node) @24; };
`);

const array = { type: 2, keySize: 4, maxEntries: 4, types: SHARED };
const hash = { ...array, type: 1 };
const task = { type: 29, keySize: 4, maxEntries: 0, flags: 1, types: SHARED };

export const FIELD_MAPS: Readonly<Record<string, Omit<TypedMap, 'valueSize'>>> = {
  lock: { ...array, value: 'locked' },
  lockhash: { ...hash, value: 'locked' },
  lockother: { ...hash, value: 'locked' },
  nobtf: { ...hash, value: '' },
  plain: { ...hash, value: 'plain' },
  plainarray: { ...array, value: 'plain' },
  reslock: { ...hash, value: 'reslocked' },
  timer: { ...hash, value: 'timed' },
  timerother: { ...hash, value: 'timed' },
  wq: { ...hash, value: 'queued' },
  tw: { ...hash, value: 'worked' },
  held: { ...hash, value: 'held' },
  heldarray: { ...array, value: 'held' },
  heldpercpu: { ...array, type: 6, value: 'held' },
  cgrp: { ...hash, value: 'cgrp' },
  shared: { ...task, value: 'shared' },
  taskheld: { ...task, value: 'held' },
  tasklock: { ...task, value: 'locked' },
  counted: { ...hash, value: 'counted' },
  listed: { ...array, value: 'listed' },
  treed: { ...array, value: 'treed' },
  both: { ...array, value: 'both' },
  second: { ...array, value: 'second' },
  reslisted: { ...array, value: 'reslisted' },
  nodes: { ...array, value: 'nodes' },
  all: { ...array, value: 'all' },
  bss: { ...array, maxEntries: 1, value: '.bss', key: '' },
  outer: { type: 12, keySize: 4, maxEntries: 2, types: SHARED, value: '', inner: 'lockhash' },
  outertimer: { type: 12, keySize: 4, maxEntries: 2, types: SHARED, value: '', inner: 'timer' },
  cgstorage: { type: 19, keySize: 8, maxEntries: 0, types: SHARED, value: 'locked', key: 'u64' },
  cgstorageother: { type: 19, keySize: 8, maxEntries: 0, types: SHARED, value: 'plain', key: 'u64' },
  cgpercpu: { type: 21, keySize: 8, maxEntries: 0, types: SHARED, value: 'plain', key: 'u64' },
  arena: { type: 33, keySize: 0, maxEntries: 1, flags: 0x400, mapExtra: 0x1_0000_0000n, types: SHARED, value: '' },
  arenaother: { type: 33, keySize: 0, maxEntries: 1, flags: 0x400, mapExtra: 0x2_0000_0000n, types: SHARED, value: '' },
  userring: { type: 31, keySize: 0, maxEntries: 4096, types: SHARED, value: '' },
};
