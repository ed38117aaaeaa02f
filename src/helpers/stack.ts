/** Helpers that walk stacks. */
import { arg } from './row.ts';
import type { HelperProto } from './types.ts';

/** Rows: uapi/linux/bpf.h's helper list and the bpf_func_proto of each (v6.18). */
export const STACK_HELPERS = [
  {
    id: 27,
    name: 'get_stackid',
    since: '4.6',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [arg('void *', 'ctx', 'ctx'), arg('void *', 'map', 'map'), arg('__u64', 'flags', 'anything')],
    doc: 'Stores the current stack in a stack map and gives its id.',
  },
  {
    id: 67,
    name: 'get_stack',
    since: '4.18',
    gplOnly: true,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('void *', 'ctx', 'ctx'),
      arg('void *', 'buf', 'mem_uninit'),
      arg('__u32', 'size', 'size_or_zero'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: "Copies the current stack's addresses into a buffer.",
  },
  {
    id: 141,
    name: 'get_task_stack',
    since: '5.9',
    gplOnly: false,
    ret: 'integer',
    cret: 'long',
    args: [
      arg('struct task_struct *', 'task', 'btf_id', { btf: 'task_struct' }),
      arg('void *', 'buf', 'mem_uninit'),
      arg('__u32', 'size', 'size_or_zero'),
      arg('__u64', 'flags', 'anything'),
    ],
    doc: "Copies a task's stack addresses into a buffer.",
  },
] as const satisfies readonly HelperProto[];
