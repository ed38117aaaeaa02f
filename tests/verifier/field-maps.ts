/** Maps with special fields for the rows of this folder: `$name` in a program's text. */
import { ProgramTypes } from '../support/types.ts';
import type { TypedMap } from '../support/verifier.ts';

const SHARED = new ProgramTypes(`
  struct element { u64 key; bpf_list_node node; };
  struct leaf { u64 key; bpf_rb_node node; };
  struct own { u64 key; u64 data; };
  struct locked { u64 a; bpf_spin_lock lock; u32 b; };
  struct reslocked { u64 a; bpf_res_spin_lock lock; u32 b; };
  struct tworeslocked { u64 a; bpf_res_spin_lock lock; u32 b; };
  struct timed { u64 a; bpf_timer timer; u64 b; };
  struct queued { u64 a; bpf_wq wq; u64 b; };
  struct worked { u64 a; bpf_task_work tw; u64 b; };
  struct held { u64 a; kptr task_struct *task; kptr_untrusted task_struct *seen; percpu_kptr own *each; kptr own *mine; u64 b; };
  struct cgrp { u64 a; kptr cgroup *cg; };
  struct shared { uptr own *mine; u64 a; };
  struct counted { u64 a; bpf_refcount r; };
  struct listed { bpf_spin_lock lock; u32 a; bpf_list_head head contains(element:node); };
  struct treed { bpf_spin_lock lock; u32 a; bpf_rb_root root contains(leaf:node); };
  struct all { bpf_spin_lock lock; u32 a; bpf_timer timer; bpf_wq wq; kptr task_struct *task; };
  struct plain { u64 a; u64 b; };
  section .bss { u64 before @0; bpf_spin_lock glock @8; u64 after @16; }
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
  all: { ...array, value: 'all' },
  bss: { ...array, maxEntries: 1, value: '.bss', key: '' },
  outer: { type: 12, keySize: 4, maxEntries: 2, types: SHARED, value: '', inner: 'lockhash' },
  outertimer: { type: 12, keySize: 4, maxEntries: 2, types: SHARED, value: '', inner: 'timer' },
  userring: { type: 31, keySize: 0, maxEntries: 4096, types: SHARED, value: '' },
};
