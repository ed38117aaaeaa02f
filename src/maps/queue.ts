/** BPF_MAP_TYPE_QUEUE. Operations are in runtime/queue.ts. */
import { checkQueue, QUEUE_FLAGS } from './common.ts';
import type { MapTypeRow } from './types.ts';

/** include/uapi/linux/bpf.h, kernel/bpf/queue_stack_maps.c (v6.18). */
export const queue: MapTypeRow = {
  id: 22,
  name: 'queue',
  since: '4.20',
  doc: 'First in, first out.',
  flags: QUEUE_FLAGS,
  check: checkQueue,
};
