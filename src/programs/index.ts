/** The program table: every program type of the kernel (v6.18), libbpf's sections, and licences. */
import { CGROUP_PROGRAMS } from './cgroup.ts';
import { KPROBE_PROGRAMS } from './kprobe.ts';
import { LWT_PROGRAMS } from './lwt.ts';
import { OTHER_PROGRAMS } from './other.ts';
import { PERF_EVENT_PROGRAMS } from './perf-event.ts';
import { SCHED_PROGRAMS } from './sched.ts';
import { SOCKET_PROGRAMS } from './socket.ts';
import { SOCKET_FILTER_PROGRAMS } from './socket-filter.ts';
import { TRACEPOINT_PROGRAMS } from './tracepoint.ts';
import { TRACING_PROGRAMS } from './tracing.ts';
import type { ProgramTypeRow } from './types.ts';
import { XDP_PROGRAMS } from './xdp.ts';

export * from './access.ts';
export * from './capabilities.ts';
export * from './license.ts';
export * from './load-checks.ts';
export * from './sections.ts';
export * from './sockets.ts';
export * from './types.ts';

const ROWS = [
  ...SOCKET_FILTER_PROGRAMS,
  ...KPROBE_PROGRAMS,
  ...SCHED_PROGRAMS,
  ...TRACEPOINT_PROGRAMS,
  ...XDP_PROGRAMS,
  ...PERF_EVENT_PROGRAMS,
  ...CGROUP_PROGRAMS,
  ...LWT_PROGRAMS,
  ...SOCKET_PROGRAMS,
  ...TRACING_PROGRAMS,
  ...OTHER_PROGRAMS,
] as const;

/** Name of a program type, lower case without BPF_PROG_TYPE_. */
export type ProgramTypeName = (typeof ROWS)[number]['name'];

/** A row whose name is one of the table's. */
export type ProgramRow = ProgramTypeRow & { readonly name: ProgramTypeName };

/** All program types, by ascending id. */
export const PROGRAM_TYPES: readonly ProgramRow[] = ([...ROWS] as ProgramRow[]).sort((a, b) => a.id - b.id);

/** Row of an `enum bpf_prog_type` number. */
export const PROGRAM_TYPE_BY_ID: ReadonlyMap<number, ProgramRow> = new Map(PROGRAM_TYPES.map((p) => [p.id, p]));

/** Row of a name. */
export const PROGRAM_TYPE_BY_NAME: ReadonlyMap<string, ProgramRow> = new Map(PROGRAM_TYPES.map((p) => [p.name, p]));
