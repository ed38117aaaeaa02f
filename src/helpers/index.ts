/** The helper table: every helper of the kernel (1..211, v6.18), and the engine's implementations of those it has. */
import { CGROUP_HELPERS } from './cgroup.ts';
import { CHECKSUM_IMPLS } from './checksum.ts';
import { CONTROL_HELPERS, CONTROL_IMPLS } from './control.ts';
import { CPU_HELPERS, CPU_IMPLS } from './cpu.ts';
import { DYNPTR_HELPERS, DYNPTR_IMPLS } from './dynptr.ts';
import { LSM_HELPERS } from './lsm.ts';
import { LWT_HELPERS } from './lwt.ts';
import { MAP_HELPERS, MAP_IMPLS } from './map.ts';
import { PERF_HELPERS, PERF_IMPLS } from './perf.ts';
import { PRINT_HELPERS, PRINT_IMPLS } from './print.ts';
import { PROBE_READ_HELPERS, PROBE_READ_IMPLS } from './probe-read.ts';
import { REDIRECT_HELPERS } from './redirect.ts';
import { RINGBUF_HELPERS, RINGBUF_IMPLS } from './ringbuf.ts';
import { SKB_HELPERS } from './skb.ts';
import { SOCKET_HELPERS } from './socket.ts';
import { SOCKMAP_HELPERS } from './sockmap.ts';
import { STACK_HELPERS } from './stack.ts';
import { STORAGE_HELPERS } from './storage.ts';
import { STRING_HELPERS, STRING_IMPLS } from './string.ts';
import { SYNC_HELPERS, SYNC_IMPLS } from './sync.ts';
import { SYSCALL_HELPERS } from './syscall.ts';
import { TASK_HELPERS, TASK_IMPLS } from './task.ts';
import { TCP_HELPERS } from './tcp.ts';
import { TIME_HELPERS, TIME_IMPLS } from './time.ts';
import type { HelperImpl, HelperImpls, HelperProto } from './types.ts';
import { XDP_HELPERS } from './xdp.ts';

export { helperCapabilities } from './capabilities.ts';
export { taskPointer } from './task.ts';
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

/** What the engine can do, by name. tail_call is absent and yet supported: the interpreter performs it. */
export const HELPER_IMPLS: HelperImpls<HelperName> = {
  ...MAP_IMPLS,
  ...PROBE_READ_IMPLS,
  ...TASK_IMPLS,
  ...TIME_IMPLS,
  ...CPU_IMPLS,
  ...PRINT_IMPLS,
  ...STRING_IMPLS,
  ...PERF_IMPLS,
  ...CONTROL_IMPLS,
  ...CHECKSUM_IMPLS,
  ...SYNC_IMPLS,
  ...RINGBUF_IMPLS,
  ...DYNPTR_IMPLS,
};

/** The same by id, for calls at run time. */
export const HELPER_IMPL_BY_ID: readonly (HelperImpl | undefined)[] = HELPERS.reduce<(HelperImpl | undefined)[]>((byId, helper) => {
  byId[helper.id] = HELPER_IMPLS[helper.name];
  return byId;
}, []);

/** Helpers that change what a traced process does: the engine runs them only where it was told to. */
export const OPT_IN_HELPERS = ['probe_write_user'] as const satisfies readonly HelperName[];

/** One of OPT_IN_HELPERS. */
export type OptInHelper = (typeof OPT_IN_HELPERS)[number];

type HelperReasons = { readonly [N in HelperName]?: string };
const TIMERS = 'the engine runs no timers: programs run on events alone';

/** Why the engine lacks a helper whose family's reason does not say it. */
const REASONS: HelperReasons = {
  override_return: 'it skips the function that is probed, which the ptrace source does not do',
  timer_init: TIMERS,
  timer_set_callback: TIMERS,
  timer_start: TIMERS,
  timer_cancel: TIMERS,
};

/** Why the engine lacks the helpers of a family. */
const LACKING: readonly (readonly [readonly HelperProto[], string])[] = [
  [[...SKB_HELPERS, ...REDIRECT_HELPERS, ...XDP_HELPERS], 'it works on network packets, which the engine does not carry'],
  [[...SOCKET_HELPERS, ...TCP_HELPERS, ...SOCKMAP_HELPERS], 'it works on sockets, which the engine does not carry'],
  [CGROUP_HELPERS, 'it asks about control groups, which the engine does not know'],
  [LWT_HELPERS, 'it belongs to network tunnels and infrared receivers, which the engine does not have'],
  [LSM_HELPERS, 'it works on kernel files and inodes, which the engine does not have'],
  [SYSCALL_HELPERS, 'it makes system calls for programs of type syscall, which the engine does not run'],
  [STORAGE_HELPERS, 'it needs a storage map, which the engine does not have'],
  [SYNC_HELPERS, 'it exchanges kernel pointers inside map values, which the engine does not have'],
  [RINGBUF_HELPERS, 'it needs a ring buffer that user space writes, which the engine does not have'],
  [STACK_HELPERS, 'it walks stacks, which the engine cannot'],
  [PERF_HELPERS, 'it reads facts of a hardware sample or of a packet, which the engine does not have'],
  [PRINT_HELPERS, 'it writes into an iterator, which the engine does not have'],
  [TASK_HELPERS, 'it gives registers or mappings of kernel task objects, which the engine does not have'],
  [CPU_HELPERS, 'it reads per-CPU variables of the kernel, which the engine does not have'],
  [STRING_HELPERS, 'it formats kernel objects by their BTF types, which the engine does not have'],
  [CONTROL_HELPERS, 'it belongs to programs that BTF attaches to kernel functions, which the engine does not run'],
];

/**
 * Why the engine refuses a program that calls helper `id`, as the rest of a sentence after "helper bpf_x exists in the kernel, but";
 * undefined for a helper that the engine has, and for an id that no helper has.
 */
export function helperRefusal(id: number): string | undefined {
  const row = HELPER_BY_ID.get(id);
  if (row === undefined || row.name === 'tail_call' || HELPER_IMPLS[row.name] !== undefined) return undefined;
  const own = REASONS[row.name];
  if (own !== undefined) return own;
  for (const [rows, reason] of LACKING) {
    if (rows.some((r) => r.id === id)) return reason;
  }
  return 'the engine does not have it';
}
