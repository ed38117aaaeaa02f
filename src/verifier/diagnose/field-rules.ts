/** Rules of special fields of values, and of objects that programs allocate. Their messages are unlike any others. */
import type { Rule } from './rule.ts';

/** In the order in which they are tried. */
export const FIELD_RULES: readonly Rule[] = [
  {
    code: 'map-program',
    summary: 'programs of this type may not use maps whose values hold such fields',
    matches: /progs cannot use bpf_/,
    help: () => 'keep the field in a map that only programs of other types use',
  },
  {
    code: 'kptr-access',
    summary: 'a pointer field of a value is loaded and stored as one aligned word, and changed with bpf_kptr_xchg where it is owned',
    matches:
      /^(percpu_)?(kptr|uptr) (access|in map|cannot be accessed)|store to (referenced kptr|uptr)|storing to kptr|direct access to kptr/,
    help: () => 'load the pointer as 8 aligned bytes; to put another one there use bpf_kptr_xchg',
  },
  {
    code: 'special-field-access',
    summary: 'locks, timers, lists and trees are not loaded or stored directly, nor as part of a larger copy',
    matches: /cannot be accessed directly by load\/store|direct access to \w+ is disallowed/,
    help: () => 'leave the field to its helpers, and read or write the bytes around it: copy members, not the whole value',
  },
  {
    code: 'kptr-type',
    summary: 'a pointer field takes pointers of the type that it was declared with',
    matches: /invalid kptr access|isn't referenced kptr/,
    help: () => 'store a pointer of the type that the field was declared with, at offset 0 of its object',
  },
  {
    code: 'special-field-place',
    summary: 'a helper of a special field is given the address of that very field',
    matches:
      /doesn't point to (kptr|'struct|bpf_\w+ field|a map value)|map '.*' has no valid |has no valid (bpf_)?(kptr|\w*lock|timer|wq|task_work)|not found at offset=|has to have BTF in order to use/,
    help: () => 'pass the address of the field itself, as in &value->lock, of a map whose value is declared with that field',
  },
  {
    code: 'object-ownership',
    summary: 'objects are given away by who owns them: what stands in a list or tree is only looked at, under its lock',
    matches: /pointer to allocated object|neither owning or non-owning|non-owning or refcounted|allocated object$/,
    help: () =>
      'use a pointer that the program owns: from bpf_obj_new, bpf_list_pop_*, bpf_rbtree_remove, bpf_refcount_acquire or bpf_kptr_xchg',
  },
  {
    code: 'object-type',
    summary: 'an object is of the structure, and its node the member, that the list, tree or function is declared for',
    matches:
      /type ID argument|with bpf_refcount field|^operation on bpf_|but expected bpf_(list|rb)|percpu_obj_new type size|access percpu memory/,
    help: () => 'use the structure and member that the list, tree or function was declared for',
  },
];
