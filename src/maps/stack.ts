/** BPF_MAP_TYPE_STACK. Operations are in runtime/queue.ts. */
import { checkQueue, QUEUE_FLAGS } from './common.ts';
import type { MapTypeRow } from './types.ts';

/** include/uapi/linux/bpf.h, kernel/bpf/queue_stack_maps.c (v6.18). */
export const stack: MapTypeRow = {
  id: 23,
  name: 'stack',
  since: '4.20',
  doc: 'Last in, first out.',
  flags: QUEUE_FLAGS,
  check: checkQueue,
};
