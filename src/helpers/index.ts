/** The helper table: every helper of the kernel (1..211, v6.18), and the engine's implementations of those it has. */
import { CGROUP_HELPERS } from './cgroup.ts';
import { CONTROL_HELPERS } from './control.ts';
import { CPU_HELPERS } from './cpu.ts';
import { DYNPTR_HELPERS } from './dynptr.ts';
import { LSM_HELPERS } from './lsm.ts';
import { LWT_HELPERS } from './lwt.ts';
import { MAP_HELPERS } from './map.ts';
import { PERF_HELPERS } from './perf.ts';
import { PRINT_HELPERS } from './print.ts';
import { PROBE_READ_HELPERS } from './probe-read.ts';
import { REDIRECT_HELPERS } from './redirect.ts';
import { RINGBUF_HELPERS } from './ringbuf.ts';
import { SKB_HELPERS } from './skb.ts';
import { SOCKET_HELPERS } from './socket.ts';
import { SOCKMAP_HELPERS } from './sockmap.ts';
import { STACK_HELPERS } from './stack.ts';
import { STORAGE_HELPERS } from './storage.ts';
import { STRING_HELPERS } from './string.ts';
import { SYNC_HELPERS } from './sync.ts';
import { SYSCALL_HELPERS } from './syscall.ts';
import { TASK_HELPERS } from './task.ts';
import { TCP_HELPERS } from './tcp.ts';
import { TIME_HELPERS } from './time.ts';
import type { HelperProto } from './types.ts';
import { XDP_HELPERS } from './xdp.ts';

export * from './types.ts';

const ROWS = [
  ...MAP_HELPERS,
  ...PROBE_READ_HELPERS,
  ...TASK_HELPERS,
  ...TIME_HELPERS,
  ...CPU_HELPERS,
  ...PRINT_HELPERS,
  ...STRING_HELPERS,
  ...PERF_HELPERS,
  ...STACK_HELPERS,
  ...CONTROL_HELPERS,
  ...RINGBUF_HELPERS,
  ...DYNPTR_HELPERS,
  ...SYNC_HELPERS,
  ...STORAGE_HELPERS,
  ...SKB_HELPERS,
  ...REDIRECT_HELPERS,
  ...XDP_HELPERS,
  ...SOCKET_HELPERS,
  ...TCP_HELPERS,
  ...SOCKMAP_HELPERS,
  ...CGROUP_HELPERS,
  ...LWT_HELPERS,
  ...LSM_HELPERS,
  ...SYSCALL_HELPERS,
] as const;

/** Name of a helper without its `bpf_` prefix. */
export type HelperName = (typeof ROWS)[number]['name'];

/** A row whose name is one of the table's. */
export type HelperRow = HelperProto & { readonly name: HelperName };

/** All helpers, by ascending id. */
export const HELPERS: readonly HelperRow[] = ([...ROWS] as HelperRow[]).sort((a, b) => a.id - b.id);

/** Row of an `enum bpf_func_id` number. */
export const HELPER_BY_ID: ReadonlyMap<number, HelperRow> = new Map(HELPERS.map((h) => [h.id, h]));

/** Row of a name without the `bpf_` prefix. */
export const HELPER_BY_NAME: ReadonlyMap<string, HelperRow> = new Map(HELPERS.map((h) => [h.name, h]));
